//! Changing code and configuration.

use crate::platform::{Platform, ZIP};
use serde_json::{Value, json};

async fn found(platform: &Platform) -> Value {
    platform.settled("ap-guangzhou", "default", "hello").await;
    platform.done("GetFunction", json!({ "FunctionName": "hello" })).await
}

async fn checksum(platform: &Platform) -> Value {
    platform.done("GetFunctionAddress", json!({ "FunctionName": "hello" })).await["CodeSha256"].clone()
}

#[tokio::test]
async fn code_and_configuration_change_separately() {
    // spec: FUN-29
    let platform = Platform::new().await;
    platform.function("hello").await;
    let (before, code) = (found(&platform).await, checksum(&platform).await);
    platform.done("UpdateFunctionConfiguration", json!({ "FunctionName": "hello", "MemorySize": 256 })).await;
    let resized = found(&platform).await;
    assert_eq!((&resized["MemorySize"], &resized["Timeout"]), (&json!(256), &before["Timeout"]));
    assert_eq!(checksum(&platform).await, code);
    platform.done("UpdateFunctionCode", json!({ "FunctionName": "hello", "ZipFile": ZIP })).await;
    let recoded = found(&platform).await;
    assert_ne!(checksum(&platform).await, code);
    assert_eq!((&recoded["MemorySize"], &recoded["Handler"]), (&resized["MemorySize"], &resized["Handler"]));
    assert_eq!(recoded["FunctionId"], before["FunctionId"]);
}

#[tokio::test]
async fn an_update_of_code_may_bring_a_handler() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let body = json!({
        "FunctionName": "hello", "Handler": "app.run", "CodeSource": "Inline", "Code": { "ZipFile": "def run(e, c):\n  pass\n" },
    });
    platform.done("UpdateFunctionCode", body).await;
    platform.settled("ap-guangzhou", "default", "hello").await;
    let shown = platform.done("GetFunction", json!({ "FunctionName": "hello", "ShowCode": "TRUE" })).await;
    assert_eq!((&shown["Handler"], &shown["CodeInfo"]), (&json!("app.run"), &json!("def run(e, c):\n  pass\n")));
}

#[tokio::test]
async fn what_cannot_change_is_refused() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let before = found(&platform).await;
    let refused = async |change: Value| {
        let mut body = json!({ "FunctionName": "hello" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        platform.refused("UpdateFunctionConfiguration", body).await
    };
    // spec: FUN-06
    assert_eq!(refused(json!({ "NewFunctionName": "other" })).await, "InvalidParameterValue.FunctionName");
    assert_eq!(refused(json!({ "Runtime": "Nodejs12.16" })).await, "InvalidParameterValue.Runtime");
    assert_eq!(refused(json!({ "Type": "HTTP" })).await, "InvalidParameterValue.Type");
    assert_eq!(refused(json!({ "MemorySize": 100 })).await, "InvalidParameterValue.MemorySize");
    assert_eq!(refused(json!({ "FunctionName": "none" })).await, "ResourceNotFound.Function");
    assert_eq!(
        platform.refused("UpdateFunctionCode", json!({ "FunctionName": "hello" })).await,
        "MissingParameter.Code"
    );
    assert_eq!(found(&platform).await["ModTime"], before["ModTime"]);
    platform.done("UpdateFunctionConfiguration", json!({ "FunctionName": "hello", "Runtime": "python3.7" })).await;
}

#[tokio::test]
async fn the_environment_is_replaced_kept_or_cleared() {
    let platform = Platform::new().await;
    platform.function("hello").await;
    let update = async |variables: Value| {
        let body = json!({ "FunctionName": "hello", "Environment": { "Variables": variables } });
        platform.done("UpdateFunctionConfiguration", body).await;
        found(&platform).await["Environment"]["Variables"].clone()
    };
    let two = json!([{ "Key": "A", "Value": "1" }, { "Key": "B", "Value": "2" }]);
    assert_eq!(update(two.clone()).await, two);
    assert_eq!(update(json!([])).await, two);
    let one = json!([{ "Key": "C", "Value": "" }]);
    assert_eq!(update(one.clone()).await, one);
    platform.done("UpdateFunctionConfiguration", json!({ "FunctionName": "hello", "Timeout": 5 })).await;
    assert_eq!(found(&platform).await["Environment"]["Variables"], one);
    assert_eq!(update(json!([{ "Key": "", "Value": "" }])).await, json!([]));
}

#[tokio::test]
async fn the_public_network_is_switched_off_and_on() {
    // spec: FUN-26
    let platform = Platform::new().await;
    platform.function("hello").await;
    for status in ["DISABLE", "ENABLE"] {
        let body = json!({ "FunctionName": "hello", "PublicNetConfig": { "PublicNetStatus": status } });
        platform.done("UpdateFunctionConfiguration", body).await;
        assert_eq!(found(&platform).await["PublicNetConfig"]["PublicNetStatus"], status);
    }
    let fixed = json!({ "FunctionName": "hello", "PublicNetConfig": { "PublicNetStatus": "ENABLE", "EipConfig": { "EipStatus": "ENABLE" } } });
    assert_eq!(platform.refused("UpdateFunctionConfiguration", fixed).await, "UnsupportedOperation.EipFixed");
}
