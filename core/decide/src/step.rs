//! One event in, commands out.

use crate::{
    Command, Event, Limits, Millis, PoolId, PoolSpec, ProvisionId, State, StopReason,
    dispatch::Seeker,
    instances::{Instance, Place},
    pool::{Pool, Timer, UNARMED},
    state::Rule,
};

/// Applies one event and adds what follows from it to `out`. `now` that goes back counts as standing still.
pub fn step(state: &mut State, now: Millis, event: Event, out: &mut Vec<Command>) {
    let now = now.max(state.now);
    state.now = now;
    match event {
        Event::Arrived { request, pool, rule, trigger, free_mib } => {
            state.arrived(now, Seeker { request, pool: pool.0, rule, trigger, free_mib }, out);
        }
        Event::Done { instance, reusable } => state.done(now, instance, reusable, out),
        Event::Ready { instance } => state.ready(now, instance, out),
        Event::StartFailed { instance } => state.start_failed(now, instance, out),
        Event::Died { instance } => state.died(now, instance, out),
        Event::GaveUp { request, pool } => state.gave_up(now, request, pool.0, out),
        Event::Tick => state.tick(now, out),
        Event::PoolOpened { pool, spec } => state.open(now, pool, spec),
        Event::PoolRetired { pool } => state.retire(now, pool, out),
        Event::FunctionChanged { function, reserved_mb, debug } => {
            state.function_changed(&function, reserved_mb, debug);
            state.serve_waiting(now, out);
        }
        Event::FunctionRemoved { function } => {
            state.function_changed(&function, None, false);
            state.serve_waiting(now, out);
        }
        Event::RuleChanged { rule, instances } => {
            state.rule_changed(rule, instances);
            state.serve_waiting(now, out);
        }
        Event::ProvisionChanged { provision, pool, config, since } => {
            state.provision_changed(now, provision, (pool, config, since), out);
        }
        Event::ProvisionRemoved { provision } => state.provision_removed(now, provision, out),
        Event::LimitsChanged(limits) => state.limits_changed(now, *limits, out),
        Event::WallClock { ahead_ms } => state.wall_moved(now, ahead_ms),
    }
}

impl State {
    fn open(&mut self, now: Millis, id: PoolId, spec: PoolSpec) {
        let index = id.0 as usize;
        if self.pools.len() <= index {
            self.pools.resize_with(index + 1, || None);
        }
        if self.pools[index].is_some() {
            return;
        }
        let function = self.function_index(&spec.function);
        let namespace = self.namespace_index(&spec.namespace);
        let habits =
            spec.replaces.and_then(|old| self.find_pool(old)).map(|old| old.habits.clone()).unwrap_or_default();
        let found = &mut self.functions[function as usize];
        found.name.clone_from(&spec.name);
        found.namespace = namespace;
        found.pools.push(id.0);
        self.pools[index] = Some(Box::new(Pool::new(spec, function, namespace, now, habits)));
    }

    fn retire(&mut self, now: Millis, id: PoolId, out: &mut Vec<Command>) {
        if self.find_pool(id).is_none() {
            return;
        }
        self.provisions.retain(|_, found| found.pool != id.0);
        self.short.remove(&id.0);
        self.queued.remove(&id.0);
        let pool = self.pool_mut(id.0);
        pool.retired = true;
        pool.provisioned_target = 0;
        let waiting = std::mem::take(&mut pool.waiting);
        out.extend(waiting.into_iter().map(|waiting| Command::Redirect { request: waiting.request }));
        for place in [Place::Idle, Place::ProvisionedIdle] {
            // The last one to end takes the pool with it.
            while let Some(slot) = self.find_pool(id).and_then(|pool| pool.list(place).last()) {
                self.end(now, slot, StopReason::Retired, out);
            }
        }
        // What is busy or starting takes nothing new and ends when it is done.
        for place in [Place::Partial, Place::ProvisionedPartial, Place::StartingRoom] {
            while let Some(slot) = self.find_pool(id).and_then(|pool| pool.list(place).last()) {
                self.place(slot, Place::Nowhere);
            }
        }
        if self.find_pool(id).is_some_and(|pool| pool.alive == 0) {
            self.drop_pool(id.0);
        }
        self.serve_waiting(now, out);
    }

