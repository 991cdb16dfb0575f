//! Versions that come and go, and settings that change while requests run.

use super::*;

#[test]
fn a_retired_pool_drains() {
    let mut world = World::with_functions(limits(), 1);
    let (busy, idle) = (world.run(0), world.run(0));
    world.done(idle);
    let retired = world.feed(Event::PoolRetired { pool: PoolId(0) });
    assert_eq!(stopped(&retired), [(idle, StopReason::Retired)]);
    assert!(!world.state.is_open(PoolId(0)));
    assert_eq!(stopped(&world.done(busy)), [(busy, StopReason::Retired)]);
    assert_eq!((world.state.busy_mb(), world.state.instance_count()), (0, 0));
    assert!(world.state.pools().is_empty());
}

#[test]
fn what_starts_in_a_retired_pool_serves_its_request_and_goes() {
    let mut world = World::with_functions(limits(), 1);
    world.arrive(0);
    let instance = world.starting[0];
    assert_eq!(world.feed(Event::PoolRetired { pool: PoolId(0) }), []);
    assert_eq!(dispatched(&world.ready(instance)), [(1, instance)]);
    assert_eq!(stopped(&world.done(instance)), [(instance, StopReason::Retired)]);
    assert!(world.state.pools().is_empty());
}

#[test]
fn a_request_for_a_version_that_is_gone_is_sent_back() {
    let mut world = World::with_functions(limits(), 1);
    let busy = world.run(0);
    world.feed(Event::PoolRetired { pool: PoolId(0) });
    assert_eq!(world.arrive(0), [Command::Redirect { request: RequestSeq(2) }]);
    world.done(busy);
    assert_eq!(world.arrive(0), [Command::Redirect { request: RequestSeq(3) }]);
    assert_eq!(world.arrive(7), [Command::Redirect { request: RequestSeq(4) }]);
}

#[test]
fn retiring_one_version_leaves_the_others() {
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.open(1, spec("f", "2", 128));
    let (old, new) = (world.run(0), world.run(1));
    world.done(old);
    world.done(new);
    world.feed(Event::PoolRetired { pool: PoolId(0) });
    assert_eq!(world.run(1), new);
}

#[test]
fn a_reservation_outlives_its_versions() {
    let mut world = World::with_functions(limits(), 2);
    world.reserve("f0", Some(256));
    world.feed(Event::PoolRetired { pool: PoolId(0) });
    assert_eq!((world.state.reserved_mb(), world.fill(1).0), (256, 6));
    world.feed(Event::FunctionRemoved { function: "id of f0".to_owned() });
    assert_eq!(world.state.reserved_mb(), 0);
    assert_eq!(world.fill(1).0, 2);
}

#[test]
fn settings_may_come_before_the_first_version() {
    let mut world = World::new(limits());
    world.reserve("f", Some(128));
    world.open(0, spec("f", "1", 128));
    assert_eq!(world.fill(0), (1, Throttle::Reserved));
    let mut world = World::new(limits());
    world.feed(Event::FunctionChanged { function: "id of f".to_owned(), reserved_mb: None, debug: true });
    world.open(0, spec("f", "1", 128));
    assert_eq!(world.fill(0), (1, Throttle::Debug));
}

#[test]
fn a_debugged_function_has_one_instance() {
    let mut world = World::with_functions(limits(), 2);
    let debug = |debug| Event::FunctionChanged { function: "id of f0".to_owned(), reserved_mb: None, debug };
    world.feed(debug(true));
    let only = world.run(0);
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.throttle, refusal.limit, refusal.used), (Throttle::Debug, 1, 1));
    assert_eq!(refusal.scope.as_deref(), Some("f0"));
    world.run(1);
    world.done(only);
    assert_eq!(world.run(0), only);
    world.feed(debug(false));
    assert_ne!(world.run(0), only);
}

#[test]
fn a_limit_that_is_lowered_cuts_nobody() {
    let mut world = World::with_functions(limits(), 1);
    let busy: Vec<_> = (0..4).map(|_| world.run(0)).collect();
    assert_eq!(world.change(|limits| limits.concurrency_mb = Some(256)), []);
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
    for instance in &busy[..2] {
        assert_eq!(stopped(&world.done(*instance)), []);
        assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
    }
    world.done(busy[2]);
    assert_eq!(world.run(0), busy[2]);
}

#[test]
fn a_reservation_below_what_runs_takes_from_nobody_else() {
    let mut world = World::with_functions(limits(), 2);
    for _ in 0..6 {
        world.run(0);
    }
    // 768 MB run; 128 are reserved from now on. The others get what is really left.
    world.reserve("f0", Some(128));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Reserved));
    assert_eq!(world.fill(1), (2, Throttle::Account));
    assert_eq!(world.state.busy_mb(), 1024);
}

#[test]
fn a_function_that_is_gone_leaves_nothing() {
    let mut world = World::with_functions(limits(), 1);
    world.reserve("f0", Some(256));
    world.provide(1, 0, fixed(2));
    world.ready_all();
    let busy = world.run(0);
    world.feed(Event::ProvisionRemoved { provision: ProvisionId(1) });
    world.feed(Event::PoolRetired { pool: PoolId(0) });
    world.feed(Event::FunctionRemoved { function: "id of f0".to_owned() });
    world.done(busy);
    world.until(10 * MINUTE);
    assert_eq!((world.state.busy_mb(), world.state.reserved_mb(), world.state.instance_count()), (0, 0, 0));
    assert!(world.state.function_ids.is_empty() && world.state.provisions.is_empty());
    assert_eq!(world.state.next_due(), None);
}
