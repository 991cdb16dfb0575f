//! Diaries of plans: what is due when, and what came of it.

use super::{Cause, Change, Load, Plan, PlanRules};
use sluice_domain::{
    Dialect, Field, Profile, ProvisionConfig, QuotaProfile, ScheduledAction, Timestamp, TrackingPolicy,
};

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

pub(super) fn rules(dialect: Dialect) -> PlanRules {
    let profile = if dialect == Dialect::Scf { Profile::Scf128 } else { Profile::Fc };
    PlanRules::new(dialect, &QuotaProfile::named(profile))
}

fn action(name: &str, expression: &str, target: u64) -> ScheduledAction {
    let (name, expression) = (name.to_owned(), expression.to_owned());
    ScheduledAction { name, expression, target, from: None, until: None, time_zone: None }
}

fn within(action: ScheduledAction, from: &str, until: &str) -> ScheduledAction {
    ScheduledAction { from: Some(Timestamp(ms(from))), until: Some(Timestamp(ms(until))), ..action }
}

pub(super) fn tracking(utilization_ppm: u32, min: u64, max: u64) -> TrackingPolicy {
    let (name, metric) = ("track".to_owned(), "ProvisionedConcurrencyUtilization".to_owned());
    TrackingPolicy { name, metric, utilization_ppm, min, max, from: None, until: None }
}

pub(super) fn config(target: u64, actions: Vec<ScheduledAction>, tracking: Vec<TrackingPolicy>) -> ProvisionConfig {
    ProvisionConfig { target, actions, tracking, always_allocate_cpu: false }
}

pub(super) fn plan(dialect: Dialect, config: &ProvisionConfig, since: i64, before: u64) -> Plan {
    Plan::new(config, &rules(dialect), since, since, before).unwrap()
}

pub(super) fn busy(in_flight: u64) -> Load {
    Load { in_flight, mean_milli: in_flight * 1000, per_instance: 1 }
}

/// Follows a plan to an instant by coming back whenever it asks.
pub(super) fn follow(plan: &mut Plan, until: i64, load: Load) -> Vec<Change> {
    let mut changes = Vec::new();
    while let Some(due) = plan.next_due().filter(|due| *due <= until) {
        changes.extend(plan.advance(due, load));
    }
    changes.extend(plan.advance(until, load));
    changes
}

#[test]
fn each_scheduled_number_holds_until_the_next() {
    // spec: SCH-03
    let actions = vec![
        action("six", "0 0 6 * * * *", 30),
        action("ten", "0 0 10 * * * *", 80),
        action("eighteen", "0 0 18 * * * *", 40),
        action("midnight", "0 0 0 * * * *", 0),
    ];
    let start = ms("2024-05-01T00:00:01+08:00");
    let midnight = start - 1000;
    let plan = plan(Dialect::Scf, &config(0, actions, vec![]), start, 0);
    let seen: Vec<_> = plan
        .preview(start, midnight + 2 * DAY, 100)
        .changes
        .into_iter()
        .map(|change| ((change.at - midnight) / HOUR, change.from, change.to))
        .collect();
    let day = [(6, 0, 30), (10, 30, 80), (18, 80, 40), (24, 40, 0)];
    let next_day = day.map(|(hour, from, to)| (hour + 24, from, to));
    assert_eq!(seen, [day, next_day].concat());
}

#[test]
fn of_two_actions_at_one_time_the_later_in_the_list_counts() {
    // spec: SCH-04
    let once = |name: &str, target| action(name, "0 0 12 3 11 * 2021", target);
    let start = ms("2021-11-01T00:00:00Z");
    let noon = ms("2021-11-03T12:00:00+08:00");
    let mut plan = plan(Dialect::Scf, &config(0, vec![once("one", 1), once("three", 3)], vec![]), start, 0);
    assert_eq!(plan.next_due(), Some(noon));
    let cause = Cause::Scheduled { action: "three".to_owned() };
    assert_eq!(plan.advance(noon, busy(0)), Some(Change { at: noon, from: 0, to: 3, cause }));
    assert_eq!(plan.next_due(), None);

    // contradiction C13 of the specification (FC does the same)
    let at = |name: &str, target| action(name, "at(2021-11-03T12:00:00Z)", target);
    let mut plan = self::plan(Dialect::Fc, &config(9, vec![at("one", 3), at("three", 1)], vec![]), start, 9);
    plan.advance(ms("2021-11-03T12:00:00Z"), busy(0));
    assert_eq!(plan.target(), 1);
}

