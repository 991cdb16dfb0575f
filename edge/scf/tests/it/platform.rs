//! A server without sockets, and a client of it.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use sluice_domain::{Dialect, Failure, FunctionKey, Region, Scope, Timestamp};
use sluice_engine::{AccessKey, Config, Deps, Engine};
use sluice_ports::{
    Call,
    fake::{FakeBackend, FakeBlobs, FakeCatalog, FakePackages, ManualClock},
};
use sluice_scf::{
    Scf,
    signature::tc3::{self, Outgoing},
};
use std::sync::Arc;

pub const ID: &str = "AKIDofTests";
pub const SECRET: &str = "a-secret-of-tests";
pub const HOST: &str = "127.0.0.1:9400";
pub const NOW: i64 = 1_700_000_000;
/// What the fake packages take for a zip.
pub const ZIP: &str = "UEsDBA==";

pub struct Platform {
    pub scf: Scf,
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
}

impl Platform {
    pub async fn new() -> Self {
        Self::over(FakeBackend::default()).await
    }

    pub async fn running(behaviour: impl Fn(&Call) -> Result<Bytes, Failure> + Send + Sync + 'static) -> Self {
        Self::over(FakeBackend::with(behaviour)).await
    }

    pub async fn over(backend: FakeBackend) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(NOW * 1000)));
        let config = Config {
            default_region: Region::from("ap-guangzhou"),
            strict_runtimes: false,
            link_key: [7; 32],
            since: Default::default(),
            records_kept: 100,
            record_log_bytes: 1 << 20,
            blanks_max: 0,
        };
        let deps = Deps {
            catalog: Arc::new(FakeCatalog::default()),
            blobs: Arc::new(FakeBlobs::default()),
            packages: Arc::new(FakePackages::default()),
            backend: Arc::new(backend),
            clock: clock.clone(),
            tapes: None,
            keys: vec![AccessKey { id: ID.into(), secret: SECRET.into(), account: "1000000001".into() }],
        };
        let engine = Engine::open(config, deps).await.unwrap();
        Self { scf: Scf::new(engine.clone()), engine, clock }
    }

    /// The fields of the answer, `Error` among them if it is one.
    pub async fn call(&self, action: &str, body: Value) -> Value {
        self.call_in("ap-guangzhou", action, body).await
    }

    pub async fn call_in(&self, region: &str, action: &str, body: Value) -> Value {
        let request = post(action, body.to_string()).header("X-TC-Region", region);
        self.send(request.body(Bytes::from(body.to_string())).unwrap()).await
    }

    pub async fn send(&self, request: Request<Bytes>) -> Value {
        fields(sendable(self.scf.handle(request)).await)
    }

    /// Calls and expects no error.
    pub async fn done(&self, action: &str, body: Value) -> Value {
        let answer = self.call(action, body).await;
        assert_eq!(answer.get("Error"), None, "{action}: {answer}");
        answer
    }

    /// Calls and expects an error; its code.
    pub async fn refused(&self, action: &str, body: Value) -> String {
        code_of(&self.call(action, body).await)
    }

    /// Makes a Python function and waits until it can run.
    pub async fn function(&self, name: &str) {
        self.done("CreateFunction", json!({ "FunctionName": name, "Runtime": "Python3.7" })).await;
        self.settled("ap-guangzhou", "default", name).await;
    }

    pub async fn settled(&self, region: &str, namespace: &str, name: &str) {
        let scope = Scope { account: "1000000001".into(), region: region.into() };
        let key = FunctionKey { scope, dialect: Dialect::Scf, namespace: namespace.into(), name: name.into() };
        self.engine.settled(&key).await.unwrap();
    }
}

/// The listener runs each request on any thread.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}

/// A signed POST of JSON, to be finished with the same body.
pub fn post(action: &str, body: String) -> http::request::Builder {
    let content_type = "application/json";
    let outgoing = Outgoing {
        method: "POST",
        query: "",
        host: HOST,
        content_type,
        body: body.as_bytes(),
        timestamp: NOW,
        service: "scf",
    };
    common_headers(action)
        .method(Method::POST)
        .uri("/")
        .header("Content-Type", content_type)
        .header("Authorization", tc3::sign(ID, SECRET, &outgoing))
}

/// The headers of every TC3 request but what depends on its shape.
pub fn common_headers(action: &str) -> http::request::Builder {
    Request::builder()
        .header("Host", HOST)
        .header("X-TC-Action", action)
        .header("X-TC-Version", "2018-04-16")
        .header("X-TC-Timestamp", NOW)
}

/// Opens the envelope, which is the same for every answer.
pub fn fields(response: Response<Bytes>) -> Value {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let mut body: Value = serde_json::from_slice(response.body()).unwrap();
    let fields = body["Response"].take();
    assert_eq!(fields["RequestId"].as_str().map(str::len), Some(36), "{fields}");
    fields
}

pub fn code_of(answer: &Value) -> String {
    answer["Error"]["Code"].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
}
