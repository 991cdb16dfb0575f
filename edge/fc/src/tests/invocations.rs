//! Invocations: what comes back, in which headers, and how failures look.

use super::*;
use sluice_domain::{FailureKind, Throttle};

async fn ready(world: World, changes: Value) -> World {
    world.service("s").await;
    world.call("POST", "/services/s/functions", &with(new_function("f"), changes)).await.ok();
    world
}

/// A function that fails in a given way.
async fn failing(failure: Failure, changes: Value) -> Got {
    let world = world_answering(move |_| Err(failure.clone())).await;
    ready(world, changes).await.invoke(&[], "x").await
}

fn decoded(got: &Got, name: &str) -> String {
    String::from_utf8(STANDARD.decode(header(got, name)).unwrap()).unwrap()
}

#[tokio::test]
async fn the_bytes_that_the_function_returns_come_back_untouched() {
    let world = ready(world().await, json!({})).await;
    let payload: &[u8] = &[0, 255, b'{', 10];
    let got = world.invoke(&[], payload).await;
    assert_eq!((got.status.as_u16(), &got.body[..]), (200, payload));
    assert_eq!(header(&got, "content-type"), "application/octet-stream");
    assert_eq!(header(&got, "x-fc-invocation-duration"), "1");
    assert_eq!(header(&got, "x-fc-max-memory-usage"), "1.00");
    assert_eq!(header(&got, "x-fc-invocation-service-version"), "LATEST");
    assert_eq!(header(&got, "x-fc-code-checksum"), "7");
    assert!(header(&got, "x-fc-instance-id").starts_with("i-"));
    assert!(header(&got, "access-control-expose-headers").contains("x-fc-log-result"));
    assert!(!got.headers.contains_key("x-fc-error-type"));
    assert!(!got.headers.contains_key("x-fc-log-result"));
    assert_eq!(world.invoke(&[], "").await.body, "");
}

#[tokio::test]
async fn the_request_id_is_the_function_s_own() {
    let world = world_answering(|call| Ok(Bytes::from(call.request_id.to_string()))).await;
    let world = ready(world, json!({})).await;
    let got = world.invoke(&[], "").await;
    assert_eq!(got.body, header(&got, "x-fc-request-id"));
    let trace = "0d5aaf3f-2a7a-4f8c-8a7c-0123456789ab";
    let got = world.invoke(&[("x-fc-trace-id", trace)], "").await;
    assert_eq!((header(&got, "x-fc-request-id"), &got.body[..]), (trace, trace.as_bytes()));
    let got = world.invoke(&[("x-fc-trace-id", "../../etc/passwd")], "").await;
    assert_ne!(header(&got, "x-fc-request-id"), "../../etc/passwd");
}

#[tokio::test]
async fn qualifiers_are_read_in_both_forms() {
    let world = ready(world_answering(|call| Ok(Bytes::from(call.qualifier.clone()))).await, json!({})).await;
    let invoke = async |service: &str, query: &str| {
        let target = format!("/2021-04-06/services/{service}/functions/f/invocations{query}");
        world.send(signed("POST", &target, &[], "")).await
    };
    for (service, query) in [("s", ""), ("s.LATEST", ""), ("s", "?qualifier=LATEST"), ("s", "?qualifier=")] {
        assert_eq!(invoke(service, query).await.status, 200, "{service}{query}");
    }
    let message = invoke("s.2", "").await.refused(404, "VersionNotFound");
    assert_eq!(message, "version '2' of service 's' does not exist");
    let message = invoke("s", "?qualifier=prod").await.refused(404, "AliasNotFound");
    assert_eq!(message, "alias 'prod' of service 's' does not exist");
    invoke("t.prod", "").await.refused(404, "ServiceNotFound");
    invoke("t", "").await.refused(404, "ServiceNotFound");
}

#[tokio::test]
async fn what_does_not_exist_is_not_run() {
    let world = world().await;
    world.service("s").await;
    let message = world.invoke(&[], "x").await.refused(404, "FunctionNotFound");
    assert_eq!(message, "function 'f' does not exist in service 's'");
}

#[tokio::test]
async fn the_end_of_the_log_is_returned_on_request() {
    let world = ready(world().await, json!({})).await;
    for kind in ["Tail", "tail"] {
        let got = world.invoke(&[("X-Fc-Log-Type", kind)], "x").await;
        let id = header(&got, "x-fc-request-id");
        // spec: FLO-04
        let expected = format!("FC Invoke Start RequestId: {id}\nFC Invoke End RequestId: {id}\n");
        assert_eq!(decoded(&got, "x-fc-log-result"), expected);
    }
    assert!(!world.invoke(&[("x-fc-log-type", "None")], "x").await.headers.contains_key("x-fc-log-result"));
    world.invoke(&[("x-fc-log-type", "Head")], "x").await.refused(400, "InvalidArgument");
    // spec: FLO-05
    let world = ready(self::world().await, json!({"runtime": "nodejs12", "instanceConcurrency": 2})).await;
    assert!(!world.invoke(&[("x-fc-log-type", "Tail")], "x").await.headers.contains_key("x-fc-log-result"));
}

