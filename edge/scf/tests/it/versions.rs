//! Publishing, showing and deleting versions.

use crate::platform::{Platform, ZIP};
use serde_json::{Value, json};

fn hello(fields: Value) -> Value {
    let mut body = json!({ "FunctionName": "hello" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn publish(platform: &Platform, description: &str) -> Value {
    platform.done("PublishVersion", hello(json!({ "Description": description }))).await
}

async fn configure(platform: &Platform, fields: Value) {
    platform.done("UpdateFunctionConfiguration", hello(fields)).await;
    platform.settled("ap-guangzhou", "default", "hello").await;
}

async fn at(platform: &Platform, qualifier: &str) -> Value {
    platform.done("GetFunction", hello(json!({ "Qualifier": qualifier }))).await
}

async fn listed(platform: &Platform, fields: Value) -> Value {
    platform.done("ListVersionByFunction", hello(fields)).await
}

#[tokio::test]
async fn a_version_keeps_what_was_published() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    configure(&platform, json!({ "MemorySize": 256, "Description": "the function" })).await;
    let published = publish(&platform, "first").await;
    for (field, value) in [
        ("FunctionVersion", json!("1")),
        ("Description", json!("first")),
        ("MemorySize", json!(256)),
        ("Timeout", json!(3)),
        ("Runtime", json!("Python3.7")),
        ("Handler", json!("index.main_handler")),
        ("Namespace", json!("default")),
    ] {
        assert_eq!(published[field], value, "{field}");
    }
    assert!(published["CodeSize"].as_u64() > Some(0), "{published}");
    let before = at(&platform, "$LATEST").await;
    configure(&platform, json!({ "MemorySize": 128, "Timeout": 9 })).await;
    platform.done("UpdateFunctionCode", hello(json!({ "ZipFile": ZIP }))).await;
    platform.settled("ap-guangzhou", "default", "hello").await;
    // spec: VER-02, VER-08
    let one = at(&platform, "1").await;
    for field in ["MemorySize", "Timeout", "CodeSize", "FunctionId", "Environment"] {
        assert_eq!(one[field], before[field], "{field}");
    }
    for (field, value) in [("FunctionVersion", "1"), ("Qualifier", "1"), ("Description", "first"), ("Status", "Active")]
    {
        assert_eq!(one[field], value, "{field}");
    }
    let latest = at(&platform, "").await;
    assert_eq!((&latest["FunctionVersion"], &latest["Qualifier"]), (&json!("$LATEST"), &json!("$LATEST")));
    assert_eq!((&latest["MemorySize"], &latest["Description"]), (&json!(128), &json!("the function")));
    // spec: VER-04 (no trigger can be made yet)
    assert_eq!(one["Triggers"], json!([]));
    // spec: VER-01
    for action in ["UpdateFunctionConfiguration", "UpdateFunctionCode"] {
        let body = hello(json!({ "Qualifier": "1", "Timeout": 5, "ZipFile": ZIP }));
        assert_eq!(platform.refused(action, body).await, "UnsupportedOperation");
    }
    configure(&platform, json!({ "Qualifier": "$LATEST", "Timeout": 4 })).await;
    let code = async |qualifier: &str| {
        let address = platform.done("GetFunctionAddress", hello(json!({ "Qualifier": qualifier }))).await;
        address["CodeSha256"].clone()
    };
    assert_ne!(code("1").await, code("$LATEST").await);
    assert_eq!(code("").await, code("$LATEST").await);
}

#[tokio::test]
async fn numbers_rise_and_are_never_used_again() {
    // spec: VER-03
    let platform = Platform::new().await;
    platform.function("hello").await;
    for number in ["1", "2", "3"] {
        assert_eq!(publish(&platform, "").await["FunctionVersion"], number);
    }
    platform.done("DeleteFunction", hello(json!({ "Qualifier": "3" }))).await;
    assert_eq!(publish(&platform, "").await["FunctionVersion"], "4");
    let all = listed(&platform, json!({})).await;
    assert_eq!(all["FunctionVersion"], json!(["$LATEST", "4", "2", "1"]));
    assert_eq!(all["TotalCount"], 4);
    let oldest = listed(&platform, json!({ "Order": "ASC", "OrderBy": "AddTime", "Offset": 1, "Limit": 2 })).await;
    assert_eq!((&oldest["FunctionVersion"], &oldest["TotalCount"]), (&json!(["1", "2"]), &json!(4)));
    assert_eq!(oldest["Versions"][0]["Status"], "Active");
    let by = hello(json!({ "OrderBy": "Size" }));
    assert_eq!(platform.refused("ListVersionByFunction", by).await, "InvalidParameterValue.OrderBy");
}

#[tokio::test]
async fn latest_stays_and_versions_go_one_by_one() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    publish(&platform, "").await;
    publish(&platform, "").await;
    let refused =
        async |action: &str, qualifier: &str| platform.refused(action, hello(json!({ "Qualifier": qualifier }))).await;
    for action in ["DeleteFunction", "DeleteFunctionVersion"] {
        // spec: VER-06
        assert_eq!(refused(action, "$LATEST").await, "InvalidParameterValue.Qualifier");
        assert_eq!(refused(action, "$DEFAULT").await, "InvalidParameterValue.Qualifier");
        assert_eq!(refused(action, "9").await, "ResourceNotFound.Qualifier");
        assert_eq!(refused(action, "prod").await, "ResourceNotFound.Qualifier");
    }
    platform.done("CreateAlias", hello(json!({ "Name": "prod", "FunctionVersion": "1" }))).await;
    assert_eq!(refused("DeleteFunction", "1").await, "UnsupportedOperation.AliasBind");
    assert_eq!(refused("DeleteFunction", "prod").await, "InvalidParameterValue.Qualifier");
    platform.done("DeleteFunctionVersion", hello(json!({ "Qualifier": "2" }))).await;
    assert_eq!(listed(&platform, json!({})).await["FunctionVersion"], json!(["$LATEST", "1"]));
    let forced = hello(json!({ "Qualifier": "1", "ForceDelete": "true" }));
    assert_eq!(platform.refused("DeleteFunctionVersion", forced).await, "UnsupportedOperation");
    platform.done("DeleteFunction", hello(json!({}))).await;
    assert_eq!(platform.refused("GetFunction", hello(json!({ "Qualifier": "1" }))).await, "ResourceNotFound.Function");
}

#[tokio::test]
async fn an_update_may_publish() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    platform.done("UpdateFunctionConfiguration", hello(json!({ "Timeout": 7, "Publish": "TRUE" }))).await;
    platform.done("UpdateFunctionCode", hello(json!({ "ZipFile": ZIP, "Publish": "True" }))).await;
    assert_eq!(listed(&platform, json!({})).await["FunctionVersion"], json!(["$LATEST", "2", "1"]));
    assert_eq!(at(&platform, "1").await["Timeout"], 7);
    let (one, two) = (at(&platform, "1").await, at(&platform, "2").await);
    assert_ne!(one["CodeSize"], two["CodeSize"]);
    platform.done("UpdateFunctionConfiguration", hello(json!({ "Timeout": 8, "Publish": "FALSE" }))).await;
    assert_eq!(listed(&platform, json!({})).await["TotalCount"], 3);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_named() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let none = json!({ "FunctionName": "none" });
    for action in ["PublishVersion", "ListVersionByFunction", "ListTriggers", "GetFunctionEventInvokeConfig"] {
        assert_eq!(platform.refused(action, none.clone()).await, "ResourceNotFound.Function", "{action}");
        assert_eq!(platform.refused(action, json!({})).await, "MissingParameter", "{action}");
    }
    for (action, code) in [
        ("GetFunction", "ResourceNotFound.Version"),
        ("GetFunctionAddress", "ResourceNotFound.FunctionVersion"),
        ("GetFunctionEventInvokeConfig", "ResourceNotFound.FunctionVersion"),
        ("InvokeFunction", "ResourceNotFound.Qualifier"),
        ("Invoke", "ResourceNotFound.Qualifier"),
    ] {
        for unknown in ["7", "nobody"] {
            let body = hello(json!({ "Qualifier": unknown }));
            assert_eq!(platform.refused(action, body).await, code, "{action} {unknown}");
        }
    }
    let long = hello(json!({ "Description": "x".repeat(1001) }));
    assert_eq!(platform.refused("PublishVersion", long).await, "InvalidParameterValue.Description");
}

