//! Creating, finding, copying and deleting functions.

use crate::platform::{Platform, ZIP, code_of};
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<&str> {
    answer["Functions"].as_array().unwrap().iter().map(|found| found["FunctionName"].as_str().unwrap()).collect()
}

fn code(zip: &str) -> Value {
    json!({ "ZipFile": zip })
}

#[tokio::test]
async fn a_function_needs_only_a_name_and_a_runtime() {
    // spec: FUN-35
    let platform = Platform::new().await;
    platform.function("hello").await;
    let found = platform.done("GetFunction", json!({ "FunctionName": "hello" })).await;
    assert_eq!(found["Status"], "Active");
    assert_eq!(found["Handler"], "index.main_handler");
    assert_eq!(found["Type"], "Event");
    // spec: FUN-23
    assert_eq!(found["MemorySize"], 128);
    // spec: FUN-22
    assert_eq!(found["Timeout"], 3);
    // spec: FUN-18
    assert_eq!(found["InitTimeout"], 60);
    // spec: FUN-26
    assert_eq!(found["PublicNetConfig"]["PublicNetStatus"], "ENABLE");
    let shown = platform.done("GetFunction", json!({ "FunctionName": "hello", "ShowCode": "TRUE" })).await;
    assert!(shown["CodeInfo"].as_str().unwrap().contains("main_handler"), "{shown}");
}

#[tokio::test]
async fn details_hold_configuration_triggers_and_code() {
    // spec: FUN-30
    let platform = Platform::new().await;
    let body = json!({
        "FunctionName": "full", "Runtime": "python3.7", "Handler": "app.main", "Description": "of tests",
        "MemorySize": 256, "Timeout": 10, "InitTimeout": 30, "Code": code(ZIP), "Role": "SCF_ExecuteRole",
        "Environment": { "Variables": [{ "Key": "A", "Value": "1" }] }, "Tags": [{ "Key": "team", "Value": "a" }],
        "VpcConfig": { "VpcId": "vpc-1", "SubnetId": "subnet-1" }, "ClsLogsetId": "set", "TraceEnable": "TRUE",
        "PublicNetConfig": { "PublicNetStatus": "DISABLE", "EipConfig": { "EipStatus": "DISABLE" } },
    });
    platform.done("CreateFunction", body).await;
    platform.settled("ap-guangzhou", "default", "full").await;
    let found = platform.done("GetFunction", json!({ "FunctionName": "full", "ShowTriggers": "TRUE" })).await;
    for (field, value) in [
        ("Runtime", json!("Python3.7")),
        ("Handler", json!("app.main")),
        ("Description", json!("of tests")),
        ("MemorySize", json!(256)),
        ("Timeout", json!(10)),
        ("InitTimeout", json!(30)),
        ("Role", json!("SCF_ExecuteRole")),
        ("Environment", json!({ "Variables": [{ "Key": "A", "Value": "1" }] })),
        ("Tags", json!([{ "Key": "team", "Value": "a" }])),
        ("VpcConfig", json!({ "VpcId": "vpc-1", "SubnetId": "subnet-1" })),
        ("ClsLogsetId", json!("set")),
        ("TraceEnable", json!("TRUE")),
        ("Triggers", json!([])),
        ("Namespace", json!("default")),
        ("FunctionVersion", json!("$LATEST")),
        ("CodeSize", json!(4)),
        ("CodeResult", json!("success")),
        ("AvailableStatus", json!("Available")),
        ("AddTime", json!("2023-11-15 06:13:20")),
        // spec: FUN-26
        (
            "PublicNetConfig",
            json!({ "PublicNetStatus": "DISABLE", "EipConfig": { "EipStatus": "DISABLE", "EipAddress": [] } }),
        ),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    assert!(found["FunctionId"].as_str().unwrap().starts_with("lam-"));
    let address = platform.done("GetFunctionAddress", json!({ "FunctionName": "full" })).await;
    let link = address["Url"].as_str().unwrap().strip_prefix("http://127.0.0.1:9400").unwrap();
    assert_eq!(platform.engine.open_code_link(link).await.unwrap()[..], *b"PK\x03\x04");
    assert_eq!(address["CodeSha256"].as_str().map(str::len), Some(64));
}

#[tokio::test]
async fn a_time_zone_becomes_the_variable_tz() {
    // spec: FUN-11
    let platform = Platform::new().await;
    let body = json!({ "FunctionName": "zoned", "Runtime": "Python3.7", "TimeZone": "Asia/Shanghai" });
    platform.done("CreateFunction", body).await;
    let found = platform.done("GetFunction", json!({ "FunctionName": "zoned" })).await;
    assert_eq!(found["Environment"]["Variables"], json!([{ "Key": "TZ", "Value": "Asia/Shanghai" }]));
}

#[tokio::test]
async fn a_function_belongs_to_one_region_and_one_namespace() {
    // spec: FUN-01
    let platform = Platform::new().await;
    platform.function("hello").await;
    platform.done("CreateNamespace", json!({ "Namespace": "ns1" })).await;
    assert_eq!(names(&platform.done("ListFunctions", json!({})).await), ["hello"]);
    assert!(names(&platform.done("ListFunctions", json!({ "Namespace": "ns1" })).await).is_empty());
    assert!(names(&platform.call_in("ap-shanghai", "ListFunctions", json!({})).await).is_empty());
    assert_eq!(platform.refused("ListFunctions", json!({ "Namespace": "none" })).await, "ResourceNotFound.Namespace");
    assert_eq!(platform.refused("GetFunction", json!({ "FunctionName": "none" })).await, "ResourceNotFound.Function");
}

#[tokio::test]
async fn names_are_unique_within_a_namespace_only() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let again = json!({ "FunctionName": "hello", "Runtime": "Python3.7" });
    // spec: FUN-04
    assert_eq!(platform.refused("CreateFunction", again).await, "ResourceInUse.Function");
    // spec: FUN-05
    platform.done("CreateNamespace", json!({ "Namespace": "ns1" })).await;
    platform
        .done("CreateFunction", json!({ "FunctionName": "hello", "Runtime": "Python3.7", "Namespace": "ns1" }))
        .await;
    let there = platform.done("GetFunction", json!({ "FunctionName": "hello", "Namespace": "ns1" })).await;
    assert_eq!(there["Namespace"], "ns1");
}

