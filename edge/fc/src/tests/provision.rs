use super::{Value, World, json, patch_quota, with, world};

const PATH: &str = "/services/s.test/functions/f/provision-config";

/// A service `s` with a function `f` in version 1, which the alias `test` names.
async fn aliased() -> World {
    let world = world().await;
    world.published(1).await;
    world.call("POST", "/services/s/aliases", &json!({"aliasName": "test", "versionId": "1"})).await.ok();
    world
}

/// The vendor's own sample.
fn sample() -> Value {
    json!({
        "scheduledActions": [{
            "endTime": "2020-12-10T10:10:10Z",
            "name": "demoScheduler",
            "scheduleExpression": "cron(0 30 8 * * *)",
            "startTime": "2020-10-10T10:10:10Z",
            "target": 5,
        }],
        "target": 15,
        "targetTrackingPolicies": [{
            "endTime": "2020-12-10T10:10:10Z",
            "maxCapacity": 100,
            "metricTarget": 0.6,
            "metricType": "ProvisionedConcurrencyUtilization",
            "minCapacity": 10,
            "name": "demoScheduler",
            "startTime": "2020-10-10T10:10:10Z",
        }],
    })
}

#[tokio::test]
async fn the_vendor_s_sample_is_accepted_and_echoed() {
    let world = aliased().await;
    let put = world.call("PUT", PATH, &sample()).await;
    let shown = put.ok();
    // spec: FPC-01, FPC-02
    for (name, value) in sample().as_object().unwrap() {
        assert_eq!(&shown[name], value);
    }
    // spec: FPC-11 (format)
    assert_eq!(shown["resource"], "1234567890#s#test#f");
    // C29 of the specification: a number
    assert!(shown["current"].is_u64());
    let read = world.get(PATH).await;
    assert_eq!(read.etag(), put.etag());
    let read = read.ok();
    for name in ["scheduledActions", "targetTrackingPolicies", "resource"] {
        assert_eq!(read[name], shown[name]);
    }
    assert_eq!((&read["currentError"], &read["alwaysAllocateCPU"]), (&json!(""), &json!(true)));
    let same = world.open("GET", "/services/s/functions/f/provision-config?qualifier=test", &Value::Null).await.ok();
    assert_eq!(same["resource"], shown["resource"]);
}

