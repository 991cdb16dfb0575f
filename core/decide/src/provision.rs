//! Provisioned instances: how many there should be, and the way from what is to that.
//!
//! They start at their own pace, apart from the elastic budget (spec: BUR-05); one that dies is replaced; none is
//! reclaimed for being idle; when fewer are wanted, idle ones go at once and busy ones when they are done.

use crate::{
    Command, Load, Millis, Plan, PoolId, ProvisionId, State, StopReason,
    instances::{Kind, Place},
    pool::{Look, Pool, Timer, UNARMED},
};
use sluice_domain::{ColdReason, ProvisionConfig};

#[derive(Clone, Debug)]
pub(crate) struct Provision {
    pub pool: u32,
    pub plan: Plan,
    pub config: ProvisionConfig,
    /// Its last look at the load of its pool.
    pub look: Look,
    /// When its timer goes off.
    pub armed: Millis,
}

/// The longest time between two tries to start what does not start.
const RETRY_MAX_MS: Millis = 60_000;
const RETRY_MIN_MS: Millis = 1_000;
/// An instance that lives for so long has come up for good.
pub(crate) const SETTLED_MS: Millis = 10_000;

impl State {
    pub(crate) fn provision_changed(
        &mut self,
        now: Millis,
        id: ProvisionId,
        (pool, config, since): (PoolId, ProvisionConfig, i64),
        out: &mut Vec<Command>,
    ) {
        if !self.is_open(pool) {
            return;
        }
        let old = self.provisions.remove(&id);
        let before = old.as_ref().map_or(0, |old| old.plan.target());
        let Ok(mut plan) = Plan::new(&config, &self.limits.plan_rules(), since, self.wall(now), before) else {
            // Refused where the user could be told; here what was stays.
            if let Some(old) = old {
                self.provisions.insert(id, old);
            }
            return;
        };
        if let Some(old) = &old {
            plan.keep_tracking(&old.plan);
        }
        let found = self.pool_mut(pool.0);
        (found.failures, found.frail) = (0, false);
        // Tracking goes by the load from now on, not by what was before anybody asked for it.
        let mut look = Look::default();
        found.load.look(now, found.in_flight, &mut look, 0);
        self.provisions.insert(id, Provision { pool: pool.0, plan, config, look, armed: UNARMED });
        if let Some(old) = old.filter(|old| old.pool != pool.0) {
            self.retarget(now, old.pool, out);
        }
        self.retarget(now, pool.0, out);
        self.arm_next(now, id);
        if let Some(after) = self.limits.freeze_after_ms {
            // Idle ones may not keep their processor time any more.
            self.arm(Timer::Freeze, pool.0, now + after);
        }
    }

    pub(crate) fn provision_removed(&mut self, now: Millis, id: ProvisionId, out: &mut Vec<Command>) {
        if let Some(old) = self.provisions.remove(&id) {
            self.retarget(now, old.pool, out);
        }
    }

