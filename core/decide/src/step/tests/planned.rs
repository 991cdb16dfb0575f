//! Schedules and tracking, as they move real instances.

use super::*;
use sluice_domain::{ScheduledAction, TrackingPolicy};

const SECOND: Millis = 1000;
const HOUR: Millis = 60 * MINUTE;

fn action(expression: &str, target: u64) -> ScheduledAction {
    let name = format!("to {target}");
    ScheduledAction { name, expression: expression.to_owned(), target, from: None, until: None, time_zone: None }
}

fn scheduled(actions: Vec<ScheduledAction>) -> ProvisionConfig {
    ProvisionConfig { actions, ..ProvisionConfig::default() }
}

fn tracking(ppm: u32, min: u64, max: u64) -> ProvisionConfig {
    let name = "track".to_owned();
    let metric = "ProvisionedConcurrencyUtilization".to_owned();
    let policy = TrackingPolicy { name, metric, utilization_ppm: ppm, min, max, from: None, until: None };
    ProvisionConfig { tracking: vec![policy], ..ProvisionConfig::default() }
}

fn world() -> World {
    World::with_functions(Limits { concurrency_mb: Some(128_000), ..limits() }, 1)
}

#[test]
fn an_action_counts_until_the_next() {
    // spec: SCH-03
    let mut world = world();
    let actions = [(6, 3), (10, 8), (18, 4), (0, 0)];
    let actions = actions.map(|(hour, target)| action(&format!("0 0 {hour} * * * *"), target));
    world.provide(1, 0, scheduled(actions.into()));
    for day in [0, 24] {
        for (hour, ready) in [(5, 0), (6, 3), (9, 3), (10, 8), (17, 8), (18, 4), (23, 4), (24, 0)] {
            world.until((day + hour) * HOUR);
            assert_eq!(world.provisioned(0), (ready, ready, ready), "at {hour} h");
        }
    }
}

#[test]
fn of_two_actions_at_one_time_the_later_in_the_list_counts() {
    // spec: SCH-04
    let mut world = world();
    world.provide(1, 0, scheduled(vec![action("0 0 1 * * * *", 1), action("0 0 1 * * * *", 3)]));
    world.until(HOUR);
    assert_eq!(world.provisioned(0), (3, 3, 3));
}

#[test]
fn what_is_needed_above_the_number_is_elastic() {
    // spec: SCH-05
    let mut world = world();
    world.provide(1, 0, scheduled(vec![action("0 0 1 * * * *", 1)]));
    world.until(HOUR);
    let cold: Vec<bool> = (0..3).map(|_| world.serve(0).1).collect();
    assert_eq!(cold, [false, true, true]);
}

#[test]
fn an_action_with_zero_ends_it() {
    // spec: SCH-07
    let mut world = world();
    world.provide(1, 0, scheduled(vec![action("0 0 12 * * * *", 1), action("0 0 16 * * * *", 0)]));
    for (hour, ready) in [(11, 0), (12, 1), (15, 1), (16, 0), (36, 1), (40, 0)] {
        world.until(hour * HOUR);
        assert_eq!(world.provisioned(0).0, ready, "at {hour} h");
    }
}

#[test]
fn a_scheduled_climb_keeps_the_pace() {
    // spec: SCH-08
    let mut world = world();
    world.change(|limits| limits.provisioned_burst_per_min = Some(4));
    world.provide(1, 0, scheduled(vec![action("0 0 1 * * * *", 10)]));
    for (minute, ready) in [(0, 4), (1, 8), (2, 10), (3, 10)] {
        world.until(HOUR + minute * MINUTE);
        assert_eq!(world.provisioned(0), (ready, ready, 10), "after {minute} min");
    }
}

#[test]
fn schedules_go_by_the_wall_clock() {
    let mut world = world();
    world.feed(Event::WallClock { ahead_ms: 30 * MINUTE as i64 });
    world.provide(1, 0, scheduled(vec![action("0 0 * * * * *", 2)]));
    world.until(30 * MINUTE - 1);
    assert_eq!(world.provisioned(0).2, 0);
    // The wall clock is put back by ten minutes: so much longer does it take.
    world.feed(Event::WallClock { ahead_ms: 20 * MINUTE as i64 });
    world.until(40 * MINUTE - 1);
    assert_eq!(world.provisioned(0).2, 0);
    world.until(40 * MINUTE);
    assert_eq!(world.provisioned(0), (2, 2, 2));
}

