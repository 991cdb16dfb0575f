//! Who may call what, and what paths lead to.

use super::*;

async fn list(world: &World, change: impl FnOnce(&mut Request<Bytes>)) -> Got {
    let mut request = signed("GET", "/2016-08-15/services", &[], "");
    change(&mut request);
    world.send(request).await
}

async fn list_as(world: &World, host: &str, account: &str) -> Got {
    world.send(signed("GET", "/2016-08-15/services", &[("host", host), ("x-fc-account-id", account)], "")).await
}

#[tokio::test]
async fn unsigned_and_badly_signed_requests_are_refused() {
    let world = world().await;
    let message = list(&world, |request| drop(request.headers_mut().remove("authorization"))).await;
    assert_eq!(message.refused(400, "MissingRequiredHeader"), "required HTTP header Authorization was not specified");
    let message = list(&world, |request| drop(request.headers_mut().remove("date"))).await;
    assert_eq!(message.refused(400, "MissingRequiredHeader"), "required HTTP header Date was not specified");
    let put = |value: &'static str| {
        move |request: &mut Request<Bytes>| drop(request.headers_mut().insert("authorization", value.parse().unwrap()))
    };
    let message = list(&world, put("FC other:AAAA")).await.refused(403, "InvalidAccessKeyID");
    assert_eq!(message, "invalid access key ID 'other'.");
    let message = list(&world, put("FC LTAItest:AAAA")).await.refused(403, "SignatureNotMatch");
    assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
    list(&world, put("Bearer token")).await.refused(403, "SignatureNotMatch");
    let old = signed("GET", "/2016-08-15/services", &[("date", "Thu, 21 Nov 2019 13:05:06 GMT")], "");
    let message = world.send(old).await.refused(403, "SignatureNotMatch");
    assert!(message.contains("expired"), "{message}");
}

#[tokio::test]
async fn every_route_needs_a_signature() {
    let world = world().await;
    world.service("s").await;
    world.function("s", "f").await;
    for (method, path) in [
        ("GET", "/services"),
        ("POST", "/services"),
        ("GET", "/services/s"),
        ("PUT", "/services/s"),
        ("DELETE", "/services/s"),
        ("GET", "/services/s/functions"),
        ("POST", "/services/s/functions"),
        ("GET", "/services/s/functions/f"),
        ("PUT", "/services/s/functions/f"),
        ("DELETE", "/services/s/functions/f"),
        ("GET", "/services/s/functions/f/code"),
        ("POST", "/services/s/functions/f/invocations"),
        ("GET", "/account-settings"),
        ("GET", "/accountConfigs"),
        ("GET", "/services/s/functions/f/triggers"),
        ("GET", "/anything"),
    ] {
        let request = Builder::new().method(method).uri(format!("/2016-08-15{path}")).body(Bytes::new()).unwrap();
        world.send(request).await.refused(400, "MissingRequiredHeader");
    }
    assert_eq!(world.engine.functions(&world.engine.namespaces(&scope(), Dialect::Fc)[0].key).unwrap().len(), 1);
}

#[tokio::test]
async fn the_account_that_is_named_must_be_the_key_s() {
    let world = world().await;
    for account in ["", ACCOUNT, "\"1234567890\""] {
        list_as(&world, "127.0.0.1", account).await.ok();
    }
    list_as(&world, "127.0.0.1", "999").await.refused(403, "AccessDenied");
    list_as(&world, "999.cn-shanghai.fc.aliyuncs.com", ACCOUNT).await.refused(403, "AccessDenied");
    list_as(&world, "1234567890.cn-shanghai.fc.aliyuncs.com", "").await.ok();
}

#[tokio::test]
async fn the_host_chooses_the_region() {
    let world = world().await;
    let host = ("host", "http://1234567890.cn-shanghai-internal.fc.aliyuncs.com/");
    world.send(signed("POST", "/2016-08-15/services", &[host], r#"{"serviceName":"s"}"#)).await.ok();
    world.get("/services/s").await.refused(404, "ServiceNotFound");
    let host = ("host", "1234567890.cn-shanghai.fc.aliyuncs.com");
    assert_eq!(world.send(signed("GET", "/2021-04-06/services/s", &[host], "")).await.status, 200);
}

#[tokio::test]
async fn slashes_prefixes_and_content_types_do_not_matter() {
    let world = world().await;
    let octets = ("content-type", "application/octet-stream");
    let body = r#"{"serviceName":"s"}"#;
    world.send(signed("POST", "//2016-08-15/services", &[octets], body)).await.ok();
    for path in [
        "/2016-08-15/services/s",
        "///2021-04-06/services/s",
        "/2016-08-15/services/s/",
        "/services/s",
        "/2016-08-15/services/%73",
    ] {
        world.send(signed("GET", path, &[], "")).await.ok();
    }
}

#[tokio::test]
async fn unknown_paths_are_refused_in_the_vendor_s_words() {
    let world = world().await;
    let message = world.get("/nothing").await.refused(400, "PathNotSupported");
    assert_eq!(message, "'/2016-08-15/nothing' against 'GET' is not supported");
    world.call("PATCH", "/services/s", &Value::Null).await.refused(400, "PathNotSupported");
    world.get("").await.refused(400, "PathNotSupported");
}

#[tokio::test]
async fn resources_to_come_read_as_empty() {
    let world = world().await;
    world.service("s").await;
    world.function("s", "f").await;
    for (path, body) in [
        ("/services/s/functions/f/triggers", json!({"triggers": []})),
        ("/custom-domains", json!({"customDomains": []})),
    ] {
        assert_eq!(world.get(path).await.ok(), body);
    }
    for (path, code) in [
        ("/services/s/functions/f/async-invoke-config", "AsyncConfigNotExists"),
        ("/services/s/functions/f/triggers/t", "TriggerNotFound"),
        ("/services/s/functions/g/triggers", "FunctionNotFound"),
        ("/services/t/functions/f/triggers", "ServiceNotFound"),
        ("/services/s/aliases/a", "AliasNotFound"),
        ("/services/t/aliases", "ServiceNotFound"),
        ("/custom-domains/example.com", "DomainNameNotFound"),
    ] {
        world.get(path).await.refused(404, code);
    }
    for (method, path) in [
        ("POST", "/services/s/functions/f/triggers"),
        ("PUT", "/services/s/functions/f/async-invoke-config"),
        ("GET", "/services/s/tempCodeBucketToken"),
        ("POST", "/tag"),
    ] {
        let message = world.call(method, path, &json!({})).await.refused(400, "PathNotSupported");
        assert!(message.contains("not available yet"), "{message}");
    }
}

#[tokio::test]
async fn http_trigger_addresses_say_that_there_is_no_trigger() {
    let world = world().await;
    let request = Builder::new().uri("/2016-08-15/proxy/s.LATEST/f/path").body(Bytes::new()).unwrap();
    let got = world.send(request).await;
    got.refused(404, "TriggerNotFound");
    assert_eq!(header(&got, "x-fc-error-type"), "FcCommonError");
}

#[tokio::test]
async fn account_calls_answer_from_the_quota_profile() {
    let world = world().await;
    assert_eq!(
        world.get("/account-settings").await.ok(),
        json!({"availableAZs": ["ap-guangzhou-a"], "defaultRole": ""})
    );
    let configs = world.get("/accountConfigs?config=CodeSizeLimit&config=Concurrency&config=Other").await.ok();
    assert_eq!(configs, json!({"CodeSizeLimit": "104857600", "Concurrency": "300"}));
}
