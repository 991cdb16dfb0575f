use super::*;
use bytes::Bytes;
use sluice_domain::{
    AccountId, ColdReason, Dialect, Failure, FailureKind, FunctionKey, LogCut, Outcome, Phases, Region, RequestId,
    Scope, Throttle, Timestamp,
};

fn invocation() -> Invocation {
    Invocation {
        request_id: RequestId::from("r-1"),
        function: FunctionKey {
            scope: Scope { account: AccountId::from("100"), region: Region::from("ap-guangzhou") },
            dialect: Dialect::Scf,
            namespace: "default".into(),
            name: "hello".into(),
        },
        qualifier: "$LATEST".into(),
        version: "$LATEST".into(),
        memory_mib: 128,
        started: Timestamp(0),
        duration_ms: 12.4,
        memory_used: 13 << 20,
        instance: None,
        cold_start: None,
        log: "one\ntwo\n".into(),
        log_cut: LogCut::default(),
        outcome: Outcome::Success(Bytes::from_static(br#""done""#)),
    }
}

#[test]
fn a_warm_call_has_six_kinds_of_lines() {
    assert_eq!(
        render(&invocation()),
        "START RequestId: r-1\nEvent RequestId: r-1\none\ntwo\nResponse RequestId: r-1 RetMsg: \"done\"\n\
         END RequestId: r-1\nReport RequestId: r-1 Duration:12ms Memory:128MB MemUsage:13.000000MB\n"
    );
}

#[test]
fn a_cold_call_reports_its_phases() {
    let mut cold = invocation();
    let phases = Phases { queue_ms: 1.0, sandbox_ms: 2.0, mount_ms: 4.0, init_ms: 8.0 };
    cold.cold_start = Some(ColdStart { cause: ColdReason::FirstCall.into(), from_blank: true, phases });
    cold.log = "no line end".into();
    cold.log_cut = LogCut { lines: 3, bytes: 40 };
    let text = render(&cold);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1],
        "Init Report RequestId: r-1 Coldstart: 15ms (PullCode: 4ms InitRuntime: 3ms InitFunction: 8ms) Memory: 128MB MemUsage: 13.00MB"
    );
    assert_eq!(lines[3], "no line end");
    assert_eq!(lines[4], "[PLATFORM] the log is over its limits: 3 lines and 40 bytes were dropped");
}

#[test]
fn the_tail_is_the_last_4_kb_and_whole_characters() {
    let long = "中".repeat(3000);
    let tail = tail(&long);
    assert!(tail.len() <= TAIL_BYTES && tail.len() > TAIL_BYTES - 3);
    assert!(tail.chars().all(|c| c == '中'));
    let mut large = invocation();
    large.outcome = Outcome::Success(Bytes::from(vec![b'x'; 100_000]));
    assert!(render(&large).lines().all(|line| line.len() < LINE_BYTES + 100));
}

#[test]
fn the_record_of_a_refused_call_says_so_and_no_more() {
    let mut refused = invocation();
    refused.log = String::new();
    let throttled = FailureKind::Throttled(Throttle::Account);
    refused.outcome = Outcome::Failure(Failure::new(throttled, "quota 256 MB (256 MB in use)"));
    let record = r#"{"errorCode":-1,"errorMessage":"ResourceLimitReached","statusCode":432}"#;
    // spec: OVL-02
    assert_eq!(outcome::return_message(&refused), record);
    // spec: OVL-02
    assert!(render(&refused).contains(&format!("Response RequestId: r-1 RetMsg: {record}\n")));
}