#[test]
fn a_wall_clock_that_is_put_forward_makes_up_for_it() {
    let mut world = world();
    world.provide(1, 0, scheduled(vec![action("0 0 5 * * * *", 2)]));
    world.feed(Event::WallClock { ahead_ms: 6 * HOUR as i64 });
    assert_eq!(world.state.next_due(), Some(0));
    world.until(0);
    assert_eq!(world.provisioned(0), (2, 2, 2));
}

#[test]
fn the_clock_may_be_set_often_without_a_trace() {
    let mut world = world();
    world.provide(1, 0, scheduled(vec![action("0 0 1 1 1 * *", 2)]));
    for ahead_ms in 0..1000 {
        world.feed(Event::WallClock { ahead_ms });
        world.feed(Event::WallClock { ahead_ms: 1000 - ahead_ms });
    }
    // One timer a change at the worst, and only where the plan's time comes earlier.
    let mut ticks = 0;
    while world.state.next_due().is_some_and(|due| due < 366 * 24 * HOUR) && ticks < 10_000 {
        world.now = world.state.next_due().unwrap();
        world.feed(Event::Tick);
        ticks += 1;
    }
    assert!(ticks < 1100, "{ticks} ticks");
    assert_eq!(world.provisioned(0).2, 2);
}

#[test]
fn tracking_keeps_a_share_in_use() {
    // spec: TGT-02
    // spec: TGT-04
    let mut world = world();
    world.provide(1, 0, tracking(800_000, 1, 100));
    world.ready_all();
    for _ in 0..4 {
        world.run(0);
    }
    world.until(10 * SECOND - 1);
    assert_eq!(world.provisioned(0).2, 1);
    world.until(10 * SECOND);
    assert_eq!(world.provisioned(0), (5, 5, 5));
    for _ in 0..4 {
        world.run(0);
    }
    world.until(20 * SECOND);
    assert_eq!(world.provisioned(0), (10, 10, 10));
}

#[test]
fn tracking_lowers_ten_minutes_after_it_last_moved() {
    // spec: TGT-05
    let mut world = world();
    world.provide(1, 0, tracking(800_000, 1, 100));
    world.ready_all();
    let busy: Vec<_> = (0..4).map(|_| world.run(0)).collect();
    world.until(10 * SECOND);
    for instance in busy {
        world.done(instance);
    }
    world.until(10 * SECOND + 10 * MINUTE - 1);
    assert_eq!(world.provisioned(0).2, 5);
    world.until(10 * SECOND + 10 * MINUTE);
    assert_eq!(world.provisioned(0), (1, 1, 1));
}

#[test]
fn tracking_that_never_moved_lowers_at_the_next_tick() {
    // spec: TGT-06
    let mut world = world();
    world.provide(1, 0, fixed(9));
    world.ready_all();
    world.provide(1, 0, tracking(500_000, 2, 100));
    assert_eq!(world.provisioned(0).2, 9);
    world.until(10 * SECOND - 1);
    assert_eq!(world.provisioned(0).2, 9);
    world.until(10 * SECOND);
    assert_eq!(world.provisioned(0), (2, 2, 2));
}

#[test]
fn tracking_keeps_its_bounds_and_the_rest_is_elastic() {
    // spec: TGT-07
    let mut world = world();
    world.provide(1, 0, tracking(500_000, 2, 4));
    world.ready_all();
    world.until(MINUTE);
    assert_eq!(world.provisioned(0), (2, 2, 2));
    let served: Vec<_> = (0..6).map(|_| world.serve(0).1).collect();
    assert_eq!(served, [false, false, true, true, true, true]);
    world.until(2 * MINUTE);
    assert_eq!(world.provisioned(0), (4, 4, 4));
}

#[test]
fn settings_that_cannot_be_followed_change_nothing() {
    let mut world = world();
    world.provide(1, 0, fixed(2));
    world.ready_all();
    assert_eq!(world.provide(1, 0, scheduled(vec![action("nonsense", 9)])), []);
    assert_eq!(world.provisioned(0), (2, 2, 2));
}

#[test]
fn another_zone_of_the_profile_moves_schedules() {
    let mut world = world();
    world.provide(1, 0, scheduled(vec![action("0 0 12 * * * *", 1)]));
    world.change(|limits| limits.schedule_tz = "Asia/Shanghai".to_owned());
    world.until(4 * HOUR - 1);
    assert_eq!(world.provisioned(0).2, 0);
    world.until(4 * HOUR);
    assert_eq!(world.provisioned(0), (1, 1, 1));
}
