//! The SCF dialect, signed with TC3.

use super::{
    ApiError, Deployed, Deployment, LogRecord, Platform, Reply, Summary, failed_with, needs_runtime, target::Session,
    text,
};
use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sluice_scf::signature::tc3;
use std::time::{Duration, Instant};

const VERSION: &str = "2018-04-16";
const CONTENT_TYPE: &str = "application/json";
const PAGE: usize = 100;
/// How long a deployment may take on the server, and how often it is looked at.
const SETTLE_LIMIT: Duration = Duration::from_secs(300);
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

pub struct Scf {
    session: Session,
}

impl Scf {
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    fn call(&self, action: &str, parameters: Value) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(&parameters)?;
        let headers = self.headers(action, &body)?;
        let answer = self.session.transport.send(Method::POST, "/", headers, &body)?;
        let mut document: Value = serde_json::from_slice(&answer.body)
            .with_context(|| format!("the server answered {} without JSON", answer.status))?;
        let mut response = document["Response"].take();
        if response.is_null() {
            bail!("the server answered {}: {document}", answer.status);
        }
        let error = response["Error"].take();
        if error.is_null() {
            return Ok(response);
        }
        let request_id = text(&response, "RequestId");
        Err(ApiError { code: text(&error, "Code"), message: text(&error, "Message"), request_id }.into())
    }

    fn headers(&self, action: &str, body: &[u8]) -> anyhow::Result<HeaderMap> {
        let session = &self.session;
        #[allow(clippy::disallowed_methods, reason = "signature windows are of real time")]
        let timestamp = jiff::Timestamp::now().as_second();
        let outgoing = tc3::Outgoing {
            method: "POST",
            query: "",
            host: session.transport.host(),
            content_type: CONTENT_TYPE,
            body,
            timestamp,
            service: "scf",
        };
        let authorization = tc3::sign(&session.key_id, session.key_secret.expose_secret(), &outgoing);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", session.transport.host()),
            ("content-type", CONTENT_TYPE),
            ("x-tc-action", action),
            ("x-tc-version", VERSION),
            ("x-tc-timestamp", &timestamp.to_string()),
            ("x-tc-region", session.region.as_deref().unwrap_or_default()),
            ("authorization", &authorization),
        ] {
            if !value.is_empty() {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
            }
        }
        Ok(headers)
    }

    /// Parameters that name a function.
    fn named(&self, name: &str, more: Value) -> Value {
        let mut parameters = json!({ "FunctionName": name, "Namespace": self.session.namespace });
        if let (Value::Object(all), Value::Object(more)) = (&mut parameters, more) {
            all.extend(more);
        }
        parameters
    }

    fn find(&self, name: &str) -> anyhow::Result<Option<Value>> {
        match self.get(name) {
            Ok(function) => Ok(Some(function)),
            Err(error) if failed_with(&error, |code| code.starts_with("ResourceNotFound.Function")) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, deployment: &Deployment) -> anyhow::Result<()> {
        let Some(runtime) = &deployment.runtime else { return Err(needs_runtime(&deployment.name)) };
        let mut parameters = settings(deployment);
        parameters.insert("Runtime".into(), json!(runtime));
        parameters.insert("Code".into(), json!({ "ZipFile": STANDARD.encode(&deployment.zip) }));
        parameters.entry("Handler").or_insert_with(|| json!("index.main_handler"));
        self.call("CreateFunction", self.named(&deployment.name, Value::Object(parameters))).map(drop)
    }

    fn update(&self, deployment: &Deployment, current: &Value, say: &dyn Fn(&str)) -> anyhow::Result<()> {
        let handler = deployment.handler.clone().unwrap_or_else(|| text(current, "Handler"));
        let code = json!({ "ZipFile": STANDARD.encode(&deployment.zip), "Handler": handler });
        self.call("UpdateFunctionCode", self.named(&deployment.name, code))?;
        let mut changes = settings(deployment);
        changes.remove("Handler");
        if let Some(runtime) = &deployment.runtime {
            changes.insert("Runtime".into(), json!(runtime));
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.settle(&deployment.name, say)?;
        self.call("UpdateFunctionConfiguration", self.named(&deployment.name, Value::Object(changes))).map(drop)
    }

    /// Waits until no work on the function is pending.
    #[allow(clippy::disallowed_methods, reason = "a command waits in real time, like the person who gave it")]
    fn settle(&self, name: &str, say: &dyn Fn(&str)) -> anyhow::Result<Value> {
        let begun = Instant::now();
        loop {
            let function = self.get(name)?;
            let status = text(&function, "Status");
            match status.as_str() {
                "Active" => return Ok(function),
                "CreateFailed" | "UpdateFailed" => bail!("function '{name}' is {status}: {}", reason(&function)),
                _ if begun.elapsed() > SETTLE_LIMIT => {
                    bail!("function '{name}' is still {status}: look again with `sluice get {name}`")
                }
                _ => say(&format!("{name} is {status}")),
            }
            std::thread::sleep(SETTLE_PAUSE);
        }
    }
}

impl Platform for Scf {
    fn deploy(&self, deployment: &Deployment, say: &dyn Fn(&str)) -> anyhow::Result<Deployed> {
        let current = self.find(&deployment.name)?;
        say(&format!("sending {} KiB", deployment.zip.len().div_ceil(1024)));
        match &current {
            None => self.create(deployment)?,
            Some(current) => self.update(deployment, current, say)?,
        }
        let description = self.settle(&deployment.name, say)?;
        Ok(Deployed {
            created: current.is_none(),
            runtime: text(&description, "Runtime"),
            status: text(&description, "Status"),
            description,
        })
    }

    fn invoke(&self, name: &str, payload: &[u8]) -> anyhow::Result<Reply> {
        let context = std::str::from_utf8(payload).context("SCF events are JSON: the data is not UTF-8 text")?;
        let parameters = json!({ "InvocationType": "RequestResponse", "LogType": "Tail", "ClientContext": context });
        let mut response = self.call("Invoke", self.named(name, parameters))?;
        Ok(reply(&response["Result"].take()))
    }

    fn logs(&self, name: &str, limit: usize) -> anyhow::Result<Vec<LogRecord>> {
        let parameters = json!({ "Limit": limit, "Order": "desc", "OrderBy": "start_time" });
        let response = self.call("GetFunctionLogs", self.named(name, parameters))?;
        let rows = response["Data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let record = |row: &Value| LogRecord {
            request_id: text(row, "RequestId"),
            started: text(row, "StartTime"),
            log: text(row, "Log"),
        };
        Ok(rows.iter().map(record).collect())
    }

    fn list(&self) -> anyhow::Result<Vec<Summary>> {
        let mut all = Vec::new();
        loop {
            let page = json!({ "Namespace": self.session.namespace, "Offset": all.len(), "Limit": PAGE });
            let response = self.call("ListFunctions", page)?;
            let functions = response["Functions"].as_array().map(Vec::as_slice).unwrap_or_default();
            all.extend(functions.iter().map(summary));
            if functions.is_empty() || all.len() as u64 >= response["TotalCount"].as_u64().unwrap_or_default() {
                return Ok(all);
            }
        }
    }

    fn get(&self, name: &str) -> anyhow::Result<Value> {
        self.call("GetFunction", self.named(name, json!({})))
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.call("DeleteFunction", self.named(name, json!({}))).map(drop)
    }
}

fn settings(deployment: &Deployment) -> Map<String, Value> {
    let mut all = Map::new();
    if let Some(handler) = &deployment.handler {
        all.insert("Handler".into(), json!(handler));
    }
    if let Some(memory) = deployment.memory_mb {
        all.insert("MemorySize".into(), json!(memory));
    }
    if let Some(timeout) = deployment.timeout_s {
        all.insert("Timeout".into(), json!(timeout));
    }
    if !deployment.environment.is_empty() {
        let variables: Vec<Value> =
            deployment.environment.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        all.insert("Environment".into(), json!({ "Variables": variables }));
    }
    all
}

fn reply(result: &Value) -> Reply {
    let failed = result["InvokeResult"].as_i64() != Some(0);
    let (answer, error) = (text(result, "RetMsg"), text(result, "ErrMsg"));
    Reply {
        request_id: text(result, "FunctionRequestId"),
        output: if failed && answer.is_empty() { error } else { answer }.into_bytes(),
        failed,
        log: text(result, "Log"),
        duration_ms: result["Duration"].as_f64().unwrap_or_default(),
        memory_mb: result["MemUsage"].as_f64().unwrap_or_default() / f64::from(1 << 20),
    }
}

fn reason(function: &Value) -> String {
    let reasons = function["StatusReasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    let listed: Vec<String> =
        reasons.iter().map(|reason| text(reason, "ErrorMessage")).filter(|text| !text.is_empty()).collect();
    if listed.is_empty() { text(function, "StatusDesc") } else { listed.join("; ") }
}

fn summary(function: &Value) -> Summary {
    Summary {
        name: text(function, "FunctionName"),
        runtime: text(function, "Runtime"),
        status: text(function, "Status"),
        modified: text(function, "ModTime"),
        description: text(function, "Description"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_call_shows_the_error_document() {
        let good = reply(
            &json!({ "InvokeResult": 0, "RetMsg": "\"x\"", "Duration": 1.5, "MemUsage": 2097152, "FunctionRequestId": "id" }),
        );
        assert_eq!((good.failed, good.output.as_slice(), good.memory_mb), (false, &b"\"x\""[..], 2.0));
        let bad = reply(&json!({ "InvokeResult": 1, "RetMsg": "", "ErrMsg": "boom" }));
        assert_eq!((bad.failed, bad.output.as_slice()), (true, &b"boom"[..]));
    }
}