#[tokio::test]
async fn a_setting_replaces_the_one_before() {
    let world = aliased().await;
    let first = world.call("PUT", PATH, &with(sample(), json!({"alwaysAllocateCPU": false}))).await;
    assert_eq!(first.ok()["alwaysAllocateCPU"], false);
    let stale = [("if-match", "other")];
    world.call_with("PUT", PATH, &stale, &json!({"target": 1})).await.refused(412, "PreconditionFailed");
    let fresh = [("if-match", first.etag())];
    let second = world.call_with("PUT", PATH, &fresh, &json!({"target": 1})).await.ok();
    assert_eq!((&second["scheduledActions"], &second["targetTrackingPolicies"]), (&json!([]), &json!([])));
    world.call_with("PUT", PATH, &fresh, &json!({"target": 1})).await.refused(412, "PreconditionFailed");
    assert_eq!(world.get(PATH).await.ok()["defaultTarget"], 1);
    let function = "/services/s/functions/f";
    world.call("DELETE", function, &Value::Null).await.refused(409, "ProvisionConfigExist");
    // spec: FRE-02
    world.call("PUT", PATH, &json!({"target": 0})).await.ok();
    assert_eq!(world.get("/provision-configs").await.ok(), json!({"provisionConfigs": []}));
    assert_eq!(world.call("DELETE", function, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = aliased().await;
    for (path, code) in [
        ("/services/none.test/functions/f/provision-config", "ServiceNotFound"),
        ("/services/.test/functions/f/provision-config", "ServiceNotFound"),
        ("/services/s.none/functions/f/provision-config", "AliasNotFound"),
        ("/services/s.7/functions/f/provision-config", "VersionNotFound"),
        ("/services/s.test/functions/g/provision-config", "FunctionNotFound"),
    ] {
        // spec: FPC-13
        world.call("PUT", path, &sample()).await.refused(404, code);
        world.get(path).await.refused(404, code);
    }
    // Clients read until nothing is left of what they took back, so nothing set is a target of 0.
    let nothing = world.get(PATH).await.ok();
    assert_eq!((&nothing["target"], &nothing["current"]), (&json!(0), &json!(0)));
    for path in ["/services/s/functions/f/provision-config", "/services/s.1/functions/f/provision-config"] {
        assert_eq!(world.call("PUT", path, &json!({"target": 0})).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn bad_settings_are_refused() {
    let world = aliased().await;
    let mut action = sample();
    action["scheduledActions"][0]["scheduleExpression"] = json!("cron(0 30 8 * *)");
    let message = world.call("PUT", PATH, &action).await.refused(400, "InvalidArgument");
    // spec: FPC-04
    assert!(message.contains("cron(0 30 8 * *)"), "{message}");
    for expression in ["rate(1 minute)", "at(tomorrow)", "0 30 8 * * *"] {
        action["scheduledActions"][0]["scheduleExpression"] = json!(expression);
        world.call("PUT", PATH, &action).await.refused(400, "InvalidArgument");
    }
    // spec: FPC-04
    action["scheduledActions"][0]["scheduleExpression"] = json!("at(2020-10-10T10:10:10Z)");
    world.call("PUT", PATH, &action).await.ok();
    action["scheduledActions"][0]["timeZone"] = json!("Mars/Olympus");
    let message = world.call("PUT", PATH, &action).await.refused(400, "InvalidArgument");
    assert!(message.contains("Mars/Olympus"), "{message}");
    // spec: FPC-07
    let mut policy = sample();
    policy["targetTrackingPolicies"][0]["metricType"] = json!("CPUUtilization");
    world.call("PUT", PATH, &policy).await.refused(400, "InvalidArgument");
}

#[tokio::test]
async fn lists_are_by_service_and_qualifier_and_in_pages() {
    let world = aliased().await;
    world.function("s", "g").await;
    for path in ["s.test/functions/f", "s.1/functions/f", "s.LATEST/functions/g"] {
        world.call("PUT", &format!("/services/{path}/provision-config"), &json!({"target": 1})).await.ok();
    }
    let resources = |listed: &Value| -> Vec<String> {
        let all = listed["provisionConfigs"].as_array().unwrap();
        all.iter().map(|one| one["resource"].as_str().unwrap().to_owned()).collect()
    };
    let all = world.get("/provision-configs").await.ok();
    assert_eq!(resources(&all), ["1234567890#s#1#f", "1234567890#s#LATEST#g", "1234567890#s#test#f"]);
    let page = world.get("/provision-configs?limit=2").await.ok();
    let token = page["nextToken"].as_str().unwrap().replace('#', "%23");
    let rest = world.get(&format!("/provision-configs?limit=2&nextToken={token}")).await.ok();
    assert_eq!((resources(&rest), rest.get("nextToken")), (vec!["1234567890#s#test#f".into()], None));
    let one = world.get("/provision-configs?serviceName=s&qualifier=test").await.ok();
    assert_eq!(resources(&one), ["1234567890#s#test#f"]);
    world.get("/provision-configs?qualifier=test").await.refused(400, "InvalidArgument");
    world.get("/provision-configs?serviceName=t").await.refused(404, "ServiceNotFound");
}

#[tokio::test]
async fn on_demand_limits_are_set_read_listed_and_deleted() {
    let world = aliased().await;
    let path = "/services/s.test/functions/f/on-demand-config";
    world.get(path).await.refused(404, "OnDemandConfigNotFound");
    let put = world.call("PUT", path, &json!({"maximumInstanceCount": 10})).await;
    let shown = json!({"resource": "services/s.test/functions/f", "maximumInstanceCount": 10});
    assert_eq!(put.ok(), shown);
    let read = world.get(path).await;
    assert_eq!((read.ok(), read.etag()), (shown.clone(), put.etag()));
    world.call_with("PUT", path, &[("if-match", "x")], &shown).await.refused(412, "PreconditionFailed");
    world.call_with("PUT", path, &[("if-match", put.etag())], &shown).await.ok();
    world.call_with("DELETE", path, &[("if-match", "x")], &Value::Null).await.refused(412, "PreconditionFailed");
    // spec: FOD-02
    world.call("PUT", "/services/s/functions/f/on-demand-config", &json!({"maximumInstanceCount": 0})).await.ok();
    let version = "/services/s.1/functions/f/on-demand-config";
    world.call("PUT", version, &json!({"maximumInstanceCount": 1})).await.refused(400, "InvalidArgument");
    // spec: FOD-03
    world.call("PUT", path, &json!({"maximumInstanceCount": 301})).await.refused(400, "InvalidArgument");
    world.call("PUT", path, &json!({"maximumInstanceCount": 300})).await.ok();
    for body in [json!({}), json!({"maximumInstanceCount": -1}), json!({"maximumInstanceCount": "many"})] {
        world.call("PUT", path, &body).await.refused(400, "InvalidArgument");
    }
    let listed = world.get("/on-demand-configs?limit=1").await.ok();
    assert_eq!(listed["configs"][0]["resource"], "services/s.LATEST/functions/f");
    assert_eq!(listed["nextToken"], "services/s.test/functions/f");
    let listed = world.get("/on-demand-configs?prefix=services/s.t").await.ok();
    assert_eq!(listed["configs"].as_array().unwrap().len(), 1);
    let listed = world.get("/on-demand-configs?startKey=services/s.m").await.ok();
    assert_eq!(listed["configs"].as_array().unwrap().len(), 1);
    assert_eq!(world.call("DELETE", path, &Value::Null).await.status, 204);
    world.call("DELETE", path, &Value::Null).await.refused(404, "OnDemandConfigNotFound");
    world.get("/services/s.none/functions/f/on-demand-config").await.refused(404, "AliasNotFound");
    world.get("/services/s.test/functions/g/on-demand-config").await.refused(404, "FunctionNotFound");
}

#[tokio::test]
async fn rules_are_limited_in_number() {
    let world = aliased().await;
    patch_quota(&world, json!({"on_demand_rules": 1})).await;
    let body = json!({"maximumInstanceCount": 1});
    world.call("PUT", "/services/s.test/functions/f/on-demand-config", &body).await.ok();
    world.call("PUT", "/services/s.test/functions/f/on-demand-config", &body).await.ok();
    // spec: FOD-03
    let second = world.call("PUT", "/services/s/functions/f/on-demand-config", &body).await;
    second.refused(400, "LimitExceededError");
}

#[tokio::test]
async fn nobody_has_reserved_capacity() {
    let world = world().await;
    for path in ["/reservedCapacities", "/reserved-capacities"] {
        assert_eq!(world.get(path).await.ok(), json!({"reservedCapacities": []}));
    }
}
