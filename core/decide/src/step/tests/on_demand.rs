//! The limits that are counted in on-demand instances: of the region and of single aliases.

use super::*;

fn fc(instances: u64) -> Limits {
    Limits {
        dialect: Dialect::Fc,
        concurrency_mb: None,
        burst_per_min: None,
        provisioned_burst_per_min: None,
        instances: Some(instances),
        ..limits()
    }
}

/// Calls at once through one alias until one is refused.
fn fill(world: &mut World, rule: u32) -> (usize, Throttle) {
    for count in 0..100 {
        if let Some(throttle) = refused(&world.arrive_as(0, Some(rule), Trigger::Http)) {
            return (count, throttle);
        }
        world.ready_all();
    }
    panic!("no limit");
}

#[test]
fn a_region_has_so_many_on_demand_instances() {
    // spec: FOD-01
    // spec: FOD-04 (in the model)
    let mut world = World::with_functions(fc(3), 2);
    let first = world.run(0);
    world.run(0);
    world.run(1);
    for pool in [0, 1] {
        let refusal = refusal(&world.arrive(pool));
        assert_eq!((refusal.throttle, refusal.limit, refusal.used), (Throttle::RegionInstances, 3, 3));
    }
    world.done(first);
    world.run(1);
}

#[test]
fn zero_forbids_all_calls() {
    // spec: FOD-06
    let mut world = World::with_functions(fc(300), 1);
    world.rule(1, Some(0));
    assert_eq!(fill(&mut world, 1), (0, Throttle::FunctionInstances));
    // Calls by another name are free.
    world.run(0);
}

#[test]
fn zero_forbids_calls_to_instances_that_have_room() {
    // spec: FOD-06
    let mut world = World::new(fc(300));
    world.open(0, PoolSpec { concurrency: 10, ..spec("f", "1", 128) });
    world.serve_as(0, Some(1));
    world.rule(1, Some(0));
    assert_eq!(fill(&mut world, 1), (0, Throttle::FunctionInstances));
    world.run(0);
    assert_eq!(fill(&mut world, 1), (0, Throttle::FunctionInstances));
}

#[test]
fn zero_leaves_the_provisioned_ones() {
    // spec: FOD-07
    let mut world = World::with_functions(fc(300), 1);
    world.rule(1, Some(0));
    world.provide(1, 0, fixed(2));
    world.ready_all();
    assert_eq!(fill(&mut world, 1), (2, Throttle::FunctionInstances));
}

#[test]
fn without_provisioned_ones_the_limit_is_all() {
    // spec: FOD-08
    let mut world = World::with_functions(fc(300), 1);
    world.rule(1, Some(2));
    assert_eq!(fill(&mut world, 1), (2, Throttle::FunctionInstances));
}

#[test]
fn provisioned_ones_come_on_top() {
    // spec: FOD-09
    let mut world = World::with_functions(fc(300), 1);
    world.rule(1, Some(2));
    world.provide(1, 0, fixed(3));
    world.ready_all();
    assert_eq!(fill(&mut world, 1), (5, Throttle::FunctionInstances));
    assert_eq!(world.used("region", "", "instances"), 2);
}

#[test]
fn aliases_have_limits_of_their_own() {
    // spec: FOD-10
    let mut world = World::with_functions(fc(300), 1);
    world.rule(1, Some(1));
    world.rule(2, Some(3));
    assert_eq!(fill(&mut world, 1), (1, Throttle::FunctionInstances));
    assert_eq!(fill(&mut world, 2), (3, Throttle::FunctionInstances));
}

#[test]
fn aliases_with_limits_do_not_share_instances() {
    // spec: FOD-10
    let mut world = World::new(fc(300));
    world.open(0, PoolSpec { concurrency: 2, ..spec("f", "1", 128) });
    world.rule(1, Some(1));
    let (one, _) = world.serve_as(0, Some(1));
    let (other, _) = world.serve_as(0, Some(2));
    assert_ne!(one, other);
    // Each finds its own instance with room, whichever was used last.
    assert_eq!(world.serve_as(0, Some(1)), (one, false));
    assert_eq!(refused(&world.arrive_as(0, Some(1), Trigger::Http)), Some(Throttle::FunctionInstances));
    // Where there is no limit, a name makes no difference.
    assert_eq!(world.serve_as(0, None), (other, false));
}

#[test]
fn a_limit_counts_what_runs_already() {
    let mut world = World::with_functions(fc(300), 1);
    let busy: Vec<_> = (0..3).map(|_| world.serve_as(0, Some(1)).0).collect();
    world.rule(1, Some(2));
    assert_eq!(world.used("alias", "1", "instances"), 3);
    assert_eq!(fill(&mut world, 1).0, 0);
    world.done(busy[0]);
    assert_eq!(fill(&mut world, 1).0, 0);
    world.done(busy[1]);
    assert_eq!(fill(&mut world, 1).0, 1);
}

#[test]
fn a_limit_may_go_and_come_back_while_its_instances_run() {
    let mut world = World::with_functions(fc(300), 1);
    world.rule(1, Some(5));
    let busy: Vec<_> = (0..2).map(|_| world.serve_as(0, Some(1)).0).collect();
    world.rule(1, None);
    world.done(busy[0]);
    world.rule(1, Some(5));
    assert_eq!(world.used("alias", "1", "instances"), 1);
    world.rule(1, None);
    world.done(busy[1]);
    assert!(world.state.rules.is_empty());
}
