//! The state as people see it.

use crate::{
    Limits, Millis, PoolId, PoolSpec, ProvisionId, State, Usage, Window,
    instances::{Kind, Place},
};
use sluice_domain::InstanceId;

/// A pool and what is in it.
#[derive(Clone, Debug)]
pub struct PoolView {
    pub pool: PoolId,
    pub spec: PoolSpec,
    pub alive: u64,
    pub starting: u64,
    pub busy: u64,
    pub idle: u64,
    pub in_flight: u64,
    pub waiting: u64,
    pub provisioned: u64,
    pub provisioned_ready: u64,
    pub provisioned_target: u64,
    /// How long its most recently used idle instance is kept, and why; none while the window is fixed.
    pub window: Option<Window>,
}

/// An instance, as far as decisions know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceView {
    pub instance: InstanceId,
    pub pool: PoolId,
    pub provisioned: bool,
    /// `starting`, `busy`, `idle`, `frozen` or `draining`.
    pub state: &'static str,
    pub in_flight: u32,
    /// How long it has been idle.
    pub idle_ms: Option<Millis>,
}

/// One node of the limit tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitView {
    /// `region`, `namespace`, `function`, `alias`, `burst`, `namespace_burst`, `provisioned_burst`.
    pub kind: &'static str,
    /// The namespace or the function, or the number of the rule.
    pub name: String,
    /// That of a function; empty for all else.
    pub namespace: String,
    pub unit: &'static str,
    pub limit: Option<u64>,
    pub used: u64,
}

/// Where one provision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvisionCount {
    /// The number in force, after schedule and tracking.
    pub target: u64,
    /// Instances that are up, at most the target.
    pub ready: u64,
    /// Starts that failed since one succeeded.
    pub failures: u32,
}

impl State {
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// MB of requests that run or wait for their instance (spec: CON-01).
    pub fn busy_mb(&self) -> u64 {
        self.busy_mb
    }

    /// MB that functions hold for themselves.
    pub fn reserved_mb(&self) -> u64 {
        self.reserved_mb
    }

    pub fn instance_count(&self) -> usize {
        self.instances.len()
    }

    pub fn is_open(&self, pool: PoolId) -> bool {
        self.find_pool(pool).is_some_and(|pool| !pool.retired)
    }

    pub fn pools(&self) -> Vec<PoolView> {
        let view = |(index, pool): (usize, &Option<Box<crate::pool::Pool>>)| {
            let pool = pool.as_deref()?;
            Some(PoolView {
                pool: PoolId(index as u32),
                spec: pool.spec.clone(),
                alive: pool.alive.into(),
                starting: pool.starting.into(),
                busy: pool.busy.into(),
                idle: pool.idle().into(),
                in_flight: pool.in_flight.into(),
                waiting: pool.waiting.len() as u64,
                provisioned: pool.provisioned.into(),
                provisioned_ready: pool.provisioned_ready.into(),
                provisioned_target: pool.provisioned_target,
                window: self.window(index as u32, 1),
            })
        };
        self.pools.iter().enumerate().filter_map(view).collect()
    }

    pub fn instance(&self, id: InstanceId) -> Option<InstanceView> {
        let instance = self.instances.get(self.instances.slot_of(id)?);
        let idle = instance.is_idle();
        let state = match instance {
            instance if instance.starting => "starting",
            instance if instance.draining => "draining",
            instance if instance.frozen => "frozen",
            _ if idle => "idle",
            _ => "busy",
        };
        Some(InstanceView {
            instance: id,
            pool: PoolId(instance.pool),
            provisioned: instance.kind == Kind::Provisioned,
            state,
            in_flight: instance.in_flight,
            idle_ms: idle.then(|| self.now.saturating_sub(instance.idle_since)),
        })
    }