#[tokio::test]
async fn calls_run_the_version_they_name() {
    // spec: VER-07
    let platform = Platform::new().await;
    platform.function("hello").await;
    publish(&platform, "").await;
    for action in ["InvokeFunction", "Invoke"] {
        for qualifier in ["", "1", "$LATEST", "$DEFAULT"] {
            let answer = platform.done(action, hello(json!({ "Qualifier": qualifier }))).await;
            assert_eq!(answer["Result"]["InvokeResult"], 0, "{action} {qualifier}");
        }
    }
    let logs = async |qualifier: &str| {
        platform.done("GetFunctionLogs", hello(json!({ "Qualifier": qualifier }))).await["TotalCount"].clone()
    };
    assert_eq!((logs("1").await, logs("$LATEST").await, logs("").await), (json!(2), json!(6), json!(8)));
}

#[tokio::test]
async fn a_function_has_no_triggers_and_the_documented_retries() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let triggers = platform.done("ListTriggers", hello(json!({ "Limit": 10 }))).await;
    assert_eq!((&triggers["Triggers"], &triggers["TotalCount"]), (&json!([]), &json!(0)));
    let config = platform.done("GetFunctionEventInvokeConfig", hello(json!({}))).await;
    assert_eq!(config["AsyncTriggerConfig"], json!({ "MsgTTL": 21600, "RetryConfig": [{ "RetryNum": 2 }] }));
}
