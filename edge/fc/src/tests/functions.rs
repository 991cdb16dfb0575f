//! Functions: rules, defaults, partial updates, code, lists.

use super::*;
use sluice_domain::KNOWN_RUNTIMES;

const FUNCTIONS: &str = "/services/s/functions";

async fn world_with_service() -> World {
    let world = world().await;
    world.service("s").await;
    world
}

impl World {
    async fn create(&self, changes: Value) -> Got {
        self.call("POST", FUNCTIONS, &with(new_function("f"), changes)).await
    }
    async fn update(&self, changes: Value) -> Got {
        self.call("PUT", "/services/s/functions/f", &changes).await
    }
    async fn created(&self, changes: Value) -> Value {
        let shown = self.create(changes).await.ok();
        assert_eq!(self.call("DELETE", "/services/s/functions/f", &Value::Null).await.status, 204);
        shown
    }
}

#[tokio::test]
async fn a_new_function_has_the_documented_defaults() {
    let world = world_with_service().await;
    let created = world.create(json!({})).await;
    let shown = created.ok();
    // spec: FFN-03, FFN-04
    assert_eq!((&shown["memorySize"], &shown["timeout"]), (&json!(512), &json!(60)));
    assert_eq!(shown["initializationTimeout"], 3);
    assert_eq!((&shown["instanceConcurrency"], &shown["instanceType"]), (&json!(1), &json!("e1")));
    assert_eq!((&shown["description"], &shown["initializer"]), (&json!(""), &json!("")));
    assert_eq!(shown["environmentVariables"], json!({}));
    assert_eq!((&shown["codeChecksum"], &shown["codeSize"]), (&json!("7"), &json!(12)));
    assert_eq!(shown["createdTime"], "2020-09-13T12:26:40Z");
    assert!(shown["functionId"].as_str().unwrap().starts_with("lam-"));
    let read = world.get("/services/s/functions/f").await;
    assert_eq!(read.ok(), shown);
    assert_eq!(read.etag(), created.etag());
}

#[tokio::test]
async fn a_function_needs_a_service() {
    let world = world().await;
    // spec: FSV-01
    let message = world.create(json!({})).await.refused(404, "ServiceNotFound");
    assert_eq!(message, "service 's' does not exist");
    world.service("s").await;
    world.create(json!({})).await.ok();
    let message = world.create(json!({})).await.refused(409, "FunctionAlreadyExists");
    assert_eq!(message, "function 'f' already exists in service 's'");
}

#[tokio::test]
async fn code_that_cannot_be_made_ready_is_the_platforms_fault() {
    let world = world_on(FakePackages::faulty(), FakeBackend::default()).await;
    world.service("s").await;
    let message = world.create(json!({})).await.refused(500, "InternalServerError");
    assert_eq!(message, "the function could not be created: an internal error has occurred, please retry");
    // Nothing stays that a second try would meet.
    assert_eq!(world.get(FUNCTIONS).await.ok()["functions"], json!([]));
}

#[tokio::test]
async fn names_follow_the_rule_of_services() {
    let world = world_with_service().await;
    let (longest, too_long) = ("f".repeat(128), "f".repeat(129));
    // spec: FFN-01
    for name in ["g", "G", "_g", "g-1_", &longest] {
        assert_eq!(world.create(json!({"functionName": name})).await.ok()["functionName"], name);
    }
    for name in ["1g", "-g", "g g", "g.h", &too_long] {
        world.create(json!({"functionName": name})).await.refused(400, "InvalidArgument");
    }
    world.function("s", "f").await;
    world.update(json!({"functionName": "h"})).await.refused(400, "InvalidArgument");
    assert_eq!(world.update(json!({"functionName": "f", "description": "d"})).await.ok()["description"], "d");
    world.service("t").await;
    world.function("t", "f").await;
}

#[tokio::test]
async fn what_is_required_is_named_when_it_is_missing() {
    let world = world_with_service().await;
    // spec: FFN-02
    for name in ["functionName", "runtime", "handler", "code"] {
        let message = world.create(json!({name: null})).await.refused(400, "InvalidArgument");
        assert!(message.starts_with(&format!("{name} is required")), "{message}");
    }
    world.create(json!({"code": {}})).await.refused(400, "InvalidArgument");
    world.create(json!({"handler": ""})).await.refused(400, "InvalidArgument");
}

