//! How fast new instances may be started.

use super::*;
use sluice_domain::Retry;

fn slow(burst: u64) -> Limits {
    Limits { burst_per_min: Some(burst), concurrency_mb: Some(128_000), ..limits() }
}

#[test]
fn all_functions_share_the_starts_of_a_minute() {
    // spec: BUR-01
    let mut world = World::with_functions(slow(5), 2);
    for pool in [0, 1, 0, 1, 0] {
        world.run(pool);
    }
    for pool in [0, 1] {
        assert_eq!(refused(&world.arrive(pool)), Some(Throttle::Burst));
    }
}

#[test]
fn a_spent_burst_is_back_when_the_minute_turns() {
    // spec: BUR-02 (in the model)
    let mut world = World::with_functions(slow(2), 2);
    world.run(0);
    world.run(1);
    world.now = 59_000;
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.throttle, refusal.limit, refusal.used), (Throttle::Burst, 2, 2));
    assert_eq!(refusal.retry, Retry::After { after_ms: 1000 });
    world.now = 60_000;
    assert_eq!(world.fill(0), (2, Throttle::Burst));
}

#[test]
fn only_new_instances_count() {
    let mut world = World::with_functions(slow(1), 1);
    let instance = world.run(0);
    for _ in 0..20 {
        world.done(instance);
        assert_eq!(world.serve(0), (instance, false));
    }
}

#[test]
fn the_documented_climb_takes_two_minutes() {
    // spec: BUR-03
    let mut world = World::with_functions(Limits { concurrency_mb: Some(10 * 128), ..slow(5) }, 1);
    assert_eq!(world.fill(0), (5, Throttle::Burst));
    world.now = MINUTE;
    assert_eq!(world.fill(0), (5, Throttle::Account));
    world.now = 2 * MINUTE;
    assert_eq!(world.fill(0), (0, Throttle::Account));
}

#[test]
fn provisioned_starts_have_a_pace_of_their_own() {
    // spec: BUR-05
    let mut world = World::with_functions(Limits { provisioned_burst_per_min: Some(5), ..slow(3) }, 1);
    assert_eq!(started(&world.provide(1, 0, fixed(10))).len(), 5);
    world.ready_all();
    assert_eq!((world.used("burst", "", "instances/min"), world.provisioned(0)), (0, (5, 5, 10)));
    world.until(MINUTE - 1);
    assert_eq!(world.provisioned(0).0, 5);
    world.until(MINUTE);
    assert_eq!(world.provisioned(0), (10, 10, 10));
    // Three more than are provided for: none of the minute's elastic starts is spent.
    assert_eq!(world.fill(0), (13, Throttle::Burst));
}

#[test]
fn provisioned_pools_share_their_pace_and_all_get_there() {
    let mut world = World::with_functions(Limits { provisioned_burst_per_min: Some(4), ..slow(0) }, 2);
    world.provide(1, 0, fixed(6));
    world.provide(2, 1, fixed(6));
    world.ready_all();
    assert_eq!((world.provisioned(0).0, world.provisioned(1).0), (4, 0));
    world.until(MINUTE);
    assert_eq!((world.provisioned(0).0, world.provisioned(1).0), (6, 2));
    world.until(2 * MINUTE);
    assert_eq!((world.provisioned(0).0, world.provisioned(1).0), (6, 6));
}

#[test]
fn adaptive_speed_goes_after_what_is_missing() {
    // spec: BUR-06
    let adaptive = Limits { provisioned_burst_per_min: Some(5), provisioned_burst_adaptive: true, ..slow(0) };
    let mut world = World::with_functions(adaptive, 1);
    assert_eq!(started(&world.provide(1, 0, fixed(10))).len(), 5);
    let mut world = World::with_functions(world.state.limits().clone(), 1);
    assert_eq!(started(&world.provide(1, 0, fixed(100))).len(), 20);
    world.ready_all();
    world.until(10 * MINUTE);
    assert_eq!(world.provisioned(0), (100, 100, 100));
}

#[test]
fn a_raised_burst_counts_at_once() {
    // spec: BUR-08
    let mut world = World::with_functions(slow(1), 1);
    assert_eq!(world.fill(0), (1, Throttle::Burst));
    world.change(|limits| limits.burst_per_min = Some(3));
    assert_eq!(world.fill(0), (2, Throttle::Burst));
    world.change(|limits| limits.provisioned_burst_per_min = Some(1));
    assert_eq!(started(&world.provide(1, 0, fixed(4))).len(), 1);
    assert_eq!(started(&world.change(|limits| limits.provisioned_burst_per_min = Some(3))).len(), 2);
    assert_eq!(started(&world.change(|limits| limits.provisioned_burst_per_min = None)).len(), 1);
}

#[test]
fn a_namespace_may_have_a_burst_of_its_own() {
    // spec: BUR-08
    let mut world = World::new(Limits { namespace_burst_per_min: BTreeMap::from([("a".into(), 3)]), ..slow(2) });
    world.open(0, PoolSpec { namespace: "a".into(), ..spec("f", "1", 128) });
    world.open(1, spec("g", "1", 128));
    assert_eq!(world.fill(0), (3, Throttle::Burst));
    assert_eq!(refusal(&world.arrive(0)).scope.as_deref(), Some("a"));
    assert_eq!(world.fill(1), (2, Throttle::Burst));
    let refusal = refusal(&world.arrive(1));
    assert_eq!((refusal.scope, refusal.holders.len(), refusal.holders[0].name.as_str()), (None, 1, "g"));
}

#[test]
fn azure_apps_get_an_instance_a_second_or_one_in_thirty() {
    let azure = Limits {
        start_interval_http_ms: Some(1000),
        start_interval_other_ms: Some(30_000),
        burst_per_min: None,
        ..slow(0)
    };
    let mut world = World::with_functions(azure, 2);
    world.run(0);
    world.now = 400;
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.throttle, refusal.limit, refusal.used), (Throttle::StartInterval, 1000, 400));
    assert_eq!(refusal.retry, Retry::After { after_ms: 600 });
    // Each app has a pace of its own.
    world.run(1);
    world.now = 1000;
    world.run(0);
    world.now = 30_999;
    assert_eq!(refused(&world.arrive_as(0, None, Trigger::Other)), Some(Throttle::StartInterval));
    world.now = 31_000;
    assert_eq!(started(&world.arrive_as(0, None, Trigger::Other)).len(), 1);
}
