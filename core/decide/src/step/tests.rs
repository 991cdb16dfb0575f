use super::*;
use crate::Limits;
use std::collections::BTreeMap;

fn limits() -> Limits {
    Limits {
        concurrency_mb: Some(1024),
        namespace_mb: BTreeMap::new(),
        instances: None,
        burst_per_min: Some(100),
        keep_alive_ms: 1000,
        freeze_after_ms: 100,
    }
}

struct World {
    state: State,
    now: Millis,
    next: u64,
}

impl World {
    fn new(limits: Limits) -> Self {
        Self { state: State::new(limits, 1), now: 0, next: 0 }
    }
    fn open(&mut self, pool: u64, namespace: &str, memory_mb: u64) {
        let spec = PoolSpec { namespace: namespace.into(), memory_mb };
        self.feed(Event::PoolOpened { pool: PoolId(pool), spec });
    }
    fn feed(&mut self, event: Event) -> Vec<Command> {
        step(&mut self.state, self.now, event)
    }
    fn arrive(&mut self, pool: u64) -> Vec<Command> {
        self.next += 1;
        self.feed(Event::Arrived { request: RequestSeq(self.next), pool: PoolId(pool), free_mib: 1 << 20 })
    }
    /// Arrives, starts if need be, and returns the instance that got the request.
    fn run(&mut self, pool: u64) -> InstanceId {
        match self.arrive(pool).as_slice() {
            [Command::Dispatch { instance, .. }] => *instance,
            [Command::Start { instance, .. }] => {
                let instance = *instance;
                self.feed(Event::Ready { instance });
                instance
            }
            other => panic!("{other:?}"),
        }
    }
    fn done(&mut self, instance: InstanceId) -> Vec<Command> {
        self.feed(Event::Done { instance, reusable: true })
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
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    let first = world.run(1);
    world.done(first);
    assert_eq!(world.run(1), first);
    assert_ne!(world.run(1), first);
}

#[test]
fn the_most_recently_used_instance_comes_first() {
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    let (a, b) = (world.run(1), world.run(1));
    world.done(a);
    world.done(b);
    assert_eq!(world.run(1), b);
    assert_eq!(world.run(1), a);
}

#[test]
fn revisions_never_share_instances() {
    // spec: CON-11
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    world.open(2, "default", 128);
    let first = world.run(1);
    world.done(first);
    assert_ne!(world.run(2), first);
}

#[test]
fn concurrency_is_counted_in_memory() {
    let mut world = World::new(Limits { concurrency_mb: Some(256), ..limits() });
    world.open(1, "default", 128);
    let a = world.run(1);
    world.run(1);
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::Account));
    assert_eq!(world.state.busy_mb(), 256);
    world.done(a);
    assert_eq!(refused(&world.arrive(1)), None);
}

#[test]
fn a_full_namespace_leaves_others_alone() {
    // spec: QUO-05 (in the model)
    let mut world = World::new(Limits { namespace_mb: BTreeMap::from([("a".into(), 256)]), ..limits() });
    world.open(1, "a", 128);
    world.open(2, "b", 128);
    world.run(1);
    world.run(1);
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::Namespace));
    assert_eq!(refused(&world.arrive(2)), None);
}

#[test]
fn burst_counts_starts_of_all_functions_until_the_minute_turns() {
    let mut world = World::new(Limits { burst_per_min: Some(2), ..limits() });
    world.open(1, "default", 128);
    world.open(2, "default", 128);
    world.run(1);
    world.run(2);
    world.now = 59_000;
    let Some(Command::Refuse { refusal, .. }) = world.arrive(1).pop() else { panic!("not refused") };
    assert_eq!((refusal.throttle, refusal.retry_after_ms), (Throttle::Burst, Some(1000)));
    world.now = 60_000;
    assert_eq!(refused(&world.arrive(1)), None);
}

#[test]
fn idle_instances_are_frozen_then_reclaimed() {
    // spec: CON-09
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    let instance = world.run(1);
    world.done(instance);
    assert_eq!(world.state.next_due(), Some(100));
    world.now = 99;
    assert!(world.feed(Event::Tick).is_empty());
    world.now = 100;
    assert_eq!(world.feed(Event::Tick), [Command::Freeze { instance }]);
    assert!(world.feed(Event::Tick).is_empty());
    world.now = 999;
    assert_eq!(world.run(1), instance);
    world.done(instance);
    world.now = 1500;
    assert_eq!(world.feed(Event::Tick), [Command::Freeze { instance }]);
    world.now = 1999;
    assert_eq!(world.feed(Event::Tick), [Command::Stop { instance, reason: StopReason::Idle }]);
    assert_eq!(world.state.instance_count(), 0);
    assert_eq!(world.state.next_due(), None);
}

#[test]
fn a_retired_pool_drains() {
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    let (busy, idle) = (world.run(1), world.run(1));
    world.done(idle);
    assert_eq!(
        world.feed(Event::PoolRetired { pool: PoolId(1) }),
        [Command::Stop { instance: idle, reason: StopReason::Retired }]
    );
    assert_eq!(world.done(busy), [Command::Stop { instance: busy, reason: StopReason::Retired }]);
    assert_eq!((world.state.busy_mb(), world.state.instance_count()), (0, 0));
}