#[test]
fn an_action_with_zero_ends_another() {
    // spec: SCH-07
    let actions = vec![action("timer-1", "0 0 12 3 11 * 2021", 1), action("timer-2", "0 0 16 3 11 * 2021", 0)];
    let mut plan = plan(Dialect::Scf, &config(0, actions, vec![]), ms("2021-11-03T00:00:00+08:00"), 0);
    plan.advance(ms("2021-11-03T11:59:59.999+08:00"), busy(0));
    assert_eq!(plan.target(), 0);
    plan.advance(ms("2021-11-03T12:00:00+08:00"), busy(0));
    assert_eq!(plan.target(), 1);
    let change = plan.advance(ms("2021-11-03T20:00:00+08:00"), busy(0)).unwrap();
    assert_eq!((change.at, change.to), (ms("2021-11-03T16:00:00+08:00"), 0));
    assert_eq!(change.cause.to_string(), "scheduled action 'timer-2'");
}

#[test]
fn the_zone_is_the_profiles_or_the_actions_own() {
    // contradiction C12 of the specification
    let start = ms("2024-05-01T00:00:00Z");
    let due = |dialect, action| plan(dialect, &config(0, vec![action], vec![]), start, 0).next_due().unwrap();
    assert_eq!(due(Dialect::Scf, action("a", "0 0 12 * * * *", 1)), ms("2024-05-01T12:00:00+08:00"));
    assert_eq!(due(Dialect::Fc, action("a", "cron(0 0 12 * * *)", 1)), ms("2024-05-01T12:00:00Z"));
    let own = |zone: &str| ScheduledAction { time_zone: Some(zone.to_owned()), ..action("a", "cron(0 0 12 * * *)", 1) };
    assert_eq!(due(Dialect::Fc, own("America/New_York")), ms("2024-05-01T12:00:00-04:00"));
    let error = Plan::new(&config(0, vec![own("Nowhere")], vec![]), &rules(Dialect::Fc), start, start, 0).unwrap_err();
    assert_eq!(error.field, Field::Other("timeZone"));
}

#[test]
fn what_fired_while_nobody_looked_holds() {
    let actions = vec![action("on", "0 0 8 * * * *", 5), action("off", "0 0 20 * * * *", 1)];
    let config = config(9, actions, vec![]);
    let since = ms("2024-05-01T07:00:00+08:00");
    let at = |now: i64| Plan::new(&config, &rules(Dialect::Scf), since, now, 0).unwrap().target();
    assert_eq!(at(since), 9, "the base number until the first action");
    assert_eq!(at(since + HOUR), 5);
    assert_eq!(at(since + 13 * HOUR), 1);
    assert_eq!(at(since + 100 * DAY + 2 * HOUR), 5);
    assert_eq!(plan(Dialect::Scf, &config, since + HOUR, 0).target(), 5, "set at the very instant of an action");
}

#[test]
fn tracking_follows_load_by_utilisation() {
    // spec: TGT-02
    let documented = |load, per_instance| {
        let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![tracking(800_000, 1, 1000)]), 0, 0);
        plan.advance(10_000, Load { in_flight: load, mean_milli: 0, per_instance });
        plan.target()
    };
    assert_eq!(documented(100, 1), 125);
    assert_eq!(documented(4, 1), 5);
    assert_eq!(documented(3, 1), 4, "rounded up");
    assert_eq!(documented(100, 10), 13, "an instance that takes ten");
    // A burst between two looks counts by its mean.
    let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![tracking(500_000, 1, 1000)]), 0, 0);
    plan.advance(10_000, Load { in_flight: 0, mean_milli: 2001, per_instance: 1 });
    assert_eq!(plan.target(), 5, "4.002 rounded up");
}

#[test]
fn tracking_scales_out_every_ten_seconds() {
    // spec: TGT-04
    let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![tracking(500_000, 1, 1000)]), 5_000, 0);
    assert_eq!((plan.target(), plan.next_due()), (1, Some(15_000)), "the minimum at once");
    assert_eq!(plan.advance(14_999, busy(10)), None);
    let change = plan.advance(15_000, busy(10)).unwrap();
    assert_eq!((change.at, change.to), (15_000, 20));
    assert_eq!(change.cause.to_string(), "tracking policy 'track' scaled out for 10 concurrent requests");
    assert_eq!(plan.advance(20_000, busy(20)), None, "between two ticks");
    assert_eq!(plan.advance(25_000, busy(20)).unwrap().to, 40, "and each tick");
}

