//! What a refusal tells.

use super::*;
use sluice_domain::Retry;

fn holders(refusal: &Refusal) -> Vec<(&str, u64)> {
    refusal.holders.iter().map(|holder| (holder.name.as_str(), holder.used)).collect()
}

#[test]
fn the_largest_holders_come_first() {
    let mut world = World::with_functions(Limits { concurrency_mb: Some(22 * 128), ..limits() }, 7);
    for (pool, calls) in [(0, 1), (1, 2), (2, 6), (3, 3), (4, 4), (5, 5), (6, 1)] {
        for _ in 0..calls {
            world.run(pool);
        }
    }
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.limit, refusal.used, refusal.scope.as_deref()), (2816, 2816, None));
    assert_eq!(holders(&refusal), [("f2", 768), ("f5", 640), ("f4", 512), ("f3", 384), ("f1", 256)]);
}

#[test]
fn those_with_a_reservation_hold_nothing_of_the_others() {
    let mut world = World::with_functions(limits(), 2);
    world.reserve("f1", Some(512));
    world.run(1);
    world.fill(0);
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.limit, refusal.used), (512, 512));
    assert_eq!(holders(&refusal), [("f0", 512)]);
}

#[test]
fn a_reservation_names_the_versions_that_use_it() {
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.open(1, spec("f", "2", 128));
    world.reserve("f", Some(384));
    world.run(0);
    world.run(1);
    world.run(1);
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.limit, refusal.used, refusal.scope.as_deref()), (384, 384, Some("f")));
    assert_eq!(holders(&refusal), [("f:2", 256), ("f:1", 128)]);
}

#[test]
fn a_retry_is_worth_it_after_the_holders_usual_time() {
    let mut world = World::with_functions(Limits { concurrency_mb: Some(128), ..limits() }, 2);
    for _ in 0..3 {
        let instance = world.run(0);
        world.now += 800;
        world.done(instance);
    }
    world.run(0);
    assert_eq!(refusal(&world.arrive(1)).retry, Retry::About { after_ms: 800 });
}

#[test]
fn where_more_run_the_first_is_done_sooner() {
    let mut world = World::with_functions(limits(), 1);
    let instance = world.run(0);
    world.now = 800;
    world.done(instance);
    world.fill(0);
    assert_eq!(refusal(&world.arrive(0)).retry, Retry::About { after_ms: 100 });
}

#[test]
fn a_limit_below_one_instance_is_never_passed() {
    let mut world = World::with_functions(Limits { concurrency_mb: Some(100), ..limits() }, 1);
    let refusal = refusal(&world.arrive(0));
    assert_eq!((refusal.limit, refusal.used, refusal.retry), (100, 0, Retry::Never));
}

#[test]
fn a_host_without_memory_may_have_some_later() {
    let mut world = World::with_functions(limits(), 1);
    world.free_mib = 0;
    assert_ne!(refusal(&world.arrive(0)).retry, Retry::Never);
}

#[test]
fn a_spent_burst_names_who_started_also_if_done() {
    let mut world = World::with_functions(Limits { burst_per_min: Some(3), ..limits() }, 3);
    for pool in [1, 1, 0] {
        let instance = world.run(pool);
        world.feed(Event::Done { instance, reusable: false });
    }
    assert_eq!(holders(&refusal(&world.arrive(2))), [("f1", 2), ("f0", 1)]);
    world.now = MINUTE;
    for _ in 0..3 {
        world.run(2);
    }
    assert_eq!(holders(&refusal(&world.arrive(2))), [("f2", 3)]);
}

#[test]
fn an_alias_is_held_by_its_function() {
    let mut world = World::with_functions(limits(), 1);
    world.rule(1, Some(1));
    world.serve_as(0, Some(1));
    let refusal = refusal(&world.arrive_as(0, Some(1), Trigger::Http));
    assert_eq!((refusal.throttle, refusal.limit, refusal.used), (Throttle::FunctionInstances, 1, 1));
    assert_eq!((refusal.scope.as_deref(), holders(&refusal)), (Some("f0"), vec![("f0", 1)]));
}
