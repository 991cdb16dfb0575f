use super::{Value, json, with, world};

#[tokio::test]
async fn the_whole_life_of_an_alias() {
    let world = world().await;
    world.published(2).await;
    let new = json!({
        "aliasName": "prod",
        "versionId": "1",
        "description": "live",
        "additionalVersionWeight": {"2": 0.05},
    });
    let made = world.call("POST", "/services/s/aliases", &new).await;
    let shown = made.ok();
    for (name, value) in new.as_object().unwrap() {
        assert_eq!(&shown[name], value);
    }
    assert!(shown["createdTime"].as_str().unwrap().ends_with('Z'));
    let read = world.get("/services/s/aliases/prod").await;
    assert_eq!((read.ok(), read.etag()), (shown, made.etag()));

    let path = "/services/s/aliases/prod";
    let changed = world.call("PUT", path, &json!({"versionId": "2", "additionalVersionWeight": {}})).await;
    let shown = changed.ok();
    assert_eq!((&shown["versionId"], &shown["description"]), (&json!("2"), &json!("live")));
    assert_eq!(shown["additionalVersionWeight"], json!({}));
    assert_ne!(changed.etag(), made.etag());
    let stale = [("if-match", made.etag())];
    world.call_with("PUT", path, &stale, &json!({"versionId": "1"})).await.refused(412, "PreconditionFailed");
    world.call_with("DELETE", path, &stale, &Value::Null).await.refused(412, "PreconditionFailed");
    // spec: FAL-01
    world.call("PUT", path, &json!({"aliasName": "other"})).await.refused(400, "InvalidArgument");

    let gone = world.call_with("DELETE", path, &[("if-match", changed.etag())], &Value::Null).await;
    assert_eq!(gone.status, 204);
    for method in ["GET", "PUT", "DELETE"] {
        let message = world.call(method, path, &json!({})).await.refused(404, "AliasNotFound");
        assert_eq!(message, "alias 'prod' of service 's' does not exist");
    }
    // spec: FAL-04 (versions)
    assert_eq!(world.get("/services/s/versions").await.ok()["versions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_an_alias_may_be() {
    let world = world().await;
    world.published(1).await;
    let good = json!({"aliasName": "a", "versionId": "1"});
    // spec: FAL-01, FAL-02
    for (changes, status, code) in [
        (json!({"aliasName": null}), 400, "InvalidArgument"),
        (json!({"aliasName": "LATEST"}), 400, "InvalidArgument"),
        (json!({"aliasName": "1a"}), 400, "InvalidArgument"),
        (json!({"aliasName": "a".repeat(129)}), 400, "InvalidArgument"),
        (json!({"versionId": null}), 400, "InvalidArgument"),
        (json!({"versionId": "LATEST"}), 400, "InvalidArgument"),
        (json!({"versionId": "other"}), 400, "InvalidArgument"),
        (json!({"versionId": "7"}), 404, "VersionNotFound"),
        (json!({"additionalVersionWeight": {"7": 0.1}}), 404, "VersionNotFound"),
        (json!({"additionalVersionWeight": {"1": 1.1}}), 400, "InvalidArgument"),
        (json!({"additionalVersionWeight": {"1": 0.1, "2": 0.1}}), 400, "InvalidArgument"),
        (json!({"additionalVersionWeight": 3}), 400, "InvalidArgument"),
    ] {
        world.call("POST", "/services/s/aliases", &with(good.clone(), changes)).await.refused(status, code);
    }
    world.call("POST", "/services/t/aliases", &good).await.refused(404, "ServiceNotFound");
    for name in ["a", "A", "_a-1", &*"a".repeat(128)] {
        world.call("POST", "/services/s/aliases", &with(good.clone(), json!({"aliasName": name}))).await.ok();
    }
    let message = world.call("POST", "/services/s/aliases", &good).await.refused(409, "AliasAlreadyExists");
    assert_eq!(message, "alias 'a' of service 's' already exists");
    let listed = world.get("/services/s/aliases?limit=2&prefix=_").await.ok();
    assert_eq!((listed["aliases"][0]["aliasName"].as_str(), listed.get("nextToken")), (Some("_a-1"), None));
    let listed = world.get("/services/s/aliases?limit=3").await.ok();
    assert_eq!(listed["nextToken"], "a".repeat(128));
    world.get("/services/t/aliases").await.refused(404, "ServiceNotFound");
}

#[tokio::test]
async fn only_the_newer_api_refuses_the_main_version_as_additional() {
    let world = world().await;
    world.published(2).await;
    let body = json!({"aliasName": "a", "versionId": "1", "additionalVersionWeight": {"1": 0.9}});
    let code = "AdditionalVersionContainsMajorVersion";
    world.open("POST", "/services/s/aliases", &body).await.refused(400, code);
    world.call("POST", "/services/s/aliases", &body).await.ok();
    let weights = json!({"additionalVersionWeight": {"2": 0.5}});
    world.open("PUT", "/services/s/aliases/a", &weights).await.ok();
    world.open("PUT", "/services/s/aliases/a", &json!({"versionId": "2"})).await.refused(400, code);
    assert_eq!(world.get("/services/s/aliases/a").await.ok()["versionId"], "1");
}

#[tokio::test]
async fn routing_settings_are_kept() {
    let world = world().await;
    world.published(1).await;
    let policy = json!({
        "condition": "AND",
        "policyItems": [{"type": "Header", "key": "k", "operator": "=", "value": "v"}],
    });
    let body = json!({"aliasName": "a", "versionId": "1", "resolvePolicy": "Content", "routePolicy": policy});
    world.open("POST", "/services/s/aliases", &body).await.ok();
    let shown = world.open("GET", "/services/s/aliases/a", &Value::Null).await.ok();
    assert_eq!((&shown["resolvePolicy"], &shown["routePolicy"]), (&json!("Content"), &policy));
}
