mod decisions;
mod document;

use super::*;
use serde_json::{Value, json};
use sluice_domain::{Dialect, FunctionKey, Region, Scope};
use sluice_engine::{CodeSource, Deps, InvokeRequest, NewFunction};
use sluice_ports::{
    Clock,
    fake::{FakeBackend, FakeBlobs, FakeCatalog, FakePackages, ManualClock, small_function},
};

const TOKEN: &str = "right-token";

struct Api {
    route: Route,
    engine: Engine,
    backend: Arc<FakeBackend>,
}

async fn api() -> Api {
    api_with(Arc::new(ManualClock::at(sluice_domain::Timestamp(1_700_000_000_000)))).await
}

async fn api_with(clock: Arc<dyn Clock>) -> Api {
    let backend = Arc::new(FakeBackend::default());
    let deps = Deps {
        catalog: Arc::new(FakeCatalog::default()),
        blobs: Arc::new(FakeBlobs::default()),
        packages: Arc::new(FakePackages::default()),
        backend: backend.clone(),
        clock,
        tapes: None,
        keys: Vec::new(),
    };
    let settings = sluice_engine::Config {
        default_region: Region::from("ap-guangzhou"),
        strict_runtimes: false,
        link_key: [7; 32],
        since: Default::default(),
        records_kept: 100,
        record_log_bytes: 1 << 20,
        blanks_max: 0,
    };
    let engine = Engine::open(settings, deps).await.unwrap();
    let config = Config {
        engine: engine.clone(),
        token: TOKEN.into(),
        account: AccountId::from("1234567890"),
        counters: Arc::default(),
    };
    Api { route: route(config), engine, backend }
}

