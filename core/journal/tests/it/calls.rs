//! A journal as a trace.

use crate::made::{self, Made, START};
use sluice_decide::{Command, Event, PoolId, RequestSeq, Trigger};
use sluice_domain::{InstanceId, Throttle};
use sluice_journal::{Outcome, Reader, invocations};

fn arrival(request: u64, pool: u32) -> Event {
    let (request, pool) = (RequestSeq(request), PoolId(pool));
    Event::Arrived { request, pool, rule: None, trigger: Trigger::Http, free_mib: 4096 }
}

fn started(commands: &[Command]) -> InstanceId {
    let found = commands.iter().find_map(|command| match command {
        Command::Start { instance, .. } => Some(*instance),
        _ => None,
    });
    found.expect("a start")
}

#[test]
fn calls_are_told_in_order_with_what_became_of_them() {
    let mut file = Made::new();
    let mut recorder = file.open(1);
    let mut step = |at, event| recorder.step(&mut file, START + at, event);
    step(0, Event::PoolOpened { pool: PoolId(0), spec: made::spec("slow", 512) });
    step(0, Event::PoolOpened { pool: PoolId(1), spec: made::spec("other", 512) });
    let slow = started(&step(10, arrival(1, 0)));
    step(110, Event::Ready { instance: slow });
    let other = started(&step(120, arrival(2, 1)));
    step(130, arrival(3, 1));
    step(140, Event::StartFailed { instance: other });
    step(1110, Event::Done { instance: slow, reusable: true });
    step(1200, arrival(4, 0));
    recorder.flush(&mut file);
    let bytes = file.close();

    let mut calls = invocations(Reader::new(bytes.as_slice()).unwrap());
    let told: Vec<_> = calls.by_ref().map(|call| call.unwrap_or_else(|fault| panic!("{fault}"))).collect();
    let shown: Vec<_> = told.iter().map(|call| (call.at - START, call.spec.name.as_str(), call.outcome)).collect();
    let ran = Outcome::Ran { waited_ms: 100, duration_ms: 1000, start_ms: Some(100), reusable: true };
    assert_eq!(
        shown,
        [
            (10, "slow", ran),
            (120, "other", Outcome::Unserved),
            (130, "other", Outcome::Refused(Throttle::Account)),
            (1200, "slow", Outcome::Unended),
        ]
    );
    assert_eq!(calls.scopes().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
    assert_eq!(told.iter().map(|call| call.record).collect::<Vec<_>>(), [3, 5, 6, 9]);
    let set: Vec<_> = calls.settings(1).iter().map(|setting| (setting.record, setting.at)).collect();
    assert_eq!(set, [(1, START), (2, START)]);
    let starts: Vec<_> = calls.starts(1).iter().map(|start| (start.pool.0, start.took_ms, start.failed)).collect();
    assert_eq!(starts, [(0, Some(100), false), (1, Some(20), true)]);
    assert_eq!(calls.covered(), Some((START, START + 1200)));
}

#[test]
fn every_arrival_is_told_once() {
    for seed in 0..20 {
        let bytes = made::journal(seed, 300);
        let calls: Result<Vec<_>, _> = invocations(Reader::new(bytes.as_slice()).unwrap()).collect();
        let calls = calls.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(calls.len(), 600, "seed {seed}");
        for scope in [1, 2] {
            let times: Vec<_> = calls.iter().filter(|call| call.scope == scope).map(|call| call.at).collect();
            assert!(times.is_sorted(), "seed {seed}");
        }
    }
}

#[test]
fn a_fault_comes_after_the_calls_before_it() {
    let bytes = made::journal(2, 300);
    let cut = &bytes[..bytes.len() * 3 / 4];
    let told: Vec<_> = invocations(Reader::new(cut).unwrap()).collect();
    assert!(told.iter().filter(|call| call.is_ok()).count() > 300);
    assert!(told.last().unwrap().as_ref().err().unwrap().trouble.is_unfinished());
}
