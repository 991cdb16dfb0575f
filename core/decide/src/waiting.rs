//! The queue of each pool, off unless the profile has a depth: who waits, for how long, and who is next.

use crate::{
    Command, Millis, State,
    dispatch::Seeker,
    pool::{Timer, Waiting},
};

impl Waiting {
    fn seeker(&self, pool: u32) -> Seeker {
        Seeker { request: self.request, pool, rule: self.rule, trigger: self.trigger, free_mib: self.free_mib }
    }
}

impl State {
    /// Something became free: gives it to those who wait, each pool in its own order.
    pub(crate) fn serve_waiting(&mut self, now: Millis, out: &mut Vec<Command>) {
        if self.queued.is_empty() {
            return;
        }
        for pool in self.queued.iter().copied().collect::<Vec<_>>() {
            self.serve_pool(now, pool, out);
        }
    }

    pub(crate) fn serve_pool(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        loop {
            let Some(pool) = self.pools[index as usize].as_deref() else { break };
            let Some(first) = pool.waiting.front().copied() else { break };
            let has_seat = pool.lists.iter().any(|list| list.len > 0);
            if has_seat {
                if self.find_seat(now, first.seeker(index), out).is_err() {
                    return;
                }
                self.pool_mut(index).waiting.pop_front();
                continue;
            }
            // One start for each who waits and has none under way.
            if u64::from(pool.unbound_starts) >= pool.waiting.len() as u64
                || !self.start_unbound(now, index, first, out)
            {
                return;
            }
        }
        self.queued.remove(&index);
    }

    fn start_unbound(&mut self, now: Millis, index: u32, first: Waiting, out: &mut Vec<Command>) -> bool {
        use crate::instances::Kind;
        let allowed = self.admit(index, Kind::OnDemand, first.rule).is_ok()
            && self.admit_start(now, index, first.trigger).is_ok()
            && self.make_room(now, index, first.free_mib, out).is_ok();
        if !allowed {
            self.arm_minute(now);
            return false;
        }
        let cause = self.cold_cause(index);
        let slot = self.start(now, index, Kind::OnDemand, None, cause, out);
        self.charge(now, slot, first.rule);
        self.pool_mut(index).unbound_starts += 1;
        true
    }

    /// Refuses one that waits.
    pub(crate) fn gave_up(&mut self, now: Millis, request: crate::RequestSeq, index: u32, out: &mut Vec<Command>) {
        let Some(pool) = self.pools.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(place) = pool.waiting.iter().position(|waiting| waiting.request == request) else { return };
        let Some(waiting) = pool.waiting.remove(place) else { return };
        let mut refusal = self.why_waiting(now, waiting.seeker(index));
        refusal.waited_ms = now - waiting.since;
        out.push(Command::Refuse { request, refusal });
    }

    /// Refuses those whose time is up.
    pub(crate) fn expire_waiting(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        while let Some(first) = self.pool(index).waiting.front().copied() {
            if first.until > now {
                self.arm(Timer::Waiting, index, first.until);
                return;
            }
            let mut refusal = self.why_waiting(now, first.seeker(index));
            refusal.waited_ms = now - first.since;
            self.pool_mut(index).waiting.pop_front();
            out.push(Command::Refuse { request: first.request, refusal });
        }
        self.queued.remove(&index);
    }
}
