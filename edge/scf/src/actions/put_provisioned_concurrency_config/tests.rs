use super::*;
use serde_json::{Value, json};

fn read(request: Value) -> Result<ProvisionConfig, ApiError> {
    serde_json::from_value::<Given>(request).unwrap().config()
}

fn code(request: Value) -> &'static str {
    let shown = request.to_string();
    match read(request) {
        Err(error) => error.code,
        Ok(config) => panic!("{shown} was accepted: {config:?}"),
    }
}

fn tracking(change: Value) -> Value {
    let mut request = json!({
        "VersionProvisionedConcurrencyNum": 0, "ProvisionedType": TRACKING,
        "TrackingTarget": 0.8, "MinCapacity": 1, "MaxCapacity": 10,
    });
    request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    request
}

fn scheduled(actions: Value) -> Value {
    json!({ "VersionProvisionedConcurrencyNum": 1, "TriggerActions": actions })
}

fn action(name: &str, cron: &str, target: i64) -> Value {
    json!({ "TriggerName": name, "TriggerCronConfig": cron, "TriggerProvisionedConcurrencyNum": target })
}

#[test]
fn a_number_is_enough() {
    for kind in [json!(null), json!(""), json!("Default"), json!("default")] {
        let request = json!({ "VersionProvisionedConcurrencyNum": 3, "ProvisionedType": kind, "TrackingTarget": 0.0 });
        assert_eq!(read(request), Ok(ProvisionConfig { target: 3, ..Default::default() }));
    }
    assert_eq!(code(json!({})), "MissingParameter");
    assert_eq!(code(json!({ "VersionProvisionedConcurrencyNum": -1 })), "InvalidParameterValue");
    assert_eq!(code(tracking(json!({ "ProvisionedType": "Scheduled" }))), "InvalidParameterValue.ProvisionType");
}

#[test]
fn tracking_has_a_utilisation_below_one_and_bounds() {
    let config = read(tracking(json!({}))).unwrap();
    let [policy] = config.tracking.as_slice() else { panic!("{config:?}") };
    assert_eq!((policy.utilization_ppm, policy.min, policy.max, config.target), (800_000, 1, 10, 0));
    // spec: TGT-01
    for refused in [0.0, 1.0, -0.1, 1.5] {
        let request = tracking(json!({ "TrackingTarget": refused }));
        assert_eq!(code(request), "InvalidParameterValue.TrackingTarget", "{refused}");
    }
    for (refused, expected) in [
        (json!({ "MinCapacity": 0 }), "InvalidParameterValue.MinCapacity"),
        (json!({ "MinCapacity": -1 }), "InvalidParameterValue.MinCapacity"),
        (json!({ "MinCapacity": 11 }), "LimitExceeded.MaxCapacity"),
        (json!({ "MaxCapacity": -1 }), "LimitExceeded.MaxCapacity"),
        (json!({ "MinCapacity": null }), "MissingParameter"),
        (json!({ "MaxCapacity": null }), "MissingParameter"),
        (json!({ "TrackingTarget": null }), "MissingParameter"),
    ] {
        assert_eq!(code(tracking(refused.clone())), expected, "{refused}");
    }
}

#[test]
fn the_types_exclude_each_other() {
    // spec: TGT-08
    let wrong = "InvalidParameterValue.ProvisionType";
    assert_eq!(code(tracking(json!({ "VersionProvisionedConcurrencyNum": 1 }))), wrong);
    assert_eq!(code(tracking(json!({ "TriggerActions": [action("a", "0 0 0 * * * *", 1)] }))), wrong);
    assert_eq!(code(tracking(json!({ "ProvisionedType": FIXED }))), wrong);
    assert_eq!(code(json!({ "VersionProvisionedConcurrencyNum": 1, "MaxCapacity": 2 })), wrong);
}

#[test]
fn scheduled_actions_keep_their_order_and_are_told_apart() {
    let (first, second) = (action("in", "0 0  12 * * * *", 3), action("out", "0 0 16 * * * *", 0));
    let config = read(scheduled(json!([first, second]))).unwrap();
    let seen: Vec<_> = config.actions.iter().map(|a| (a.name.as_str(), a.expression.as_str(), a.target)).collect();
    assert_eq!(seen, [("in", "0 0 12 * * * *", 3), ("out", "0 0 16 * * * *", 0)]);
    let refused = |actions: Value| code(scheduled(actions));
    let twin = action("in", "0 0 13 * * * *", 3);
    assert_eq!(refused(json!([first, twin])), "InvalidParameterValue.ProvisionTriggerNameDuplicate");
    let twin = action("other", "0 0 12 * * * *", 5);
    assert_eq!(read(scheduled(json!([first, twin]))).unwrap().actions.len(), 2);
    let long = action(&"n".repeat(61), "0 0 12 * * * *", 3);
    assert_eq!(refused(json!([long])), "InvalidParameterValue.ProvisionTriggerName");
    let negative = action("in", "0 0 12 * * * *", -1);
    assert_eq!(refused(json!([negative])), "InvalidParameterValue.TriggerProvisionedConcurrencyNum");
    assert_eq!(refused(json!([{ "TriggerName": "in" }])), "MissingParameter");
    let mut typed = first.clone();
    typed["ProvisionedType"] = json!(TRACKING);
    assert_eq!(refused(json!([typed])), "InvalidParameterValue.ProvisionType");
    typed["ProvisionedType"] = json!(FIXED);
    assert!(read(scheduled(json!([typed]))).is_ok());
}
