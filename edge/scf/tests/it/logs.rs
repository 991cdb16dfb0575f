//! GetFunctionLogs and GetRequestStatus.

use crate::platform::Platform;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_domain::{Failure, FailureKind};
use std::time::Duration;

/// Fails for the event `0`.
async fn platform() -> Platform {
    let platform = Platform::running(|call| match &call.payload[..] {
        b"0" => Err(Failure::new(FailureKind::UserException, "zero")),
        other => Ok(Bytes::copy_from_slice(other)),
    })
    .await;
    platform.function("hello").await;
    platform
}

async fn invoke(platform: &Platform, event: &str) -> String {
    let answer = platform.done("InvokeFunction", json!({ "FunctionName": "hello", "Event": event })).await;
    platform.clock.advance(Duration::from_secs(1));
    answer["Result"]["FunctionRequestId"].as_str().unwrap().to_owned()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["Data"].as_array().unwrap().iter().map(|entry| entry["RequestId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn logs_are_listed_newest_first_and_filtered() {
    let platform = platform().await;
    let (first, second) = (invoke(&platform, "1").await, invoke(&platform, "0").await);
    let logs = async |change: Value| {
        let mut body = json!({ "FunctionName": "hello" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        platform.done("GetFunctionLogs", body).await
    };
    let all = logs(json!({})).await;
    assert_eq!((ids(&all), &all["TotalCount"]), (vec![second.as_str(), &first], &json!(2)));
    let entry = &all["Data"][1];
    assert_eq!((&entry["RetCode"], &entry["InvokeFinished"], &entry["RetMsg"]), (&json!(0), &json!(1), &json!("1")));
    assert_eq!(entry["StartTime"], "2023-11-15 06:13:20");
    assert!(entry["Log"].as_str().unwrap().contains(&format!("END RequestId: {first}")));
    assert_eq!(ids(&logs(json!({ "Order": "ASC" })).await), [first.as_str(), &second]);
    assert_eq!(ids(&logs(json!({ "Limit": 1 })).await), [&second]);
    assert_eq!(ids(&logs(json!({ "FunctionRequestId": first })).await), [&first]);
    assert_eq!(ids(&logs(json!({ "Filter": { "RetCode": "not0" } })).await), [&second]);
    assert_eq!(ids(&logs(json!({ "Filter": { "RetCode": "is0" } })).await), [&first]);
    assert_eq!(ids(&logs(json!({ "EndTime": "2023-11-15 06:13:20" })).await), [&first]);
    assert_eq!(ids(&logs(json!({ "StartTime": "2023-11-15 06:13:21" })).await), [&second]);
}

#[tokio::test]
async fn the_second_that_a_question_ends_with_is_a_part_of_it() {
    let platform = platform().await;
    platform.clock.advance(Duration::from_millis(300));
    let id = invoke(&platform, "1").await;
    let second = "2023-11-15 06:13:20";
    let body = json!({ "FunctionName": "hello", "FunctionRequestId": id, "StartTime": second, "EndTime": second });
    assert_eq!(platform.done("GetFunctionLogs", body.clone()).await["TotalCount"], 1);
    assert_eq!(platform.done("GetRequestStatus", body).await["TotalCount"], 1);
}

#[tokio::test]
async fn wrong_questions_about_logs_are_refused() {
    let platform = platform().await;
    let refused = async |change: Value| {
        let mut body = json!({ "FunctionName": "hello" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        platform.refused("GetFunctionLogs", body).await
    };
    assert_eq!(refused(json!({ "StartTime": "today" })).await, "InvalidParameterValue.DateTime");
    let two_days = json!({ "StartTime": "2023-11-13 00:00:00", "EndTime": "2023-11-15 00:00:00" });
    assert_eq!(refused(two_days).await, "InvalidParameterValue.StartTimeOrEndTime");
    assert_eq!(refused(json!({ "OrderBy": "colour" })).await, "InvalidParameterValue.OrderBy");
    assert_eq!(refused(json!({ "Filter": { "RetCode": "1" } })).await, "InvalidParameterValue.RetCode");
    assert_eq!(refused(json!({ "Offset": 9990, "Limit": 20 })).await, "LimitExceeded.Offset");
    assert_eq!(refused(json!({ "FunctionName": "none" })).await, "ResourceNotFound.Function");
}

#[tokio::test]
async fn the_status_of_a_request_is_known_for_15_minutes() {
    let platform = platform().await;
    let (good, bad) = (invoke(&platform, "1").await, invoke(&platform, "0").await);
    let status = async |id: &str| {
        platform.done("GetRequestStatus", json!({ "FunctionName": "hello", "FunctionRequestId": id })).await
    };
    let found = status(&good).await;
    assert_eq!((&found["TotalCount"], &found["Data"][0]["RetCode"]), (&json!(1), &json!(0)));
    assert_eq!((&found["Data"][0]["MemUsage"], &found["Data"][0]["RetMsg"]), (&json!(1.0), &json!("1")));
    assert_eq!(status(&bad).await["Data"][0]["RetCode"], -1);
    assert_eq!(status("no-such-request").await["TotalCount"], 0);
    let nameless = json!({ "FunctionName": "hello" });
    assert_eq!(platform.refused("GetRequestStatus", nameless).await, "MissingParameter");
}
