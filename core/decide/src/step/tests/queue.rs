//! The queue of a pool, where the profile has one.

use super::*;
use sluice_domain::Retry;

fn queue(concurrency_mb: u64, depth: u64, ms: Millis) -> Limits {
    Limits { concurrency_mb: Some(concurrency_mb), queue_depth: depth, queue_ms: ms, keep_alive_ms: MINUTE, ..limits() }
}

/// One instance that is busy, and room for no other.
fn full(depth: u64) -> (World, InstanceId) {
    let mut world = World::with_functions(queue(128, depth, 1000), 2);
    world.arrive(0);
    let instance = world.starting[0];
    assert_eq!(dispatched(&world.ready(instance)), [(1, instance)]);
    (world, instance)
}

fn waits(commands: &[Command]) -> bool {
    matches!(commands, [Command::Wait { .. }])
}

#[test]
fn so_many_wait_and_no_more() {
    let (mut world, _) = full(2);
    assert!(waits(&world.arrive(0)) && waits(&world.arrive(0)));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
    // Another function has a queue of its own.
    assert!(waits(&world.arrive(1)));
}

#[test]
fn who_came_first_is_served_first() {
    let (mut world, instance) = full(3);
    for _ in 0..3 {
        world.arrive(0);
    }
    for request in [2, 3, 4] {
        assert_eq!(dispatched(&world.done(instance)), [(request, instance)]);
    }
    world.done(instance);
    assert_eq!(world.state.busy_mb(), 0);
}

#[test]
fn a_start_under_way_is_no_place_in_the_queue() {
    let mut world = World::with_functions(queue(8 * 128, 1, 1000), 1);
    for _ in 0..8 {
        assert_eq!(started(&world.arrive(0)).len(), 1);
    }
    assert!(waits(&world.arrive(0)));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
    assert_eq!(dispatched(&world.ready_all()).len(), 8);
}

#[test]
fn whichever_instance_is_free_first_serves() {
    let mut world = World::with_functions(queue(256, 5, 1000), 1);
    world.arrive(0);
    let first = world.starting[0];
    world.ready(first);
    let commands = world.arrive(0);
    let second = started(&commands)[0];
    // The first is free before the second has come up.
    assert_eq!(dispatched(&world.done(first)), [(2, first)]);
    // Who comes next has the one that is still starting.
    assert!(waits(&world.arrive(0)));
    assert_eq!(dispatched(&world.ready(second)), [(3, second)]);
}

#[test]
fn who_has_waited_long_enough_is_refused() {
    let (mut world, _) = full(5);
    world.now = 400;
    world.arrive(0);
    world.now = 900;
    world.arrive(0);
    assert_eq!(world.until(1399), []);
    let refusal = refusal(&world.until(1400));
    assert_eq!((refusal.throttle, refusal.waited_ms), (Throttle::Account, 1000));
    assert_eq!(refusal.holders[0].name, "f0");
    assert_eq!(refused(&world.until(1900)), Some(Throttle::Account));
}

#[test]
fn a_shorter_wait_counts_for_those_who_come_after() {
    let (mut world, _) = full(5);
    world.arrive(0);
    world.change(|limits| limits.queue_ms = 100);
    world.arrive(0);
    let gone: Vec<_> = world.until(100);
    assert!(matches!(gone.as_slice(), [Command::Refuse { request: RequestSeq(3), .. }]), "{gone:?}");
    assert!(matches!(world.until(1000).as_slice(), [Command::Refuse { request: RequestSeq(2), .. }]));
}

#[test]
fn who_gives_up_is_refused_and_the_others_go_on() {
    let (mut world, instance) = full(5);
    world.arrive(0);
    world.arrive(0);
    world.now = 70;
    let refusal = refusal(&world.feed(Event::GaveUp { request: RequestSeq(2), pool: PoolId(0) }));
    assert_eq!(refusal.waited_ms, 70);
    assert_eq!(world.feed(Event::GaveUp { request: RequestSeq(2), pool: PoolId(0) }), []);
    assert_eq!(dispatched(&world.done(instance)), [(3, instance)]);
}

#[test]
fn what_stood_in_the_way_of_the_next_goes_with_who_gave_up() {
    let mut world = World::with_functions(queue(1024, 5, 1000), 1);
    world.rule(1, Some(1));
    world.arrive_as(0, Some(1), Trigger::Http);
    world.ready_all();
    assert!(waits(&world.arrive_as(0, Some(1), Trigger::Http)));
    assert!(waits(&world.arrive(0)));
    let gave_up = world.feed(Event::GaveUp { request: RequestSeq(2), pool: PoolId(0) });
    assert!(matches!(gave_up.as_slice(), [Command::Refuse { .. }, Command::Start { .. }]), "{gave_up:?}");
    assert_eq!(dispatched(&world.ready_all())[0].0, 3);
}

