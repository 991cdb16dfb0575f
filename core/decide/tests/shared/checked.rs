//! The real core with the naive one beside it: after each event both must say the same, and nothing that must never
//! happen may have happened.

use super::naive::{Instance, Naive, Pool, Seat, Wanted};
use sluice_decide::{Command, Event, Limits, Millis, PoolId, RequestSeq, State, StopReason, step};
use sluice_domain::{ColdReason, InstanceId};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It has just arrived.
    New,
    Bound(InstanceId),
    /// It waits for an instance of its pool that is coming up.
    Riding,
    Waiting {
        since: Millis,
        until: Millis,
    },
    In(InstanceId),
}

#[derive(Clone)]
pub struct Checked {
    pub state: State,
    pub naive: Naive,
    pub requests: BTreeMap<u64, (Wanted, Phase)>,
    pub next_request: u64,
    /// Answers given, by kind: served, refused, failed, sent back.
    pub answered: [u64; 4],
    /// Decide each event twice, on a copy, and look whether both times the same comes out.
    pub twice: bool,
    charged_now: Vec<InstanceId>,
}

impl Checked {
    pub fn new(limits: Limits) -> Self {
        Self {
            state: State::new(limits.clone(), 3),
            naive: Naive::new(limits),
            requests: BTreeMap::new(),
            next_request: 0,
            answered: [0; 4],
            twice: false,
            charged_now: Vec::new(),
        }
    }

    pub fn now(&self) -> Millis {
        self.naive.now
    }

    /// Lets time pass with each tick when it is due.
    pub fn advance(&mut self, until: Millis) -> Vec<Command> {
        let mut all = Vec::new();
        let mut ticks = 0;
        while let Some(due) = self.state.next_due().filter(|due| *due <= until) {
            all.extend(self.event_at(due.max(self.now()), Event::Tick));
            ticks += 1;
            assert!(ticks < 100_000, "ticks without end at {due}");
        }
        // A tick that is early finds nothing.
        assert_eq!(self.event_at(self.now().max(until), Event::Tick), []);
        all
    }

    pub fn arrive(&mut self, wanted: Wanted) -> Vec<Command> {
        self.next_request += 1;
        let request = RequestSeq(self.next_request);
        let Wanted { pool, rule, trigger, free_mib } = wanted;
        self.requests.insert(request.0, (wanted, Phase::New));
        self.event(Event::Arrived { request, pool: PoolId(pool), rule, trigger, free_mib })
    }

    /// One request of an instance ends.
    pub fn done(&mut self, instance: InstanceId, which: usize, reusable: bool) -> Vec<Command> {
        let found = self.naive.instances.get_mut(&instance).expect("an instance");
        let request = found.requests.swap_remove(which % found.requests.len());
        self.requests.remove(&request);
        self.event(Event::Done { instance, reusable })
    }

    pub fn event(&mut self, event: Event) -> Vec<Command> {
        self.event_at(self.now(), event)
    }

    pub fn event_at(&mut self, now: Millis, event: Event) -> Vec<Command> {
        self.naive.now = self.now().max(now);
        let expected = self.expect(&event);
        let mut out = Vec::new();
        let copy = self.twice.then(|| self.state.clone());
        step(&mut self.state, now, event.clone(), &mut out);
        if let Some(mut copy) = copy {
            let mut again = Vec::new();
            step(&mut copy, now, event.clone(), &mut again);
            assert_eq!(out, again, "{event:?} decided twice");
        }
        self.before(&event);
        for command in &out {
            self.apply(&event, command);
        }
        self.after(&event);
        self.look();
        if let Some(expected) = expected {
            self.check_arrival(&expected, &event, &out);
        }
        self.check_charges(&event);
        self.check_sums();
        self.check_pools();
        self.check_queues(&event);
        out
    }

