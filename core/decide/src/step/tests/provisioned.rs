//! Provisioned instances: kept, replaced, released.

use super::*;

#[test]
fn they_start_at_once_and_the_first_call_finds_one() {
    // spec: PRO-01
    let mut world = World::with_functions(limits(), 1);
    let ahead = started(&world.provide(1, 0, fixed(2)));
    assert_eq!(ahead.len(), 2);
    assert_eq!(world.provisioned(0), (0, 2, 2));
    world.ready_all();
    assert_eq!(world.provisioned(0), (2, 2, 2));
    let (first, second) = (world.serve(0), world.serve(0));
    assert!(!first.1 && !second.1 && ahead.contains(&first.0) && ahead.contains(&second.0));
}

#[test]
fn they_are_never_reclaimed() {
    // spec: PRO-03
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(2));
    world.ready_all();
    let used = world.run(0);
    world.done(used);
    assert_eq!(stopped(&world.until(60 * MINUTE)), []);
    assert_eq!(world.provisioned(0), (2, 2, 2));
    // Nor for another function that wants memory.
    world.open(1, spec("g", "1", 128));
    world.free_mib = 0;
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::HostMemory));
}

#[test]
fn a_dead_one_is_replaced() {
    // spec: PRO-04
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(2));
    world.ready_all();
    let busy = world.run(0);
    assert_eq!(started(&world.feed(Event::Done { instance: busy, reusable: false })).len(), 1);
    assert_eq!(world.provisioned(0), (1, 2, 2));
    world.ready_all();
    let idle = world.state.instances().next().unwrap().instance;
    assert_eq!(started(&world.feed(Event::Died { instance: idle })).len(), 1);
    assert_eq!(world.provisioned(0), (1, 2, 2));
    world.ready_all();
    assert_eq!(world.provisioned(0), (2, 2, 2));
}

#[test]
fn a_start_that_fails_is_tried_again_after_longer_and_longer() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(1));
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let instance = world.starting[0];
        assert_eq!(world.start_fails(instance), []);
        assert_eq!(world.provisioned(0), (0, 0, 1));
        let failed = world.now;
        while world.starting.is_empty() {
            world.now = world.state.next_due().expect("another try");
            world.feed(Event::Tick);
        }
        pauses.push((world.now - failed) / 1000);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    world.ready_all();
    assert_eq!(world.state.provision(ProvisionId(1)).unwrap().failures, 0);
    // One that ran and died is replaced at once again.
    let instance = world.state.instances().next().unwrap().instance;
    assert_eq!(started(&world.feed(Event::Died { instance })).len(), 1);
}

#[test]
fn those_that_die_as_soon_as_they_are_up_are_not_started_without_end() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(2));
    let mut starts = 0;
    while world.now < 60_000 {
        while let Some(instance) = world.starting.first().copied() {
            starts += 1;
            world.ready(instance);
            world.feed(Event::Died { instance });
        }
        world.now = world.state.next_due().expect("another try");
        world.feed(Event::Tick);
    }
    assert!((4..12).contains(&starts), "{starts} in a minute");
    assert!(world.state.provision(ProvisionId(1)).unwrap().failures > 0);
    // One that stays brings the others along.
    world.ready_all();
    while world.starting.is_empty() {
        world.now = world.state.next_due().expect("a look whether it stayed");
        world.feed(Event::Tick);
    }
    world.ready_all();
    assert_eq!(world.provisioned(0), (2, 2, 2));
    assert_eq!(world.state.provision(ProvisionId(1)).unwrap().failures, 0);
}

#[test]
fn a_change_of_the_setting_tries_at_once() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(1));
    let instance = world.starting[0];
    world.start_fails(instance);
    assert_eq!(started(&world.provide(1, 0, fixed(2))).len(), 2);
}

#[test]
fn one_that_comes_up_ends_the_wait_of_those_that_did_not() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(2));
    let (fails, comes) = (world.starting[0], world.starting[1]);
    assert_eq!(world.start_fails(fails), []);
    assert_eq!(started(&world.ready(comes)).len(), 1);
}

#[test]
fn removing_the_setting_cuts_no_request() {
    // spec: PRO-08
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(3));
    let still_starting = world.starting.pop().unwrap();
    world.ready_all();
    let busy = world.run(0);
    let removed = world.feed(Event::ProvisionRemoved { provision: ProvisionId(1) });
    assert_eq!(stopped(&removed).len(), 1);
    assert_eq!(world.provisioned(0), (0, 0, 0));
    assert_eq!(stopped(&world.ready(still_starting)), [(still_starting, StopReason::Released)]);
    assert_eq!(stopped(&world.done(busy)), [(busy, StopReason::Released)]);
    assert_eq!((world.state.instance_count(), world.state.busy_mb()), (0, 0));
}

#[test]
fn after_release_no_request_goes_to_an_instance() {
    // spec: FRE-05
    let mut world = World::new(limits());
    world.open(0, PoolSpec { concurrency: 3, ..spec("f", "1", 128) });
    world.provide(1, 0, fixed(1));
    world.ready_all();
    let busy = world.run(0);
    assert_eq!(world.run(0), busy);
    assert_eq!(world.provide(1, 0, fixed(0)), []);
    assert_ne!(world.run(0), busy);
    assert_eq!(world.done(busy), []);
    assert_ne!(world.run(0), busy);
    assert_eq!(stopped(&world.done(busy)), [(busy, StopReason::Released)]);
}

