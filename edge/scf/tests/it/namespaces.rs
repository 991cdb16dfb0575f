//! Namespaces.

use crate::platform::Platform;
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<&str> {
    answer["Namespaces"].as_array().unwrap().iter().map(|found| found["Name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_region_has_default_from_the_start() {
    // spec: FUN-02
    let platform = Platform::new().await;
    for region in ["ap-guangzhou", "ap-singapore"] {
        let answer = platform.call_in(region, "ListNamespaces", json!({})).await;
        assert_eq!((names(&answer), &answer["TotalCount"]), (vec!["default"], &json!(1)));
    }
    let create = json!({ "Namespace": "default" });
    assert_eq!(platform.refused("CreateNamespace", create.clone()).await, "InvalidParameterValue.DefaultNamespace");
    assert_eq!(platform.refused("DeleteNamespace", create).await, "FailedOperation.DeleteNamespace");
}

#[tokio::test]
async fn a_namespace_keeps_its_name_and_may_change_its_description() {
    // spec: FUN-03
    let platform = Platform::new().await;
    platform.done("CreateNamespace", json!({ "Namespace": "ns1", "Description": "one" })).await;
    let rename = json!({ "Namespace": "ns1", "NewNamespace": "ns2", "Description": "one" });
    assert_eq!(platform.refused("UpdateNamespace", rename).await, "InvalidParameterValue.Namespace");
    platform.done("UpdateNamespace", json!({ "Namespace": "ns1", "Description": "two" })).await;
    let search = json!({ "SearchKey": [{ "Key": "Namespace", "Value": "ns" }] });
    let answer = platform.done("ListNamespaces", search).await;
    assert_eq!((names(&answer), &answer["Namespaces"][0]["Description"]), (vec!["ns1"], &json!("two")));
    assert_eq!(platform.refused("UpdateNamespace", json!({ "Namespace": "ns1" })).await, "MissingParameter");
    let unknown = json!({ "Namespace": "ns3", "Description": "x" });
    assert_eq!(platform.refused("UpdateNamespace", unknown).await, "ResourceNotFound.Namespace");
}

#[tokio::test]
async fn a_region_has_room_for_5_namespaces() {
    // spec: QUO-04
    let platform = Platform::new().await;
    for number in 1..5 {
        platform.done("CreateNamespace", json!({ "Namespace": format!("ns{number}") })).await;
    }
    let sixth = json!({ "Namespace": "ns5" });
    assert_eq!(platform.refused("CreateNamespace", sixth.clone()).await, "LimitExceeded.Namespace");
    assert_eq!(platform.refused("CreateNamespace", json!({ "Namespace": "ns1" })).await, "ResourceInUse.Namespace");
    platform.done("DeleteNamespace", json!({ "Namespace": "ns1" })).await;
    platform.done("CreateNamespace", sixth).await;
    assert_eq!(
        platform.refused("CreateNamespace", json!({ "Namespace": "1bad" })).await,
        "InvalidParameterValue.NamespaceInvalid"
    );
}

#[tokio::test]
async fn a_namespace_with_functions_cannot_be_deleted() {
    let platform = Platform::new().await;
    platform.done("CreateNamespace", json!({ "Namespace": "ns1" })).await;
    platform
        .done("CreateFunction", json!({ "FunctionName": "hello", "Runtime": "Python3.7", "Namespace": "ns1" }))
        .await;
    let body = json!({ "Namespace": "ns1" });
    assert_eq!(platform.refused("DeleteNamespace", body.clone()).await, "ResourceInUse.Namespace");
    platform.done("DeleteFunction", json!({ "FunctionName": "hello", "Namespace": "ns1" })).await;
    platform.done("DeleteNamespace", body.clone()).await;
    assert_eq!(platform.refused("DeleteNamespace", body).await, "ResourceNotFound.Namespace");
}
