//! Services: attributes, names, deletion, ETags, lists.

use super::*;

#[tokio::test]
async fn attributes_survive_a_round_trip_in_any_spelling() {
    let world = world().await;
    let created = world
        .call(
            "POST",
            "/services",
            &json!({
                "ServiceName": "s",
                "description": "what it is for",
                "Role": "acs:ram::1:role/r",
                "LogConfig": {"Project": "p", "logStore": "l"},
                "vpcConfig": {"VpcId": "v", "VSwitchIds": ["w"], "securityGroupId": "g"},
                "nasConfig": {"UserId": 1, "groupId": 2, "MountPoints": [{"ServerAddr": "h:/d", "MountDir": "/mnt"}]},
                "internetAccess": false,
                "tracingConfig": null,
            }),
        )
        .await;
    let shown = created.ok();
    // spec: FSV-03
    assert_eq!(shown["description"], "what it is for");
    assert_eq!(shown["role"], "acs:ram::1:role/r");
    assert_eq!(shown["logConfig"]["project"], "p");
    assert_eq!(shown["logConfig"]["logstore"], "l");
    assert_eq!(shown["logConfig"]["enableRequestMetrics"], false);
    assert_eq!(shown["vpcConfig"], json!({"vpcId": "v", "vSwitchIds": ["w"], "securityGroupId": "g", "role": ""}));
    assert_eq!(shown["nasConfig"]["mountPoints"], json!([{"serverAddr": "h:/d", "mountDir": "/mnt"}]));
    assert_eq!(shown["internetAccess"], false);
    assert_eq!(shown["tracingConfig"], json!({"type": null, "params": null}));
    assert_eq!(shown["createdTime"], "2020-09-13T12:26:40Z");
    assert_eq!(shown["serviceId"].as_str().unwrap().len(), 36);
    let read = world.get("/services/s").await;
    assert_eq!(read.ok(), shown);
    assert_eq!(read.etag(), created.etag());
    assert_eq!(world.get("/services/s.LATEST").await.ok(), shown);
    let stored = world.engine.namespaces(&scope(), Dialect::Fc);
    assert_eq!(stored[0].attributes["logConfig"], json!({"project": "p", "logstore": "l"}));
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    let world = world().await;
    let tracing = json!({"type": "Jaeger", "params": {"Endpoint": "http://j"}});
    world
        .call("POST", "/services", &json!({"serviceName": "s", "description": "d", "tracingConfig": tracing}))
        .await
        .ok();
    let changed = world.call("PUT", "/services/s", &json!({"internetAccess": false, "description": null})).await.ok();
    assert_eq!(changed["description"], "d");
    assert_eq!(changed["tracingConfig"], tracing);
    assert_eq!(changed["internetAccess"], false);
    let cleared = world.call("PUT", "/services/s", &json!({"tracingConfig": {}, "description": ""})).await.ok();
    assert_eq!(cleared["tracingConfig"], json!({"type": null, "params": null}));
    assert_eq!(cleared["description"], "");
    assert_eq!(cleared["internetAccess"], false);
    world.call("PUT", "/services/s", &json!({"serviceName": "t"})).await.refused(400, "InvalidArgument");
    world.call("PUT", "/services/t", &json!({})).await.refused(404, "ServiceNotFound");
    let message = world.call("PUT", "/services/s", &json!({"role": 7})).await.refused(400, "InvalidArgument");
    assert_eq!(message, "role must be a string, not 7");
}

#[tokio::test]
async fn the_public_network_is_on_unless_the_service_says_no() {
    let world = world().await;
    world.service("s").await;
    // spec: FSV-04
    assert_eq!(world.get("/services/s").await.ok()["internetAccess"], true);
    assert!(world.engine.namespaces(&scope(), Dialect::Fc)[0].public_network);
    world.call("PUT", "/services/s", &json!({"internetAccess": false})).await.ok();
    assert!(!world.engine.namespaces(&scope(), Dialect::Fc)[0].public_network);
}

#[tokio::test]
async fn names_follow_their_rule() {
    let world = world().await;
    let create = async |name: Value| world.call("POST", "/services", &json!({"serviceName": name})).await;
    let (longest, too_long) = ("a".repeat(128), "a".repeat(129));
    // spec: FSV-02
    for name in ["a", "A", "_x", "Z-9_", &longest] {
        assert_eq!(create(json!(name)).await.ok()["serviceName"], name);
    }
    for name in ["9a", "-a", "a b", "a.b", "é", "a/b", &too_long] {
        create(json!(name)).await.refused(400, "InvalidArgument");
    }
    assert_eq!(create(json!("")).await.refused(400, "InvalidArgument"), "serviceName is required");
    create(json!(null)).await.refused(400, "InvalidArgument");
    assert_eq!(create(json!("a")).await.refused(409, "ServiceAlreadyExists"), "service 'a' already exists");
    let one = world.get("/services/a").await.ok();
    let other = world.get("/services/A").await.ok();
    assert_ne!(one["serviceId"], other["serviceId"]);
}

#[tokio::test]
async fn a_service_goes_when_it_is_empty() {
    let world = world().await;
    world.service("s").await;
    world.function("s", "f").await;
    // spec: FSV-05
    world.call("DELETE", "/services/s", &Value::Null).await.refused(409, "ServiceNotEmpty");
    world.call("DELETE", "/services/s/functions/f", &Value::Null).await;
    let gone = world.call("DELETE", "/services/s", &Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    assert_eq!(world.get("/services/s").await.refused(404, "ServiceNotFound"), "service 's' does not exist");
    world.call("DELETE", "/services/s", &Value::Null).await.refused(404, "ServiceNotFound");
}

#[tokio::test]
async fn changes_may_depend_on_the_etag() {
    let world = world().await;
    let created = world.call("POST", "/services", &json!({"serviceName": "s"})).await;
    let change = json!({"description": "d"});
    let stale = world.call_with("PUT", "/services/s", &[("if-match", "invalid")], &change).await;
    assert_eq!(stale.refused(412, "PreconditionFailed"), "the resource being modified has been changed");
    let etag = created.etag().to_owned();
    let quoted = format!("\"{etag}\"");
    let changed = world.call_with("PUT", "/services/s", &[("If-Match", &quoted)], &change).await;
    assert_ne!(changed.etag(), etag);
    world
        .call_with("DELETE", "/services/s", &[("if-match", &etag)], &Value::Null)
        .await
        .refused(412, "PreconditionFailed");
    let gone = world.call_with("DELETE", "/services/s", &[("if-match", changed.etag())], &Value::Null).await;
    assert_eq!(gone.status, 204);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = world().await;
    assert_eq!(world.get("/services").await.ok(), json!({"services": []}));
    for name in ["abc", "abd", "bcd"] {
        world.service(name).await;
    }
    let names = |list: &Value| -> Vec<String> {
        list["services"].as_array().unwrap().iter().map(|s| s["serviceName"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.get("/services?limit=2&prefix=&startKey=").await.ok();
    assert_eq!(names(&first), ["abc", "abd"]);
    let token = first["nextToken"].as_str().unwrap();
    let last = world.get(&format!("/services?limit=2&nextToken={token}&startKey=zzz")).await.ok();
    assert_eq!(names(&last), ["bcd"]);
    assert_eq!(last.get("nextToken"), None);
    assert_eq!(names(&world.get("/services?tag_a=b").await.ok()), Vec::<String>::new());
    world.get("/services?limit=0").await.refused(400, "InvalidArgument");
}