    /// Instance time of every version that is still there, and of what is gone of its function under an empty version.
    pub fn usage_at(&self, now: Millis) -> Vec<(PoolSpec, Usage)> {
        let mut of: Vec<Option<Usage>> = self.pools.iter().map(|pool| Some(pool.as_deref()?.usage)).collect();
        for (_, instance) in self.instances.iter() {
            if let Some(usage) = of[instance.pool as usize].as_mut() {
                usage.add(instance.usage(now));
            }
        }
        let mut all: Vec<(PoolSpec, Usage)> = self
            .pools
            .iter()
            .flatten()
            .zip(of.into_iter().flatten())
            .map(|(pool, usage)| (pool.spec.clone(), usage))
            .collect();
        for function in self.functions.iter().filter(|function| function.usage != Usage::default()) {
            let namespace = self.namespaces[function.namespace as usize].name.clone();
            let (function, usage) = (function, function.usage);
            let spec = PoolSpec {
                namespace,
                function: function.id.clone(),
                name: function.name.clone(),
                version: String::new(),
                memory_mb: 0,
                concurrency: 1,
                replaces: None,
            };
            all.push((spec, usage));
        }
        all
    }

    /// All instances, in no order.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> {
        self.instances.iter().filter_map(|(_, instance)| self.instance(instance.id))
    }

    /// Every limit and its use.
    pub fn limit_tree(&self, now: Millis) -> Vec<LimitView> {
        let node = |kind, name: &str, unit, limit, used| {
            let (name, namespace) = (name.to_owned(), String::new());
            LimitView { kind, name, namespace, unit, limit, used }
        };
        let shared = self.limits.concurrency_mb.map(|total| total.saturating_sub(self.reserved_mb));
        let mut tree = vec![
            node("region", "", "MB", self.limits.concurrency_mb, self.busy_mb),
            node("unreserved", "", "MB", shared, self.shared_mb),
            node("region", "", "instances", self.limits.instances, self.on_demand),
            node("burst", "", "instances/min", self.limits.burst_per_min, self.burst.started(now)),
            node(
                "provisioned_burst",
                "",
                "instances/min",
                self.limits.provisioned_burst_per_min,
                self.provisioned_burst.started(now),
            ),
        ];
        for namespace in &self.namespaces {
            if namespace.limit_mb.is_some() || namespace.used_mb > 0 {
                tree.push(node("namespace", &namespace.name, "MB", namespace.limit_mb, namespace.used_mb));
            }
            if let Some(own) = namespace.burst_limit {
                let started = namespace.burst.started(now);
                tree.push(node("namespace_burst", &namespace.name, "instances/min", Some(own), started));
            }
        }
        for function in &self.functions {
            if function.reserved_mb.is_some() || function.used_mb > 0 {
                let name = match function.name.as_str() {
                    "" => &function.id,
                    name => name,
                };
                let namespace = self.namespaces[function.namespace as usize].name.clone();
                tree.push(LimitView {
                    namespace,
                    ..node("function", name, "MB", function.reserved_mb, function.used_mb)
                });
            }
        }
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_unstable_by_key(|(id, _)| **id);
        for (id, rule) in rules {
            tree.push(node("alias", &id.0.to_string(), "instances", rule.limit, rule.used));
        }
        tree
    }

    /// Where a provision stands. Provisions of one pool share its instances, the older ones first.
    pub fn provision(&self, id: ProvisionId) -> Option<ProvisionCount> {
        let found = self.provisions.get(&id)?;
        let pool = self.pools[found.pool as usize].as_deref()?;
        let target = found.plan.target();
        let before: u64 = self
            .provisions
            .iter()
            .filter(|(other, provision)| provision.pool == found.pool && **other < id)
            .map(|(_, provision)| provision.plan.target())
            .sum();
        let ready = u64::from(pool.provisioned_ready).saturating_sub(before).min(target);
        Some(ProvisionCount { target, ready, failures: pool.failures })
    }

    /// The plan of a provision, to look ahead with.
    pub fn plan(&self, id: ProvisionId) -> Option<&crate::Plan> {
        self.provisions.get(&id).map(|found| &found.plan)
    }

    /// Whether there are starts that have not ended: an advance of the clock waits for them.
    pub fn is_starting(&self) -> bool {
        self.starting_mb > 0
    }

    /// Idle instances of a pool that are ready for the next request.
    pub fn idle_in(&self, pool: PoolId) -> u64 {
        let lists = |pool: &crate::pool::Pool| {
            u64::from(pool.list(Place::Idle).len) + u64::from(pool.list(Place::ProvisionedIdle).len)
        };
        self.find_pool(pool).map_or(0, lists)
    }
}