#[tokio::test]
async fn two_creations_at_once_make_one_function() {
    let platform = Platform::new().await;
    let body = || json!({ "FunctionName": "hello", "Runtime": "Python3.7" });
    let (first, second) =
        tokio::join!(platform.call("CreateFunction", body()), platform.call("CreateFunction", body()));
    let failed: Vec<&Value> = [&first, &second].into_iter().filter(|answer| answer.get("Error").is_some()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(code_of(failed[0]), "ResourceInUse.Function");
}

#[tokio::test]
async fn settings_out_of_their_ranges_are_refused() {
    let platform = Platform::new().await;
    let refused = async |change: Value| {
        let mut body = json!({ "FunctionName": "bad", "Runtime": "Python3.7", "Code": code(ZIP) });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        platform.refused("CreateFunction", body).await
    };
    // spec: FUN-07, QUO-07
    for name in ["a", "1a", "a-", "a b", &"a".repeat(61)] {
        assert_eq!(refused(json!({ "FunctionName": name })).await, "InvalidParameterValue.FunctionName", "{name}");
    }
    // spec: QUO-17
    for memory in [63, 96, 192, 3200, -1] {
        assert_eq!(refused(json!({ "MemorySize": memory })).await, "InvalidParameterValue.MemorySize", "{memory}");
    }
    // spec: QUO-19
    for timeout in [0, 901] {
        assert_eq!(refused(json!({ "Timeout": timeout })).await, "LimitExceeded.Timeout");
    }
    // spec: FUN-17
    for timeout in [2, 301] {
        assert_eq!(refused(json!({ "InitTimeout": timeout })).await, "LimitExceeded.InitTimeout");
    }
    // spec: FUN-08
    assert_eq!(refused(json!({ "Description": "a".repeat(1001) })).await, "InvalidParameterValue.Description");
    let variable = |key: &str, value: &str| json!({ "Environment": { "Variables": [{ "Key": key, "Value": value }] } });
    // spec: QUO-11
    let large = "v".repeat(4096);
    assert_eq!(refused(variable("K", &large)).await, "InvalidParameterValue.EnvironmentExceededLimit");
    assert_eq!(refused(variable("SCF_X", "1")).await, "InvalidParameterValue.EnvironmentSystemProtect");
    assert_eq!(refused(variable("1X", "1")).await, "InvalidParameterValue.Environment");
    // spec: DEP-01
    assert_eq!(refused(json!({ "Code": code("aGVsbG8=") })).await, "InvalidParameterValue.ZipFile");
    assert_eq!(refused(json!({ "Code": code("%%%") })).await, "InvalidParameterValue.ZipFileBase64BinasciiError");
    assert_eq!(refused(json!({ "Type": "HTTP" })).await, "UnsupportedOperation");
    assert_eq!(refused(json!({ "Type": "Batch" })).await, "InvalidParameterValue.Type");
    assert_eq!(refused(json!({ "Runtime": "Cobol1" })).await, "InvalidParameterValue.Runtime");
    assert_eq!(refused(json!({ "Handler": "index" })).await, "InvalidParameterValue.Handler");
    assert_eq!(refused(json!({ "AsyncRunEnable": "TRUE" })).await, "UnsupportedOperation.AsyncRunEnable");
    let layers = json!({ "Layers": [{ "LayerName": "l", "LayerVersion": 1 }] });
    assert_eq!(refused(layers).await, "ResourceNotFound.Layer");
    assert_eq!(platform.refused("CreateFunction", json!({ "Runtime": "Python3.7" })).await, "MissingParameter");
    assert!(names(&platform.done("ListFunctions", json!({})).await).is_empty());
}

#[tokio::test]
async fn values_at_the_ends_of_their_ranges_are_taken() {
    let platform = Platform::new().await;
    let created = async |name: String, change: Value| {
        let mut body = json!({ "FunctionName": name, "Runtime": "Python3.7" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        platform.done("CreateFunction", body).await;
    };
    // spec: QUO-07
    created("a".repeat(60), json!({})).await;
    // spec: QUO-17
    for memory in [64, 128, 256, 3072] {
        created(format!("memory-{memory}"), json!({ "MemorySize": memory })).await;
    }
    // spec: QUO-19
    for timeout in [1, 900] {
        created(format!("timeout-{timeout}"), json!({ "Timeout": timeout })).await;
    }
    // spec: FUN-08
    created("described".into(), json!({ "Description": "a".repeat(1000) })).await;
    // spec: QUO-11
    let variables = json!([{ "Key": "K", "Value": "v".repeat(4095) }]);
    created("environment".into(), json!({ "Environment": { "Variables": variables } })).await;
}

#[tokio::test]
async fn names_of_namespace_and_function_share_118_characters() {
    // spec: QUO-08
    let platform = Platform::new().await;
    let namespace = "n".repeat(60);
    platform.done("CreateNamespace", json!({ "Namespace": namespace })).await;
    let body = |length| json!({ "FunctionName": "f".repeat(length), "Runtime": "Python3.7", "Namespace": namespace });
    assert_eq!(platform.refused("CreateFunction", body(59)).await, "InvalidParameterValue.FunctionName");
    platform.done("CreateFunction", body(58)).await;
}

#[tokio::test]
async fn a_runtime_that_is_not_installed_is_refused_with_its_name() {
    let platform = Platform::new().await;
    // No runtime means Python2.7.
    let answer = platform.call("CreateFunction", json!({ "FunctionName": "old" })).await;
    assert_eq!(code_of(&answer), "InvalidParameterValue.Runtime");
    assert!(answer["Error"]["Message"].as_str().unwrap().contains("Python2.7"), "{answer}");
}

#[tokio::test]
async fn inline_code_is_zipped_by_the_platform() {
    // spec: DEP-03
    let platform = Platform::new().await;
    let body = json!({
        "FunctionName": "inline", "Runtime": "Python3.7", "Handler": "app.main", "CodeSource": "Inline",
        "Code": code("def main(event, context):\n    return 1\n"),
    });
    platform.done("CreateFunction", body).await;
    platform.settled("ap-guangzhou", "default", "inline").await;
    let shown = platform.done("GetFunction", json!({ "FunctionName": "inline", "ShowCode": "TRUE" })).await;
    assert_eq!(shown["CodeInfo"], "def main(event, context):\n    return 1\n");
    let address = platform.done("GetFunctionAddress", json!({ "FunctionName": "inline" })).await;
    let link = address["Url"].as_str().unwrap().strip_prefix("http://127.0.0.1:9400").unwrap();
    assert!(platform.engine.open_code_link(link).await.unwrap().starts_with(b"PK"));
}

#[tokio::test]
async fn a_namespace_has_room_for_50_functions() {
    // spec: QUO-06
    let platform = Platform::new().await;
    for number in 0..50 {
        let body = json!({ "FunctionName": format!("f{number}x"), "Runtime": "Python3.7" });
        platform.done("CreateFunction", body).await;
    }
    let one_more = || json!({ "FunctionName": "onemore", "Runtime": "Python3.7" });
    assert_eq!(platform.refused("CreateFunction", one_more()).await, "LimitExceeded.Function");
    platform.done("CreateNamespace", json!({ "Namespace": "ns1" })).await;
    let mut elsewhere = one_more();
    elsewhere["Namespace"] = json!("ns1");
    platform.done("CreateFunction", elsewhere).await;
}

#[tokio::test]
async fn lists_are_searched_filtered_sorted_and_paged() {
    let platform = Platform::new().await;
    for (name, runtime, team) in
        [("alpha", "Python3.7", "x"), ("beta", "Nodejs12.16", "y"), ("gamma", "Python3.9", "x")]
    {
        let body = json!({ "FunctionName": name, "Runtime": runtime, "Tags": [{ "Key": "team", "Value": team }] });
        platform.done("CreateFunction", body).await;
        platform.settled("ap-guangzhou", "default", name).await;
        platform.clock.advance(std::time::Duration::from_secs(1));
    }
    let list = async |body: Value| platform.done("ListFunctions", body).await;
    let all = list(json!({})).await;
    assert_eq!(names(&all), ["gamma", "beta", "alpha"]);
    assert_eq!(all["TotalCount"], 3);
    // spec: FUN-43
    let first = &all["Functions"][0];
    for field in ["FunctionName", "Type", "Runtime", "ClsLogsetId", "ClsTopicId", "AddTime", "Status", "Namespace"] {
        assert!(first[field].is_string(), "{field}");
    }
    let by_name = list(json!({ "Orderby": "FunctionName", "Order": "ASC", "Offset": 1, "Limit": 1 })).await;
    assert_eq!((names(&by_name), &by_name["TotalCount"]), (vec!["beta"], &json!(3)));
    assert_eq!(names(&list(json!({ "SearchKey": "ALP" })).await), ["alpha"]);
    let filtered = |name: &str, values: Value| json!({ "Filters": [{ "Name": name, "Values": values }] });
    assert_eq!(names(&list(filtered("Runtime", json!(["Python3.7", "Nodejs12.16"]))).await), ["beta", "alpha"]);
    assert_eq!(names(&list(filtered("tag-team", json!(["x"]))).await), ["gamma", "alpha"]);
    assert!(names(&list(filtered("Type", json!(["HTTP"]))).await).is_empty());
    assert_eq!(names(&list(filtered("Status", json!(["Active"]))).await).len(), 3);
    let bad = filtered("Colour", json!(["red"]));
    assert_eq!(platform.refused("ListFunctions", bad).await, "InvalidParameterValue.Filters");
    assert_eq!(platform.refused("ListFunctions", json!({ "Order": "UP" })).await, "InvalidParameterValue.Order");
    assert_eq!(platform.refused("ListFunctions", json!({ "Orderby": "Size" })).await, "InvalidParameterValue.OrderBy");
    assert_eq!(platform.refused("ListFunctions", json!({ "Limit": -1 })).await, "InvalidParameterValue.Limit");
    let versions = platform.done("ListVersionByFunction", json!({ "FunctionName": "alpha" })).await;
    assert_eq!(versions["FunctionVersion"], json!(["$LATEST"]));
}

#[tokio::test]
async fn a_function_is_copied_within_and_between_regions() {
    // spec: FUN-33
    let platform = Platform::new().await;
    let body = json!({
        "FunctionName": "source", "Runtime": "Python3.7", "MemorySize": 256, "Code": code(ZIP), "ClsTopicId": "t",
        "Description": "first", "Role": "r",
    });
    platform.done("CreateFunction", body).await;
    let copy = json!({
        "FunctionName": "source", "NewFunctionName": "copied", "TargetRegion": "ap-shanghai", "Description": "second",
    });
    platform.done("CopyFunction", copy).await;
    platform.settled("ap-shanghai", "default", "copied").await;
    let found = platform.call_in("ap-shanghai", "GetFunction", json!({ "FunctionName": "copied" })).await;
    assert_eq!((&found["MemorySize"], &found["Description"]), (&json!(256), &json!("second")));
    assert_eq!((&found["Role"], &found["ClsTopicId"], &found["Status"]), (&json!("r"), &json!(""), &json!("Active")));

    for (region, name) in [("ap-guangzhou", "source"), ("ap-shanghai", "copied")] {
        let answer = platform.call_in(region, "InvokeFunction", json!({ "FunctionName": name, "Event": "1" })).await;
        assert_eq!(answer["Result"]["RetMsg"], "1", "{region} {answer}");
    }

    let bare = json!({ "FunctionName": "source", "NewFunctionName": "bare", "CopyConfiguration": false });
    platform.done("CopyFunction", bare.clone()).await;
    let found = platform.done("GetFunction", json!({ "FunctionName": "bare" })).await;
    assert_eq!((&found["MemorySize"], &found["Role"]), (&json!(128), &json!("")));
    assert_eq!(platform.refused("CopyFunction", bare).await, "ResourceInUse.FunctionName");
    let replace = json!({ "FunctionName": "source", "NewFunctionName": "bare", "Override": true });
    platform.done("CopyFunction", replace).await;
    let found = platform.done("GetFunction", json!({ "FunctionName": "bare" })).await;
    assert_eq!(found["MemorySize"], 256);
    let onto_itself = json!({ "FunctionName": "source", "NewFunctionName": "source", "Override": true });
    assert_eq!(platform.refused("CopyFunction", onto_itself).await, "UnsupportedOperation.CopyFunction");
}

#[tokio::test]
async fn a_deleted_function_is_gone() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    assert_eq!(platform.refused("GetFunction", json!({})).await, "InvalidParameter.FunctionNameOrResourceIdRequired");
    let versioned = json!({ "FunctionName": "hello", "Qualifier": "1" });
    assert_eq!(platform.refused("DeleteFunction", versioned).await, "ResourceNotFound.Qualifier");
    platform.done("DeleteFunction", json!({ "FunctionName": "hello" })).await;
    for action in ["GetFunction", "DeleteFunction", "InvokeFunction"] {
        assert_eq!(platform.refused(action, json!({ "FunctionName": "hello" })).await, "ResourceNotFound.Function");
    }
}
