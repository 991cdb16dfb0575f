//! Pools, the functions they belong to, and namespaces: the nodes of the limit tree.

use crate::{
    Millis,
    instances::{List, Lists, Place},
};
use serde::{Deserialize, Serialize};
use sluice_domain::StartCause;
use std::collections::VecDeque;

/// One version's instances. Numbers are small: the engine counts them up from zero in each scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PoolId(pub u32);

/// An on-demand limit of one function through one alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleId(pub u32);

/// A setting that keeps instances started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProvisionId(pub u32);

/// What decisions need to know of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSpec {
    pub namespace: String,
    /// What all versions of the function share; not shown to people.
    pub function: String,
    /// The function's name, for people.
    pub name: String,
    /// The version, for people.
    pub version: String,
    pub memory_mb: u64,
    /// Requests that one instance takes at a time.
    pub concurrency: u32,
    /// The pool of the previous code, whose habits it takes over.
    pub replaces: Option<PoolId>,
}

/// What a timer is for. A pool has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Timer {
    Freeze,
    Expire,
    Expected,
    Retry,
    Waiting,
    /// Of a provision, not of a pool.
    Plan,
    /// Of the whole scope.
    Minute,
}

pub(crate) const POOL_TIMERS: usize = 5;
pub(crate) const UNARMED: Millis = Millis::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub spec: PoolSpec,
    pub function: u32,
    pub namespace: u32,
    pub lists: Lists,
    /// Instances, those that start included.
    pub alive: u32,
    pub starting: u32,
    /// Instances with a request, those that start for one included.
    pub busy: u32,
    /// Requests in instances.
    pub in_flight: u32,
    /// Started for the waiting requests of this pool as a whole.
    pub unbound_starts: u32,
    /// Provisioned instances that stay, and those of them that are up.
    pub provisioned: u32,
    pub provisioned_ready: u32,
    pub provisioned_target: u64,
    /// Rounds of provisioned starts that failed since one did not.
    pub failures: u32,
    /// One came up and died before any request, and none has stayed since.
    pub frail: bool,
    /// Why there is no instance, once there was one.
    pub gone: Option<StartCause>,
    pub retired: bool,
    pub last_start: Option<Millis>,
    pub load: Meter,
    pub armed: [Millis; POOL_TIMERS],
    /// How many instances in use made up the last one's rank, when its end was reckoned.
    pub expiry_rank: u32,
    pub waiting: VecDeque<Waiting>,
    pub expected_until: Millis,
    pub habits: crate::Habits,
    /// Of instances that are gone.
    pub usage: Usage,
}

/// Instance time, which bills are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Provisioned instances from ready to gone, and of that with a request.
    pub provisioned_ms: Millis,
    pub provisioned_busy_ms: Millis,
    /// On-demand instances with a request; requests that overlap in one instance count once.
    pub on_demand_busy_ms: Millis,
    /// On-demand instances from ready to gone.
    pub on_demand_ms: Millis,
}

impl Usage {
    pub(crate) fn add(&mut self, other: Usage) {
        self.provisioned_ms += other.provisioned_ms;
        self.provisioned_busy_ms += other.provisioned_busy_ms;
        self.on_demand_busy_ms += other.on_demand_busy_ms;
        self.on_demand_ms += other.on_demand_ms;
    }
}

/// A request that waits for any instance of its pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub request: crate::RequestSeq,
    pub rule: Option<RuleId>,
    pub trigger: crate::Trigger,
    pub free_mib: u64,
    pub since: Millis,
    pub until: Millis,
}

/// Requests in flight over time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    /// Requests times milliseconds up to `at`.
    pub sum: u64,
    pub at: Millis,
}

/// Where a meter stood when somebody last looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    sum: u64,
    at: Millis,
}