    pub(crate) fn drop_pool(&mut self, index: u32) {
        let Some(pool) = self.pools[index as usize].take() else { return };
        let function = &mut self.functions[pool.function as usize];
        function.pools.retain(|other| *other != index);
        function.usage.add(pool.usage);
        self.drop_function(pool.function);
    }

    fn function_changed(&mut self, id: &str, reserved_mb: Option<u64>, debug: bool) {
        let index = self.function_index(id);
        let function = &mut self.functions[index as usize];
        let claimed = function.claimed_mb();
        let old = std::mem::replace(&mut function.reserved_mb, reserved_mb);
        function.debug = debug;
        let used = function.used_mb;
        self.claimed_mb = self.claimed_mb - claimed + function.claimed_mb();
        self.reserved_mb = self.reserved_mb - old.unwrap_or(0) + reserved_mb.unwrap_or(0);
        match (old, reserved_mb) {
            (None, Some(_)) => self.shared_mb -= used,
            (Some(_), None) => self.shared_mb += used,
            _ => {}
        }
        self.drop_function(index);
    }

    fn rule_changed(&mut self, id: crate::RuleId, limit: Option<u64>) {
        let rule = self.rules.entry(id).or_insert_with(|| {
            // What its calls use already counts.
            let counts = |(_, instance): &(u32, &Instance)| instance.counted && instance.rule == Some(id);
            Rule { limit: None, used: self.instances.iter().filter(counts).count() as u64 }
        });
        rule.limit = limit;
        if limit.is_none() && rule.used == 0 {
            self.rules.remove(&id);
        }
    }

    fn limits_changed(&mut self, now: Millis, limits: Limits, out: &mut Vec<Command>) {
        let replan = self.limits.plan_rules() != limits.plan_rules();
        let keep = |limits: &Limits| (limits.keep_alive_ms, limits.keep_alive_adaptive);
        let rekeep = keep(&self.limits) != keep(&limits);
        self.limits = limits;
        for namespace in &mut self.namespaces {
            namespace.limit_mb = self.limits.namespace_mb.get(&namespace.name).copied();
            namespace.burst_limit = self.limits.namespace_burst_per_min.get(&namespace.name).copied();
        }
        for index in 0..self.pools.len() as u32 {
            if self.pools[index as usize].is_some() {
                // A shorter keep-alive counts from now on, also where the timer is still set by the longer one.
                if rekeep && self.pool(index).armed[Timer::Expire as usize] != UNARMED {
                    self.arm(Timer::Expire, index, now);
                }
                if self.pool(index).provisioned_target > 0 {
                    self.reconcile(now, index, out);
                }
            }
        }
        if replan {
            self.rebuild_plans(now, out);
        }
        self.serve_waiting(now, out);
    }

    fn wall_moved(&mut self, now: Millis, ahead_ms: i64) {
        if std::mem::replace(&mut self.wall_ahead, ahead_ms) == ahead_ms {
            return;
        }
        let mut ids: Vec<ProvisionId> = self.provisions.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.arm_next(now, id);
        }
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Command>) {
        while let Some((timer, index)) = self.take_due(now) {
            match timer {
                Timer::Freeze => self.freeze(now, index, out),
                Timer::Expire => self.expire(now, index, out),
                Timer::Expected => self.expected(now, index, out),
                Timer::Retry => self.retry_due(now, index, out),
                Timer::Waiting => self.waiting_due(now, index, out),
                Timer::Plan => self.plan_due(now, ProvisionId(index), out),
                Timer::Minute => self.minute_turned(now, out),
            }
        }
    }
}

#[cfg(test)]
mod tests;