#[test]
fn a_lower_number_lets_idle_ones_go_first() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(3));
    world.ready_all();
    let busy = [world.run(0), world.run(0)];
    let released = stopped(&world.provide(1, 0, fixed(2)));
    assert_eq!(released.len(), 1);
    assert!(!busy.contains(&released[0].0));
    assert_eq!(world.provisioned(0), (2, 2, 2));
    assert_eq!(world.done(busy[0]), []);
    // Raised again while one of two drains: a new one starts, none is had twice.
    world.run(0);
    world.provide(1, 0, fixed(1));
    assert_eq!(started(&world.provide(1, 0, fixed(2))).len(), 1);
    assert_eq!(world.provisioned(0), (1, 2, 2));
}

#[test]
fn both_kinds_are_told_apart() {
    // spec: FRE-01
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(1));
    world.ready_all();
    let (kept, _) = world.serve(0);
    let (elastic, cold) = world.serve(0);
    assert!(cold);
    let provisioned = |instance| world.state.instance(instance).unwrap().provisioned;
    assert!(provisioned(kept) && !provisioned(elastic));
}

#[test]
fn they_are_used_before_on_demand_ones() {
    // spec: FRE-03
    let mut world = World::with_functions(Limits { instances: Some(1), ..limits() }, 1);
    world.provide(1, 0, fixed(2));
    world.ready_all();
    let all: Vec<_> = (0..3).map(|_| world.serve(0)).collect();
    assert_eq!(all.iter().map(|(_, cold)| *cold).collect::<Vec<_>>(), [false, false, true]);
    for (instance, _) in &all {
        world.done(*instance);
    }
    // The on-demand one was used last, and still the provisioned ones come first.
    assert_ne!(world.run(0), all[2].0);
    assert_ne!(world.run(0), all[2].0);
    assert_eq!(world.run(0), all[2].0);
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::RegionInstances));
}

#[test]
fn they_take_as_many_requests_as_any_instance() {
    // spec: FRE-06
    let mut world = World::new(limits());
    world.open(0, PoolSpec { concurrency: 5, ..spec("f", "1", 128) });
    world.provide(1, 0, fixed(1));
    world.ready_all();
    let first = world.run(0);
    for _ in 0..4 {
        assert_eq!(world.serve(0), (first, false));
    }
    assert!(world.serve(0).1);
    assert_eq!(world.state.busy_mb(), 256);
}

#[test]
fn several_settings_of_one_version_add_up() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(2));
    world.provide(2, 0, fixed(3));
    world.ready_all();
    assert_eq!(world.provisioned(0), (5, 5, 5));
    assert_eq!(world.state.provision(ProvisionId(1)).unwrap().ready, 2);
    assert_eq!(world.state.provision(ProvisionId(2)).unwrap().ready, 3);
    assert_eq!(stopped(&world.feed(Event::ProvisionRemoved { provision: ProvisionId(1) })).len(), 2);
    assert_eq!(world.provisioned(0), (3, 3, 3));
}

#[test]
fn a_setting_may_move_to_another_version() {
    let mut world = World::with_functions(limits(), 2);
    world.provide(1, 0, fixed(2));
    world.ready_all();
    let moved = world.provide(1, 1, fixed(2));
    assert_eq!((stopped(&moved).len(), started(&moved).len()), (2, 2));
    world.ready_all();
    assert_eq!((world.provisioned(0), world.provisioned(1)), ((0, 0, 0), (2, 2, 2)));
}

#[test]
fn a_retired_version_keeps_none() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(3));
    let late = world.starting.pop().unwrap();
    world.ready_all();
    let busy = world.run(0);
    let retired = world.feed(Event::PoolRetired { pool: PoolId(0) });
    assert_eq!(stopped(&retired).len(), 1);
    assert_eq!(stopped(&world.ready(late)), [(late, StopReason::Retired)]);
    let end = world.feed(Event::Done { instance: busy, reusable: false });
    assert_eq!((stopped(&end).len(), started(&end).len()), (1, 0));
    assert_eq!(world.state.instance_count(), 0);
    // Nor can one be set for it.
    assert_eq!(world.provide(2, 0, fixed(1)), []);
    assert!(world.state.provision(ProvisionId(2)).is_none());
}

#[test]
fn idle_ones_keep_their_processor_time_if_asked_to() {
    let mut world = World::with_functions(Limits { dialect: Dialect::Fc, ..limits() }, 1);
    world.provide(1, 0, ProvisionConfig { always_allocate_cpu: true, ..fixed(1) });
    world.ready_all();
    assert_eq!(world.until(5000), []);
    world.provide(1, 0, fixed(1));
    let frozen = world.until(10_000);
    assert!(matches!(frozen.as_slice(), [Command::Freeze { .. }]), "{frozen:?}");
}
