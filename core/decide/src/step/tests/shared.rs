//! Instances that take several requests at a time.

use super::*;

fn shared(concurrency: u32, limits: Limits) -> World {
    let mut world = World::new(limits);
    world.open(0, PoolSpec { concurrency, ..spec("f", "1", 128) });
    world
}

#[test]
fn an_instance_is_filled_before_another_starts() {
    // spec: FIC-03
    // spec: RQC-02 (in the model)
    let mut world = shared(10, limits());
    let first = world.run(0);
    for _ in 0..9 {
        assert_eq!(world.serve(0), (first, false));
    }
    let (second, cold) = world.serve(0);
    assert!(cold && second != first);
    assert_eq!(world.state.busy_mb(), 256);
}

#[test]
fn requests_wait_for_one_that_is_coming_up() {
    // spec: FIC-03
    let mut world = shared(3, limits());
    let commands = world.arrive(0);
    let first = started(&commands)[0];
    for request in [2, 3] {
        assert_eq!(world.arrive(0), [Command::Wait { request: RequestSeq(request) }]);
    }
    assert_eq!(started(&world.arrive(0)).len(), 1);
    assert_eq!(dispatched(&world.ready(first)), [(1, first), (2, first), (3, first)]);
}

#[test]
fn all_that_wait_for_a_start_hear_of_its_failure() {
    let mut world = shared(3, limits());
    world.arrive(0);
    let instance = world.starting[0];
    world.arrive(0);
    world.arrive(0);
    // The first is answered by whoever carried the start out.
    let failed: Vec<_> = [2, 3].map(|request| Command::Fail { request: RequestSeq(request), instance }).into();
    assert_eq!(world.start_fails(instance), failed);
    assert_eq!((world.state.busy_mb(), world.state.instance_count()), (0, 0));
}

#[test]
fn a_region_takes_its_instances_times_their_concurrency() {
    // spec: FIC-05
    let fc = Limits { dialect: Dialect::Fc, concurrency_mb: None, instances: Some(2), ..limits() };
    let mut world = shared(3, fc);
    assert_eq!(world.fill(0), (6, Throttle::RegionInstances));
}

#[test]
fn a_crash_takes_all_requests_with_it() {
    // spec: FIC-06 (in the model)
    let mut world = shared(3, limits());
    let instance = world.run(0);
    world.run(0);
    world.run(0);
    let end = world.feed(Event::Done { instance, reusable: false });
    assert_eq!(stopped(&end), [(instance, StopReason::Unusable)]);
    assert_eq!(world.state.busy_mb(), 0);
    assert_eq!(world.feed(Event::Done { instance, reusable: false }), []);
    assert_eq!(world.state.pools()[0].in_flight, 0);
}

#[test]
fn an_instance_counts_once_until_its_last_request_is_done() {
    let mut world = shared(2, Limits { concurrency_mb: Some(128), ..limits() });
    world.open(1, spec("g", "1", 128));
    let instance = world.run(0);
    world.run(0);
    world.done(instance);
    assert_eq!(refused(&world.arrive(1)), Some(Throttle::Account));
    world.done(instance);
    world.run(1);
}

#[test]
fn one_with_room_is_taken_though_all_is_full() {
    let mut world = shared(3, Limits { concurrency_mb: Some(128), ..limits() });
    world.provide(1, 0, fixed(1));
    let kept = world.starting[0];
    world.arrive(0);
    let elastic = world.starting[1];
    // The provisioned one comes up while the elastic one, which uses all there is, still starts.
    world.ready(kept);
    assert_eq!(world.arrive(0), [Command::Wait { request: RequestSeq(2) }]);
    assert_eq!(dispatched(&world.ready(elastic)), [(1, elastic), (2, elastic)]);
    assert_eq!(world.serve(0), (elastic, false));
    assert_eq!(refused(&world.arrive(0)), Some(Throttle::Account));
}

#[test]
fn overlapping_requests_use_their_instance_once() {
    let mut world = shared(2, limits());
    let instance = world.run(0);
    world.now = 1000;
    world.run(0);
    world.now = 2000;
    world.done(instance);
    world.now = 3000;
    world.done(instance);
    assert_eq!(world.state.usage_at(3500)[0].1.on_demand_busy_ms, 3000);
    assert_eq!(world.state.usage_at(3500)[0].1.on_demand_ms, 3500);
}
