//! Aliases.

use crate::platform::Platform;
use serde_json::{Value, json};

/// A function with two versions of different memory.
async fn platform() -> Platform {
    let platform = Platform::new().await;
    platform.function("hello").await;
    for memory in [128, 256] {
        let body = json!({ "FunctionName": "hello", "MemorySize": memory, "Publish": "TRUE" });
        platform.done("UpdateFunctionConfiguration", body).await;
    }
    platform
}

fn alias(name: &str, version: &str, fields: Value) -> Value {
    let mut body = json!({ "FunctionName": "hello", "Name": name, "FunctionVersion": version });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn weighted(version: &str, weight: f64) -> Value {
    json!({ "RoutingConfig": { "AdditionalVersionWeights": [{ "Version": version, "Weight": weight }] } })
}

fn named(name: &str) -> Value {
    json!({ "FunctionName": "hello", "Name": name })
}

#[tokio::test]
async fn an_alias_is_made_moved_and_deleted() {
    let platform = platform().await;
    let mut fields = weighted("2", 0.1);
    fields["Description"] = json!("for users");
    platform.done("CreateAlias", alias("prod", "1", fields)).await;
    let found = platform.done("GetAlias", named("prod")).await;
    assert_eq!((&found["Name"], &found["FunctionVersion"]), (&json!("prod"), &json!("1")));
    assert_eq!((&found["Description"], &found["AddTime"]), (&json!("for users"), &json!("2023-11-15 06:13:20")));
    let routing = &found["RoutingConfig"]["AdditionalVersionWeights"];
    assert_eq!(*routing, json!([{ "Version": "2", "Weight": 0.1 }]));
    let shown = platform.done("GetFunction", json!({ "FunctionName": "hello", "Qualifier": "prod" })).await;
    assert_eq!(
        (&shown["FunctionVersion"], &shown["Qualifier"], &shown["MemorySize"]),
        (&json!("1"), &json!("prod"), &json!(128))
    );
    // Without a RoutingConfig the version named takes every call; the description stays.
    platform.done("UpdateAlias", alias("prod", "2", json!({}))).await;
    let moved = platform.done("GetAlias", named("prod")).await;
    assert_eq!((&moved["FunctionVersion"], &moved["Description"]), (&json!("2"), &json!("for users")));
    assert_eq!(moved["RoutingConfig"]["AdditionalVersionWeights"], json!([]));
    platform.done("DeleteAlias", named("prod")).await;
    assert_eq!(platform.refused("GetAlias", named("prod")).await, "ResourceNotFound.Alias");
    assert_eq!(platform.refused("UpdateAlias", alias("prod", "1", json!({}))).await, "ResourceNotFound.Alias");
    assert_eq!(platform.refused("DeleteAlias", named("prod")).await, "ResourceNotFound.Alias");
}

#[tokio::test]
async fn the_default_alias_is_there_and_stays() {
    let platform = platform().await;
    let found = platform.done("GetAlias", named("$DEFAULT")).await;
    assert_eq!(found["FunctionVersion"], "$LATEST");
    assert_eq!(platform.refused("CreateAlias", alias("$DEFAULT", "1", json!({}))).await, "ResourceInUse.Alias");
    assert_eq!(platform.refused("DeleteAlias", named("$DEFAULT")).await, "InvalidParameterValue.Alias");
    platform.done("UpdateAlias", alias("$DEFAULT", "1", weighted("$LATEST", 0.25))).await;
    let moved = platform.done("GetAlias", named("$DEFAULT")).await;
    assert_eq!(moved["FunctionVersion"], "1");
    let routing = &moved["RoutingConfig"]["AdditionalVersionWeights"];
    assert_eq!(*routing, json!([{ "Version": "$LATEST", "Weight": 0.25 }]));
}

#[tokio::test]
async fn aliases_are_listed_by_name_and_by_version() {
    let platform = platform().await;
    platform.done("CreateAlias", alias("test", "2", json!({}))).await;
    platform.done("CreateAlias", alias("prod", "1", weighted("2", 0.5))).await;
    let listed = async |fields: Value| {
        let mut body = json!({ "FunctionName": "hello" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = platform.done("ListAliases", body).await;
        let names: Vec<Value> = answer["Aliases"].as_array().unwrap().iter().map(|one| one["Name"].clone()).collect();
        (Value::Array(names), answer["TotalCount"].clone())
    };
    assert_eq!(listed(json!({})).await, (json!(["$DEFAULT", "prod", "test"]), json!(3)));
    assert_eq!(listed(json!({ "FunctionVersion": "2" })).await, (json!(["prod", "test"]), json!(2)));
    assert_eq!(listed(json!({ "FunctionVersion": "$LATEST" })).await, (json!(["$DEFAULT"]), json!(1)));
    // Offset and Limit are strings here.
    assert_eq!(listed(json!({ "Offset": "1", "Limit": "1" })).await, (json!(["prod"]), json!(3)));
    assert_eq!(listed(json!({ "Offset": 2 })).await, (json!(["test"]), json!(3)));
    let bad = json!({ "FunctionName": "hello", "Limit": "many" });
    assert_eq!(platform.refused("ListAliases", bad).await, "InvalidParameter");
}

#[tokio::test]
async fn an_alias_that_cannot_be_is_refused() {
    let platform = platform().await;
    let refused = async |body: Value| platform.refused("CreateAlias", body).await;
    // spec: ALI-01
    for name in ["a", "1a", "a-", "a b", "a.b", &"a".repeat(61)] {
        assert_eq!(refused(alias(name, "1", json!({}))).await, "InvalidParameterValue.Name", "{name}");
    }
    let long = json!({ "Description": "x".repeat(1001) });
    assert_eq!(refused(alias("prod", "1", long)).await, "InvalidParameterValue.Description");
    for name in ["ab", &"a".repeat(60), "a-b_c1"] {
        let fields = json!({ "Description": "x".repeat(1000) });
        platform.done("CreateAlias", alias(name, "1", fields)).await;
    }
    assert_eq!(refused(alias("ab", "1", json!({}))).await, "ResourceInUse.Alias");
    assert_eq!(refused(alias("prod", "9", json!({}))).await, "ResourceNotFound.FunctionVersion");
    assert_eq!(refused(alias("prod", "1", weighted("9", 0.1))).await, "ResourceNotFound.FunctionVersion");
    let share = "InvalidParameterValue.AdditionalVersionWeights";
    assert_eq!(refused(alias("prod", "1", weighted("2", 1.01))).await, share);
    assert_eq!(refused(json!({ "FunctionName": "hello", "Name": "prod" })).await, "MissingParameter");
    let absent = json!({ "FunctionName": "none", "Name": "prod", "FunctionVersion": "1" });
    assert_eq!(refused(absent).await, "ResourceNotFound.Function");
    for action in ["GetAlias", "DeleteAlias"] {
        let absent = json!({ "FunctionName": "none", "Name": "prod" });
        assert_eq!(platform.refused(action, absent).await, "ResourceNotFound.Function");
    }
}
