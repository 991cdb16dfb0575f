//! What holds for any setting, any load and any way of looking.

use super::tests::{DAY, HOUR, MINUTE, busy, config, follow, plan, rules, tracking};
use super::{Load, Plan, PlanRules};
use proptest::prelude::*;
use sluice_domain::{Dialect, ProvisionConfig, ScheduledAction, Timestamp, TrackingPolicy};

fn any_action() -> impl Strategy<Value = ScheduledAction> {
    let expression = prop_oneof![
        (0..60u32, 0..60u32).prop_map(|(second, minute)| format!("cron({second} {minute} * * * *)")),
        (1..60u32).prop_map(|step| format!("cron(0 */{step} * * * *)")),
        (0..24u32, 0..7u32).prop_map(|(hour, day)| format!("cron(0 0 {hour} * * {})", day + 1)),
    ];
    (expression, 0..200u64, window()).prop_map(|(expression, target, (from, until))| {
        let name = format!("{expression} = {target}");
        ScheduledAction { name, expression, target, from, until, time_zone: None }
    })
}

fn any_policy() -> impl Strategy<Value = TrackingPolicy> {
    (1..=1_000_000u32, 0..50u64, 0..200u64, window()).prop_map(|(ppm, min, more, (from, until))| TrackingPolicy {
        from,
        until,
        ..tracking(ppm, min, min + more)
    })
}

fn window() -> impl Strategy<Value = (Option<Timestamp>, Option<Timestamp>)> {
    let edge = |minutes: i64| Timestamp(minutes * MINUTE + 500);
    let both = (0..2000i64, 1..2000i64).prop_map(move |(from, length)| (Some(edge(from)), Some(edge(from + length))));
    prop_oneof![Just((None, None)), (0..2000i64).prop_map(move |from| (Some(edge(from)), None)), both]
}

fn any_config() -> impl Strategy<Value = ProvisionConfig> {
    (0..100u64, prop::collection::vec(any_action(), 0..5), prop::collection::vec(any_policy(), 0..3))
        .prop_map(|(target, actions, policies)| config(target, actions, policies))
}

fn looks() -> impl Strategy<Value = Vec<(i64, u64)>> {
    prop::collection::vec((1..4 * HOUR, 0..300u64), 1..20)
}

/// The greatest number that may be in force at an instant, and the least.
fn bounds(config: &ProvisionConfig, now: i64) -> (u64, u64) {
    let open = |policy: &&TrackingPolicy| {
        policy.from.is_none_or(|from| from.0 <= now) && policy.until.is_none_or(|until| now < until.0)
    };
    let open: Vec<_> = config.tracking.iter().filter(open).collect();
    match (open.iter().map(|policy| policy.max).max(), open.iter().map(|policy| policy.min).max()) {
        (Some(most), Some(least)) => (least, most),
        _ => (0, config.actions.iter().map(|action| action.target).chain([config.target]).max().unwrap()),
    }
}

proptest! {
    #[test]
    fn the_number_keeps_its_bounds(config in any_config(), looks in looks(), before in 0..500u64) {
        let mut plan = plan(Dialect::Fc, &config, 0, before);
        let mut now = 0;
        for (pause, load) in looks {
            let (least, most) = bounds(&config, now);
            prop_assert!((least..=most).contains(&plan.target()), "{} at {now}", plan.target());
            prop_assert!(plan.next_due().is_none_or(|due| due > now));
            now += pause;
            let from = plan.target();
            match plan.advance(now, busy(load)) {
                Some(change) => {
                    prop_assert_eq!((change.from, change.to), (from, plan.target()));
                    prop_assert!(change.from != change.to && change.at <= now && change.at > now - pause);
                }
                None => prop_assert_eq!(from, plan.target()),
            }
        }
    }

    #[test]
    fn one_leap_is_many_small_steps(config in any_config(), looks in looks(), before in 0..500u64) {
        let config = ProvisionConfig { tracking: Vec::new(), ..config };
        let mut leaping = plan(Dialect::Fc, &config, 0, before);
        let mut creeping = leaping.clone();
        let mut now = 0;
        for (pause, load) in looks {
            for at in (now..now + pause).step_by(97_000) {
                creeping.advance(at, busy(load));
            }
            now += pause;
            creeping.advance(now, busy(load));
            leaping.advance(now, busy(load));
            prop_assert_eq!(&leaping, &creeping);
        }
    }

    #[test]
    fn coming_more_often_than_asked_changes_nothing(
        config in any_config(), looks in looks(), before in 0..500u64, in_window_s in prop_oneof![Just(0), Just(600)],
    ) {
        let rules = PlanRules { in_window_s, ..rules(Dialect::Fc) };
        let mut asked = Plan::new(&config, &rules, 0, 0, before).unwrap();
        let mut often = asked.clone();
        let mut now = 0;
        for (pause, load) in looks {
            let begin = now;
            now += pause;
            follow(&mut asked, now, busy(load));
            for at in (begin..now).step_by(97_000).chain([now]) {
                follow(&mut often, at, busy(load));
            }
            prop_assert_eq!(&asked, &often);
        }
    }

    #[test]
    fn nothing_moves_before_it_is_due(config in any_config(), looks in looks()) {
        let mut plan = plan(Dialect::Fc, &config, 0, 0);
        for (pause, load) in looks {
            let Some(due) = plan.next_due() else { break };
            let from = plan.target();
            prop_assert_eq!(plan.advance(due - 1, busy(load)), None);
            prop_assert_eq!(plan.target(), from);
            prop_assert!(plan.next_due().is_some_and(|next| next == due));
            plan.advance(due + pause % 1000, busy(load));
        }
    }

    #[test]
    fn a_preview_is_what_then_happens_without_requests(config in any_config(), before in 0..500u64, begin in 0..DAY) {
        let mut plan = plan(Dialect::Fc, &config, 0, before);
        let previewed = plan.preview(begin, begin + 2 * DAY, usize::MAX);
        follow(&mut plan, begin, Load::default());
        prop_assert_eq!(previewed.target, plan.target());
        prop_assert_eq!(previewed.truncated_at, None);
        prop_assert_eq!(previewed.changes, follow(&mut plan, begin + 2 * DAY, Load::default()));
    }

    #[test]
    fn a_restart_finds_what_the_schedule_made(
        config in any_config(), now in 0..3 * DAY, before in 0..500u64,
    ) {
        let config = ProvisionConfig { tracking: Vec::new(), ..config };
        let mut running = plan(Dialect::Fc, &config, 0, before);
        follow(&mut running, now, busy(0));
        let restarted = Plan::new(&config, &rules(Dialect::Fc), 0, now, 0).unwrap();
        prop_assert_eq!(running, restarted);
    }
}