#[test]
fn too_little_memory_evicts_the_least_recently_used_or_refuses() {
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    world.open(2, "default", 128);
    let old = world.run(1);
    world.done(old);
    let event = |seq| Event::Arrived { request: RequestSeq(seq), pool: PoolId(2), free_mib: 64 };
    let commands = world.feed(event(100));
    assert!(
        matches!(commands.as_slice(), [Command::Stop { instance, reason: StopReason::MemoryPressure }, Command::Start { .. }] if *instance == old)
    );
    assert_eq!(refused(&world.feed(event(101))), Some(Throttle::HostMemory));
}

#[test]
fn an_eviction_that_would_not_free_enough_ends_nothing() {
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    world.open(2, "default", 1024);
    let idle = world.run(1);
    world.done(idle);
    let event = Event::Arrived { request: RequestSeq(100), pool: PoolId(2), free_mib: 64 };
    assert_eq!(refused(&world.feed(event)), Some(Throttle::HostMemory));
    assert_eq!(world.run(1), idle);
}

#[test]
fn cold_starts_say_why() {
    let mut world = World::new(limits());
    world.open(1, "default", 128);
    let reason = |commands: Vec<Command>| match commands.as_slice() {
        [Command::Start { reason, instance, .. }] => (*reason, *instance),
        other => panic!("{other:?}"),
    };
    let (why, first) = reason(world.arrive(1));
    assert_eq!(why, ColdReason::FirstCall);
    world.feed(Event::Ready { instance: first });
    let (why, second) = reason(world.arrive(1));
    assert_eq!(why, ColdReason::AllBusy);
    world.feed(Event::StartFailed { instance: second });
    world.feed(Event::Done { instance: first, reusable: false });
    let (why, third) = reason(world.arrive(1));
    assert_eq!(why, ColdReason::Crashed);
    world.feed(Event::Ready { instance: third });
    world.done(third);
    world.now = 5000;
    world.feed(Event::Tick);
    assert_eq!(reason(world.arrive(1)).0, ColdReason::ScaledFromZero);
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[derive(Clone, Debug)]
    enum Op {
        Arrive(u64),
        Ready(usize),
        Fail(usize),
        Done(usize, bool),
        Die(usize),
        Retire(u64),
        Advance(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (0..3u64).prop_map(Op::Arrive),
            4 => any::<prop::sample::Index>().prop_map(|i| Op::Ready(i.index(64))),
            1 => any::<prop::sample::Index>().prop_map(|i| Op::Fail(i.index(64))),
            5 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(i, ok)| Op::Done(i.index(64), ok)),
            1 => any::<prop::sample::Index>().prop_map(|i| Op::Die(i.index(64))),
            1 => (0..3u64).prop_map(Op::Retire),
            2 => (0..700u64).prop_map(Op::Advance),
        ]
    }

    proptest! {
        /// No limit is exceeded at any instant, no capacity is lost, an instance never has two requests, and
        /// every request is dispatched, started for or refused exactly once.
        #[test]
        fn invariants_hold(ops in prop::collection::vec(op(), 1..200)) {
            let mut world = World::new(Limits { concurrency_mb: Some(640), burst_per_min: Some(7), ..limits() });
            let mut busy: Vec<InstanceId> = Vec::new();
            let mut starting: Vec<InstanceId> = Vec::new();
            let mut stopped: HashSet<InstanceId> = HashSet::new();
            for op in ops {
                let commands = match op {
                    Op::Arrive(pool) => {
                        world.open(pool, "default", 128);
                        if !world.state.is_open(PoolId(pool)) { continue }
                        world.arrive(pool)
                    }
                    Op::Ready(i) if !starting.is_empty() => {
                        let instance = starting.swap_remove(i % starting.len());
                        world.feed(Event::Ready { instance })
                    }
                    Op::Fail(i) if !starting.is_empty() => {
                        let instance = starting.swap_remove(i % starting.len());
                        world.feed(Event::StartFailed { instance })
                    }
                    Op::Done(i, reusable) if !busy.is_empty() => {
                        let instance = busy.swap_remove(i % busy.len());
                        world.feed(Event::Done { instance, reusable })
                    }
                    Op::Die(i) if !busy.is_empty() => {
                        let instance = busy.swap_remove(i % busy.len());
                        world.feed(Event::Died { instance })
                    }
                    Op::Retire(pool) => world.feed(Event::PoolRetired { pool: PoolId(pool) }),
                    Op::Advance(by) => { world.now += by; world.feed(Event::Tick) }
                    _ => continue,
                };
                for command in commands {
                    match command {
                        Command::Dispatch { instance, .. } => {
                            prop_assert!(!busy.contains(&instance) && !stopped.contains(&instance));
                            busy.push(instance);
                        }
                        Command::Start { instance, .. } => starting.push(instance),
                        Command::Stop { instance, .. } => {
                            prop_assert!(!busy.contains(&instance) && !starting.contains(&instance));
                            prop_assert!(stopped.insert(instance), "stopped twice");
                        }
                        Command::Freeze { instance } => prop_assert!(!busy.contains(&instance)),
                        Command::Refuse { .. } => {}
                    }
                }
                let running = (busy.len() + starting.len()) as u64;
                prop_assert_eq!(world.state.busy_instances(), running);
                prop_assert_eq!(world.state.busy_mb(), running * 128);
                prop_assert!(world.state.busy_mb() <= 640);
                // Deciding twice at one instant changes nothing.
                let again = world.feed(Event::Tick);
                if !again.is_empty() {
                    for command in again {
                        if let Command::Stop { instance, .. } = command { stopped.insert(instance); }
                    }
                    prop_assert!(world.feed(Event::Tick).is_empty());
                }
            }
        }
    }
}
