//! The core as its users see it: events in, commands out.

use super::step;
use crate::{
    Command, Event, Limits, Millis, PoolId, PoolSpec, ProvisionId, RequestSeq, RuleId, State, StopReason, Trigger,
};
use sluice_domain::{Dialect, InstanceId, ProvisionConfig, Refusal, Throttle, TrackingStep};
use std::collections::BTreeMap;

mod burst;
mod causes;
mod limits;
mod on_demand;
mod planned;
mod provisioned;
mod queue;
mod receipts;
mod scenarios;
mod settings;
mod shared;

const MINUTE: Millis = 60_000;
const PLENTY: u64 = 1 << 20;

fn limits() -> Limits {
    Limits {
        dialect: Dialect::Scf,
        concurrency_mb: Some(1024),
        namespace_mb: BTreeMap::new(),
        instances: None,
        burst_per_min: Some(100),
        namespace_burst_per_min: BTreeMap::new(),
        start_interval_http_ms: None,
        start_interval_other_ms: None,
        provisioned_burst_per_min: Some(100),
        provisioned_burst_adaptive: false,
        keep_alive_ms: 1000,
        keep_alive_adaptive: false,
        freeze_after_ms: Some(100),
        queue_depth: 0,
        queue_ms: 0,
        schedule_tz: "UTC".to_owned(),
        tracking_tick_s: 10,
        tracking_in_window_s: 600,
        tracking_in_step: TrackingStep::Full,
    }
}

fn spec(function: &str, version: &str, memory_mb: u64) -> PoolSpec {
    PoolSpec {
        namespace: "default".to_owned(),
        function: format!("id of {function}"),
        name: function.to_owned(),
        version: version.to_owned(),
        memory_mb,
        concurrency: 1,
        replaces: None,
    }
}

fn fixed(target: u64) -> ProvisionConfig {
    ProvisionConfig { target, ..ProvisionConfig::default() }
}

struct World {
    state: State,
    now: Millis,
    next: u64,
    free_mib: u64,
    /// Ordered and not yet up.
    starting: Vec<InstanceId>,
}

impl World {
    fn new(limits: Limits) -> Self {
        Self { state: State::new(limits, 1), now: 0, next: 0, free_mib: PLENTY, starting: Vec::new() }
    }

    /// Functions of 128 MB, one version each, called f0, f1 and so on.
    fn with_functions(limits: Limits, count: u32) -> Self {
        let mut world = Self::new(limits);
        for pool in 0..count {
            world.open(pool, spec(&format!("f{pool}"), "1", 128));
        }
        world
    }

    fn open(&mut self, pool: u32, spec: PoolSpec) {
        assert_eq!(self.feed(Event::PoolOpened { pool: PoolId(pool), spec }), []);
    }

    fn feed(&mut self, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        step(&mut self.state, self.now, event, &mut out);
        self.starting.extend(started(&out));
        out
    }

    fn arrive(&mut self, pool: u32) -> Vec<Command> {
        self.arrive_as(pool, None, Trigger::Http)
    }

    fn arrive_as(&mut self, pool: u32, rule: Option<u32>, trigger: Trigger) -> Vec<Command> {
        self.next += 1;
        let (request, free_mib) = (RequestSeq(self.next), self.free_mib);
        self.feed(Event::Arrived { request, pool: PoolId(pool), rule: rule.map(RuleId), trigger, free_mib })
    }

    /// Arrives and is let in: the instance that got it, and whether that was started for it.
    fn serve(&mut self, pool: u32) -> (InstanceId, bool) {
        self.serve_as(pool, None)
    }

    fn serve_as(&mut self, pool: u32, rule: Option<u32>) -> (InstanceId, bool) {
        match self.arrive_as(pool, rule, Trigger::Http).as_slice() {
            [Command::Dispatch { instance, .. }] => (*instance, false),
            [Command::Start { instance, request: Some(_), .. }] => {
                let instance = *instance;
                assert_eq!(dispatched(&self.ready(instance)), [(self.next, instance)]);
                (instance, true)
            }
            other => panic!("not let in: {other:?}"),
        }
    }

    fn run(&mut self, pool: u32) -> InstanceId {
        self.serve(pool).0
    }

    /// Calls at once until one is refused: how many were let in, and why the next was not.
    fn fill(&mut self, pool: u32) -> (usize, Throttle) {
        for count in 0..1000 {
            let commands = self.arrive(pool);
            if let Some(throttle) = refused(&commands) {
                return (count, throttle);
            }
            self.ready_all();
        }
        panic!("no limit");
    }

