//! The limit tree the slow and obvious way: a list of instances, and every sum taken over all of it, each time.

use sluice_decide::{Limits, Millis, PoolSpec, RuleId, Trigger};
use sluice_domain::{InstanceId, Throttle};
use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Clone, Debug)]
pub struct Instance {
    pub pool: u32,
    pub provisioned: bool,
    pub up: bool,
    /// It has a request, or is started for one.
    pub charged: bool,
    /// It is started for whoever waits first, not for one request.
    pub unbound: bool,
    /// The request it is started for.
    pub bound: Option<u64>,
    pub rule: Option<RuleId>,
    pub requests: Vec<u64>,
    /// When it became idle, as a time and as a place in the order of all.
    pub idle_since: Millis,
    pub idle_order: u64,
    /// Requests in it by the core's own account, and whether it takes more; for those that are coming up.
    pub seen_in_flight: u32,
    pub draining: bool,
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub spec: PoolSpec,
    pub retired: bool,
    pub queue: VecDeque<u64>,
    pub last_start: Option<Millis>,
}

#[derive(Clone, Debug)]
pub struct Wanted {
    pub pool: u32,
    pub rule: Option<RuleId>,
    pub trigger: Trigger,
    pub free_mib: u64,
}

/// What an arriving request should find.
#[derive(Debug, PartialEq)]
pub enum Seat {
    /// Any of these will do.
    OneOf(Vec<InstanceId>),
    /// One that is coming up has room.
    Ride,
    Denied(Throttle),
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Naive {
    pub limits: Limits,
    pub now: Millis,
    pub instances: BTreeMap<InstanceId, Instance>,
    pub pools: BTreeMap<u32, Pool>,
    /// Reservation and debugging by function.
    pub functions: HashMap<String, (Option<u64>, bool)>,
    pub rules: HashMap<RuleId, u64>,
    /// Elastic starts: their minute, and the namespace whose own budget they count under.
    pub starts: Vec<(u64, Option<String>)>,
    pub provisioned_starts: Vec<u64>,
    pub order: u64,
}

impl Naive {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            now: 0,
            instances: BTreeMap::new(),
            pools: BTreeMap::new(),
            functions: HashMap::new(),
            rules: HashMap::new(),
            starts: Vec::new(),
            provisioned_starts: Vec::new(),
            order: 0,
        }
    }

    pub fn spec(&self, pool: u32) -> &PoolSpec {
        &self.pools[&pool].spec
    }

    pub fn settings(&self, function: &str) -> (Option<u64>, bool) {
        self.functions.get(function).copied().unwrap_or_default()
    }

    /// MB of instances with a request, of those pools.
    pub fn used_mb(&self, of: impl Fn(&PoolSpec) -> bool) -> u64 {
        let charged = self.instances.values().filter(|instance| instance.charged);
        charged.map(|instance| self.spec(instance.pool)).filter(|spec| of(spec)).map(|spec| spec.memory_mb).sum()
    }

    pub fn shared_mb(&self) -> u64 {
        self.used_mb(|spec| self.settings(&spec.function).0.is_none())
    }

    pub fn function_mb(&self, function: &str) -> u64 {
        self.used_mb(|spec| spec.function == function)
    }

    pub fn reserved_mb(&self) -> u64 {
        self.functions.values().filter_map(|(reserved, _)| *reserved).sum()
    }

    /// What the reservations keep from all others.
    fn claimed_mb(&self) -> u64 {
        let claim = |(name, (reserved, _)): (&String, &(Option<u64>, bool))| {
            reserved.map(|reserved| reserved.max(self.function_mb(name)))
        };
        self.functions.iter().filter_map(claim).sum()
    }

    pub fn on_demand(&self, of: impl Fn(&Instance) -> bool) -> u64 {
        let counted = |instance: &&Instance| instance.charged && !instance.provisioned && of(instance);
        self.instances.values().filter(counted).count() as u64
    }

    pub fn started_in_minute(&self, namespace: Option<&str>) -> u64 {
        let minute = self.now / 60_000;
        let same = |start: &&(u64, Option<String>)| start.0 == minute && start.1.as_deref() == namespace;
        self.starts.iter().filter(same).count() as u64
    }

    pub fn own_burst(&self, pool: u32) -> Option<&str> {
        let namespace = &self.spec(pool).namespace;
        self.limits.namespace_burst_per_min.contains_key(namespace).then_some(namespace)
    }

    /// Which limit keeps one more instance of a pool from having a request.
    pub fn admit(&self, pool: u32, on_demand: bool, rule: Option<RuleId>) -> Option<Throttle> {
        let spec = self.spec(pool);
        let (reserved, debug) = self.settings(&spec.function);
        let used = self.function_mb(&spec.function);
        if debug && used > 0 {
            return Some(Throttle::Debug);
        }
        if reserved.is_some_and(|reserved| used + spec.memory_mb > reserved) {
            return Some(Throttle::Reserved);
        }
        if let (None, Some(total)) = (reserved, self.limits.concurrency_mb)
            && self.shared_mb() + spec.memory_mb > total.saturating_sub(self.claimed_mb())
        {
            return Some(Throttle::Account);
        }
        let in_namespace = self.used_mb(|other| other.namespace == spec.namespace);
        if self.limits.namespace_mb.get(&spec.namespace).is_some_and(|limit| in_namespace + spec.memory_mb > *limit) {
            return Some(Throttle::Namespace);
        }
        if !on_demand {
            return None;
        }
        if self.limits.instances.is_some_and(|limit| self.on_demand(|_| true) >= limit) {
            return Some(Throttle::RegionInstances);
        }
        let rule = rule.filter(|rule| self.rules.contains_key(rule))?;
        let used = self.on_demand(|instance| instance.rule == Some(rule));
        (used >= self.rules[&rule]).then_some(Throttle::FunctionInstances)
    }

    /// Which limit keeps an instance from being started now.
    pub fn admit_start(&self, wanted: &Wanted) -> Option<Throttle> {
        let interval = match wanted.trigger {
            Trigger::Http => self.limits.start_interval_http_ms,
            Trigger::Other => self.limits.start_interval_other_ms,
        };
        if let (Some(interval), Some(last)) = (interval, self.pools[&wanted.pool].last_start)
            && self.now < last + interval
        {
            return Some(Throttle::StartInterval);
        }
        let own = self.own_burst(wanted.pool);
        let limit = match own {
            Some(namespace) => Some(self.limits.namespace_burst_per_min[namespace]),
            None => self.limits.burst_per_min,
        };
        (limit.is_some_and(|limit| self.started_in_minute(own) >= limit)).then_some(Throttle::Burst)
    }

    /// Whether the host has memory, with what idle instances of other pools hold.
    pub fn has_memory(&self, wanted: &Wanted) -> bool {
        let memory = |instance: &Instance| self.spec(instance.pool).memory_mb;
        let all = || self.instances.values();
        // One that starts takes a process's worth before the host shows it.
        let starting: u64 = all().filter(|instance| !instance.up).map(|instance| memory(instance).min(32)).sum();
        let left = wanted.free_mib.saturating_sub(starting);
        let others = all().filter(|instance| instance.pool != wanted.pool && !instance.provisioned);
        let idle: u64 = others.filter(|instance| instance.is_idle()).map(memory).sum();
        left + idle >= self.spec(wanted.pool).memory_mb
    }

    /// What is there for a request, in the order in which it should be taken.
    pub fn seat(&self, wanted: &Wanted) -> Seat {
        let Wanted { pool, rule, .. } = *wanted;
        let spec = self.spec(pool);
        if self.settings(&spec.function).0 == Some(0) {
            return Seat::Denied(self.admit(pool, false, None).expect("nothing fits into a reservation of 0"));
        }
        let mine = || self.instances.iter().filter(|(_, instance)| instance.pool == pool && !instance.draining);
        let partial = |provisioned: bool| -> Vec<InstanceId> {
            let room = |instance: &Instance| {
                instance.up && !instance.requests.is_empty() && instance.requests.len() < spec.concurrency as usize
            };
            let fits = |instance: &Instance| provisioned || self.shares(instance.rule, rule);
            mine().filter(|(_, i)| i.provisioned == provisioned && room(i) && fits(i)).map(|(id, _)| *id).collect()
        };
        let idle = |provisioned: bool| {
            let idle = mine().filter(|(_, instance)| instance.provisioned == provisioned && instance.is_idle());
            idle.max_by_key(|(_, instance)| instance.idle_order).map(|(id, _)| *id)
        };
        if !partial(true).is_empty() {
            return Seat::OneOf(partial(true));
        }
        let mut denied = None;
        if let Some(found) = idle(true) {
            match self.admit(pool, false, None) {
                None => return Seat::OneOf(vec![found]),
                Some(throttle) => denied = Some(throttle),
            }
        }
        if !partial(false).is_empty() {
            return Seat::OneOf(partial(false));
        }
        if let (Some(found), None) = (idle(false), denied) {
            match self.admit(pool, true, rule) {
                None => return Seat::OneOf(vec![found]),
                Some(throttle) => denied = Some(throttle),
            }
        }
        let coming = |instance: &Instance| {
            !instance.up && instance.bound.is_some() && instance.seen_in_flight < spec.concurrency
        };
        if mine().any(|(_, instance)| coming(instance) && self.shares(instance.rule, rule)) {
            return Seat::Ride;
        }
        denied.map_or(Seat::Nothing, Seat::Denied)
    }

    /// Whether a call under one rule may use an instance that is counted under another.
    fn shares(&self, of: Option<RuleId>, rule: Option<RuleId>) -> bool {
        let limit = |rule: Option<RuleId>| rule.and_then(|rule| self.rules.get(&rule));
        match limit(rule) {
            Some(0) => false,
            Some(_) => of == rule,
            None => of == rule || limit(of).is_none(),
        }
    }
}

impl Instance {
    pub fn is_idle(&self) -> bool {
        self.up && self.requests.is_empty()
    }
}
