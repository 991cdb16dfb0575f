//! The FC dialect (2016-08-15), signed the way its own SDKs sign.

use super::{
    Admin, ApiError, Deployed, Deployment, LogRecord, Platform, Reply, Summary, failed_with, needs_runtime,
    target::Session, text,
};
use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sluice_domain::Dialect;

const API: &str = "/2016-08-15";
const PAGE: usize = 100;

pub struct Fc {
    session: Session,
    /// FC keeps logs in another product; here they come from the native API.
    admin: Option<Admin>,
    host: String,
}

impl Fc {
    pub fn new(session: Session, admin: Option<Admin>) -> anyhow::Result<Self> {
        let host = match (&session.region, &session.account) {
            // FC calls name their region in the host and nowhere else.
            (Some(region), Some(account)) => format!("{account}.{region}.fc.sluice.localhost"),
            (Some(_), None) => anyhow::bail!("--region needs the account id with this dialect: set SLUICE_ACCOUNT_ID"),
            (None, _) => session.transport.host().to_owned(),
        };
        Ok(Self { session, admin, host })
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        query: &str,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> anyhow::Result<super::transport::Answer> {
        let path = format!("{API}{path}");
        #[allow(clippy::disallowed_methods, reason = "signature windows are of real time")]
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        headers.insert(header::DATE, HeaderValue::from_str(&date)?);
        headers.insert(header::HOST, HeaderValue::from_str(&self.host)?);
        let secret = self.session.key_secret.expose_secret().as_bytes();
        let signed = sluice_fc::signature::sign_fc(&self.session.key_id, secret, method.as_str(), &path, &headers);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&signed)?);
        let answer = self.session.transport.send(method, &format!("{path}{query}"), headers, body)?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// A call with JSON both ways.
    fn call(&self, method: Method, path: &str, query: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut headers = HeaderMap::new();
        let bytes = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answer = self.send(method, path, query, headers, &bytes)?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).context("the server answered without JSON")
    }

    fn service(&self) -> String {
        format!("/services/{}", self.session.namespace)
    }

    fn function(&self, name: &str) -> String {
        format!("{}/functions/{name}", self.service())
    }

    fn ensure_service(&self) -> anyhow::Result<()> {
        match self.call(Method::GET, &self.service(), "", None) {
            Err(error) if failed_with(&error, |code| code == "ServiceNotFound") => {
                let service = json!({ "serviceName": self.session.namespace });
                self.call(Method::POST, "/services", "", Some(&service)).map(drop)
            }
            other => other.map(drop),
        }
    }

    fn exists(&self, name: &str) -> anyhow::Result<bool> {
        match self.get(name) {
            Ok(_) => Ok(true),
            Err(error) if failed_with(&error, |code| code == "FunctionNotFound") => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Platform for Fc {
    fn deploy(&self, deployment: &Deployment, say: &dyn Fn(&str)) -> anyhow::Result<Deployed> {
        self.ensure_service()?;
        let name = &deployment.name;
        let exists = self.exists(name)?;
        let mut document = settings(deployment);
        say(&format!("sending {} KiB", deployment.zip.len().div_ceil(1024)));
        let description = if exists {
            self.call(Method::PUT, &self.function(name), "", Some(&Value::Object(document)))?
        } else {
            if deployment.runtime.is_none() {
                return Err(needs_runtime(name));
            }
            document.insert("functionName".into(), json!(name));
            document.entry("handler").or_insert_with(|| json!("index.handler"));
            self.call(Method::POST, &format!("{}/functions", self.service()), "", Some(&Value::Object(document)))?
        };
        let runtime = text(&description, "runtime");
        Ok(Deployed { created: !exists, runtime, status: "Active".to_owned(), description })
    }

    fn invoke(&self, name: &str, payload: &[u8]) -> anyhow::Result<Reply> {
        let mut headers = HeaderMap::new();
        headers.insert("x-fc-log-type", HeaderValue::from_static("Tail"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let path = format!("{}/invocations", self.function(name));
        let answer = self.send(Method::POST, &path, "", headers, payload)?;
        let field = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Reply {
            request_id: field("x-fc-request-id").to_owned(),
            failed: answer.headers.contains_key("x-fc-error-type"),
            log: String::from_utf8_lossy(&STANDARD.decode(field("x-fc-log-result")).unwrap_or_default()).into_owned(),
            duration_ms: field("x-fc-invocation-duration").parse().unwrap_or_default(),
            memory_mb: field("x-fc-max-memory-usage").parse().unwrap_or_default(),
            output: answer.body,
        })
    }

    fn logs(&self, name: &str, limit: usize) -> anyhow::Result<Vec<LogRecord>> {
        let admin = self
            .admin
            .as_ref()
            .context("logs of FC functions need the admin token: set SLUICE_ADMIN_TOKEN, or --data-dir")?;
        admin.logs(Dialect::Fc, &self.session.namespace, name, limit)
    }

    fn list(&self) -> anyhow::Result<Vec<Summary>> {
        let path = format!("{}/functions", self.service());
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let next = if token.is_empty() { String::new() } else { format!("&nextToken={token}") };
            let page = self.call(Method::GET, &path, &format!("?limit={PAGE}{next}"), None)?;
            all.extend(page["functions"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(summary));
            token = text(&page, "nextToken");
            if token.is_empty() {
                return Ok(all);
            }
        }
    }

    fn get(&self, name: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, &self.function(name), "", None)
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.call(Method::DELETE, &self.function(name), "", None).map(drop)
    }
}

fn settings(deployment: &Deployment) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("code".into(), json!({ "zipFile": STANDARD.encode(&deployment.zip) }));
    if let Some(runtime) = &deployment.runtime {
        all.insert("runtime".into(), json!(runtime));
    }
    if let Some(handler) = &deployment.handler {
        all.insert("handler".into(), json!(handler));
    }
    if let Some(memory) = deployment.memory_mb {
        all.insert("memorySize".into(), json!(memory));
    }
    if let Some(timeout) = deployment.timeout_s {
        all.insert("timeout".into(), json!(timeout));
    }
    if !deployment.environment.is_empty() {
        all.insert("environmentVariables".into(), json!(deployment.environment));
    }
    all
}

fn summary(function: &Value) -> Summary {
    Summary {
        name: text(function, "functionName"),
        runtime: text(function, "runtime"),
        status: "Active".to_owned(),
        modified: text(function, "lastModifiedTime"),
        description: text(function, "description"),
    }
}

fn refusal(answer: &super::transport::Answer) -> anyhow::Error {
    let request_id = answer.headers.get("x-fc-request-id").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(document) if document["ErrorCode"].is_string() => ApiError {
            code: text(&document, "ErrorCode"),
            message: text(&document, "ErrorMessage"),
            request_id: request_id.to_owned(),
        }
        .into(),
        _ => anyhow::anyhow!("the server answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
    }
}
