//! What the core remembers: pools, instances, what is in use.

use crate::{Limits, Millis};
use sluice_domain::InstanceId;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// One revision's instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub u64);

/// What admission needs to know of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    pub namespace: String,
    pub memory_mb: u64,
}

/// The whole state of one scope.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) limits: Limits,
    pub(crate) pools: HashMap<PoolId, Pool>,
    pub(crate) instances: HashMap<InstanceId, Instance>,
    pub(crate) next_instance: u64,
    /// MB of requests that have or await an instance.
    pub(crate) busy_mb: u64,
    pub(crate) busy_instances: u64,
    pub(crate) namespace_busy_mb: HashMap<String, u64>,
    /// MB of instances that are being started: not yet visible in the host's free memory.
    pub(crate) starting_mb: u64,
    pub(crate) burst: Burst,
    /// Idle instances to look at, each at most once in each queue, oldest first.
    pub(crate) freeze_due: VecDeque<Due>,
    pub(crate) expiry_due: VecDeque<Due>,
}

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub spec: PoolSpec,
    /// Most recently used last.
    pub idle: Vec<InstanceId>,
    pub alive: u64,
    pub ever_started: bool,
    pub last_died: bool,
    pub retired: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub pool: PoolId,
    pub state: InstanceState,
    pub idle_since: Millis,
    pub frozen: bool,
    pub in_freeze_queue: bool,
    pub in_expiry_queue: bool,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    Starting { request: crate::RequestSeq },
    Busy,
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub at: Millis,
    pub instance: InstanceId,
}

/// New instances in the current minute of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Burst {
    pub minute: Millis,
    pub started: u64,
}

/// A pool as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    pub pool: PoolId,
    pub memory_mb: u64,
    pub alive: u64,
    pub idle: u64,
}

impl State {
    /// `first_instance` is the number of the first instance; the engine gives each scope its own range.
    pub fn new(limits: Limits, first_instance: u64) -> Self {
        Self {
            limits,
            pools: HashMap::new(),
            instances: HashMap::new(),
            next_instance: first_instance,
            busy_mb: 0,
            busy_instances: 0,
            namespace_busy_mb: HashMap::new(),
            starting_mb: 0,
            burst: Burst::default(),
            freeze_due: VecDeque::new(),
            expiry_due: VecDeque::new(),
        }
    }

    /// When [`crate::Event::Tick`] is wanted next, if at all.
    pub fn next_due(&self) -> Option<Millis> {
        let first = |queue: &VecDeque<Due>| queue.front().map(|due| due.at);
        [first(&self.freeze_due), first(&self.expiry_due)].into_iter().flatten().min()
    }

    /// MB of requests that run or wait for their instance (spec: CON-01).
    pub fn busy_mb(&self) -> u64 {
        self.busy_mb
    }

    pub fn busy_instances(&self) -> u64 {
        self.busy_instances
    }

    pub fn instance_count(&self) -> usize {
        self.instances.len()
    }

    pub fn is_open(&self, pool: PoolId) -> bool {
        self.pools.get(&pool).is_some_and(|pool| !pool.retired)
    }

    pub fn instance_state(&self, instance: InstanceId) -> Option<(PoolId, InstanceState, bool)> {
        self.instances.get(&instance).map(|found| (found.pool, found.state, found.frozen))
    }

    pub fn pools(&self) -> Vec<PoolView> {
        let mut views: BTreeMap<PoolId, PoolView> = BTreeMap::new();
        for (id, pool) in &self.pools {
            let view =
                PoolView { pool: *id, memory_mb: pool.spec.memory_mb, alive: pool.alive, idle: pool.idle.len() as u64 };
            views.insert(*id, view);
        }
        views.into_values().collect()
    }
}
