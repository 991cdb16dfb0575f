//! What becomes of idle instances: frozen soon, ended when they are not worth their memory any more, started
//! again when a call is expected.

use crate::{
    Command, Fixed, Millis, State, StopReason,
    admission::refuse,
    instances::{Kind, Place},
    pool::{Timer, UNARMED},
};
use sluice_domain::{ColdReason, Refusal, Retry, Throttle};

impl State {
    /// How long the `depth`-th most recently used idle instance of a pool is kept.
    fn keep_ms(&self, index: u32, depth: u32) -> Millis {
        self.window(index, depth).map_or(self.limits.keep_alive_ms, |window| window.keep_ms)
    }

    pub(crate) fn window(&self, index: u32, depth: u32) -> Option<crate::Window> {
        if !self.limits.keep_alive_adaptive {
            return None;
        }
        let pool = self.pool(index);
        Some(pool.habits.window(depth, &Fixed { keep_ms: self.limits.keep_alive_ms, memory_mb: pool.spec.memory_mb }))
    }

    /// When the least recently used idle instance has to go.
    fn expiry(&self, index: u32) -> Option<(u32, Millis)> {
        let list = self.pool(index).list(Place::Idle);
        let slot = list.last()?;
        let instance = self.instances.get(slot);
        let at = instance.idle_since.saturating_add(self.keep_ms(index, list.len));
        Some((slot, at.max(instance.keep_until)))
    }

    pub(crate) fn arm_expiry(&mut self, _now: Millis, index: u32) {
        let pool = self.pool(index);
        // The last one's rank among all instances stays the same while it is idle. The higher the rank, the shorter
        // the window: a timer for a lower one would come too late, and one for a higher one early, which does no harm.
        let rank = pool.busy + pool.list(Place::Idle).len;
        if pool.armed[Timer::Expire as usize] != UNARMED && rank <= pool.expiry_rank {
            return;
        }
        self.pool_mut(index).expiry_rank = rank;
        if let Some((_, at)) = self.expiry(index) {
            self.arm(Timer::Expire, index, at);
        }
    }

    pub(crate) fn expire(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        while let Some((slot, at)) = self.expiry(index) {
            if at > now {
                let pool = self.pool_mut(index);
                pool.expiry_rank = pool.busy + pool.list(Place::Idle).len;
                return self.arm(Timer::Expire, index, at);
            }
            let window = self.window(index, 1);
            let idle_since = self.instances.get(slot).idle_since;
            self.end(now, slot, StopReason::Idle { idle_ms: now - idle_since }, out);
            if self.pool(index).alive == 0
                && let Some(window) = window
                && let Some(after) = window.prewarm_after_ms
            {
                // From the last call on: an instance that nobody called meanwhile must not put it off.
                let since = self.pool(index).habits.last_end();
                self.pool_mut(index).expected_until = since + window.prewarm_until_ms;
                if since + after > now {
                    self.arm(Timer::Expected, index, since + after);
                }
            }
        }
    }

    /// A call is expected soon: has an instance ready for it, if that takes nothing from anybody.
    pub(crate) fn expected(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        let pool = self.pool(index);
        let function = &self.functions[pool.function as usize];
        let stopped = function.reserved_mb == Some(0) || function.debug;
        if pool.alive > 0 || pool.retired || stopped || pool.expected_until <= now {
            return;
        }
        if self.admit_start(now, index, crate::Trigger::Http).is_err() {
            return;
        }
        let until = pool.expected_until;
        let slot = self.start(now, index, Kind::OnDemand, None, ColdReason::Expected.into(), out);
        self.instances.get_mut(slot).keep_until = until;
    }

    pub(crate) fn freeze(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        let Some(after) = self.limits.freeze_after_ms else { return };
        let keeps_cpu = self.keeps_cpu(index);
        let mut next = None;
        for place in [Place::Idle, Place::ProvisionedIdle] {
            if place == Place::ProvisionedIdle && keeps_cpu {
                continue;
            }
            // From the most recently used one on: behind the first frozen one all are.
            let mut slot = self.pool(index).list(place).first();
            while let Some(current) = slot {
                slot = self.instances.older(current);
                let instance = self.instances.get_mut(current);
                if instance.frozen {
                    break;
                }
                if instance.idle_since + after <= now {
                    instance.frozen = true;
                    out.push(Command::Freeze { instance: instance.id });
                } else {
                    next = Some(instance.idle_since + after).min(next.or(Some(Millis::MAX)));
                }
            }
        }
        if let Some(at) = next {
            self.arm(Timer::Freeze, index, at);
        }
    }

    /// Sees that the host has memory for one more instance, at the cost of idle ones if need be.
    pub(crate) fn make_room(
        &mut self,
        now: Millis,
        index: u32,
        free_mib: u64,
        out: &mut Vec<Command>,
    ) -> Result<(), Box<Refusal>> {
        let memory = self.pool(index).spec.memory_mb;
        let claimed = self.starting_mb.min(free_mib);
        let left = free_mib - claimed;
        if left >= memory {
            return Ok(());
        }
        let chosen = self.least_valuable(now, index, memory - left);
        if chosen.is_empty() {
            let mut refusal = refuse(Throttle::HostMemory, free_mib, claimed);
            refusal.retry = Retry::About { after_ms: 0 };
            return Err(refusal);
        }
        for slot in chosen {
            self.end(now, slot, StopReason::MemoryPressure, out);
        }
        Ok(())
    }

    /// Idle instances of other pools that together hold about `wanted_mb`, those first whose time is most nearly
    /// over. What an idle instance really holds is not known here; its full limit is counted, which errs on the
    /// side of few.
    fn least_valuable(&self, now: Millis, keep: u32, wanted_mb: u64) -> Vec<u32> {
        if self.idle_mb < wanted_mb {
            return Vec::new();
        }
        let mut idle: Vec<(u64, u32)> = Vec::new();
        for (index, pool) in self.pools.iter().enumerate() {
            let index = index as u32;
            let Some(pool) = pool.as_deref().filter(|_| index != keep) else { continue };
            let mut depth = pool.list(Place::Idle).len;
            let mut slot = pool.list(Place::Idle).last();
            while let Some(current) = slot {
                let age = now.saturating_sub(self.instances.get(current).idle_since);
                idle.push((age * 1_000_000 / self.keep_ms(index, depth).max(1), current));
                slot = self.instances.newer(current);
                depth -= 1;
            }
        }
        idle.sort_unstable_by(|a, b| b.cmp(a));
        let mut freed = 0;
        let mut chosen = Vec::new();
        for (_, slot) in idle {
            if freed >= wanted_mb {
                break;
            }
            freed += self.pool(self.instances.get(slot).pool).spec.memory_mb;
            chosen.push(slot);
        }
        if freed < wanted_mb { Vec::new() } else { chosen }
    }
}
