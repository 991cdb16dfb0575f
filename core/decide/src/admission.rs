//! The limit tree: region, namespace, function, alias.
//!
//! What counts is an instance that has a request, or starts for one: idle instances of one function never keep
//! another from running. MB are counted for instances of either kind, because provisioned concurrency does not
//! change how much can run (spec: PRO-10); the limits that are counted in instances are on on-demand ones.

use crate::{
    Millis, RuleId, State,
    instances::Kind,
    pool::{Function, until_next_minute},
};
use sluice_domain::{Holder, Refusal, Retry, Throttle};

type Verdict = Result<(), Box<Refusal>>;

pub(crate) fn refuse(throttle: Throttle, limit: u64, used: u64) -> Box<Refusal> {
    Box::new(Refusal::new(throttle, limit, used))
}

/// Of a limit in MB, with `memory` more wanted.
fn refuse_mb(throttle: Throttle, limit: u64, used: u64, memory: u64) -> Box<Refusal> {
    let mut refusal = refuse(throttle, limit, used);
    if memory > limit {
        refusal.retry = Retry::Never;
    }
    refusal
}

impl State {
    /// Whether one more instance of a pool may have a request.
    pub(crate) fn admit(&self, pool: u32, kind: Kind, rule: Option<RuleId>) -> Verdict {
        let found = self.pool(pool);
        let function = &self.functions[found.function as usize];
        let memory = found.spec.memory_mb;
        self.admit_function(function, memory)?;
        let namespace = &self.namespaces[found.namespace as usize];
        if let Some(limit) = namespace.limit_mb.filter(|limit| namespace.used_mb + memory > *limit) {
            let mut refusal = refuse_mb(Throttle::Namespace, limit, namespace.used_mb, memory);
            refusal.scope = Some(namespace.name.clone());
            let inside = |other: &Function| other.namespace == found.namespace;
            self.name_holders(&mut refusal, inside, |other| other.used_mb);
            return Err(refusal);
        }
        if kind == Kind::OnDemand { self.admit_on_demand(pool, rule) } else { Ok(()) }
    }

    /// A function with a reservation has that and nothing else; the others share what is not reserved.
    fn admit_function(&self, function: &Function, memory: u64) -> Verdict {
        if function.debug && function.busy > 0 {
            let mut refusal = refuse(Throttle::Debug, 1, function.busy);
            refusal.scope = Some(function.name.clone());
            return Err(refusal);
        }
        match function.reserved_mb {
            Some(limit) if function.used_mb + memory > limit => {
                let mut refusal = refuse_mb(Throttle::Reserved, limit, function.used_mb, memory);
                refusal.scope = Some(function.name.clone());
                refusal.holders = self.versions_by_use(function);
                self.estimate_retry(&mut refusal, function.mean_busy_ms, function.busy);
                Err(refusal)
            }
            Some(_) => Ok(()),
            None => {
                let Some(total) = self.limits.concurrency_mb else { return Ok(()) };
                let limit = total.saturating_sub(self.claimed_mb);
                if self.shared_mb + memory <= limit {
                    return Ok(());
                }
                let mut refusal = refuse_mb(Throttle::Account, limit, self.shared_mb, memory);
                self.name_holders(&mut refusal, |other| other.reserved_mb.is_none(), |other| other.used_mb);
                Err(refusal)
            }
        }
    }

