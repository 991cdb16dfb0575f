use super::{Value, header, json, world};

#[tokio::test]
async fn versions_are_published_listed_and_deleted() {
    let world = world().await;
    world.published(3).await;
    let listed = world.get("/services/s/versions?limit=2").await.ok();
    let ids = |listed: &Value| -> Vec<String> {
        let versions = listed["versions"].as_array().unwrap();
        versions.iter().map(|version| version["versionId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&listed), &listed["direction"]), (vec!["3".into(), "2".into()], &json!("BACKWARD")));
    assert_eq!(listed["versions"][0]["description"], "version 3");
    assert_eq!(listed["nextToken"], "1");
    let rest = world.get("/services/s/versions?limit=2&nextToken=1").await.ok();
    assert_eq!((ids(&rest), rest.get("nextToken")), (vec!["1".into()], None));
    let forward = world.get("/services/s/versions?direction=FORWARD&startKey=2").await.ok();
    assert_eq!((ids(&forward), &forward["direction"]), (vec!["2".into(), "3".into()], &json!("FORWARD")));
    world.get("/services/s/versions?direction=UP").await.refused(400, "InvalidArgument");
    world.get("/services/s/versions?startKey=first").await.refused(400, "InvalidArgument");
    world.get("/services/t/versions").await.refused(404, "ServiceNotFound");

    assert_eq!(world.call("DELETE", "/services/s/versions/3", &Value::Null).await.status, 204);
    let message = world.call("DELETE", "/services/s/versions/3", &Value::Null).await.refused(404, "VersionNotFound");
    assert_eq!(message, "version '3' of service 's' does not exist");
    world.call("DELETE", "/services/s/versions/x", &Value::Null).await.refused(404, "VersionNotFound");
    world.call("DELETE", "/services/t/versions/1", &Value::Null).await.refused(404, "ServiceNotFound");
    // spec: FVE-04
    world.call("DELETE", "/services/s/versions/LATEST", &Value::Null).await.refused(400, "InvalidArgument");
    // spec: FVE-02
    world.call("PUT", "/services/s/functions/f", &json!({"description": "again"})).await.ok();
    assert_eq!(world.publish("s", "").await.ok()["versionId"], "4");
}

#[tokio::test]
async fn publishing_needs_a_change_and_the_right_etag() {
    let world = world().await;
    world.publish("s", "").await.refused(404, "ServiceNotFound");
    world.service("s").await;
    assert_eq!(world.publish("s", "empty").await.ok()["versionId"], "1");
    let message = world.publish("s", "").await.refused(400, "InvalidArgument");
    assert!(message.ends_with("'No changes were made since last publish'"), "{message}");
    world.function("s", "f").await;
    let body = json!({"description": "guarded"});
    let path = "/services/s/versions";
    world.call_with("POST", path, &[("if-match", "other")], &body).await.refused(412, "PreconditionFailed");
    let etag = world.get("/services/s").await.etag().to_owned();
    world.call_with("POST", path, &[("if-match", &etag)], &body).await.ok();
}

#[tokio::test]
async fn a_qualifier_reads_what_was_published() {
    let world = world().await;
    world.published(2).await;
    world.call("POST", "/services/s/aliases", &json!({"aliasName": "old", "versionId": "1"})).await.ok();
    world.call("PUT", "/services/s", &json!({"description": "now", "internetAccess": false})).await.ok();
    for (path, description) in [
        ("/services/s.1/functions/f", "code 1"),
        ("/services/s/functions/f?qualifier=1", "code 1"),
        ("/services/s.old/functions/f", "code 1"),
        ("/services/s.2/functions/f", "code 2"),
        ("/services/s.LATEST/functions/f", "code 2"),
        ("/services/s.1", "version 1"),
        ("/services/s?qualifier=2", "version 2"),
        ("/services/s", "now"),
    ] {
        // spec: FVE-01
        assert_eq!(world.get(path).await.ok()["description"], description, "{path}");
    }
    assert_eq!(world.get("/services/s.1").await.ok()["internetAccess"], true);
    let listed = world.get("/services/s.old/functions").await.ok();
    assert_eq!(listed["functions"][0]["description"], "code 1");
    world.function("s", "later").await;
    assert_eq!(world.get("/services/s.1/functions").await.ok()["functions"].as_array().unwrap().len(), 1);
    world.get("/services/s.1/functions/later").await.refused(404, "FunctionNotFound");
    assert!(world.get("/services/s.1/functions/f/code").await.ok()["url"].is_string());
    for (path, code) in [
        ("/services/s.9", "VersionNotFound"),
        ("/services/s.9/functions", "VersionNotFound"),
        ("/services/s.9/functions/f", "VersionNotFound"),
        ("/services/s.99999999999999999999999/functions/f", "VersionNotFound"),
        ("/services/s.none/functions/f/code", "AliasNotFound"),
        ("/services/s?qualifier=none", "AliasNotFound"),
        ("/services/t.1/functions/f", "ServiceNotFound"),
        ("/services/s.1/functions/g", "FunctionNotFound"),
    ] {
        world.get(path).await.refused(404, code);
    }
}

#[tokio::test]
async fn nothing_published_can_be_changed() {
    let world = world().await;
    world.published(1).await;
    for (method, path) in [
        ("PUT", "/services/s.1"),
        ("DELETE", "/services/s.1"),
        ("PUT", "/services/s/versions/1"),
        ("POST", "/services/s.1/functions"),
        ("PUT", "/services/s.1/functions/f"),
        ("DELETE", "/services/s/functions/f?qualifier=1"),
    ] {
        // spec: FVE-03
        let message = world.call(method, path, &json!({"description": "x"})).await.refused(400, "InvalidArgument");
        assert!(message.contains("cannot be changed"), "{message}");
    }
    world.call("PUT", "/services/s.LATEST/functions/f", &json!({"description": "x"})).await.ok();
}

#[tokio::test]
async fn calls_run_and_name_the_version_they_reach() {
    let world = world().await;
    world.published(1).await;
    world.call("POST", "/services/s/aliases", &json!({"aliasName": "prod", "versionId": "1"})).await.ok();
    // spec: FVE-06, FVE-08 (the header)
    for (path, version) in [
        ("/services/s/functions/f/invocations", "LATEST"),
        ("/services/s.LATEST/functions/f/invocations", "LATEST"),
        ("/services/s.1/functions/f/invocations", "1"),
        ("/services/s/functions/f/invocations?qualifier=1", "1"),
        ("/services/s.prod/functions/f/invocations", "1"),
    ] {
        let got = world.call("POST", path, &Value::Null).await;
        assert_eq!((got.status.as_u16(), header(&got, "x-fc-invocation-service-version")), (200, version), "{path}");
    }
    world.call("POST", "/services/s.2/functions/f/invocations", &Value::Null).await.refused(404, "VersionNotFound");
    world.call("POST", "/services/s.no/functions/f/invocations", &Value::Null).await.refused(404, "AliasNotFound");
    // spec: FVE-05
    assert_eq!(world.call("DELETE", "/services/s/versions/1", &Value::Null).await.status, 204);
    let gone = world.call("POST", "/services/s.prod/functions/f/invocations", &Value::Null).await;
    assert_eq!(gone.refused(404, "VersionNotFound"), "version '1' of service 's' does not exist");
    assert_eq!(world.get("/services/s/aliases/prod").await.ok()["versionId"], "1");
}