    fn expect(&self, event: &Event) -> Option<Expected> {
        let Event::Arrived { request, pool, .. } = event else { return None };
        let open = self.naive.pools.get(&pool.0).is_some_and(|pool| !pool.retired);
        let wanted = self.requests[&request.0].0.clone();
        if !open {
            return Some(Expected { seat: None, start: None, queued: 0, unbound: 0 });
        }
        let start = self.naive.admit(pool.0, true, wanted.rule).or_else(|| self.naive.admit_start(&wanted));
        let start = start.or_else(|| (!self.naive.has_memory(&wanted)).then_some(sluice_domain::Throttle::HostMemory));
        let (queued, unbound) = (self.naive.pools[&pool.0].queue.len() as u64, self.unbound(pool.0));
        Some(Expected { seat: Some(self.naive.seat(&wanted)), start, queued, unbound })
    }

    pub fn unbound(&self, pool: u32) -> u64 {
        let unbound = |instance: &&Instance| instance.pool == pool && instance.unbound && !instance.up;
        self.naive.instances.values().filter(unbound).count() as u64
    }

    /// What an event itself says.
    fn before(&mut self, event: &Event) {
        self.charged_now.clear();
        let naive = &mut self.naive;
        match event {
            Event::PoolOpened { pool, spec } => {
                let new = Pool { spec: spec.clone(), retired: false, queue: VecDeque::new(), last_start: None };
                naive.pools.entry(pool.0).or_insert(new);
            }
            Event::PoolRetired { pool } => {
                if let Some(pool) = naive.pools.get_mut(&pool.0) {
                    pool.retired = true;
                }
            }
            Event::FunctionChanged { function, reserved_mb, debug } => {
                naive.functions.insert(function.clone(), (*reserved_mb, *debug));
            }
            Event::FunctionRemoved { function } => drop(naive.functions.remove(function)),
            Event::RuleChanged { rule, instances: Some(limit) } => drop(naive.rules.insert(*rule, *limit)),
            Event::RuleChanged { rule, instances: None } => drop(naive.rules.remove(rule)),
            Event::LimitsChanged(limits) => naive.limits = (**limits).clone(),
            Event::Ready { instance } => self.comes_up(*instance),
            Event::StartFailed { instance } => self.start_fails(*instance),
            Event::Done { instance, reusable: true } => self.idle_if_empty(*instance),
            Event::Done { instance, reusable: false } => self.drop_requests(*instance),
            Event::Died { instance } if self.naive.instances.get(instance).is_some_and(|found| !found.up) => {
                self.start_fails(*instance);
            }
            Event::Died { instance } => self.drop_requests(*instance),
            _ => {}
        }
    }

    fn comes_up(&mut self, id: InstanceId) {
        let order = self.next_order();
        let now = self.now();
        let Some(instance) = self.naive.instances.get_mut(&id) else { return };
        instance.up = true;
        if instance.bound.is_none() {
            (instance.charged, instance.rule) = (false, None);
            (instance.idle_since, instance.idle_order) = (now, order);
        }
    }

    fn start_fails(&mut self, id: InstanceId) {
        let Some(instance) = self.naive.instances.remove(&id) else { return };
        if let Some(request) = instance.bound {
            // Whoever carried the start out has told it.
            self.requests.remove(&request);
            self.answered[2] += 1;
        }
    }

    fn idle_if_empty(&mut self, id: InstanceId) {
        let order = self.next_order();
        let now = self.now();
        let Some(instance) = self.naive.instances.get_mut(&id).filter(|found| found.requests.is_empty()) else {
            return;
        };
        (instance.charged, instance.rule) = (false, None);
        (instance.idle_since, instance.idle_order) = (now, order);
    }

    fn drop_requests(&mut self, id: InstanceId) {
        if let Some(instance) = self.naive.instances.get_mut(&id) {
            for request in instance.requests.drain(..) {
                self.requests.remove(&request);
            }
        }
    }

    fn next_order(&mut self) -> u64 {
        self.naive.order += 1;
        self.naive.order
    }

