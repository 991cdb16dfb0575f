//! The documented ways to combine reservation and provisioned instances, and the switch between two versions.
//! The numbers are those of the documents or smaller ones in the same order.

use super::*;

/// One function with reservation and provisioned instances of 128 MB.
fn function(reserved: Option<u64>, provisioned: u64) -> World {
    let mut world = World::with_functions(Limits { concurrency_mb: Some(128_000), ..limits() }, 1);
    world.reserve("f0", reserved.map(|instances| instances * 128));
    world.provide(1, 0, fixed(provisioned));
    world.ready_all();
    world
}

/// That many calls at once: how many were served warm, after a start, and not at all.
fn load(world: &mut World, calls: u32) -> (u32, u32, u32) {
    let (mut warm, mut cold, mut none) = (0, 0, 0);
    for _ in 0..calls {
        let commands = world.arrive(0);
        match refused(&commands) {
            Some(throttle) => {
                assert_eq!(throttle, Throttle::Reserved);
                none += 1;
            }
            None if started(&commands).is_empty() => warm += 1,
            None => cold += 1,
        }
        world.ready_all();
    }
    (warm, cold, none)
}

fn all_done(world: &mut World) {
    let busy: Vec<_> = world.state.instances().filter(|one| one.in_flight > 0).map(|one| one.instance).collect();
    for instance in busy {
        world.done(instance);
    }
}

#[test]
fn provisioned_instances_do_not_change_how_much_can_run() {
    // spec: PRO-10
    // spec: QSY-07
    for provisioned in [0, 2, 4, 6] {
        let mut world = function(Some(4), provisioned);
        let (warm, cold, none) = load(&mut world, 8);
        assert_eq!((warm + cold, none), (4, 4), "{provisioned} provisioned");
        assert_eq!(world.state.busy_mb(), 512);
    }
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(20));
    world.ready_all();
    assert_eq!(world.fill(0), (8, Throttle::Account));
}

#[test]
fn default_each_first_call_starts_and_others_may_be_in_the_way() {
    // spec: PRO-11
    let mut world = World::with_functions(limits(), 2);
    assert!(world.serve(0).1 && world.serve(0).1);
    world.fill(1);
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
}

#[test]
fn shutdown_refuses_everything() {
    // spec: PRO-12
    assert_eq!(load(&mut function(Some(0), 0), 5), (0, 0, 5));
    assert_eq!(load(&mut function(Some(0), 3), 5), (0, 0, 5));
}

#[test]
fn a_reservation_alone_is_guaranteed_and_is_the_most() {
    // spec: PRO-13
    assert_eq!(load(&mut function(Some(3), 0), 4), (0, 3, 1));
}

#[test]
fn four_fifths_provisioned() {
    // spec: PRO-14
    assert_eq!(load(&mut function(Some(7), 4), 5), (4, 1, 0));
    let mut world = function(Some(150), 80);
    assert_eq!(load(&mut world, 100), (80, 20, 0));
    // They start once only.
    all_done(&mut world);
    assert_eq!(load(&mut world, 100), (100, 0, 0));
}

#[test]
fn all_of_the_load_provisioned() {
    // spec: PRO-15
    let mut world = function(Some(6), 4);
    assert_eq!(load(&mut world, 4), (4, 0, 0));
    assert_eq!(load(&mut world, 3), (0, 2, 1));
    all_done(&mut world);
    assert_eq!(load(&mut world, 7), (6, 0, 1));
}

#[test]
fn all_of_the_reservation_provisioned() {
    // spec: PRO-16
    let mut world = function(Some(6), 6);
    assert_eq!(load(&mut world, 8), (6, 0, 2));
    all_done(&mut world);
    assert_eq!(load(&mut world, 8), (6, 0, 2));
}

#[test]
fn more_provisioned_than_reserved_only_costs_more() {
    // spec: PRO-17
    let mut world = function(Some(3), 4);
    assert_eq!(world.provisioned(0), (4, 4, 4));
    assert_eq!(load(&mut world, 5), (3, 0, 2));
    all_done(&mut world);
    let idle = |instance: &crate::InstanceView| instance.in_flight == 0;
    assert_eq!(world.state.instances().filter(idle).count(), 4);
}

#[test]
fn traffic_moves_between_two_versions_without_a_start() {
    // spec: PRO-18
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.open(1, spec("f", "2", 128));
    world.reserve("f", Some(6 * 128));
    world.provide(1, 0, fixed(4));
    world.provide(2, 1, fixed(4));
    world.ready_all();
    for on_new in 0..=4 {
        let pools = (0..4).map(|call| u32::from(call < on_new));
        let served: Vec<_> = pools.map(|pool| world.serve(pool)).collect();
        assert!(served.iter().all(|(_, cold)| !cold), "{on_new} of 4 on the new version");
        for (instance, _) in served {
            world.done(instance);
        }
    }
    // Together they stay under the reservation.
    for pool in [0, 0, 0, 1, 1, 1] {
        world.run(pool);
    }
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Reserved));
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::Reserved));
}