#[test]
fn of_missed_ticks_the_last_one_counts() {
    let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![tracking(500_000, 1, 1000)]), 0, 1);
    let change = plan.advance(305_000, busy(10)).unwrap();
    assert_eq!((change.at, change.to, plan.next_due()), (300_000, 20, Some(310_000)));
    let mut plan = self::plan(Dialect::Fc, &config(0, vec![], vec![tracking(500_000, 1, 1000)]), 0, 100);
    assert_eq!(plan.advance(HOUR, busy(0)).unwrap().to, 90, "one step down, not sixty");
}

#[test]
fn tracking_scales_in_ten_minutes_after_its_last_change() {
    // spec: TGT-05
    let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![tracking(500_000, 1, 1000)]), 0, 1);
    plan.advance(10_000, busy(10));
    plan.advance(300_000, busy(15));
    assert_eq!(plan.target(), 30);
    // The last change was at 300 s: none before 900 s.
    let idle = follow(&mut plan, 899_999, busy(2));
    assert_eq!(idle, [], "the window");
    let change = plan.advance(900_000, busy(2)).unwrap();
    assert_eq!((change.to, change.cause), (4, Cause::ScaledIn { policy: "track".to_owned(), requests: 2 }));
    // Going down is such a change too.
    assert_eq!(follow(&mut plan, 1_499_999, busy(0)), []);
    assert_eq!(plan.advance(1_500_000, busy(0)).unwrap().to, 1);
}

#[test]
fn tracking_that_never_scaled_may_scale_in_at_once() {
    // spec: TGT-06
    let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![tracking(800_000, 1, 1000)]), 0, 50);
    assert_eq!(plan.target(), 50, "it starts from the number in force");
    let change = plan.advance(10_000, busy(4)).unwrap();
    assert_eq!((change.at, change.to), (10_000, 5));
}

#[test]
fn tracking_keeps_its_bounds() {
    // spec: TGT-07
    let policy = tracking(800_000, 3, 20);
    let mut plan = plan(Dialect::Scf, &config(0, vec![], vec![policy]), 0, 500);
    assert_eq!(plan.target(), 20);
    plan.advance(10_000, busy(0));
    assert_eq!(plan.target(), 3);
    plan.advance(20_000, busy(1_000_000));
    assert_eq!(plan.target(), 20);
    let most = Load { in_flight: u64::MAX, mean_milli: u64::MAX, per_instance: u32::MAX };
    plan.advance(30_000, most);
    assert_eq!(plan.target(), 20);
}

#[test]
fn settings_that_cannot_be_followed_name_their_field() {
    let field = |dialect, config: ProvisionConfig| {
        Plan::new(&config, &rules(dialect), 0, 0, 0).map(|plan| plan.target()).map_err(|error| error.field)
    };
    let track = |dialect, policy| field(dialect, config(0, vec![], vec![policy]));
    // spec: TGT-01
    for (utilization, scf, fc) in [(0, false, false), (1, true, true), (800_000, true, true), (1_000_000, false, true)]
    {
        let policy = tracking(utilization, 1, 10);
        assert_eq!(track(Dialect::Scf, policy.clone()).is_ok(), scf, "{utilization}");
        assert_eq!(track(Dialect::Fc, policy).is_ok(), fc, "{utilization}");
    }
    let error = Plan::new(&config(0, vec![], vec![tracking(1_000_000, 1, 10)]), &rules(Dialect::Scf), 0, 0, 0);
    let error = error.unwrap_err();
    assert_eq!(error.message, "tracking policy 'track': target utilisation 1: use a share above 0 and below 1");
    assert_eq!(error.field, Field::TrackingTarget);
    assert_eq!(track(Dialect::Scf, tracking(1, 0, 10)), Err(Field::MinCapacity));
    assert_eq!(track(Dialect::Fc, tracking(1, 10, 9)), Err(Field::MaxCapacity));
    // spec: FPC-07
    let unknown = TrackingPolicy { metric: "Luck".to_owned(), ..tracking(1, 1, 10) };
    assert_eq!(track(Dialect::Fc, unknown), Err(Field::Other("metricType")));
    // spec: TGT-08
    let both = config(1, vec![], vec![tracking(800_000, 1, 10)]);
    assert_eq!(field(Dialect::Scf, both), Err(Field::ProvisionType));
    let both = config(0, vec![action("a", "0 0 0 * * * *", 1)], vec![tracking(800_000, 1, 10)]);
    assert_eq!(field(Dialect::Scf, both), Err(Field::ProvisionType));
    // spec: FPC-03
    let scheduled = |action| field(Dialect::Fc, config(0, vec![action], vec![]));
    assert_eq!(scheduled(action("a", "0 0 0 * * * *", 1)), Err(Field::TriggerCron));
    let fine = action("a", "cron(0 30 8 * * *)", 1);
    let backwards = within(fine.clone(), "2020-12-10T10:10:10Z", "2020-10-10T10:10:10Z");
    assert_eq!(scheduled(backwards), Err(Field::Other("endTime")));
    assert_eq!(scheduled(within(fine, "2020-10-10T10:10:10Z", "2020-12-10T10:10:10Z")), Ok(0));
    let late = within(action("a", "at(2021-01-01T00:00:00Z)", 1), "2020-10-10T10:10:10Z", "2020-12-10T10:10:10Z");
    assert_eq!(scheduled(late), Err(Field::TriggerCron));
}