#[tokio::test]
async fn only_synchronous_calls_are_offered() {
    let world = ready(world().await, json!({})).await;
    for kind in ["Sync", "sync", "\"Sync\"", ""] {
        assert_eq!(world.invoke(&[("x-fc-invocation-type", kind)], "x").await.status, 200);
    }
    let message = world.invoke(&[("x-fc-invocation-type", "Async")], "x").await.refused(400, "InvalidArgument");
    assert!(message.contains("not available yet"), "{message}");
    world.invoke(&[("x-fc-invocation-type", "Maybe")], "x").await.refused(400, "InvalidArgument");
}

#[tokio::test]
async fn an_event_is_at_most_six_megabytes() {
    let world = ready(world_answering(|call| Ok(call.payload.len().to_string().into())).await, json!({})).await;
    // spec: QUO-22. FC refuses a larger one as EntityTooLarge.
    assert_eq!(world.invoke(&[], vec![0; 6 << 20]).await.body, "6291456");
    let message = world.invoke(&[], vec![0; (6 << 20) + 1]).await.refused(400, "EntityTooLarge");
    assert_eq!(message, "payload size exceeds maximum allowed size (6291456 bytes)");
    patch_quota(&world, json!({"sync_payload_mb": 7.0})).await;
    assert_eq!(world.invoke(&[], vec![0; (6 << 20) + 1]).await.status, 200);
}

#[tokio::test]
async fn an_exception_is_a_function_error_with_its_trace() {
    let mut failure = Failure::new(FailureKind::UserException, "no such thing");
    failure.error_type = Some("RuntimeError".into());
    failure.stack = Some("as text".into());
    failure.frames = Some(json!([["File \"/code/index.py\"", "line 2", "in handler", "raise x"]]));
    let got = failing(failure.clone(), json!({})).await;
    assert_eq!(header(&got, "x-fc-error-type"), "UnhandledInvocationError");
    assert_eq!(
        got.ok(),
        json!({"errorMessage": "no such thing", "errorType": "RuntimeError", "stackTrace": failure.frames})
    );
    assert!(header(&got, "x-fc-instance-id").starts_with("i-"));
    failure.frames = None;
    assert_eq!(failing(failure, json!({})).await.ok()["stackTrace"], json!(["as text"]));
}

#[tokio::test]
async fn an_error_passed_to_the_callback_is_handled() {
    let failure = Failure { handled: true, ..Failure::new(FailureKind::UserException, "no") };
    let world = ready(world_answering(move |_| Err(failure.clone())).await, json!({})).await;
    let got = world.invoke(&[("x-fc-log-type", "Tail")], "").await;
    assert_eq!(header(&got, "x-fc-error-type"), "HandledInvocationError");
    assert_eq!(got.ok(), json!({"errorMessage": "no"}));
    assert!(decoded(&got, "x-fc-log-result").ends_with(", Error: Handled function error\n"));
}

#[tokio::test]
async fn the_platform_tells_how_an_execution_was_cut() {
    for (kind, message) in [
        (FailureKind::TimedOut, "Function timed out after 9 seconds"),
        (FailureKind::InitTimedOut, "Function initialization timed out after 5 seconds"),
        (
            FailureKind::ProcessExited,
            "Process exited unexpectedly before completing request (duration: 1ms, maxMemoryUsage: 1.00MB)",
        ),
        (
            FailureKind::OutOfMemory,
            "Process exited unexpectedly before completing request: it ran out of memory, its limit is 512 MB \
             (duration: 1ms, maxMemoryUsage: 1.00MB)",
        ),
        (FailureKind::HandlerNotFound, "as given"),
        (FailureKind::BadReturn, "as given"),
        (FailureKind::ResponseTooLarge, "as given"),
    ] {
        let got = failing(Failure::new(kind, "as given"), json!({"timeout": 9, "initializationTimeout": 5})).await;
        assert_eq!(header(&got, "x-fc-error-type"), "UnhandledInvocationError");
        assert_eq!(got.ok(), json!({"errorMessage": message}), "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_not_the_function_s_fault_is_a_refusal() {
    for (kind, status, code) in [
        (FailureKind::Throttled(Throttle::RegionInstances), 429, "ResourceExhausted"),
        (FailureKind::Throttled(Throttle::HostMemory), 503, "ResourceThrottled"),
        (FailureKind::Throttled(Throttle::HostFiles), 503, "ResourceThrottled"),
        (FailureKind::Internal, 500, "InternalServerError"),
        (FailureKind::Canceled, 499, "ClientClosedRequest"),
        (FailureKind::NotActive, 404, "FunctionNotFound"),
    ] {
        let got = failing(Failure::new(kind, "the limit is 3"), json!({})).await;
        let message = got.refused(status, code);
        assert!(!got.headers.contains_key("x-fc-error-type"));
        assert_eq!(message.contains("the limit is 3"), matches!(kind, FailureKind::Throttled(_)), "{message}");
    }
}
