use super::*;
use sluice_domain::{AccountId, Dialect, FunctionKey, LogCut, Region, RequestId, Scope, Timestamp};

fn failed(kind: FailureKind, message: &str) -> Invocation {
    Invocation {
        request_id: RequestId::from("6add56fa-58f1-4b66-89a9-5254005d5fdb"),
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
        duration_ms: 0.0,
        memory_used: 0,
        instance: None,
        cold_start: None,
        log: String::new(),
        log_cut: LogCut::default(),
        outcome: Outcome::Failure(Failure::new(kind, message)),
    }
}

#[test]
fn every_failure_has_its_status_code_and_side() {
    // spec: WEB-22, WEB-23, WEB-24
    let table = [
        (FailureKind::EventNotJson, 400, 1),
        (FailureKind::ResponseTooLarge, 407, 1),
        (FailureKind::Throttled(Throttle::Burst), 429, -1),
        (FailureKind::UserException, 430, 1),
        (FailureKind::Throttled(Throttle::Account), 432, -1),
        (FailureKind::Throttled(Throttle::Namespace), 432, -1),
        (FailureKind::Throttled(Throttle::RegionInstances), 432, -1),
        (FailureKind::TimedOut, 433, 1),
        (FailureKind::OutOfMemory, 434, 1),
        (FailureKind::HandlerNotFound, 437, 1),
        (FailureKind::NotActive, 438, -1),
        (FailureKind::ProcessExited, 439, 1),
        (FailureKind::BadReturn, 443, 1),
        (FailureKind::Throttled(Throttle::HostMemory), 449, -1),
        (FailureKind::Throttled(Throttle::HostFiles), 449, -1),
        (FailureKind::InitTimedOut, 450, 1),
        (FailureKind::Canceled, 499, -1),
        (FailureKind::Internal, 500, -1),
    ];
    for (kind, status, result) in table {
        let invocation = failed(kind, "why");
        assert_eq!(status_code(kind), status, "{kind:?}");
        assert_eq!(invoke_result(&invocation.outcome), result, "{kind:?}");
        let json: serde_json::Value = serde_json::from_str(&return_message(&invocation)).unwrap();
        assert_eq!(
            (json["errorCode"].as_i64(), json["statusCode"].as_u64()),
            (Some(-1), Some(status.into())),
            "{kind:?}"
        );
        assert!(!error_text(&invocation).is_empty(), "{kind:?}");
    }
}

#[test]
fn an_exception_carries_its_stack_and_its_message() {
    let mut invocation = failed(FailureKind::UserException, "boom");
    let Outcome::Failure(failure) = &mut invocation.outcome else { unreachable!() };
    failure.stack = Some("Traceback\n  File \"/var/user/index.py\"\nValueError: boom".into());
    assert_eq!(
        return_message(&invocation),
        r#"{"errorCode":-1,"errorMessage":"user code exception caught","requestId":"6add56fa-58f1-4b66-89a9-5254005d5fdb","stackTrace":"Traceback\n  File \"/var/user/index.py\"\nValueError: boom","statusCode":430}"#
    );
    assert_eq!(error_text(&invocation), "boom");
}

#[test]
fn a_throttle_is_named_as_the_vendor_names_it() {
    let invocation = failed(FailureKind::Throttled(Throttle::Account), "quota 128000 MB, in use 128000 MB");
    assert_eq!(
        return_message(&invocation),
        r#"{"errorCode":-1,"errorMessage":"ResourceLimitReached","statusCode":432}"#
    );
    assert_eq!(error_text(&invocation), "quota 128000 MB, in use 128000 MB");
}

#[test]
fn a_timeout_says_after_how_many_seconds() {
    let mut invocation = failed(FailureKind::TimedOut, "");
    invocation.duration_ms = 3004.2;
    assert_eq!(
        return_message(&invocation),
        r#"{"errorCode":-1,"errorMessage":"Invoking task timed out after 3 seconds","requestId":"6add56fa-58f1-4b66-89a9-5254005d5fdb","statusCode":433}"#
    );
    assert_eq!((duration_ms(&invocation), billed_ms(&invocation)), (3004.2, 3005));
}