#[test]
fn an_action_counts_within_its_window_only() {
    // spec: FPC-05, FPC-06
    let window = ("2020-10-10T10:10:10Z", "2020-12-10T10:10:10Z");
    let daily = within(action("demoScheduler", "cron(0 30 8 * * *)", 5), window.0, window.1);
    let config = config(15, vec![daily], vec![]);
    let mut plan = plan(Dialect::Fc, &config, ms("2020-10-01T00:00:00Z"), 0);
    assert_eq!((plan.target(), plan.next_due()), (15, Some(ms("2020-10-11T08:30:00Z"))));
    assert_eq!(plan.advance(ms("2020-10-11T08:29:59Z"), busy(0)), None);
    assert_eq!(plan.advance(ms("2020-10-11T08:30:00Z"), busy(0)).unwrap().to, 5);
    assert_eq!(plan.next_due(), Some(ms(window.1)), "that it fires daily changes nothing");
    let ended = plan.advance(ms("2021-01-01T00:00:00Z"), busy(0)).unwrap();
    let cause = Cause::ScheduleEnded { action: "demoScheduler".to_owned() };
    assert_eq!(ended, Change { at: ms(window.1), from: 5, to: 15, cause });
    assert_eq!(plan.next_due(), None);
    // Set long after the window, as the documents' own example is by now.
    assert_eq!(self::plan(Dialect::Fc, &config, ms("2024-01-01T00:00:00Z"), 0).target(), 15);
}

#[test]
fn fc_tracks_once_a_minute_fast_up_and_slowly_down() {
    // spec: FPC-08
    let mut plan = plan(Dialect::Fc, &config(0, vec![], vec![tracking(600_000, 10, 100)]), 0, 0);
    assert_eq!((plan.target(), plan.next_due()), (10, Some(MINUTE)));
    // spec: FPC-09
    let out = follow(&mut plan, 3 * MINUTE, busy(54));
    assert_eq!(out.iter().map(|change| (change.at, change.to)).collect::<Vec<_>>(), [(MINUTE, 90)]);
    // contradiction C15 of the specification (a tenth a tick, and one at least), FPC-10 (down to the minimum)
    let down = follow(&mut plan, 60 * MINUTE, busy(0));
    let numbers: Vec<u64> = down.iter().map(|change| change.to).collect();
    assert_eq!(numbers[..5], [81, 73, 66, 60, 54]);
    assert_eq!(numbers[numbers.len() - 3..], [12, 11, 10]);
    assert!(down.windows(2).all(|pair| pair[1].at - pair[0].at == MINUTE), "each tick");
    assert_eq!(follow(&mut plan, 120 * MINUTE, busy(1000)).last().unwrap().to, 100, "up to the maximum");
}

#[test]
fn fc_takes_the_greater_of_schedule_and_tracking_within_the_bounds() {
    // spec: FPC-12
    let mut policy = tracking(500_000, 10, 100);
    (policy.from, policy.until) = (Some(Timestamp(HOUR)), Some(Timestamp(4 * HOUR)));
    let actions = vec![action("high", "cron(0 0 2 * * *)", 60), action("huge", "cron(0 0 3 * * *)", 200)];
    let mut plan = plan(Dialect::Fc, &config(4, actions, vec![policy]), 0, 4);
    let seen = |changes: Vec<Change>| -> Vec<_> {
        changes.into_iter().map(|change| (change.at / MINUTE, change.to, change.cause.to_string())).collect()
    };
    let owned = |minute, to, cause: &str| (minute, to, cause.to_owned());
    assert_eq!(seen(follow(&mut plan, HOUR - 1, busy(40))), [], "the window is not open yet");
    assert_eq!(
        seen(follow(&mut plan, 2 * HOUR - 1, busy(20))),
        [owned(60, 40, "tracking policy 'track' scaled out for 20 concurrent requests")],
    );
    assert_eq!(
        seen(follow(&mut plan, 4 * HOUR, busy(20))),
        [
            owned(120, 60, "scheduled action 'high'"),
            owned(180, 100, "scheduled action 'huge'"),
            owned(240, 200, "the window of tracking policy 'track' ended"),
        ],
    );
}

