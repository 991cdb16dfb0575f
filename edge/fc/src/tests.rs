//! The dialect end to end: signed requests into [`Fc::handle`], over an engine that stands on fakes.

mod access;
mod aliases;
mod errors;
mod functions;
mod invocations;
mod provision;
mod services;
mod versions;

use crate::{Fc, signature::sign_fc};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, request::Builder};
use serde_json::{Value, json};
use sluice_domain::{AccountId, Dialect, Failure, Region, Scope, Timestamp};
use sluice_engine::{AccessKey, Config, Deps, Engine};
use sluice_ports::{
    Call,
    fake::{FakeBackend, FakeBlobs, FakeCatalog, FakePackages, ManualClock},
};
use std::sync::Arc;

const KEY: &str = "LTAItest";
const SECRET: &str = "secret";
const ACCOUNT: &str = "1234567890";

/// A server with one account.
struct World {
    fc: Fc,
    engine: Engine,
}

/// An answer, read.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

async fn world() -> World {
    world_with(FakeBackend::default()).await
}

async fn world_answering(behaviour: impl Fn(&Call) -> Result<Bytes, Failure> + Send + Sync + 'static) -> World {
    world_with(FakeBackend::with(behaviour)).await
}

async fn world_with(backend: FakeBackend) -> World {
    world_on(FakePackages::default(), backend).await
}

async fn world_on(packages: FakePackages, backend: FakeBackend) -> World {
    let deps = Deps {
        catalog: Arc::new(FakeCatalog::default()),
        blobs: Arc::new(FakeBlobs::default()),
        packages: Arc::new(packages),
        backend: Arc::new(backend),
        clock: Arc::new(ManualClock::at(Timestamp(1_600_000_000_000))),
        tapes: None,
        keys: vec![AccessKey { id: KEY.into(), secret: SECRET.into(), account: ACCOUNT.into() }],
    };
    let config = Config {
        default_region: "ap-guangzhou".into(),
        strict_runtimes: false,
        link_key: [7; 32],
        since: Default::default(),
        records_kept: 100,
        record_log_bytes: 1 << 20,
        blanks_max: 0,
    };
    let engine = Engine::open(config, deps).await.unwrap();
    World { fc: Fc::new(engine.clone(), Some("http://public:9400/".into())), engine }
}

/// A request that is signed as the Python SDK signs, with further headers.
fn signed(method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Bytes> {
    let mut request = Builder::new().method(method).uri(target).body(body.into()).unwrap();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now()).unwrap();
    for (name, value) in [("host", "127.0.0.1:9400"), ("date", &*date)].iter().chain(headers) {
        request.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let authorization = sign_fc(KEY, SECRET.as_bytes(), method, request.uri().path(), request.headers());
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    request
}

fn now() -> jiff::Timestamp {
    #[allow(clippy::disallowed_methods)]
    jiff::Timestamp::now()
}

impl World {
    async fn send(&self, request: Request<Bytes>) -> Got {
        let (parts, body) = self.fc.handle(request).await.into_parts();
        assert_eq!(parts.headers["x-fc-request-id"].len(), 36, "every answer has a request id");
        Got { status: parts.status, headers: parts.headers, body }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Got {
        self.call_with(method, path, &[], body).await
    }

    async fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Got {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(signed(method, &format!("/2016-08-15{path}"), headers, body)).await
    }

    async fn get(&self, path: &str) -> Got {
        self.call("GET", path, &Value::Null).await
    }

    /// As the clients of the newer API send it.
    async fn open(&self, method: &str, path: &str, body: &Value) -> Got {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(signed(method, &format!("/2021-04-06{path}"), &[], body)).await
    }

    async fn publish(&self, service: &str, description: &str) -> Got {
        self.call("POST", &format!("/services/{service}/versions"), &json!({"description": description})).await
    }

    /// A service `s` with a function `f` and as many versions, each with a description of `f` of its own.
    async fn published(&self, versions: u64) {
        self.service("s").await;
        self.function("s", "f").await;
        for number in 1..=versions {
            let change = json!({"description": format!("code {number}")});
            self.call("PUT", "/services/s/functions/f", &change).await.ok();
            let made = self.publish("s", &format!("version {number}")).await.ok();
            assert_eq!(made["versionId"], number.to_string());
        }
    }

    async fn service(&self, name: &str) {
        self.call("POST", "/services", &json!({"serviceName": name})).await.ok();
    }

    /// A Python function in a service that exists.
    async fn function(&self, service: &str, name: &str) -> Value {
        self.call("POST", &format!("/services/{service}/functions"), &new_function(name)).await.ok()
    }

    async fn invoke(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Got {
        self.send(signed("POST", "/2016-08-15/services/s/functions/f/invocations", headers, body)).await
    }
}

impl Got {
    fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.json()
    }

    /// Checks status and code, and that both client families can read it; gives the message.
    #[track_caller]
    fn refused(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["ErrorCode"].as_str()), (status, Some(code)), "{body}");
        assert_eq!((&body["Code"], &body["Message"]), (&body["ErrorCode"], &body["ErrorMessage"]));
        assert_eq!(body["RequestId"], self.headers["x-fc-request-id"].to_str().unwrap());
        body["ErrorMessage"].as_str().unwrap().to_owned()
    }

    fn etag(&self) -> &str {
        self.headers["etag"].to_str().unwrap()
    }
}

fn zip() -> String {
    STANDARD.encode(b"PK a package")
}

fn new_function(name: &str) -> Value {
    json!({"functionName": name, "runtime": "python3", "handler": "index.handler", "code": {"zipFile": zip()}})
}

/// `base` with some keys replaced, or removed by null.
fn with(mut base: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

#[test]
fn requests_are_claimed_by_path_or_by_signature() {
    let claims = |target: &str, authorization: &str| {
        let request = Builder::new().uri(target).header("authorization", authorization).body(()).unwrap();
        crate::claims(&request.into_parts().0)
    };
    for path in ["/2016-08-15/services", "//2016-08-15/services", "/2021-04-06/services?x", "/2021-04-06"] {
        assert!(claims(path, ""), "{path}");
    }
    // Paths without an API version are FC's when they are signed so.
    assert!(claims("/services/s", "FC k:s"));
    for path in ["/", "/services/s", "/2016-08-150/services", "/admin/v1/2016-08-15"] {
        assert!(!claims(path, "TC3-HMAC-SHA256 x"), "{path}");
    }
}

fn scope() -> Scope {
    Scope { account: AccountId::from(ACCOUNT), region: Region::from("ap-guangzhou") }
}

async fn patch_quota(world: &World, patch: Value) {
    world.engine.patch_quota(&scope(), Dialect::Fc, patch.as_object().unwrap()).await.unwrap();
}

fn header<'a>(got: &'a Got, name: &str) -> &'a str {
    got.headers.get(name).map_or("", |value| value.to_str().unwrap())
}