impl Api {
    async fn call(
        &self,
        method: &Method,
        path: &str,
        authorization: &str,
        body: &str,
    ) -> (StatusCode, Response<Bytes>) {
        let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().unwrap();
        if !authorization.is_empty() {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.parse().unwrap());
        }
        let (parts, body) = request.into_parts();
        assert!((self.route.claims)(&parts), "{path} is not claimed");
        let response = (self.route.handler)(Request::from_parts(parts, body)).await;
        (response.status(), response)
    }

    async fn json(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let (status, response) = self.call(&method, path, &format!("Bearer {TOKEN}"), body).await;
        (status, serde_json::from_slice(response.body()).unwrap())
    }

    /// A function of the default namespace.
    async fn create(&self, name: &str) -> FunctionKey {
        let scope = Scope { account: "1234567890".into(), region: "ap-guangzhou".into() };
        let key = FunctionKey { scope, dialect: Dialect::Scf, namespace: "default".into(), name: name.into() };
        let content = Bytes::from_static(b"def main_handler(e, c): pass");
        let code = CodeSource::Inline { file: "index.py".into(), content };
        self.engine
            .create_function(NewFunction { key: key.clone(), config: small_function(Dialect::Scf), code })
            .await
            .unwrap();
        self.engine.settled(&key).await.unwrap();
        key
    }

    /// Calls it; answers the request's id, whatever came of it.
    async fn invoke(&self, name: &str) -> sluice_domain::RequestId {
        let scope = Scope { account: "1234567890".into(), region: "ap-guangzhou".into() };
        let key = FunctionKey { scope, dialect: Dialect::Scf, namespace: "default".into(), name: name.into() };
        let (request_id, payload) = (self.engine.request_id(), Bytes::from_static(b"{}"));
        let request = InvokeRequest { key, qualifier: String::new(), request_id: request_id.clone(), payload };
        self.engine.invoke(request).await.unwrap();
        request_id
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.json(Method::POST, path, &body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{value}");
        value
    }

    /// The message of a call that must be refused as a wrong argument.
    async fn refused(&self, method: Method, path: &str, body: &str) -> String {
        let (status, value) = self.json(method, path, body).await;
        assert_eq!((status, &value["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("InvalidArgument")), "{body}");
        value["error"]["message"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.json(Method::GET, path, "").await;
        assert_eq!(status, StatusCode::OK, "{value}");
        value
    }
}

fn example(path: &str) -> String {
    path.replace("{region}", "ap-guangzhou").replace("{requestId}", "no-such-id").replace("{*link}", "x")
}

#[tokio::test]
async fn every_operation_under_admin_needs_the_token() {
    let api = api().await;
    let mut open = Vec::new();
    for operation in operations() {
        let path = example(operation.path);
        let (without, _) = api.call(&operation.method, &path, "", "{}").await;
        let (with, _) = api.call(&operation.method, &path, &format!("bearer {TOKEN}"), "{}").await;
        assert_ne!(with, StatusCode::UNAUTHORIZED, "{path}");
        if without != StatusCode::UNAUTHORIZED {
            open.push(operation.path);
        }
    }
    assert_eq!(open, ["/healthz", "/metrics", "/code/{*link}"]);
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_a_challenge() {
    let api = api().await;
    for wrong in ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer right-token2", "Basic right-token", "right-token"] {
        for path in ["/admin/v1/instances", "/admin/v1/nothing", "/admin/v1"] {
            let (status, response) = api.call(&Method::GET, path, wrong, "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong} {path}");
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        }
    }
}

#[tokio::test]
async fn quotas_are_read_and_patched() {
    let api = api().await;
    let path = "/admin/v1/regions/ap-guangzhou/quota";
    assert_eq!(api.get(path).await["namespaces"], 5);
    let (status, changed) = api.json(Method::PATCH, path, r#"{"namespaces": 9, "layers": null}"#).await;
    assert_eq!((status, &changed["namespaces"]), (StatusCode::OK, &json!(9)));
    let after = api.get(path).await;
    assert_eq!((&after["namespaces"], &after["layers"], &after["env_kb"]), (&json!(9), &Value::Null, &json!(4.0)));
    assert_eq!(api.get("/admin/v1/regions/ap-singapore/quota").await["namespaces"], 5, "another region");
    assert_eq!(api.get(&format!("{path}?dialect=fc")).await["profile"], "fc");
    assert_eq!(api.get(&format!("{path}?account=1000000001")).await["namespaces"], 5, "another account");
    for bad in [r#"{"no_such_key": 1}"#, r#"{"namespaces": "many"}"#, "[]", "nonsense"] {
        let (status, answer) = api.json(Method::PATCH, path, bad).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("InvalidArgument")), "{bad}");
    }
    for bad in ["?dialect=xyz", "?unknown=1", "?account=a%20b"] {
        assert_eq!(api.json(Method::GET, &format!("{path}{bad}"), "").await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn an_invocation_leaves_a_record_with_its_cold_start() {
    let api = api().await;
    api.create("hello").await;
    let request_id = api.invoke("hello").await;
    let record = api.get(&format!("/admin/v1/invocations/{request_id}")).await;
    assert_eq!(record["outcome"], "success", "{record}");
    assert!(record["cold_start"]["phases"]["init_ms"].is_number(), "{record}");
    let listed = api.get("/admin/v1/invocations?function=hello").await;
    assert_eq!(listed["invocations"][0]["request_id"], request_id.as_str());
    assert_eq!(api.get("/admin/v1/invocations?function=other").await["invocations"], json!([]));
    assert_eq!(api.get("/admin/v1/instances").await["instances"][0]["function"], "hello");
    assert_eq!(api.json(Method::GET, "/admin/v1/invocations/unknown", "").await.0, StatusCode::NOT_FOUND);
    for bad in ["?limit=0", "?limit=1001", "?namespace=default"] {
        let (status, _) = api.json(Method::GET, &format!("/admin/v1/invocations{bad}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn the_rest_answers_in_its_own_form() {
    let api = api().await;
    let (status, health) = api.call(&Method::GET, "/healthz", "", "").await;
    assert_eq!((status, &health.body()[..]), (StatusCode::OK, &b"ok"[..]));
    let (_, metrics) = api.call(&Method::GET, "/metrics", "", "").await;
    assert!(String::from_utf8_lossy(metrics.body()).contains("sluice_http_requests_total 0\n"));
    let (status, _) = api.call(&Method::GET, "/code/forged?expires=99999999999&mac=00", "", "").await;
    assert!(status.is_client_error(), "{status}");
    assert!(api.get("/admin/v1/runtimes").await["runtimes"].is_array());
    assert!(api.get("/admin/v1/pools").await["pools"].is_array());
    let (status, answer) = api.json(Method::DELETE, "/admin/v1/instances", "").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("MethodNotAllowed")));
    assert_eq!(answer["error"]["message"], "DELETE is not offered at /admin/v1/instances: use GET");
    assert_eq!(api.json(Method::GET, "/admin/v1/nothing", "").await.0, StatusCode::NOT_FOUND);
}
