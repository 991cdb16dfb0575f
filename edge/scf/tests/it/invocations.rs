//! Invoke and InvokeFunction.

use crate::platform::Platform;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_domain::{Dialect, Failure, FailureKind, Scope};

async fn invoke(platform: &Platform, event: &str) -> Value {
    platform.done("InvokeFunction", json!({ "FunctionName": "hello", "Event": event })).await["Result"].clone()
}

#[tokio::test]
async fn the_event_goes_in_and_the_value_comes_out() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let answer = platform.done("InvokeFunction", json!({ "FunctionName": "hello", "Event": r#"{"key": "中"}"# })).await;
    let result = &answer["Result"];
    assert_eq!(result["RetMsg"], r#"{"key": "中"}"#);
    assert_eq!((&result["ErrMsg"], &result["InvokeResult"], &result["Log"]), (&json!(""), &json!(0), &json!("")));
    assert_eq!((&result["MemUsage"], &result["BillDuration"]), (&json!(1 << 20), &json!(1)));
    assert!(result["Duration"].is_f64());
    assert_eq!(result["FunctionRequestId"], answer["RequestId"]);
    let old = json!({ "FunctionName": "hello", "ClientContext": "[1]", "InvocationType": "RequestResponse" });
    assert_eq!(platform.done("Invoke", old).await["Result"]["RetMsg"], "[1]");
}

#[tokio::test]
async fn no_event_is_an_empty_object() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    assert_eq!(invoke(&platform, "").await["RetMsg"], "{}");
    let answer = platform.done("Invoke", json!({ "FunctionName": "hello" })).await;
    assert_eq!(answer["Result"]["RetMsg"], "{}");
}

#[tokio::test]
async fn an_event_has_6_mb_and_not_a_byte_more() {
    // spec: QUO-22
    let platform = Platform::running(|call| Ok(Bytes::from(call.payload.len().to_string()))).await;
    platform.function("hello").await;
    let limit = 6 * 1024 * 1024;
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert_eq!(invoke(&platform, &text(limit)).await["RetMsg"], limit.to_string());
    let over = json!({ "FunctionName": "hello", "Event": text(limit + 1) });
    assert_eq!(platform.refused("InvokeFunction", over).await, "InvalidParameter.RequestTooLarge");
}

#[tokio::test]
async fn arguments_that_are_wrong_are_api_errors() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let refused = async |action: &str, change: Value| {
        let mut body = json!({ "FunctionName": "hello" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        platform.refused(action, body).await
    };
    assert_eq!(refused("InvokeFunction", json!({ "Event": "{not json" })).await, "InvalidParameterValue.Param");
    assert_eq!(refused("InvokeFunction", json!({ "LogType": "Head" })).await, "InvalidParameterValue");
    assert_eq!(refused("InvokeFunction", json!({ "Qualifier": "7" })).await, "ResourceNotFound.Qualifier");
    assert_eq!(refused("InvokeFunction", json!({ "FunctionName": "none" })).await, "ResourceNotFound.Function");
    assert_eq!(refused("InvokeFunction", json!({ "Namespace": "none" })).await, "ResourceNotFound.Namespace");
    assert_eq!(refused("Invoke", json!({ "InvocationType": "Event" })).await, "UnsupportedOperation");
    assert_eq!(platform.refused("Invoke", json!({})).await, "MissingParameter");
    for qualifier in ["$LATEST", "$DEFAULT"] {
        let body = json!({ "FunctionName": "hello", "Qualifier": qualifier });
        assert_eq!(platform.done("InvokeFunction", body).await["Result"]["InvokeResult"], 0);
    }
}

#[tokio::test]
async fn a_function_that_fails_is_still_an_answer() {
    // spec: WEB-22
    let platform = Platform::running(|_| {
        let mut failure = Failure::new(FailureKind::UserException, "boom");
        failure.stack = Some("Traceback (most recent call last):\nValueError: boom".into());
        Err(failure)
    })
    .await;
    platform.function("hello").await;
    let result = invoke(&platform, "{}").await;
    assert_eq!((&result["InvokeResult"], &result["ErrMsg"]), (&json!(1), &json!("boom")));
    let error: Value = serde_json::from_str(result["RetMsg"].as_str().unwrap()).unwrap();
    assert_eq!(
        error,
        json!({
            "errorCode": -1,
            "errorMessage": "user code exception caught",
            "requestId": result["FunctionRequestId"],
            "stackTrace": "Traceback (most recent call last):\nValueError: boom",
            "statusCode": 430,
        })
    );
}

#[tokio::test]
async fn a_call_over_the_concurrency_quota_gets_432() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let scope = Scope { account: "1000000001".into(), region: "ap-guangzhou".into() };
    let patch = json!({ "concurrency_mb": 64 });
    platform.engine.patch_quota(&scope, Dialect::Scf, patch.as_object().unwrap()).await.unwrap();
    let result = invoke(&platform, "{}").await;
    assert_eq!(result["InvokeResult"], -1);
    assert_eq!(result["RetMsg"], r#"{"errorCode":-1,"errorMessage":"ResourceLimitReached","statusCode":432}"#);
    assert!(result["ErrMsg"].as_str().unwrap().contains("64 MB"), "{result}");
}

#[tokio::test]
async fn the_tail_of_the_log_is_in_the_answer_when_asked_for() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let body = || json!({ "FunctionName": "hello", "LogType": "Tail", "Event": "1" });
    let cold = platform.done("InvokeFunction", body()).await["Result"].clone();
    let id = cold["FunctionRequestId"].as_str().unwrap();
    let log = cold["Log"].as_str().unwrap();
    for line in ["START", "Init Report", "Event", "Response", "END", "Report"] {
        assert!(log.contains(&format!("{line} RequestId: {id}")), "{line}: {log}");
    }
    let warm = platform.done("InvokeFunction", body()).await["Result"].clone();
    assert!(!warm["Log"].as_str().unwrap().contains("Init Report"), "{warm}");
}