    fn apply(&mut self, event: &Event, command: &Command) {
        match command {
            Command::Dispatch { request, instance } => self.dispatched(request.0, *instance),
            Command::Start { instance, pool, request, cause } => {
                self.started(*instance, pool.0, request.map(|request| request.0), cause.reason);
            }
            Command::Wait { request } => self.waits(request.0),
            Command::Refuse { request, .. } => {
                let (wanted, phase) = self.requests.remove(&request.0).expect("refused: a request");
                self.answered[1] += 1;
                match phase {
                    Phase::New => {}
                    Phase::Waiting { until, since } => {
                        let gave_up = matches!(event, Event::GaveUp { request: of, .. } if of == request);
                        assert!(gave_up || until <= self.now(), "refused early: since {since}, until {until}");
                        self.pool(wanted.pool).queue.retain(|other| *other != request.0);
                    }
                    other => panic!("refused while {other:?}"),
                }
            }
            Command::Redirect { request } => {
                let (wanted, phase) = self.requests.remove(&request.0).expect("sent back: a request");
                self.answered[3] += 1;
                assert!(matches!(phase, Phase::New | Phase::Waiting { .. }));
                if let Some(pool) = self.naive.pools.get_mut(&wanted.pool) {
                    assert!(pool.retired, "sent back though the version is there");
                    pool.queue.retain(|other| *other != request.0);
                }
            }
            Command::Fail { request, instance } => self.failed(event, request.0, *instance),
            Command::Stop { instance, reason } => self.stopped(event, *instance, *reason),
            Command::Freeze { instance } => {
                let found = self.naive.instances.get(instance).expect("frozen: an instance");
                assert!(found.is_idle(), "frozen while it has a request");
            }
        }
    }

    fn pool(&mut self, pool: u32) -> &mut Pool {
        self.naive.pools.get_mut(&pool).expect("a pool")
    }

    fn dispatched(&mut self, request: u64, id: InstanceId) {
        let (wanted, phase) = self.requests.get_mut(&request).expect("dispatched: a request");
        let (pool, rule) = (wanted.pool, wanted.rule);
        let was = std::mem::replace(phase, Phase::In(id));
        self.answered[0] += 1;
        let node = self.naive.pools.get_mut(&pool).expect("dispatched: a pool");
        let instance = self.naive.instances.get_mut(&id).expect("dispatched: an instance");
        assert!(instance.up && instance.pool == pool, "dispatched to {instance:?}");
        match was {
            Phase::New => assert!(node.queue.is_empty() && !node.retired, "dispatched past the queue"),
            Phase::Waiting { .. } => assert_eq!(node.queue.pop_front(), Some(request), "not first in, first out"),
            Phase::Bound(bound) => assert_eq!(bound, id, "another than was started for it"),
            Phase::Riding => {}
            Phase::In(_) => panic!("dispatched twice"),
        }
        instance.requests.push(request);
        instance.bound = None;
        assert!(instance.requests.len() <= node.spec.concurrency as usize, "more than it takes");
        if !instance.charged {
            instance.charged = true;
            instance.rule = rule.filter(|_| !instance.provisioned);
            self.charged_now.push(id);
        }
    }

    fn started(&mut self, id: InstanceId, pool: u32, request: Option<u64>, reason: ColdReason) {
        let provisioned = reason == ColdReason::Provisioned;
        let own = self.naive.own_burst(pool).map(str::to_owned);
        let now = self.now();
        let ahead = provisioned || reason == ColdReason::Expected;
        let front = self.naive.pools[&pool].queue.front().copied();
        // Without a request it is for the first who waits, or for the one who has just come.
        let for_whom = request.or(front).or_else(|| self.requests.keys().next_back().copied()).filter(|_| !ahead);
        let rule = for_whom.and_then(|request| self.requests[&request].0.rule);
        assert!(!self.naive.pools[&pool].retired, "started in a retired pool");
        if let Some(request) = request {
            let (_, phase) = self.requests.get_mut(&request).expect("started for a request");
            assert_eq!(std::mem::replace(phase, Phase::Bound(id)), Phase::New);
        }
        let instance = Instance {
            pool,
            provisioned,
            up: false,
            charged: !ahead,
            unbound: !ahead && request.is_none(),
            bound: request,
            rule,
            requests: Vec::new(),
            idle_since: now,
            idle_order: 0,
            seen_in_flight: 0,
            draining: false,
        };
        assert!(self.naive.instances.insert(id, instance).is_none(), "an id given out twice");
        if provisioned {
            self.naive.provisioned_starts.push(now / 60_000);
        } else {
            self.naive.starts.push((now / 60_000, own));
            self.pool(pool).last_start = Some(now);
        }
        if !ahead {
            self.charged_now.push(id);
        }
    }