#[tokio::test]
async fn memory_time_and_concurrency_have_ranges() {
    let world = world_with_service().await;
    // spec: FFN-03
    for memory in [128, 192, 512, 3072] {
        assert_eq!(world.created(json!({"memorySize": memory})).await["memorySize"], memory);
    }
    for memory in [0, 64, 100, 3136] {
        world.create(json!({"memorySize": memory})).await.refused(400, "InvalidArgument");
    }
    // spec: FFN-04
    assert_eq!(world.created(json!({"timeout": 600})).await["timeout"], 600);
    for timeout in [0, 601, -1] {
        world.create(json!({"timeout": timeout})).await.refused(400, "InvalidArgument");
    }
    // spec: FIC-01
    let node = |concurrency: i64| json!({"runtime": "nodejs12", "instanceConcurrency": concurrency});
    for concurrency in [1, 100] {
        assert_eq!(world.created(node(concurrency)).await["instanceConcurrency"], concurrency);
    }
    for concurrency in [0, 101] {
        world.create(node(concurrency)).await.refused(400, "InvalidArgument");
    }
    // spec: FIC-02
    world.create(json!({"runtime": "python3", "instanceConcurrency": 2})).await.refused(400, "InvalidArgument");
}

#[tokio::test]
async fn instances_may_grow_but_not_shrink() {
    let world = world_with_service().await;
    world.create(json!({"instanceType": "ElasticInstance"})).await.ok();
    // spec: FFN-05
    assert_eq!(world.update(json!({"instanceType": "c1"})).await.ok()["instanceType"], "c1");
    let message = world.update(json!({"instanceType": "e1"})).await.refused(400, "InvalidArgument");
    assert!(message.contains("cannot go back"), "{message}");
    assert_eq!(world.update(json!({"instanceType": "EnhancedInstance"})).await.ok()["instanceType"], "c1");
    world.update(json!({"instanceType": "fc.gpu.tesla.1"})).await.refused(400, "InvalidArgument");
    assert_eq!(world.get("/services/s/functions/f").await.ok()["instanceType"], "c1");
}

#[tokio::test]
async fn every_setting_can_be_changed_by_itself() {
    let world = world_with_service().await;
    let first = world.create(json!({"environmentVariables": {"A": "1"}, "description": "d"})).await.ok();
    let mut expected = first.clone();
    // spec: FFN-07
    for (key, value) in [
        ("runtime", json!("nodejs12")),
        ("handler", json!("main.run")),
        ("instanceType", json!("c1")),
        ("memorySize", json!(256)),
        ("timeout", json!(10)),
        ("instanceConcurrency", json!(5)),
        ("initializer", json!("main.init")),
        ("initializationTimeout", json!(20)),
        ("description", json!("other")),
        ("environmentVariables", json!({"B": "2"})),
        ("environmentVariables", json!({})),
        ("initializer", json!("")),
        ("customDNS", json!({"nameServers": ["1.1.1.1"]})),
    ] {
        // Keys come in any case, and null leaves a setting alone.
        let sent = json!({key.to_uppercase(): value, "serviceName": null, "handlerx": null});
        let shown = world.update(sent).await.ok();
        expected[key] = value;
        assert_eq!(shown, expected, "{key}");
    }
    assert_eq!(world.update(json!({"timeout": "15"})).await.ok()["timeout"], 15);
    let other = STANDARD.encode(b"PK another, longer package");
    assert_eq!(world.update(json!({"code": {"ZipFile": other}})).await.ok()["codeSize"], 26);
    world.update(json!({"memorySize": 100})).await.refused(400, "InvalidArgument");
    assert_eq!(world.get("/services/s/functions/f").await.ok()["memorySize"], 256);
}

#[tokio::test]
async fn every_documented_runtime_is_known() {
    let world = world_with_service().await;
    let ids = KNOWN_RUNTIMES.iter().filter(|known| known.dialect == Dialect::Fc).map(|known| known.id);
    let named =
        ["nodejs6", "nodejs8", "nodejs10", "nodejs12", "python2.7", "python3", "php7.2", "java8", "dotnetcore2.1"];
    for id in ids.chain(named).chain(["custom", "custom-container"]) {
        let handler = if id.starts_with("java") { "a.B::c" } else { "index" };
        let handler = if id.starts_with(['n', 'p']) { "index.handler" } else { handler };
        // spec: RTM-16
        let got = world.create(json!({"runtime": id, "handler": handler})).await;
        match got.status.as_u16() {
            200 => assert_eq!(world.call("DELETE", "/services/s/functions/f", &Value::Null).await.status, 204),
            _ => assert!(got.refused(400, "InvalidArgument").contains("not installed"), "{id}"),
        }
    }
    for id in [json!("python4"), json!(10), json!("Python3")] {
        let message = world.create(json!({"runtime": id})).await.refused(400, "InvalidArgument");
        assert!(message.contains("Runtime is set to an invalid value"), "{message}");
    }
}

#[tokio::test]
async fn reserved_and_malformed_variables_are_refused() {
    let world = world_with_service().await;
    for name in ["FC_X", "accessKeyID", "accessKeySecret", "securityToken", "topic", "1A", "A-B", ""] {
        world.create(json!({"environmentVariables": {name: "v"}})).await.refused(400, "InvalidArgument");
    }
    world.create(json!({"environmentVariables": {"A": "v".repeat(4096)}})).await.refused(400, "InvalidArgument");
    world.create(json!({"environmentVariables": {"A": 1}})).await.refused(400, "InvalidArgument");
    let kept = json!({"LD_LIBRARY_PATH": "/code", "NODE_PATH": "x", "_under": "y"});
    assert_eq!(world.create(json!({"environmentVariables": kept})).await.ok()["environmentVariables"], kept);
}

