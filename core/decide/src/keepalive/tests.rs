use super::*;
use proptest::prelude::*;

const MINUTE: Millis = 60_000;

fn fixed(memory_mb: u64) -> Fixed {
    Fixed { keep_ms: 5 * MINUTE, memory_mb }
}

/// Calls of a second each at these times.
fn called(at: impl IntoIterator<Item = Millis>) -> Habits {
    let mut habits = Habits::default();
    for at in at {
        habits.arrived(at, 0);
        habits.ended(at + 1_000, 0);
    }
    habits
}

#[test]
fn the_fixed_window_holds_while_little_is_known() {
    let window = called([5, 100_000]).window(1, &fixed(128));
    assert_eq!(window.keep_ms, 5 * MINUTE);
    assert_eq!(window.why.to_string(), "only one gap between calls was seen yet");
    let nothing = Habits::default();
    assert_eq!(
        [1, 2, 200].map(|depth| nothing.window(depth, &fixed(128)).keep_ms),
        [5 * MINUTE, MINUTE / 2, MINUTE / 2]
    );
}

#[test]
fn a_timer_is_started_just_before_its_time() {
    // spec: CON-10 (how long an instance is kept varies with the traffic)
    let mut habits = called((0..40).map(|n| n * 30 * MINUTE + n * 37 % 50));
    habits.started(700);
    let window = habits.window(1, &fixed(128));
    assert_eq!(window.keep_ms, 0, "{window:?}");
    let (from, to) = (window.prewarm_after_ms.unwrap(), window.prewarm_until_ms);
    // The call ended a second after it came.
    assert!(from + 700 < 30 * MINUTE - 1_000 && from > 29 * MINUTE, "{window:?}");
    assert!(to > 30 * MINUTE - 1_000 && to < 31 * MINUTE, "{window:?}");
    assert!(window.why.to_string().starts_with("a call comes every 30 min"), "{}", window.why);
    // A night's pause does not make it forget, another rhythm does.
    let mut night = habits.clone();
    night.arrived(40 * 30 * MINUTE + 13 * 60 * MINUTE, 0);
    assert!(night.period.found().is_some());
    (1..12).for_each(|n| night.arrived(2_000 * MINUTE + n * 7 * MINUTE, 0));
    assert_eq!(night.period.found().unwrap().0 / MINUTE, 7);
}

#[test]
fn gaps_that_end_soon_are_kept_for_and_long_ones_not() {
    // Sessions of five calls half a minute apart, every three hours or so.
    let calls = |n: u64| {
        (0..5).map(move |call| n * 180 * MINUTE + n * n % 47 * MINUTE + call * (4_000 + n * call % 23 * 1_500))
    };
    let habits = called((1..40).flat_map(calls));
    let window = habits.window(1, &fixed(128));
    assert!((30_000..3 * MINUTE).contains(&window.keep_ms), "{window:?}");
    assert!(window.why.to_string().contains(" gaps were under "), "{}", window.why);
    // What weighs less is kept longer, and so is everything when the fixed window is generous.
    let light = habits.window(1, &Fixed { keep_ms: 60 * MINUTE, memory_mb: 16 });
    assert!(light.keep_ms > 60 * MINUTE, "{light:?}");
}

#[test]
fn the_second_instance_has_habits_of_its_own() {
    let mut habits = Habits::default();
    let mut at = 0;
    for n in 0..2_000u64 {
        at += 1_000 + n * 2_654_435_761 % 8_999;
        habits.arrived(at, 0);
        // Twice an hour a second request comes on top.
        if n % 450 == 449 {
            habits.arrived(at + 10, 1);
            habits.ended(at + 400, 1);
        }
        habits.ended(at + 500, 0);
    }
    let (first, second) = (habits.window(1, &fixed(512)), habits.window(2, &fixed(512)));
    assert!((4_000..2 * MINUTE).contains(&first.keep_ms), "{first:?}");
    let Why::Gaps { percent, .. } = first.why else { panic!("{first:?}") };
    assert!(percent > 95, "{first:?}");
    assert!(second.keep_ms < MINUTE, "{second:?}");
}

#[test]
fn a_rush_that_ebbs_away_says_little_of_the_time_after_it() {
    let mut habits = Habits::default();
    let fixed = fixed(128);
    let deep = fixed.keep_ms / DEEPER_PART;
    // All start at the same time, before anything is known of how many are needed.
    (0..150).for_each(|n| habits.arrived(1_000 + 200 * u64::from(n), n));
    habits.ended(31_000, 149);
    assert_eq!(habits.window(1, &fixed).keep_ms, deep);
    // They end one after the other, while others come and go.
    for n in (20..149).rev() {
        let at = 31_000 + 200 * u64::from(149 - n);
        for back in [30, 60] {
            habits.arrived(at + back, n);
            habits.ended(at + back + 10, n);
        }
        habits.ended(at + 100, n - 1);
    }
    for depth in [1, 50, 120] {
        assert!(habits.window(depth, &fixed).keep_ms <= deep, "{depth}");
    }
}

#[test]
fn high_levels_share_what_they_learn() {
    let slots: Vec<usize> = (1..2_000).map(slot).collect();
    assert!(slots.is_sorted() && slots[..128].iter().copied().eq(0..128));
    assert_eq!((slot(160), slot(191), slot(192), slot(256)), (129, 129, 130, 132));
    assert_eq!((tracked(160), tracked(161), tracked(192), tracked(7)), (Some(129), None, Some(130), Some(6)));
    let mut habits = Habits::default();
    (0..5_000).for_each(|n| habits.arrived(n, n as u32));
    (0..5_000).for_each(|n| habits.ended(10_000 + n, 4_999 - n as u32));
    assert!(habits.levels.len() < 160);
}

proptest! {
    #[test]
    fn any_calls_give_a_window_and_asking_changes_nothing(
        gaps in prop::collection::vec((0u64..1 << 40, 0u32..300, any::<bool>()), 0..200),
        depth in 0u32..100, keep_ms in 0u64..1 << 40, memory_mb in 0u64..1 << 20,
    ) {
        let mut habits = Habits::default();
        let mut now = 0;
        for (gap, in_flight, arrives) in gaps {
            now += gap;
            if arrives { habits.arrived(now, in_flight) } else { habits.ended(now, in_flight) }
        }
        let fixed = Fixed { keep_ms, memory_mb };
        let window = habits.window(depth, &fixed);
        prop_assert_eq!(&window, &habits.window(depth, &fixed));
        prop_assert!(window.prewarm_after_ms.is_none_or(|from| from >= window.keep_ms && from < window.prewarm_until_ms));
        prop_assert!(!window.why.to_string().is_empty());
    }
}