    fn waits(&mut self, request: u64) {
        let now = self.now();
        let until = now + self.naive.limits.queue_ms;
        let (wanted, phase) = self.requests.get(&request).cloned().expect("waits: a request");
        // It was told to wait already: then it has got an instance that is coming up.
        let rides = match phase {
            Phase::New => self.naive.pools[&wanted.pool].queue.is_empty() && self.naive.seat(&wanted) == Seat::Ride,
            Phase::Waiting { .. } => {
                assert_eq!(self.pool(wanted.pool).queue.pop_front(), Some(request), "not first in, first out");
                true
            }
            other => panic!("waits while {other:?}"),
        };
        let phase = if rides { Phase::Riding } else { Phase::Waiting { since: now, until } };
        if !rides {
            self.pool(wanted.pool).queue.push_back(request);
        }
        self.requests.insert(request, (wanted, phase));
    }

    fn failed(&mut self, event: &Event, request: u64, id: InstanceId) {
        let of = match event {
            Event::StartFailed { instance } | Event::Died { instance } => *instance,
            other => panic!("a failure after {other:?}"),
        };
        assert_eq!(of, id);
        let (wanted, phase) = self.requests.remove(&request).expect("failed: a request");
        self.answered[2] += 1;
        match phase {
            Phase::Riding => {}
            Phase::Waiting { .. } => {
                assert_eq!(self.pool(wanted.pool).queue.pop_front(), Some(request), "not the first hears of it");
            }
            other => panic!("failed while {other:?}"),
        }
    }

    fn stopped(&mut self, event: &Event, id: InstanceId, reason: StopReason) {
        let instance = self.naive.instances.remove(&id).expect("stopped: an instance");
        assert!(instance.up && instance.requests.is_empty(), "stopped with a request: {instance:?}");
        let idle = self.now() - instance.idle_since;
        match reason {
            StopReason::Idle { idle_ms } => {
                assert_eq!(idle_ms, idle);
                assert!(!instance.provisioned && idle >= self.naive.limits.keep_alive_ms, "reclaimed after {idle}");
            }
            StopReason::Retired => assert!(self.naive.pools[&instance.pool].retired),
            StopReason::MemoryPressure => assert!(!instance.provisioned),
            StopReason::Released => assert!(instance.provisioned),
            StopReason::Unusable => {
                let of = matches!(event, Event::Done { instance, reusable: false } | Event::Died { instance } if *instance == id);
                assert!(of, "unusable after {event:?}");
            }
        }
    }

    fn after(&mut self, event: &Event) {
        let alive: Vec<u32> = self.naive.instances.values().map(|instance| instance.pool).collect();
        self.naive.pools.retain(|pool, found| !found.retired || alive.contains(pool));
        if let Event::Arrived { request, .. } = event {
            let phase = self.requests.get(&request.0).map(|(_, phase)| phase);
            assert_ne!(phase, Some(&Phase::New), "an arrival without an answer");
        }
    }

    /// Takes over what cannot be seen from outside: which instances drain, and who rides with whom.
    fn look(&mut self) {
        for (id, instance) in &mut self.naive.instances {
            let view = self.state.instance(*id).expect("an instance that the core knows");
            assert_eq!((view.pool.0, view.provisioned), (instance.pool, instance.provisioned));
            instance.seen_in_flight = view.in_flight;
            instance.draining = view.state == "draining" || self.naive.pools[&instance.pool].retired;
            if instance.up {
                assert_eq!(view.in_flight as usize, instance.requests.len(), "{instance:?}");
                assert_eq!(view.idle_ms, instance.is_idle().then(|| self.naive.now - instance.idle_since));
            }
        }
    }
}

/// What should become of an arrival.
pub struct Expected {
    /// None when its version is gone.
    pub seat: Option<Seat>,
    /// What keeps an instance from being started for it.
    pub start: Option<sluice_domain::Throttle>,
    pub queued: u64,
    pub unbound: u64,
}

#[path = "checks.rs"]
mod checks;
