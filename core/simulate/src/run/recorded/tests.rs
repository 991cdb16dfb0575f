use super::*;
use crate::{Held, Workload, recording::Start, run, synthetic};
use sluice_decide::{Limits, PoolId, PoolSpec, Trigger};
use sluice_domain::{Profile, QuotaProfile};

const ORIGIN: Millis = 1_795_334_045_468;

fn quota() -> QuotaProfile {
    QuotaProfile { keep_alive_adaptive: false, keep_alive_s: 60, ..QuotaProfile::named(Profile::Scf128) }
}

fn spec(name: &str, memory_mb: u64) -> PoolSpec {
    PoolSpec {
        namespace: "default".to_owned(),
        function: name.to_owned(),
        name: name.to_owned(),
        version: "1".to_owned(),
        memory_mb,
        concurrency: 1,
        replaces: None,
    }
}

fn set(at_ms: Millis, event: Event) -> Input {
    Input { at_ms, what: What::Set(Box::new(event)) }
}

fn opened(pool: u32, name: &str, memory_mb: u64) -> Input {
    set(0, Event::PoolOpened { pool: PoolId(pool), spec: spec(name, memory_mb) })
}

fn call(at_ms: Millis, pool: u32, duration_ms: u32) -> Input {
    let call = Call { pool: PoolId(pool), rule: None, trigger: Trigger::Http, duration_ms, reusable: true };
    Input { at_ms, what: What::Call(call) }
}

fn scope(inputs: Vec<Input>, starts: &[(u32, u32)]) -> Scope {
    let start = |(pool, took_ms): &(u32, u32)| (PoolId(*pool), Start { took_ms: *took_ms, failed: false });
    Scope { limits: Limits::from(&quota()), inputs, starts: starts.iter().map(start).collect(), cold_ms: 500 }
}

fn played(scopes: Vec<Scope>, held: Held) -> Report {
    let recording = Recording { scopes, origin_ms: ORIGIN, span_ms: 30_000 };
    let quota = QuotaProfile { burst_per_min: None, ..quota() };
    run_recorded(&recording, &Settings { held, ..Settings::new(quota) }, None, |_, _| {})
}

fn nothing() -> Held {
    Held::Keys(Default::default())
}

#[test]
fn what_was_set_holds_from_its_time_on() {
    let reserved = Event::FunctionChanged { function: "f".to_owned(), reserved_mb: Some(128), debug: false };
    let limits = Limits { burst_per_min: Some(0), ..Limits::from(&quota()) };
    let inputs = vec![
        opened(0, "f", 128),
        call(10, 0, 1_000),
        call(20, 0, 1_000),
        set(2_000, reserved),
        call(3_000, 0, 1_000),
        call(3_010, 0, 1_000),
        set(5_000, Event::LimitsChanged(Box::new(limits))),
        opened(1, "g", 64),
        call(6_000, 1, 10),
    ];
    let scope = scope(inputs, &[(0, 200), (0, 300)]);
    let report = played(vec![scope.clone()], nothing());
    assert_eq!((report.requests, report.cold_starts, report.waits.max_ms, report.functions), (5, 2, 300, 2));
    assert_eq!(report.throttles_by_limit, [("burst".to_owned(), 1), ("reserved".to_owned(), 1)].into());
    for held in [Held::Keys(["burst_per_min".to_owned()].into()), Held::All] {
        let report = played(vec![scope.clone()], held);
        assert_eq!(report.throttles_by_limit, [("reserved".to_owned(), 1)].into());
        assert_eq!((report.cold_starts, report.waits.max_ms), (3, 500));
    }
}

#[test]
fn what_is_deleted_has_had_its_time() {
    let gone = [
        set(5_000, Event::PoolRetired { pool: PoolId(0) }),
        set(5_000, Event::FunctionRemoved { function: "f".to_owned() }),
    ];
    let mut inputs = vec![opened(0, "f", 1024), call(0, 0, 1_000)];
    inputs.extend(gone);
    let report = played(vec![scope(inputs, &[(0, 100)])], nothing());
    assert_eq!((report.busy_instance_s, report.busy_gb_s), (1.0, 1.0));
    assert!((report.idle_instance_s - 3.9).abs() < 1e-9, "{}", report.idle_instance_s);
}

#[test]
fn what_died_is_started_again_and_what_failed_counts() {
    let died = Input { at_ms: 3_000, what: What::Died { pool: PoolId(0), start: 0 } };
    let mut scope =
        scope(vec![opened(0, "f", 128), call(0, 0, 1_000), died, call(4_000, 0, 10), call(9_000, 0, 10)], &[(0, 100)]);
    scope.starts.push((PoolId(0), Start { took_ms: 50, failed: true }));
    let report = played(vec![scope], nothing());
    assert_eq!((report.requests, report.failures, report.cold_starts), (3, 1, 3));
    assert!(report.cold_starts_by_reason.contains_key("crashed"), "{report:?}");
}

#[test]
fn scopes_share_nothing_and_are_added() {
    let one = || scope(vec![opened(0, "f", 128), call(10, 0, 1_000)], &[(0, 200)]);
    let both = played(vec![one(), one()], nothing());
    assert_eq!((both.requests, both.functions, both.peak_concurrency, both.cold_starts), (2, 2, 2, 2));
    assert_eq!(both.busy_instance_s, 2.0);
}

#[test]
fn calls_alone_come_to_what_a_workload_does() {
    let workload = || Workload::synthetic(synthetic::Settings { functions: 60, days: 1, seed: 9 }).capped(20_000);
    let quota = QuotaProfile { burst_per_min: Some(5), concurrency_mb: Some(4_096), ..quota() };
    let settings = Settings::new(quota.clone());
    let wanted = run(workload(), &settings, |_, _| {});
    let made = workload();
    let mut inputs: Vec<Input> = Vec::new();
    let mut starts = Vec::new();
    for (index, subject) in (0..).zip(&made.functions) {
        inputs.push(opened(index, &index.to_string(), crate::run::offered_mb(&quota, subject.memory_mb)));
        starts.extend((0..2_000).map(|_| (index, subject.cold_ms)));
    }
    let mut end = 0;
    for arrival in made.arrivals {
        let mut input = call(arrival.at_ms, arrival.function, arrival.duration_ms);
        if let (What::Call(call), false) = (&mut input.what, made.functions[arrival.function as usize].http) {
            call.trigger = Trigger::Other;
        }
        end = arrival.at_ms;
        inputs.push(input);
    }
    let scope = Scope { limits: Limits::from(&quota), ..scope(inputs, &starts) };
    let recording = Recording { scopes: vec![scope], origin_ms: 0, span_ms: 86_400_000 };
    let report = run_recorded(&recording, &settings, Some(20_000), |_, _| {});
    assert_eq!(report.span_s, end as f64 / 1000.0);
    assert!((report.idle_gb_s / wanted.idle_gb_s - 1.0).abs() < 1e-9);
    assert!((report.busy_gb_s / wanted.busy_gb_s - 1.0).abs() < 1e-9);
    let counts = |report: &Report| {
        let Report { requests, cold_starts, throttles, starts, stops, waits, .. } = report;
        (*requests, *cold_starts, *throttles, *starts, *stops, *waits)
    };
    assert_eq!(counts(&report), counts(&wanted));
    assert!(report.throttles > 0);
}