#[tokio::test]
async fn code_comes_as_base64_of_a_zip() {
    let world = world_with_service().await;
    let wrapped = format!("{}\r\n{}", &zip()[..8], zip()[8..].trim_end_matches('='));
    world.created(json!({"code": {"zipFile": wrapped}})).await;
    for (code, part) in [
        (json!({"zipFile": "*"}), "base64"),
        (json!({"zipFile": STANDARD.encode("no zip")}), "not a zip"),
        (json!({"ossBucketName": "b", "ossObjectName": "o"}), "object storage"),
        (json!("PK"), "code must be an object"),
    ] {
        let message = world.create(json!({"code": code})).await.refused(400, "InvalidArgument");
        assert!(message.contains(part), "{message}");
    }
    world.get("/services/s/functions/f").await.refused(404, "FunctionNotFound");
    patch_quota(&world, json!({"code_zip_mb": 0.001})).await;
    let large = STANDARD.encode([b"PK".as_slice(), &[0; 2000]].concat());
    world.create(json!({"code": {"zipFile": large}})).await.refused(400, "EntityTooLarge");
    world.create(json!({"layers": ["acs:fc:r:1:layers/l/versions/1"]})).await.refused(400, "InvalidArgument");
    world.create(json!({"layers": []})).await.ok();
}

#[tokio::test]
async fn a_checksum_that_is_sent_must_fit() {
    let world = world_with_service().await;
    let create = async |zip: &[u8], checksum: &str| {
        let body = with(new_function("f"), json!({"code": {"zipFile": STANDARD.encode(zip)}}));
        world.call_with("POST", FUNCTIONS, &[("x-fc-code-checksum", checksum)], &body).await
    };
    // The check value of CRC-64/XZ is that of the nine digits; a package must begin like a zip.
    create(b"123456789", "1").await.refused(400, "InvalidArgument");
    let message = create(b"123456789", "11051210869376104954").await.refused(400, "InvalidArgument");
    assert!(message.contains("not a zip"), "{message}");
    assert_eq!(create(b"PK1", "").await.status, 200);
}

#[tokio::test]
async fn code_can_be_fetched_through_a_link() {
    let world = world_with_service().await;
    world.function("s", "f").await;
    let link = async |host: &str| {
        let path = "/2016-08-15/services/s.LATEST/functions/f/code";
        let code = world.send(signed("GET", path, &[("host", host)], "")).await.ok();
        assert_eq!(code["checksum"], "7");
        code["url"].as_str().unwrap().to_owned()
    };
    let url = link("127.0.0.1:9400/").await;
    let path = url.strip_prefix("http://127.0.0.1:9400").unwrap();
    assert_eq!(world.engine.open_code_link(path).await.unwrap(), "PK a package");
    assert!(link("127.0.0.1").await.starts_with("http://public:9400/code/"));
}

#[tokio::test]
async fn functions_are_listed_in_pages() {
    let world = world_with_service().await;
    assert_eq!(world.get(FUNCTIONS).await.ok(), json!({"functions": []}));
    for name in ["b", "a", "c"] {
        world.function("s", name).await;
    }
    let page = world.get("/services/s.LATEST/functions?limit=2").await.ok();
    assert_eq!(page["functions"][0]["functionName"], "a");
    assert_eq!(page["functions"][1]["functionName"], "b");
    let rest = world.get(&format!("{FUNCTIONS}?nextToken={}", page["nextToken"].as_str().unwrap())).await.ok();
    assert_eq!(rest["functions"].as_array().unwrap().len(), 1);
    world.get("/services/t/functions").await.refused(404, "ServiceNotFound");
}

#[tokio::test]
async fn deleting_and_changing_may_depend_on_the_etag() {
    let world = world_with_service().await;
    let created = world.create(json!({})).await;
    let target = "/services/s/functions/f";
    let stale = [("If-Match", "invalid etag")];
    world.call_with("PUT", target, &stale, &json!({"description": "x"})).await.refused(412, "PreconditionFailed");
    world.call_with("DELETE", target, &stale, &Value::Null).await.refused(412, "PreconditionFailed");
    // The ETag of the creation is still good: nothing changed since.
    let etag = created.etag().to_owned();
    assert_eq!(world.call_with("DELETE", target, &[("If-Match", &etag)], &Value::Null).await.status, 204);
    world.get(target).await.refused(404, "FunctionNotFound");
    world.call("DELETE", target, &Value::Null).await.refused(404, "FunctionNotFound");
    world.update(json!({})).await.refused(404, "FunctionNotFound");
}
