use super::*;
use serde_json::json;

fn parse(body: &Value) -> Result<ProvisionConfig> {
    read(&mut Fields::parse(body.to_string().as_bytes()).unwrap())
}

#[track_caller]
fn refused(body: &Value) -> String {
    parse(body).unwrap_err().message
}

fn action_with(name: &str, value: Value) -> Value {
    let mut action = json!({
        "name": "demoScheduler",
        "startTime": "2020-10-10T10:10:10Z",
        "endTime": "2020-12-10T10:10:10Z",
        "target": 5,
        "scheduleExpression": "cron(0 30 8 * * *)",
    });
    action[name] = value;
    json!({"target": 15, "scheduledActions": [action]})
}

fn policy_with(name: &str, value: Value) -> Value {
    let mut policy = json!({
        "name": "demoTargetTracking",
        "startTime": "2020-10-10T10:10:10Z",
        "endTime": "2020-12-10T10:10:10Z",
        "metricType": "ProvisionedConcurrencyUtilization",
        "metricTarget": 0.6,
        "minCapacity": 10,
        "maxCapacity": 100,
    });
    policy[name] = value;
    json!({"target": 15, "targetTrackingPolicies": [policy]})
}

#[test]
fn every_field_of_an_action_is_checked() {
    let config = parse(&action_with("timeZone", json!("Asia/Shanghai"))).unwrap();
    let [action] = &*config.actions else { panic!("one action") };
    assert_eq!((&*action.name, &*action.expression, action.target), ("demoScheduler", "cron(0 30 8 * * *)", 5));
    assert_eq!((action.from, action.until), (Some(Timestamp(1_602_324_610_000)), Some(Timestamp(1_607_595_010_000))));
    assert_eq!(action.time_zone.as_deref(), Some("Asia/Shanghai"));
    // spec: FPC-03
    for (name, value, says) in [
        ("name", json!(""), "scheduledActions[0].name is required"),
        ("name", json!(7), "scheduledActions[0].name must be a string, not 7"),
        ("startTime", json!("2020-10-10 10:10:10Z"), "startTime must be a time in UTC such as"),
        ("startTime", json!("2020-10-10T10:10:10"), "startTime must be a time in UTC such as"),
        ("endTime", json!(1_602_324_610), "endTime must be a time in UTC such as"),
        ("endTime", json!("2020-13-10T10:10:10Z"), "not \"2020-13-10T10:10:10Z\""),
        ("endTime", json!("2020-10-10T10:10:10Z"), "endTime 2020-10-10T10:10:10Z is not after"),
        ("target", Value::Null, "scheduledActions[0].target is required"),
        ("target", json!(-1), "scheduledActions[0].target must be a whole number from 0 to 10000, not -1"),
        ("scheduleExpression", Value::Null, "scheduledActions[0].scheduleExpression is required"),
    ] {
        let message = refused(&action_with(name, value));
        assert!(message.contains(says), "{name}: {message}");
    }
}

#[test]
fn every_field_of_a_policy_is_checked() {
    let config = parse(&policy_with("metricTarget", json!(1))).unwrap();
    let [policy] = &*config.tracking else { panic!("one policy") };
    assert_eq!((policy.utilization_ppm, policy.min, policy.max), (1_000_000, 10, 100));
    assert_eq!(parse(&policy_with("metricTarget", json!(0.6))).unwrap().tracking[0].utilization_ppm, 600_000);
    // spec: FPC-07
    for (name, value, says) in [
        ("metricType", json!("CPUUtilization"), "metricType 'CPUUtilization' is not known: use Provisioned"),
        ("metricType", Value::Null, "metricType is required"),
        ("metricTarget", json!(0), "must be a number above 0 and at most 1, such as 0.6, not 0"),
        ("metricTarget", json!(1.01), "not 1.01"),
        ("metricTarget", json!("0.6"), "not \"0.6\""),
        ("minCapacity", json!(101), "maxCapacity 100 is less than targetTrackingPolicies[0].minCapacity 101"),
        ("maxCapacity", json!(10_001), "must be a whole number from 0 to 10000, not 10001"),
        ("maxCapacity", Value::Null, "maxCapacity is required"),
        ("name", Value::Null, "name is required"),
        ("startTime", json!("soon"), "startTime must be a time in UTC"),
    ] {
        let message = refused(&policy_with(name, value));
        assert!(message.contains(says), "{name}: {message}");
    }
}

#[test]
fn a_target_is_needed_unless_a_list_moves_it() {
    assert!(refused(&json!({})).contains("target is required"));
    assert!(refused(&json!({"target": 10_001})).contains("10001"));
    assert!(refused(&json!({"target": 1.5})).contains("1.5"));
    assert_eq!(parse(&json!({"Target": 10_000})).unwrap().target, 10_000);
    let mut only_a_list = action_with("target", json!(3));
    only_a_list["target"] = Value::Null;
    assert_eq!(parse(&only_a_list).unwrap().target, 0);
    assert!(parse(&json!({"target": 1})).unwrap().always_allocate_cpu);
    assert!(!parse(&json!({"target": 1, "alwaysAllocateCPU": false})).unwrap().always_allocate_cpu);
}

#[test]
fn names_are_unique_within_their_list() {
    let mut body = action_with("target", json!(1));
    let one = body["scheduledActions"][0].clone();
    body["scheduledActions"].as_array_mut().unwrap().push(one);
    assert!(refused(&body).contains("'demoScheduler' twice"));
    // The vendor's own sample gives an action and a policy the same name.
    let mut body = policy_with("name", json!("demoScheduler"));
    body["scheduledActions"] = action_with("target", json!(1))["scheduledActions"].clone();
    assert!(parse(&body).is_ok());
    assert!(refused(&json!({"target": 1, "scheduledActions": {}})).contains("a list of objects"));
    assert!(refused(&json!({"target": 1, "scheduledActions": [3]})).contains("scheduledActions[0] must be an object"));
}
