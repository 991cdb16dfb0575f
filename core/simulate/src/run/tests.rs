use super::*;
use crate::{Arrival, synthetic};
use sluice_domain::Profile;

fn subject(memory_mb: u32, cold_ms: u32) -> Subject {
    Subject { name: "f".to_owned(), memory_mb, cold_ms, http: true }
}

fn played(functions: Vec<Subject>, calls: &[(u64, u32, u32)], change: impl FnOnce(&mut QuotaProfile)) -> Report {
    let arrivals: Vec<Arrival> = calls
        .iter()
        .map(|(at_ms, function, duration_ms)| Arrival { at_ms: *at_ms, function: *function, duration_ms: *duration_ms })
        .collect();
    let mut quota = QuotaProfile::named(Profile::Scf128);
    quota.keep_alive_adaptive = false;
    quota.keep_alive_s = 60;
    change(&mut quota);
    let workload = Workload { functions, arrivals: Box::new(arrivals.into_iter()), span_ms: 600_000, requests: None };
    run(workload, &Settings::new(quota), |_, _| {})
}

#[test]
fn a_kept_instance_serves_and_an_ended_one_starts_again() {
    let calls = [(0, 0, 100), (30_000, 0, 100), (200_000, 0, 100)];
    let report = played(vec![subject(200, 500)], &calls, |_| {});
    assert_eq!((report.requests, report.cold_starts, report.throttles), (3, 2, 0));
    assert_eq!(report.cold_starts_by_reason["first_call"], 1);
    assert_eq!(report.cold_starts_by_reason["reclaimed"], 1);
    assert_eq!((report.waits.waited, report.waits.max_ms), (2, 500));
    assert!((485..=500).contains(&report.waits.p50_ms), "{:?}", report.waits);
    // Ready at 500, busy three times 100 ms, idle 29,400, 60,000 and 60,000.
    assert_eq!(report.busy_instance_s, 0.3);
    assert!((report.idle_instance_s - 149.4).abs() < 1e-9, "{}", report.idle_instance_s);
    assert!((report.idle_gb_s - 149.4 * 256.0 / 1024.0).abs() < 1e-9);
    assert!((report.starting_gb_s - 0.25).abs() < 1e-9);
    assert_eq!((report.peak_instances, report.starts, report.stops), (1, 2, 2));
}

#[test]
fn limits_refuse_as_the_server_does() {
    let calls: Vec<(u64, u32, u32)> = (0..20).map(|n| (n, 0, 5_000)).collect();
    let report = played(vec![subject(512, 10)], &calls, |quota| quota.concurrency_mb = Some(512 * 8));
    assert_eq!(report.throttles_by_limit.get("account"), Some(&report.throttles), "{report:?}");
    assert_eq!(report.requests - report.throttles, report.peak_concurrency);
    let burst = played(vec![subject(512, 10)], &calls, |quota| quota.burst_per_min = Some(15));
    assert_eq!((burst.throttles_by_limit["burst"], burst.cold_starts), (5, 15));
    assert_eq!(burst.timeline.iter().map(|point| point.throttles).sum::<u64>(), 5);
}

#[test]
fn a_queue_lets_requests_wait_for_room() {
    let calls = [(0, 0, 1_000), (10, 0, 1_000)];
    let report = played(vec![subject(128, 100)], &calls, |quota| {
        quota.burst_per_min = Some(1);
        (quota.wait_queue_depth, quota.wait_queue_ms) = (10, 10_000);
    });
    assert_eq!((report.throttles, report.cold_starts, report.waits.waited), (0, 1, 2));
    assert!((1_050..1_150).contains(&report.waits.max_ms), "{:?}", report.waits);
}

#[test]
fn sizes_are_those_on_offer() {
    let scf = QuotaProfile::named(Profile::Scf128);
    assert_eq!([6, 64, 65, 300, 9_999].map(|mb| offered_mb(&scf, mb)), [64, 64, 128, 384, 3072]);
    assert_eq!(offered_mb(&QuotaProfile::named(Profile::Fc), 129), 192);
}

#[test]
fn runs_repeat_and_conserve_requests() {
    let play = || {
        let settings = synthetic::Settings { functions: 300, days: 1, seed: 3 };
        let quota = QuotaProfile::named(Profile::Scf64);
        run(Workload::synthetic(settings).capped(200_000), &Settings::new(quota), |_, _| {})
    };
    let report = play();
    assert_eq!(report, play());
    assert_eq!(report.requests, 200_000);
    assert_eq!(report.timeline.iter().map(|point| point.requests).sum::<u64>(), report.requests);
    let started = report.cold_starts + report.starts_ahead;
    assert_eq!(started, report.starts);
}