    /// Plans follow the rules of the profile, which changed.
    pub(crate) fn rebuild_plans(&mut self, now: Millis, out: &mut Vec<Command>) {
        let (wall, rules) = (self.wall(now), self.limits.plan_rules());
        let mut ids: Vec<ProvisionId> = self.provisions.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(found) = self.provisions.get_mut(&id) else { continue };
            let index = found.pool;
            // Rules that it cannot follow, such as an unknown zone, leave it as it is.
            let _ = found.plan.follow_rules(&found.config, &rules, wall);
            self.retarget(now, index, out);
            self.arm_next(now, id);
        }
    }

    pub(crate) fn wall(&self, now: Millis) -> i64 {
        now as i64 + self.wall_ahead
    }

    /// Sets the timer for a plan's next change.
    pub(crate) fn arm_next(&mut self, now: Millis, id: ProvisionId) {
        let Some(due) = self.provisions.get(&id).and_then(|found| found.plan.next_due()) else { return };
        let at = (due - self.wall_ahead).max(0) as Millis;
        self.arm_plan(id, at.max(now));
    }

    /// A plan's time has come: looks at the load and follows.
    pub(crate) fn plan_due(&mut self, now: Millis, id: ProvisionId, out: &mut Vec<Command>) {
        let wall = self.wall(now);
        let longest = 2 * 1000 * Millis::from(self.limits.tracking_tick_s);
        let Some(found) = self.provisions.get_mut(&id) else { return };
        if found.plan.next_due().is_none_or(|due| due > wall) {
            return self.arm_next(now, id);
        }
        let index = found.pool;
        let Some(pool) = self.pools[index as usize].as_deref_mut() else { return };
        let load = Load {
            in_flight: u64::from(pool.in_flight),
            mean_milli: pool.load.look(now, pool.in_flight, &mut found.look, longest),
            per_instance: pool.spec.concurrency,
        };
        found.plan.advance(wall, load);
        self.retarget(now, index, out);
        self.arm_next(now, id);
    }

    fn retarget(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        if self.pools[index as usize].is_none() {
            return;
        }
        let target =
            self.provisions.values().filter(|found| found.pool == index).map(|found| found.plan.target()).sum();
        self.pool_mut(index).provisioned_target = target;
        self.reconcile(now, index, out);
    }

    /// Starts what is missing and releases what is too much.
    pub(crate) fn reconcile(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        let target = |pool: &Pool| if pool.retired { 0 } else { pool.provisioned_target };
        let have = |pool: &Pool| u64::from(pool.provisioned);
        let pool = self.pool(index);
        if have(pool) > target(pool) {
            let surplus = have(pool) - target(pool);
            self.release(now, index, surplus as usize, out);
        }
        self.short.remove(&index);
        while let Some(pool) = self.pools[index as usize].as_deref().filter(|pool| have(pool) < target(pool)) {
            let retry = pool.armed[Timer::Retry as usize];
            // While starts fail, one at a time is tried.
            let trying = pool.provisioned > pool.provisioned_ready;
            if pool.failures > 0 && (trying || retry != UNARMED && retry > now) {
                return;
            }
            let missing = target(pool) - have(pool) + self.missing_elsewhere(index);
            let budget = self.limits.provisioned_budget(missing + self.provisioned_burst.started(now));
            if budget.is_some_and(|limit| self.provisioned_burst.started(now) >= limit) {
                self.short.insert(index);
                return self.arm_minute(now);
            }
            self.start(now, index, Kind::Provisioned, None, ColdReason::Provisioned.into(), out);
        }
    }

    fn missing_elsewhere(&self, index: u32) -> u64 {
        let missing = |other: &u32| {
            let pool = self.pools[*other as usize].as_deref()?;
            Some(pool.provisioned_target.saturating_sub(u64::from(pool.provisioned)))
        };
        self.short.iter().filter(|other| **other != index).filter_map(missing).sum()
    }

    /// Lets go of `count` provisioned instances: idle ones, then those that start, then the least busy.
    fn release(&mut self, now: Millis, index: u32, count: usize, out: &mut Vec<Command>) {
        let mut chosen: Vec<(u8, u32, u32)> = Vec::new();
        for (slot, instance) in self.instances.iter() {
            if instance.pool == index && instance.kind == Kind::Provisioned && !instance.draining {
                let class = if instance.is_idle() { 0 } else { 2 - u8::from(instance.starting) };
                chosen.push((class, instance.in_flight, slot));
            }
        }
        chosen.sort_unstable();
        for (_, _, slot) in chosen.into_iter().take(count) {
            if self.instances.get(slot).is_idle() {
                self.end(now, slot, StopReason::Released, out);
                continue;
            }
            let instance = self.instances.get_mut(slot);
            instance.draining = true;
            let starting = instance.starting;
            self.place(slot, Place::Nowhere);
            let pool = self.pool_mut(index);
            pool.provisioned -= 1;
            pool.provisioned_ready -= u32::from(!starting);
        }
    }

    /// Tries again later, each time after a longer while.
    pub(crate) fn provisioned_start_failed(&mut self, now: Millis, index: u32) {
        let Some(pool) = self.pools[index as usize].as_deref_mut() else { return };
        let armed = pool.armed[Timer::Retry as usize];
        if pool.failures > 0 && armed != UNARMED && armed > now {
            // Of the same round as one that failed before.
            return;
        }
        pool.failures += 1;
        let wait = (RETRY_MIN_MS << (pool.failures - 1).min(16)).min(RETRY_MAX_MS);
        self.arm(Timer::Retry, index, now + wait);
    }

    /// One that came up and was gone before it was of any use is as good as one that did not come up, from the second
    /// one in a row on.
    pub(crate) fn provisioned_died_unused(&mut self, now: Millis, index: u32, lived_ms: Millis) {
        let Some(pool) = self.pools[index as usize].as_deref_mut() else { return };
        if lived_ms < SETTLED_MS {
            if std::mem::replace(&mut pool.frail, true) {
                self.provisioned_start_failed(now, index);
            }
        } else {
            (pool.failures, pool.frail) = (0, false);
        }
    }

    /// Time to try again, or to see that those which came up have stayed.
    pub(crate) fn retry_due(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        let pool = self.pool_mut(index);
        if pool.frail && pool.provisioned_ready > 0 {
            (pool.failures, pool.frail) = (0, false);
        }
        self.reconcile(now, index, out);
    }

    /// A new minute has a new budget.
    pub(crate) fn minute_turned(&mut self, now: Millis, out: &mut Vec<Command>) {
        for index in self.short.iter().copied().collect::<Vec<_>>() {
            if self.pools[index as usize].is_some() {
                self.reconcile(now, index, out);
            }
        }
        self.serve_waiting(now, out);
    }

    /// FC: whether the idle provisioned instances of a pool keep their processor time.
    pub(crate) fn keeps_cpu(&self, index: u32) -> bool {
        self.provisions.values().any(|found| found.pool == index && found.config.always_allocate_cpu)
    }
}