#[test]
fn who_waits_for_a_version_that_goes_is_sent_back() {
    let (mut world, instance) = full(5);
    world.arrive(0);
    world.arrive(0);
    let redirects: Vec<_> = [2, 3].map(|request| Command::Redirect { request: RequestSeq(request) }).into();
    assert_eq!(world.feed(Event::PoolRetired { pool: PoolId(0) }), redirects);
    assert_eq!(stopped(&world.done(instance)).len(), 1);
}

#[test]
fn nobody_is_forgotten_when_idle_instances_go_with_their_version() {
    let mut world = World::with_functions(queue(128, 5, 1000), 2);
    world.arrive(1);
    let idle = world.starting[0];
    world.ready(idle);
    world.done(idle);
    world.arrive(0);
    world.ready_all();
    // There is an idle instance, but all of the region is in use.
    assert!(waits(&world.arrive(1)));
    let retired = world.feed(Event::PoolRetired { pool: PoolId(1) });
    assert_eq!(retired[0], Command::Redirect { request: RequestSeq(3) });
    assert_eq!(stopped(&retired), [(idle, StopReason::Retired)]);
}

#[test]
fn who_has_waited_longest_hears_of_a_start_that_failed() {
    let mut world = World::with_functions(queue(256, 5, 1000), 1);
    world.arrive(0);
    world.arrive(0);
    let failed = world.starting[1];
    let commands = world.start_fails(failed);
    assert_eq!(commands, [Command::Fail { request: RequestSeq(1), instance: failed }]);
    assert_eq!(dispatched(&world.ready_all())[0].0, 2);
}

#[test]
fn a_raised_limit_serves_those_who_wait() {
    let (mut world, _) = full(5);
    world.arrive(0);
    world.arrive(1);
    let started = started(&world.change(|limits| limits.concurrency_mb = Some(384)));
    assert_eq!(started.len(), 2);
    let mut served: Vec<_> = dispatched(&world.ready_all()).into_iter().map(|(request, _)| request).collect();
    served.sort_unstable();
    assert_eq!(served, [2, 3]);
}

#[test]
fn the_next_minute_serves_those_who_wait_for_it() {
    let mut world = World::with_functions(Limits { burst_per_min: Some(1), ..queue(1024, 5, 3 * MINUTE) }, 1);
    world.arrive(0);
    world.ready_all();
    assert!(waits(&world.arrive(0)) && waits(&world.arrive(0)));
    assert_eq!(dispatched(&world.until(MINUTE - 1)), []);
    assert_eq!(dispatched(&world.until(MINUTE))[0].0, 2);
    assert_eq!(dispatched(&world.until(2 * MINUTE))[0].0, 3);
}

#[test]
fn the_interval_between_starts_serves_those_who_wait_for_it() {
    let mut world = World::with_functions(Limits { start_interval_http_ms: Some(1000), ..queue(1024, 5, 10_000) }, 1);
    world.arrive(0);
    world.ready_all();
    assert!(waits(&world.arrive(0)) && waits(&world.arrive(0)));
    assert_eq!(dispatched(&world.until(999)), []);
    assert_eq!(dispatched(&world.until(1000))[0].0, 2);
    assert_eq!(dispatched(&world.until(2000))[0].0, 3);
}

#[test]
fn nobody_waits_for_what_will_not_pass() {
    let mut world = World::with_functions(queue(1024, 5, 1000), 1);
    world.reserve("f0", Some(0));
    assert_eq!(refusal(&world.arrive(0)).retry, Retry::Never);
    world.reserve("f0", Some(64));
    assert_eq!(refusal(&world.arrive(0)).retry, Retry::Never);
    world.reserve("f0", None);
    world.rule(1, Some(0));
    assert_eq!(refusal(&world.arrive_as(0, Some(1), Trigger::Http)).retry, Retry::Never);
}

#[test]
fn a_provisioned_instance_serves_those_who_wait() {
    let mut world = World::with_functions(Limits { burst_per_min: Some(0), ..queue(1024, 5, 1000) }, 1);
    world.change(|limits| limits.burst_per_min = Some(1));
    world.arrive(0);
    world.ready_all();
    assert!(waits(&world.arrive(0)));
    world.provide(1, 0, fixed(1));
    assert_eq!(dispatched(&world.ready_all())[0].0, 2);
}

#[test]
fn a_queue_that_is_switched_off_is_still_served() {
    let (mut world, instance) = full(5);
    world.arrive(0);
    world.change(|limits| limits.queue_depth = 0);
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
    assert_eq!(dispatched(&world.done(instance)), [(2, instance)]);
}