#[test]
fn a_closed_window_leaves_nothing_behind() {
    let mut policy = tracking(500_000, 10, 100);
    (policy.from, policy.until) = (Some(Timestamp(HOUR)), Some(Timestamp(2 * HOUR)));
    let again = TrackingPolicy { from: Some(Timestamp(3 * HOUR)), until: Some(Timestamp(4 * HOUR)), ..policy.clone() };
    let mut plan = plan(Dialect::Fc, &config(2, vec![], vec![policy, again]), 0, 2);
    follow(&mut plan, 2 * HOUR - 1, busy(50));
    assert_eq!(plan.target(), 100);
    plan.advance(2 * HOUR, busy(50));
    assert_eq!(plan.target(), 2);
    let began = plan.advance(3 * HOUR - 1, busy(0));
    assert_eq!(began, None);
    let began = plan.advance(3 * HOUR, busy(0)).unwrap();
    assert_eq!((began.to, began.cause), (10, Cause::TrackingBegan { policy: "track".to_owned() }));
    follow(&mut plan, 5 * HOUR, busy(0));
    assert_eq!((plan.target(), plan.next_due()), (2, None));
}

#[test]
fn deciding_twice_changes_nothing_and_time_does_not_go_back() {
    let actions = vec![action("a", "cron(0 */7 * * * *)", 3), action("b", "cron(30 */11 * * * *)", 8)];
    let mut plan = plan(Dialect::Fc, &config(0, actions, vec![tracking(500_000, 1, 50)]), 0, 0);
    for now in (0..3 * HOUR).step_by(17_000) {
        plan.advance(now, busy((now / MINUTE % 13) as u64));
        let decided = plan.clone();
        assert_eq!(plan.advance(now, busy(40)), None);
        assert_eq!(plan.advance(now - 5000, busy(40)), None);
        assert_eq!(plan, decided);
    }
}

#[test]
fn other_rules_keep_what_tracking_did() {
    let config = config(0, vec![], vec![tracking(500_000, 1, 1000)]);
    let mut plan = plan(Dialect::Scf, &config, 0, 1);
    plan.advance(10_000, busy(10));
    let slower = PlanRules { tick_s: 30, in_window_s: 100, ..rules(Dialect::Scf) };
    plan.follow_rules(&config, &slower, 20_000).unwrap();
    assert_eq!((plan.target(), plan.next_due()), (20, Some(30_000)));
    assert_eq!(follow(&mut plan, 119_999, busy(0)), [], "it scaled at 10 s, and the window is 100 s now");
    assert_eq!(plan.advance(120_000, busy(0)).unwrap().to, 1);
    let nowhere = PlanRules { zone: "Nowhere".to_owned(), ..slower };
    let before = plan.clone();
    assert_eq!(plan.follow_rules(&config, &nowhere, 130_000).unwrap_err().field, Field::Other("schedule_tz"));
    assert_eq!(plan, before);
}

#[test]
fn a_preview_is_bounded() {
    let actions = vec![action("a", "* * * * * * *", 3), action("b", "*/1 * * * * * *", 8)];
    let plan = plan(Dialect::Scf, &config(0, actions, vec![]), 0, 0);
    assert_eq!(plan.target(), 8);
    let preview = plan.preview(0, 100 * 365 * DAY, 10);
    assert_eq!((preview.target, preview.changes), (8, vec![]));
    assert!(preview.truncated_at.is_some(), "it did not look at all those seconds");
    let actions = vec![action("a", "0/2 * * * * * *", 3), action("b", "1/2 * * * * * *", 8)];
    let plan = self::plan(Dialect::Scf, &config(0, actions, vec![]), 0, 0);
    let far = 1000 * DAY + 5_000;
    let preview = plan.preview(far, 100 * 365 * DAY, 3);
    let at = |second: i64| far + second * 1000;
    assert_eq!(preview.changes.iter().map(|change| change.at).collect::<Vec<_>>(), [at(1), at(2), at(3)]);
    assert_eq!((preview.target, preview.truncated_at), (8, Some(at(3))));
    let preview = plan.preview(5_000, 6_000, 10);
    assert_eq!((preview.changes.len(), preview.truncated_at), (1, None), "what is at the beginning is in force there");
    assert_eq!(plan.preview(5_000, 4_000, 10).changes, []);
}