    fn ready(&mut self, instance: InstanceId) -> Vec<Command> {
        self.starting.retain(|other| *other != instance);
        self.feed(Event::Ready { instance })
    }

    fn ready_all(&mut self) -> Vec<Command> {
        let starting = std::mem::take(&mut self.starting);
        starting.into_iter().flat_map(|instance| self.feed(Event::Ready { instance })).collect()
    }

    fn start_fails(&mut self, instance: InstanceId) -> Vec<Command> {
        self.starting.retain(|other| *other != instance);
        self.feed(Event::StartFailed { instance })
    }

    fn done(&mut self, instance: InstanceId) -> Vec<Command> {
        self.feed(Event::Done { instance, reusable: true })
    }

    /// Lets time pass, with each tick when it is due; what starts is up at once.
    fn until(&mut self, at: Millis) -> Vec<Command> {
        let mut all = Vec::new();
        while let Some(due) = self.state.next_due().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            all.extend(self.feed(Event::Tick));
            all.extend(self.ready_all());
        }
        self.now = at;
        all
    }

    fn provide(&mut self, provision: u32, pool: u32, config: ProvisionConfig) -> Vec<Command> {
        let (provision, pool) = (ProvisionId(provision), PoolId(pool));
        let since = self.state.wall(self.now);
        self.feed(Event::ProvisionChanged { provision, pool, config, since })
    }

    fn reserve(&mut self, function: &str, reserved_mb: Option<u64>) -> Vec<Command> {
        self.feed(Event::FunctionChanged { function: format!("id of {function}"), reserved_mb, debug: false })
    }

    fn change(&mut self, change: impl FnOnce(&mut Limits)) -> Vec<Command> {
        let mut limits = self.state.limits().clone();
        change(&mut limits);
        self.feed(Event::LimitsChanged(Box::new(limits)))
    }

    fn rule(&mut self, rule: u32, instances: Option<u64>) -> Vec<Command> {
        self.feed(Event::RuleChanged { rule: RuleId(rule), instances })
    }

    /// Provisioned instances of a pool: those that are up, those there are, those there should be.
    fn provisioned(&self, pool: u32) -> (u64, u64, u64) {
        let pool = self.state.pools().into_iter().find(|found| found.pool == PoolId(pool)).expect("an open pool");
        (pool.provisioned_ready, pool.provisioned, pool.provisioned_target)
    }

    fn used(&self, kind: &str, name: &str, unit: &str) -> u64 {
        let tree = self.state.limit_tree(self.now);
        let found = tree.iter().find(|node| (node.kind, node.name.as_str(), node.unit) == (kind, name, unit));
        found.map_or(0, |node| node.used)
    }
}

fn started(commands: &[Command]) -> Vec<InstanceId> {
    let of = |command: &Command| match command {
        Command::Start { instance, .. } => Some(*instance),
        _ => None,
    };
    commands.iter().filter_map(of).collect()
}

fn dispatched(commands: &[Command]) -> Vec<(u64, InstanceId)> {
    let of = |command: &Command| match command {
        Command::Dispatch { request, instance } => Some((request.0, *instance)),
        _ => None,
    };
    commands.iter().filter_map(of).collect()
}

fn stopped(commands: &[Command]) -> Vec<(InstanceId, StopReason)> {
    let of = |command: &Command| match command {
        Command::Stop { instance, reason } => Some((*instance, *reason)),
        _ => None,
    };
    commands.iter().filter_map(of).collect()
}

fn refusal(commands: &[Command]) -> Refusal {
    match commands {
        [Command::Refuse { refusal, .. }] => (**refusal).clone(),
        other => panic!("not refused: {other:?}"),
    }
}

fn refused(commands: &[Command]) -> Option<Throttle> {
    match commands {
        [Command::Refuse { refusal, .. }] => Some(refusal.throttle),
        _ => None,
    }
}

#[test]
fn an_idle_instance_is_used_again_and_a_busy_one_is_not() {
    // spec: CON-02
    let mut world = World::with_functions(limits(), 1);
    let first = world.run(0);
    world.done(first);
    assert_eq!(world.run(0), first);
    assert_ne!(world.run(0), first);
}

#[test]
fn an_instance_has_one_request_at_a_time() {
    // spec: CON-03
    // spec: RQC-01
    let mut world = World::with_functions(limits(), 1);
    let mut busy: Vec<InstanceId> = (0..8).map(|_| world.run(0)).collect();
    busy.sort_unstable();
    busy.dedup();
    assert_eq!(busy.len(), 8);
    assert!(busy.iter().all(|instance| world.state.instance(*instance).unwrap().in_flight == 1));
}