    fn admit_on_demand(&self, pool: u32, rule: Option<RuleId>) -> Verdict {
        if let Some(limit) = self.limits.instances.filter(|limit| self.on_demand >= *limit) {
            let mut refusal = refuse(Throttle::RegionInstances, limit, self.on_demand);
            self.name_holders(&mut refusal, |_| true, |other| other.on_demand);
            return Err(refusal);
        }
        let Some(rule) = rule.and_then(|rule| self.rules.get(&rule)) else { return Ok(()) };
        match rule.limit {
            Some(limit) if rule.used >= limit => {
                let function = self.function_of(pool);
                let mut refusal = refuse(Throttle::FunctionInstances, limit, rule.used);
                refusal.scope = Some(function.name.clone());
                if rule.used > 0 {
                    refusal.holders = vec![Holder { name: function.name.clone(), used: rule.used }];
                }
                self.estimate_retry(&mut refusal, function.mean_busy_ms, function.busy);
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    /// Whether one more elastic instance may be started now.
    pub(crate) fn admit_start(&self, now: Millis, pool: u32, trigger: crate::Trigger) -> Verdict {
        let found = self.pool(pool);
        let interval = match trigger {
            crate::Trigger::Http => self.limits.start_interval_http_ms,
            crate::Trigger::Other => self.limits.start_interval_other_ms,
        };
        if let (Some(interval), Some(last)) = (interval, found.last_start)
            && now < last.saturating_add(interval)
        {
            let mut refusal = refuse(Throttle::StartInterval, interval, now - last);
            refusal.scope = Some(found.spec.name.clone());
            refusal.retry = Retry::After { after_ms: last.saturating_add(interval) - now };
            return Err(refusal);
        }
        let namespace = &self.namespaces[found.namespace as usize];
        let (limit, window, scope) = match namespace.burst_limit {
            Some(own) => (Some(own), &namespace.burst, Some(namespace.name.clone())),
            None => (self.limits.burst_per_min, &self.burst, None),
        };
        let started = window.started(now);
        let Some(limit) = limit.filter(|limit| started >= *limit) else { return Ok(()) };
        let mut refusal = refuse(Throttle::Burst, limit, started);
        refusal.scope = scope;
        let minute = now / 60_000;
        let of_minute = |other: &Function| if other.minute == minute { other.started } else { 0 };
        let own = namespace.burst_limit.is_some();
        let same_budget = |other: &Function| match own {
            true => other.namespace == found.namespace,
            false => self.namespaces[other.namespace as usize].burst_limit.is_none(),
        };
        self.name_holders_among(&self.starters, &mut refusal, same_budget, of_minute);
        if limit > 0 {
            refusal.retry = Retry::After { after_ms: until_next_minute(now) };
        }
        Err(refusal)
    }

    /// Counts an instance that gets its first request.
    pub(crate) fn charge(&mut self, now: Millis, slot: u32, rule: Option<RuleId>) {
        let instance = self.instances.get_mut(slot);
        debug_assert!(!instance.charged);
        instance.charged = true;
        instance.busy_since = now;
        instance.counted = instance.kind == Kind::OnDemand;
        instance.rule = rule.filter(|_| instance.counted);
        let (pool, counted, rule) = (instance.pool, instance.counted, instance.rule);
        let found = self.pools[pool as usize].as_deref_mut().expect("a pool that is open");
        found.busy += 1;
        let memory = found.spec.memory_mb;
        let index = found.function;
        self.namespaces[found.namespace as usize].used_mb += memory;
        let function = &mut self.functions[index as usize];
        let claimed = function.claimed_mb();
        function.used_mb += memory;
        self.claimed_mb += function.claimed_mb() - claimed;
        function.busy += 1;
        function.on_demand += u64::from(counted);
        if function.active.is_none() && self.explains {
            function.active = Some(self.active.len() as u32);
            self.active.push(index);
        }
        self.busy_mb += memory;
        if function.reserved_mb.is_none() {
            self.shared_mb += memory;
        }
        self.on_demand += u64::from(counted);
        if let Some(rule) = rule.and_then(|rule| self.rules.get_mut(&rule)) {
            rule.used += 1;
        }
    }

    /// Undoes [`State::charge`].
    pub(crate) fn discharge(&mut self, now: Millis, slot: u32) {
        let instance = self.instances.get_mut(slot);
        if !std::mem::replace(&mut instance.charged, false) {
            return;
        }
        let busy_ms = now.saturating_sub(instance.busy_since);
        instance.busy_ms += if instance.starting { 0 } else { busy_ms.min(now.saturating_sub(instance.ready_at)) };
        let counted = std::mem::replace(&mut instance.counted, false);
        let (pool, rule) = (instance.pool, instance.rule.take());
        let found = self.pools[pool as usize].as_deref_mut().expect("a pool that is open");
        found.busy -= 1;
        let memory = found.spec.memory_mb;
        let index = found.function;
        self.namespaces[found.namespace as usize].used_mb -= memory;
        let function = &mut self.functions[index as usize];
        let claimed = function.claimed_mb();
        function.used_mb -= memory;
        self.claimed_mb -= claimed - function.claimed_mb();
        function.busy -= 1;
        function.on_demand -= u64::from(counted);
        function.mean_busy_ms = match function.mean_busy_ms {
            0 => busy_ms,
            mean => (mean * 7 + busy_ms) / 8,
        };
        self.busy_mb -= memory;
        if function.reserved_mb.is_none() {
            self.shared_mb -= memory;
        }
        self.on_demand -= u64::from(counted);
        if function.busy == 0
            && let Some(place) = function.active.take()
        {
            self.active.swap_remove(place as usize);
            if let Some(moved) = self.active.get(place as usize) {
                self.functions[*moved as usize].active = Some(place);
            }
        }
        if let Some(id) = rule
            && let Some(rule) = self.rules.get_mut(&id)
        {
            rule.used -= 1;
            if rule.limit.is_none() && rule.used == 0 {
                self.rules.remove(&id);
            }
        }
    }

    /// Names the functions that use most of a limit, and says when the first of them may be done.
    fn name_holders(&self, refusal: &mut Refusal, of: impl Fn(&Function) -> bool, used: impl Fn(&Function) -> u64) {
        self.name_holders_among(&self.active, refusal, of, used);
    }

    fn name_holders_among(
        &self,
        among: &[u32],
        refusal: &mut Refusal,
        of: impl Fn(&Function) -> bool,
        used: impl Fn(&Function) -> u64,
    ) {
        if !self.explains {
            return;
        }
        let mut soonest = Millis::MAX;
        for index in among {
            let function = &self.functions[*index as usize];
            let used = used(function);
            if used == 0 || !of(function) {
                continue;
            }
            // Of a function that has ended no call yet nothing is known.
            if function.mean_busy_ms > 0 {
                soonest = soonest.min(function.mean_busy_ms / function.busy.max(1));
            }
            let place = refusal.holders.partition_point(|holder| holder.used >= used);
            if place < Refusal::HOLDERS {
                refusal.holders.truncate(Refusal::HOLDERS - 1);
                refusal.holders.insert(place, Holder { name: function.name.clone(), used });
            }
        }
        if soonest != Millis::MAX {
            self.estimate_retry(refusal, soonest, 1);
        }
    }

    pub(crate) fn estimate_retry(&self, refusal: &mut Refusal, mean_busy_ms: Millis, busy: u64) {
        if let Retry::About { after_ms } = &mut refusal.retry {
            *after_ms = mean_busy_ms / busy.max(1);
        }
    }

    fn versions_by_use(&self, function: &Function) -> Vec<Holder> {
        if !self.explains {
            return Vec::new();
        }
        let of = |index: &u32| {
            let pool = self.pool(*index);
            let name = format!("{}:{}", pool.spec.name, pool.spec.version);
            Holder { name, used: u64::from(pool.busy) * pool.spec.memory_mb }
        };
        let mut holders: Vec<Holder> = function.pools.iter().map(of).filter(|holder| holder.used > 0).collect();
        holders.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
        holders.truncate(Refusal::HOLDERS);
        holders
    }
}
