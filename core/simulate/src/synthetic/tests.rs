use super::*;
use crate::dice::ln;
use std::collections::HashMap;

fn workload(functions: u32, days: u32, seed: u64) -> Synthetic {
    Synthetic::new(Settings { functions, days, seed })
}

fn share(functions: &[Function], of: impl Fn(&Function) -> bool) -> f64 {
    functions.iter().filter(|function| of(function)).count() as f64 / functions.len() as f64
}

fn near(what: &str, value: f64, wanted: f64, within: f64) {
    assert!((value - wanted).abs() <= within, "{what}: {value}, published {wanted} ± {within}");
}

#[test]
fn a_seed_repeats_in_time_order_and_another_differs() {
    let take = |seed| workload(500, 1, seed).take(50_000).collect::<Vec<_>>();
    let first = take(1);
    assert_eq!(first, take(1));
    assert_ne!(first, take(2));
    assert!(first.is_sorted_by_key(|arrival| arrival.at_ms));
}

/// The parameters are frozen: this must never change.
#[test]
fn the_stream_of_a_seed_has_its_fingerprint() {
    let mut print = 0xCBF2_9CE4_8422_2325u64;
    let mut eat = |value: u64| print = (print ^ value).wrapping_mul(0x0100_0000_01B3).rotate_left(17);
    let workload = workload(2_000, 2, 42);
    workload.functions().iter().for_each(|f| eat(u64::from(f.memory_mb) << 32 | u64::from(f.cold_ms)));
    workload.take(200_000).for_each(|a| eat(a.at_ms ^ u64::from(a.function) << 40 ^ u64::from(a.duration_ms) << 20));
    assert_eq!(print, FINGERPRINT, "{print:#x}");
}
const FINGERPRINT: u64 = 0xC4D7_4F83_BFD5_026E;

#[test]
fn functions_have_the_published_marginals() {
    let workload = workload(50_000, 1, 9);
    let functions = workload.functions();
    let rate = |limit: f64| share(functions, |f| f.calls_per_day <= limit);
    near("called hourly or less", rate(24.0), 0.45, 0.05);
    near("called every minute or less", rate(1440.0), 0.81, 0.03);
    let rates = functions.iter().map(|f| f.calls_per_day);
    let (least, most) = rates.fold((f64::MAX, 0.0f64), |(least, most), rate| (least.min(rate), most.max(rate)));
    assert!(most / least > 3e7, "{least} to {most}");
    for (trigger, published) in population::TRIGGERS.iter().zip(population::TRIGGER_SHARES) {
        near("trigger", share(functions, |f| f.trigger == *trigger), published / 100.0, 0.01);
    }
    near("memory under 170 MB", share(functions, |f| f.memory_mb <= 170), 0.5, 0.02);
    near("memory under 400 MB", share(functions, |f| f.memory_mb <= 400), 0.9, 0.02);
    near("under a second", share(functions, |f| f.mean_duration_ms < 1000.0), 0.55, 0.05);
    near("under a minute", share(functions, |f| f.mean_duration_ms < 60_000.0), 0.96, 0.02);
    near("starts under the median", share(functions, |f| f.cold_ms <= COLD_MEDIAN_MS as u32), 0.5, 0.02);
}

#[test]
fn triggers_have_about_their_share_of_calls() {
    let workload = workload(100_000, 1, 5);
    let total: f64 = workload.functions().iter().map(|f| f.calls_per_day).sum();
    let of = |trigger| -> f64 {
        workload.functions().iter().filter(|f| f.trigger == trigger).map(|f| f.calls_per_day).sum::<f64>() / total
    };
    near("http", of(Trigger::Http), 0.359, 0.12);
    near("queue", of(Trigger::Queue), 0.335, 0.12);
    near("event", of(Trigger::Event), 0.247, 0.12);
    near("timer", of(Trigger::Timer), 0.020, 0.018);
    near("storage", of(Trigger::Storage), 0.007, 0.007);
}

/// What was called, and how its gaps vary.
struct Gaps {
    count: f64,
    sum: f64,
    squares: f64,
}

#[test]
fn gaps_vary_as_published() {
    let mut timers = Vec::new();
    let mut others = Vec::new();
    let (mut expected, mut seen) = (0.0, 0.0);
    workload(4_000, 7, 3).each_function(|_, function, calls| {
        let (mut last, mut gaps) = (None, Gaps { count: 0.0, sum: 0.0, squares: 0.0 });
        for call in calls.take(20_000) {
            if let Some(last) = last.replace(call.at_ms) {
                let gap = (call.at_ms - last) as f64;
                gaps = Gaps { count: gaps.count + 1.0, sum: gaps.sum + gap, squares: gaps.squares + gap * gap };
            }
        }
        if (10.0..2_000.0).contains(&function.calls_per_day) {
            expected += function.calls_per_day * 7.0;
            seen += gaps.count;
        }
        if gaps.count < 20.0 || function.calls_per_day > 20_000.0 {
            return;
        }
        let mean = gaps.sum / gaps.count;
        let cv = (gaps.squares / gaps.count - mean * mean).max(0.0).sqrt() / mean;
        if function.trigger == Trigger::Timer { timers.push(cv) } else { others.push(cv) }
    });
    let below = |of: &[f64], limit: f64| of.iter().filter(|cv| **cv < limit).count() as f64 / of.len() as f64;
    assert!(below(&timers, 0.3) > 0.8, "timers {}", below(&timers, 0.3));
    near("periodic others", below(&others, 0.3), 0.10, 0.04);
    assert!(1.0 - below(&others, 1.0) > 0.4, "bursty {}", 1.0 - below(&others, 1.0));
    assert!(below(&others, 1.3) - below(&others, 0.7) > 0.1, "near one");
    near("calls of what was promised", seen / expected, 1.0, 0.1);
}

#[test]
fn durations_scatter_around_their_function() {
    let mut means = Vec::new();
    workload(3_000, 1, 8).each_function(|_, function, calls| {
        let calls: Vec<f64> = calls.take(3_000).map(|call| f64::from(call.duration_ms)).collect();
        if calls.len() > 1000 && function.mean_duration_ms > 50.0 && function.mean_duration_ms < 100_000.0 {
            means.push(ln(calls.iter().sum::<f64>() / calls.len() as f64 / function.mean_duration_ms));
        }
    });
    assert!(means.len() > 100);
    assert!(means.iter().all(|log| log.abs() < 0.15), "{means:?}");
}

#[test]
fn days_have_a_rhythm() {
    let mut hours: HashMap<u64, u64> = HashMap::new();
    workload(3_000, 7, 4).each_function(|_, function, calls| {
        if (5.0..2_000.0).contains(&function.calls_per_day) {
            calls.for_each(|call| *hours.entry(call.at_ms / 3_600_000).or_default() += 1);
        }
    });
    let (least, most) = (*hours.values().min().unwrap() as f64, *hours.values().max().unwrap() as f64);
    assert!((0.3..0.75).contains(&(least / most)), "a constant part of about half: {}", least / most);
}
