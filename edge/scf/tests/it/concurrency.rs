//! Reserved, provisioned and total concurrency: set, shown, refused.

use crate::platform::{Platform, code_of};
use serde_json::{Value, json};

/// A function of 128 MB with version 1, and version 2 of 256 MB.
async fn platform() -> Platform {
    let platform = Platform::new().await;
    platform.function("hello").await;
    for memory in [128, 256, 128] {
        let body = json!({ "FunctionName": "hello", "MemorySize": memory, "Publish": "TRUE" });
        platform.done("UpdateFunctionConfiguration", body).await;
    }
    platform
}

fn hello(fields: Value) -> Value {
    let mut body = json!({ "FunctionName": "hello" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn provision(qualifier: &str, count: i64) -> Value {
    hello(json!({ "Qualifier": qualifier, "VersionProvisionedConcurrencyNum": count }))
}

async fn reserve(platform: &Platform, mb: i64) -> Value {
    platform.call("PutReservedConcurrencyConfig", hello(json!({ "ReservedConcurrencyMem": mb }))).await
}

async fn reserved(platform: &Platform) -> Value {
    let answer = platform.done("GetReservedConcurrencyConfig", hello(json!({}))).await;
    answer.get("ReservedMem").expect("a field that may be null").clone()
}

async fn provisions(platform: &Platform, qualifier: &str) -> Value {
    platform.done("GetProvisionedConcurrencyConfig", hello(json!({ "Qualifier": qualifier }))).await
}

/// Waits until everything that is provisioned is up.
async fn provisioned(platform: &Platform) -> Value {
    loop {
        let answer = provisions(platform, "").await;
        if answer["Allocated"].as_array().unwrap().iter().all(|one| one["Status"] == "Done") {
            return answer["Allocated"].clone();
        }
        tokio::task::yield_now().await;
    }
}

/// The two figures that lists and details show of a function.
async fn figures(platform: &Platform) -> (Value, Value) {
    let listed = platform.done("ListFunctions", json!({})).await["Functions"][0].clone();
    let found = platform.done("GetFunction", hello(json!({}))).await;
    for field in ["ReservedConcurrencyMem", "TotalProvisionedConcurrencyMem"] {
        assert_eq!(listed[field], found[field], "{field}");
    }
    (found["ReservedConcurrencyMem"].clone(), found["TotalProvisionedConcurrencyMem"].clone())
}

async fn usage(platform: &Platform) -> Value {
    platform.done("GetAccount", json!({})).await["AccountUsage"].clone()
}

#[tokio::test]
async fn a_reservation_is_set_shown_and_deleted() {
    let platform = platform().await;
    assert_eq!(reserved(&platform).await, Value::Null);
    assert_eq!(figures(&platform).await, (Value::Null, Value::Null));
    for mb in [512, 0, 115_200] {
        assert_eq!(reserve(&platform, mb).await.get("Error"), None);
        assert_eq!((reserved(&platform).await, figures(&platform).await.0), (json!(mb), json!(mb)));
        // spec: QSY-01
        let usage = usage(&platform).await;
        assert_eq!(usage["TotalAllocatedConcurrencyMem"], mb);
        assert_eq!(usage["Namespace"][0]["TotalAllocatedConcurrencyMem"], mb);
    }
    for _ in 0..2 {
        platform.done("DeleteReservedConcurrencyConfig", hello(json!({}))).await;
        assert_eq!((reserved(&platform).await, figures(&platform).await.0), (Value::Null, Value::Null));
    }
}

#[tokio::test]
async fn reservations_that_do_not_fit_are_refused() {
    let platform = platform().await;
    let refused = async |mb: i64| {
        let answer = reserve(&platform, mb).await;
        (code_of(&answer), answer["Error"]["Message"].as_str().unwrap().to_owned())
    };
    // spec: RSV-03
    let (code, message) = refused(129).await;
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("128 or 256"), "{message}");
    assert_eq!(refused(-128).await.0, "InvalidParameterValue");
    // spec: QSY-03
    // spec: RSV-04 (the error)
    let (code, message) = refused(115_328).await;
    assert_eq!(code, "LimitExceeded.FunctionReservedConcurrencyMemory");
    assert!(message.contains("115200 MB"), "{message}");
    assert_eq!(reserved(&platform).await, Value::Null);
    assert_eq!(platform.refused("PutReservedConcurrencyConfig", hello(json!({}))).await, "MissingParameter");
    for action in ["GetReservedConcurrencyConfig", "DeleteReservedConcurrencyConfig"] {
        assert_eq!(platform.refused(action, json!({ "FunctionName": "none" })).await, "ResourceNotFound.Function");
        assert_eq!(platform.refused(action, json!({})).await, "MissingParameter");
    }
}

#[tokio::test]
async fn a_reservation_of_nothing_stops_every_call() {
    // spec: RSV-06
    // spec: RSV-05 (synchronous calls)
    let platform = platform().await;
    reserve(&platform, 0).await;
    let result = platform.done("InvokeFunction", hello(json!({}))).await["Result"].clone();
    assert_eq!(result["InvokeResult"], -1);
    assert_eq!(result["RetMsg"], r#"{"errorCode":-1,"errorMessage":"ResourceLimitReached","statusCode":432}"#);
    platform.done("DeleteReservedConcurrencyConfig", hello(json!({}))).await;
    let result = platform.done("InvokeFunction", hello(json!({}))).await["Result"].clone();
    assert_eq!(result["InvokeResult"], 0);
}

#[tokio::test]
async fn a_provision_is_set_shown_changed_and_deleted() {
    let platform = platform().await;
    platform.done("PutProvisionedConcurrencyConfig", provision("2", 1)).await;
    platform.done("PutProvisionedConcurrencyConfig", provision("1", 2)).await;
    let shown = provisioned(&platform).await;
    // spec: PRO-06
    for (index, qualifier, count) in [(0, "1", 2), (1, "2", 1)] {
        let one = &shown[index];
        for (field, value) in [
            ("Qualifier", json!(qualifier)),
            ("AllocatedProvisionedConcurrencyNum", json!(count)),
            ("AvailableProvisionedConcurrencyNum", json!(count)),
            ("Status", json!("Done")),
            ("StatusReason", json!("")),
            ("TriggerActions", json!([])),
        ] {
            assert_eq!(one[field], value, "{field} of {qualifier}");
        }
    }
    assert_eq!(figures(&platform).await.1, 512);
    assert_eq!(usage(&platform).await["Namespace"][0]["TotalAllocatedProvisionedMem"], 512);
    assert_eq!(provisions(&platform, "").await["UnallocatedConcurrencyNum"], (128_000 - 512) / 128);
    assert_eq!(provisions(&platform, "2").await["UnallocatedConcurrencyNum"], (128_000 - 512) / 256);
    assert_eq!(provisions(&platform, "3").await["Allocated"], json!([]));
    platform.done("PutProvisionedConcurrencyConfig", provision("1", 1)).await;
    provisioned(&platform).await;
    assert_eq!(figures(&platform).await.1, 384);
    platform.done("DeleteProvisionedConcurrencyConfig", hello(json!({ "Qualifier": "2" }))).await;
    assert_eq!(provisions(&platform, "").await["Allocated"][0]["Qualifier"], "1");
    let refused = platform.refused("DeleteFunction", hello(json!({ "Qualifier": "1" }))).await;
    assert_eq!(refused, "FailedOperation.ProvisionedInProgress");
    platform.done("DeleteProvisionedConcurrencyConfig", hello(json!({ "Qualifier": "1" }))).await;
    assert_eq!(figures(&platform).await.1, Value::Null);
    platform.done("DeleteFunction", hello(json!({ "Qualifier": "1" }))).await;
}

#[tokio::test]
async fn a_tracked_number_shows_its_bounds() {
    let platform = platform().await;
    let tracking = json!({
        "Qualifier": "2", "VersionProvisionedConcurrencyNum": 0, "ProvisionedType": "ConcurrencyUtilizationTracking",
        "TrackingTarget": 0.8, "MinCapacity": 1, "MaxCapacity": 3,
    });
    platform.done("PutProvisionedConcurrencyConfig", hello(tracking.clone())).await;
    let shown = provisioned(&platform).await[0].clone();
    // spec: TGT-01, TGT-10
    for field in ["ProvisionedType", "TrackingTarget", "MinCapacity", "MaxCapacity"] {
        assert_eq!(shown[field], tracking[field], "{field}");
    }
    assert_eq!((&shown["MinCapacityMem"], &shown["MaxCapacityMem"]), (&json!(256), &json!(768)));
    assert_eq!(shown["AvailableProvisionedConcurrencyNum"], 1);
}

#[tokio::test]
async fn provisions_that_cannot_be_are_refused() {
    let platform = platform().await;
    let refused = async |body: Value| platform.refused("PutProvisionedConcurrencyConfig", body).await;
    // spec: PRO-02
    for qualifier in ["$LATEST", "$DEFAULT", "nobody"] {
        assert_eq!(refused(provision(qualifier, 1)).await, "InvalidParameterValue.Qualifier", "{qualifier}");
    }
    assert_eq!(refused(provision("9", 1)).await, "ResourceNotFound.FunctionVersion");
    assert_eq!(refused(hello(json!({ "VersionProvisionedConcurrencyNum": 1 }))).await, "MissingParameter");
    // spec: PRO-09
    let over = "LimitExceeded.FunctionTotalProvisionedConcurrencyMemory";
    assert_eq!(refused(provision("1", 1001)).await, over);
    assert_eq!(refused(provision("2", 501)).await, over);
    let cron = |text: &str| {
        let action = json!({ "TriggerName": "a", "TriggerProvisionedConcurrencyNum": 1, "TriggerCronConfig": text });
        let mut body = provision("1", 0);
        body["TriggerActions"] = json!([action]);
        body
    };
    // spec: SCH-02
    assert_eq!(refused(cron("0 0 12 * * *")).await, "InvalidParameterValue.TriggerCronConfig");
    platform.done("PutProvisionedConcurrencyConfig", cron("0 0 12 3 11 * 2021")).await;
    for action in ["GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"] {
        let body = hello(json!({ "Qualifier": "9" }));
        assert_eq!(platform.refused(action, body).await, "ResourceNotFound.FunctionVersion");
    }
}

#[tokio::test]
async fn the_total_leaves_room_for_what_is_promised() {
    let platform = platform().await;
    reserve(&platform, 1280).await;
    let put = async |mb: i64, namespace: &str| {
        platform.call("PutTotalConcurrencyConfig", json!({ "TotalConcurrencyMem": mb, "Namespace": namespace })).await
    };
    assert_eq!(code_of(&put(14_079, "").await), "FailedOperation.ReservedExceedTotal");
    assert_eq!(code_of(&put(-1, "").await), "InvalidParameterValue");
    assert_eq!(code_of(&put(20_000, "none").await), "ResourceNotFound.Namespace");
    assert_eq!(platform.refused("PutTotalConcurrencyConfig", json!({})).await, "MissingParameter");
    // The vendor's default for the namespace is `default`, so the two mean the same: the account.
    for (mb, namespace) in [(14_080, ""), (64_000, "default")] {
        assert_eq!(put(mb, namespace).await.get("Error"), None);
        let usage = usage(&platform).await;
        assert_eq!((&usage["TotalConcurrencyMem"], &usage["UserConcurrencyMemLimit"]), (&json!(mb), &json!(mb)));
    }
    platform.done("CreateNamespace", json!({ "Namespace": "small" })).await;
    assert_eq!(put(1024, "small").await.get("Error"), None);
    let totals: Vec<Value> = usage(&platform).await["Namespace"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["Namespace"], one["TotalConcurrencyMem"]]))
        .collect();
    assert_eq!(totals, [json!(["default", 64_000]), json!(["small", 1024])]);
}
