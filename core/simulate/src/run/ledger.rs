//! Instance time, reckoned from commands alone.

use sluice_decide::{Millis, PoolId, Usage};
use sluice_domain::{ColdReason, InstanceId, StartCause};
use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Copy, Debug)]
struct Instance {
    memory_mb: u64,
    provisioned: bool,
    ready_at: Option<Millis>,
    in_flight: u32,
    busy_since: Millis,
    busy_ms: Millis,
}

/// Instances that are there, and the time of those that are gone, by their memory.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    alive: HashMap<InstanceId, Instance>,
    /// All that were started, by their version.
    started: HashMap<PoolId, Vec<InstanceId>>,
    gone: BTreeMap<u64, Usage>,
}

impl Ledger {
    pub fn started(&mut self, instance: InstanceId, pool: PoolId, memory_mb: u64, cause: &StartCause) {
        self.started.entry(pool).or_default().push(instance);
        let provisioned = cause.reason == ColdReason::Provisioned;
        let new = Instance { memory_mb, provisioned, ready_at: None, in_flight: 0, busy_since: 0, busy_ms: 0 };
        self.alive.insert(instance, new);
    }

    /// The so-many-th of a version, from 0.
    pub fn nth(&self, pool: PoolId, start: usize) -> Option<InstanceId> {
        self.started.get(&pool)?.get(start).copied()
    }

    pub fn ready(&mut self, now: Millis, instance: InstanceId) {
        if let Some(found) = self.alive.get_mut(&instance) {
            found.ready_at = Some(now);
        }
    }

    pub fn failed(&mut self, instance: InstanceId) {
        self.alive.remove(&instance);
    }

    pub fn dispatched(&mut self, now: Millis, instance: InstanceId) {
        let Some(found) = self.alive.get_mut(&instance) else { return };
        if found.in_flight == 0 {
            found.busy_since = now;
        }
        found.in_flight += 1;
    }

    pub fn done(&mut self, now: Millis, instance: InstanceId) {
        let Some(found) = self.alive.get_mut(&instance) else { return };
        found.in_flight = found.in_flight.saturating_sub(1);
        if found.in_flight == 0 {
            found.busy_ms += now.saturating_sub(found.busy_since);
        }
    }

    pub fn stopped(&mut self, now: Millis, instance: InstanceId) {
        if let Some(found) = self.alive.remove(&instance) {
            found.add_to(now, &mut self.gone);
        }
    }

    pub fn usage_at(&self, now: Millis) -> Vec<(u64, Usage)> {
        let mut all = self.gone.clone();
        self.alive.values().for_each(|instance| instance.add_to(now, &mut all));
        all.into_iter().collect()
    }
}

impl Instance {
    fn add_to(&self, now: Millis, usages: &mut BTreeMap<u64, Usage>) {
        let Some(ready_at) = self.ready_at else { return };
        let alive = now.saturating_sub(ready_at);
        let running = if self.in_flight > 0 { now.saturating_sub(self.busy_since) } else { 0 };
        let usage = usages.entry(self.memory_mb).or_default();
        let (all, busy) = match self.provisioned {
            true => (&mut usage.provisioned_ms, &mut usage.provisioned_busy_ms),
            false => (&mut usage.on_demand_ms, &mut usage.on_demand_busy_ms),
        };
        *all += alive;
        *busy += self.busy_ms + running;
    }
}