#[test]
fn the_most_recently_used_instance_comes_first() {
    let mut world = World::with_functions(limits(), 1);
    let (a, b) = (world.run(0), world.run(0));
    world.done(a);
    world.done(b);
    assert_eq!(world.run(0), b);
    assert_eq!(world.run(0), a);
}

#[test]
fn versions_never_share_instances() {
    // spec: CON-11
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.open(1, spec("f", "2", 128));
    let first = world.run(0);
    world.done(first);
    assert_ne!(world.run(1), first);
    assert_eq!(world.run(0), first);
}

#[test]
fn idle_instances_are_frozen_then_reclaimed() {
    // spec: CON-09
    let mut world = World::with_functions(limits(), 1);
    let instance = world.run(0);
    world.done(instance);
    assert_eq!(world.state.next_due(), Some(100));
    world.now = 99;
    assert_eq!(world.feed(Event::Tick), []);
    world.now = 100;
    assert_eq!(world.feed(Event::Tick), [Command::Freeze { instance }]);
    assert_eq!(world.feed(Event::Tick), []);
    world.now = 999;
    assert_eq!(world.run(0), instance);
    world.done(instance);
    world.now = 1500;
    assert_eq!(world.feed(Event::Tick), [Command::Freeze { instance }]);
    world.now = 1999;
    let stop = Command::Stop { instance, reason: StopReason::Idle { idle_ms: 1000 } };
    assert_eq!(world.feed(Event::Tick), [stop]);
    assert_eq!((world.state.instance_count(), world.state.next_due()), (0, None));
}

#[test]
fn a_shorter_keep_alive_counts_at_once() {
    let mut world = World::with_functions(limits(), 1);
    let instance = world.run(0);
    world.done(instance);
    world.change(|limits| limits.keep_alive_ms = 300);
    world.until(299);
    assert_eq!(world.state.instance_count(), 1);
    assert_eq!(stopped(&world.until(300)), [(instance, StopReason::Idle { idle_ms: 300 })]);
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut world = World::with_functions(limits(), 1);
    world.now = 5000;
    let instance = world.run(0);
    world.now = 10;
    world.done(instance);
    assert_eq!(world.state.next_due(), Some(5100));
    assert_eq!(world.feed(Event::Tick), []);
}

#[test]
fn too_little_memory_evicts_whose_time_is_most_nearly_over_or_refuses() {
    let mut world = World::with_functions(limits(), 3);
    let old = world.run(0);
    world.done(old);
    world.now = 50;
    let young = world.run(1);
    world.done(young);
    world.free_mib = 64;
    let commands = world.arrive(2);
    assert_eq!(stopped(&commands), [(old, StopReason::MemoryPressure)]);
    // What starts is not in the host's figure yet: all that is free is spoken for.
    let commands = world.arrive(2);
    assert_eq!(stopped(&commands), [(young, StopReason::MemoryPressure)]);
    assert_eq!(started(&commands).len(), 1);
    assert_eq!(refused(&world.arrive(2)), Some(Throttle::HostMemory));
}

#[test]
fn an_eviction_that_would_not_free_enough_ends_nothing() {
    let mut world = World::with_functions(limits(), 1);
    world.open(1, spec("large", "1", 1024));
    let idle = world.run(0);
    world.done(idle);
    world.free_mib = 64;
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::HostMemory));
    assert_eq!(world.run(0), idle);
}

#[test]
fn what_is_unknown_is_passed_over() {
    let mut world = World::with_functions(limits(), 1);
    let gone = world.run(0);
    world.feed(Event::Died { instance: gone });
    let after = format!("{:?}", world.state);
    for event in [
        Event::Ready { instance: gone },
        Event::StartFailed { instance: gone },
        Event::Done { instance: gone, reusable: true },
        Event::Died { instance: InstanceId(u64::MAX) },
        Event::GaveUp { request: RequestSeq(77), pool: PoolId(0) },
        Event::GaveUp { request: RequestSeq(77), pool: PoolId(99) },
        Event::PoolRetired { pool: PoolId(99) },
        Event::ProvisionRemoved { provision: ProvisionId(9) },
        Event::ProvisionChanged { provision: ProvisionId(9), pool: PoolId(99), config: fixed(3), since: 0 },
        Event::RuleChanged { rule: RuleId(4), instances: None },
    ] {
        assert_eq!(world.feed(event), []);
    }
    assert_eq!(format!("{:?}", world.state), after);
}

#[test]
fn opening_twice_changes_nothing() {
    let mut world = World::with_functions(limits(), 1);
    let before = format!("{:?}", world.state);
    world.open(0, spec("another", "9", 256));
    assert_eq!(format!("{:?}", world.state), before);
}