impl Meter {
    pub fn advance(&mut self, now: Millis, in_flight: u32) {
        self.sum += u64::from(in_flight) * now.saturating_sub(self.at);
        self.at = now;
    }
    /// The mean since the last look, in thousandths, and looks. What was longer ago than `longest` says nothing about
    /// the present: then it is the number of now.
    pub fn look(&mut self, now: Millis, in_flight: u32, last: &mut Look, longest: Millis) -> u64 {
        self.advance(now, in_flight);
        let (sum, span) = (self.sum - last.sum, now.saturating_sub(last.at));
        *last = Look { sum: self.sum, at: now };
        let mean = (sum * 1000).checked_div(span).filter(|_| span <= longest);
        mean.unwrap_or(u64::from(in_flight) * 1000)
    }
}

impl Pool {
    pub fn new(spec: PoolSpec, function: u32, namespace: u32, now: Millis, habits: crate::Habits) -> Self {
        Self {
            spec,
            function,
            namespace,
            lists: [List::EMPTY; 5],
            alive: 0,
            starting: 0,
            busy: 0,
            in_flight: 0,
            unbound_starts: 0,
            provisioned: 0,
            provisioned_ready: 0,
            provisioned_target: 0,
            failures: 0,
            frail: false,
            gone: None,
            retired: false,
            last_start: None,
            load: Meter { at: now, ..Meter::default() },
            armed: [UNARMED; POOL_TIMERS],
            expiry_rank: 0,
            waiting: VecDeque::new(),
            expected_until: 0,
            habits,
            usage: Usage::default(),
        }
    }
    /// Habits are of instances. Where one takes several requests, only every so many-th makes a difference.
    pub fn learn_arrival(&mut self, now: Millis) {
        let (load, room) = (self.in_flight + self.waiting.len() as u32, self.spec.concurrency);
        if room <= 1 {
            self.habits.arrived(now, load);
        } else if load.is_multiple_of(room) {
            self.habits.arrived(now, load / room);
        }
    }
    /// `ended` requests have left, and are not counted any more.
    pub fn learn_end(&mut self, now: Millis, ended: u32) {
        let of = |requests: u32| match self.spec.concurrency {
            0 | 1 => requests,
            room => requests.div_ceil(room),
        };
        let (before, left) = (of(self.in_flight + ended), of(self.in_flight));
        for load in (left..before).rev() {
            self.habits.ended(now, load);
        }
    }
    pub fn list(&self, place: Place) -> &List {
        &self.lists[place as usize]
    }
    pub fn idle(&self) -> u32 {
        self.list(Place::Idle).len + self.list(Place::ProvisionedIdle).len
    }
}

/// What all versions of a function share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub id: String,
    pub name: String,
    pub namespace: u32,
    pub reserved_mb: Option<u64>,
    pub debug: bool,
    /// MB and instances of its requests.
    pub used_mb: u64,
    pub busy: u64,
    /// Of these, on-demand ones.
    pub on_demand: u64,
    /// Where it stands among those in use.
    pub active: Option<u32>,
    pub pools: Vec<u32>,
    pub ever_started: bool,
    /// New instances in `minute`.
    pub minute: Millis,
    pub started: u64,
    /// Of pools that are gone.
    pub usage: Usage,
    /// Mean time that an instance is busy without a break, in milliseconds.
    pub mean_busy_ms: u64,
}

impl Function {
    /// What its reservation keeps from the others. Requests that ran when it was lowered count until they are done.
    pub fn claimed_mb(&self) -> u64 {
        self.reserved_mb.map_or(0, |reserved| reserved.max(self.used_mb))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Namespace {
    pub name: String,
    pub limit_mb: Option<u64>,
    pub used_mb: u64,
    pub burst_limit: Option<u64>,
    pub burst: Window,
}

/// Starts in the current minute of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub minute: Millis,
    pub started: u64,
}

impl Window {
    /// What has started in the minute of `now`.
    pub fn started(&self, now: Millis) -> u64 {
        if self.minute == now / 60_000 { self.started } else { 0 }
    }
    pub fn count(&mut self, now: Millis) {
        self.started = self.started(now) + 1;
        self.minute = now / 60_000;
    }
}

/// How long until the next minute of the clock begins.
pub(crate) fn until_next_minute(now: Millis) -> Millis {
    60_000 - now % 60_000
}
