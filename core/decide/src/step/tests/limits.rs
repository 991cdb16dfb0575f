//! The limits that are counted in memory: region, namespace, reservation.

use super::*;

#[test]
fn concurrency_is_counted_in_memory() {
    // spec: CON-12
    // spec: OVL-01 (in the model)
    let mut world = World::new(Limits { concurrency_mb: Some(256), ..limits() });
    world.open(0, spec("small", "1", 128));
    world.open(1, spec("large", "1", 256));
    let a = world.run(0);
    world.run(0);
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
    assert_eq!(world.state.busy_mb(), 256);
    world.done(a);
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::Account));
    assert_eq!(world.run(0), a);
}

#[test]
fn idle_instances_use_nothing() {
    let mut world = World::with_functions(Limits { concurrency_mb: Some(256), ..limits() }, 2);
    let (a, b) = (world.run(0), world.run(0));
    world.done(a);
    world.done(b);
    assert_eq!(world.fill(1), (2, Throttle::Account));
}

#[test]
fn over_the_shared_quota_calls_are_refused() {
    // spec: QSY-02 (in the model)
    let mut world = World::with_functions(limits(), 2);
    for _ in 0..4 {
        world.run(0);
    }
    assert_eq!(world.fill(1), (4, Throttle::Account));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
}

#[test]
fn one_function_may_use_what_the_others_do_not() {
    // spec: CON-14
    let mut world = World::with_functions(limits(), 3);
    world.reserve("f1", Some(256));
    assert_eq!(world.fill(0), (6, Throttle::Account));
    assert_eq!(refused(&world.arrive(2)), Some(Throttle::Account));
}

#[test]
fn a_flood_does_not_reach_a_function_with_a_reservation() {
    // spec: CON-15
    let mut world = World::with_functions(limits(), 2);
    world.reserve("f1", Some(128));
    world.fill(0);
    for _ in 0..50 {
        assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
        let instance = world.run(1);
        world.done(instance);
    }
}

#[test]
fn what_nobody_may_reserve_serves_all_others() {
    // spec: QSY-03 (what is left for functions without reservation)
    // spec: RSV-02
    let huge = Limits { concurrency_mb: Some(128_000), burst_per_min: None, ..limits() };
    let mut world = World::with_functions(huge, 2);
    world.reserve("f1", Some(115_200));
    assert_eq!(world.fill(0), (100, Throttle::Account));
    assert_eq!(world.state.busy_mb(), 12_800);
}

#[test]
fn regions_are_apart() {
    // spec: QSY-04 (in the model)
    let (mut here, mut there) = (World::with_functions(limits(), 1), World::with_functions(limits(), 1));
    here.fill(0);
    assert_eq!(refused(&here.arrive(0)), Some(Throttle::Account));
    there.run(0);
}

#[test]
fn versions_share_the_functions_reservation() {
    // spec: QSY-05
    // spec: RSV-01
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.open(1, spec("f", "2", 128));
    world.reserve("f", Some(384));
    world.run(0);
    let second = world.run(1);
    world.run(1);
    for pool in [0, 1] {
        assert_eq!(refused(&world.arrive(pool)), Some(Throttle::Reserved));
    }
    world.done(second);
    world.run(0);
}

#[test]
fn a_reservation_of_zero_stops_the_function() {
    // spec: RSV-05 (in the model)
    let mut world = World::with_functions(limits(), 1);
    let warm = world.run(0);
    world.done(warm);
    world.provide(1, 0, fixed(1));
    world.ready_all();
    world.reserve("f0", Some(0));
    for _ in 0..3 {
        assert_eq!(refused(&world.arrive(0)), Some(Throttle::Reserved));
    }
}

#[test]
fn a_reservation_of_zero_stops_instances_with_room() {
    // spec: RSV-05 (in the model)
    let mut world = World::new(limits());
    world.open(0, PoolSpec { concurrency: 10, ..spec("f", "1", 128) });
    world.run(0);
    world.reserve("f", Some(0));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Reserved));
}

#[test]
fn without_a_reservation_the_function_shares_again() {
    // spec: RSV-06
    let mut world = World::with_functions(limits(), 1);
    world.reserve("f0", Some(0));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Reserved));
    world.reserve("f0", None);
    assert_eq!(world.fill(0), (8, Throttle::Account));
}

#[test]
fn a_reservation_stays_in_mb_when_memory_changes() {
    // spec: RSV-08
    // spec: CON-12
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.reserve("f", Some(512));
    assert_eq!(world.fill(0), (4, Throttle::Reserved));
    // More memory is another version; what runs of the old one counts until it is done.
    world.open(1, PoolSpec { replaces: Some(PoolId(0)), ..spec("f", "2", 256) });
    world.feed(Event::PoolRetired { pool: PoolId(0) });
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::Reserved));
    let old: Vec<_> = world.state.instances().map(|instance| instance.instance).collect();
    for instance in old {
        world.done(instance);
    }
    assert_eq!(world.fill(1), (2, Throttle::Reserved));
}

#[test]
fn reservations_move_what_runs_between_the_shares() {
    let mut world = World::with_functions(limits(), 2);
    let busy: Vec<_> = (0..4).map(|_| world.run(0)).collect();
    assert_eq!(world.used("unreserved", "", "MB"), 512);
    world.reserve("f0", Some(512));
    assert_eq!((world.used("unreserved", "", "MB"), world.used("function", "f0", "MB")), (0, 512));
    assert_eq!(world.fill(1), (4, Throttle::Account));
    world.reserve("f0", None);
    assert_eq!(world.used("unreserved", "", "MB"), 1024);
    for instance in busy {
        world.done(instance);
    }
    assert_eq!(world.used("unreserved", "", "MB"), 512);
}

#[test]
fn a_full_namespace_leaves_others_alone() {
    // spec: QUO-05 (in the model)
    let mut world = World::new(Limits { namespace_mb: BTreeMap::from([("a".into(), 256)]), ..limits() });
    world.open(0, PoolSpec { namespace: "a".into(), ..spec("f", "1", 128) });
    world.open(1, PoolSpec { namespace: "a".into(), ..spec("g", "1", 128) });
    world.open(2, PoolSpec { namespace: "b".into(), ..spec("h", "1", 128) });
    world.run(0);
    world.run(1);
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.throttle, refusal.limit, refusal.used), (Throttle::Namespace, 256, 256));
    assert_eq!(refusal.scope.as_deref(), Some("a"));
    assert_eq!(world.fill(2).1, Throttle::Account);
}

#[test]
fn a_namespace_limit_may_come_and_go() {
    // spec: QUO-05 (in the model)
    let mut world = World::with_functions(limits(), 1);
    world.run(0);
    world.change(|limits| limits.namespace_mb = BTreeMap::from([("default".into(), 128)]));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Namespace));
    world.change(|limits| limits.namespace_mb.clear());
    world.run(0);
}

#[test]
fn another_total_counts_at_once() {
    // spec: QUO-28 (in the model)
    let mut world = World::with_functions(limits(), 1);
    world.change(|limits| limits.concurrency_mb = Some(256));
    assert_eq!(world.fill(0), (2, Throttle::Account));
    world.change(|limits| limits.concurrency_mb = Some(512));
    assert_eq!(world.fill(0), (2, Throttle::Account));
}
