//! The calls that the measurements make of a server: SCF's own API, and a little of the admin API.

use crate::{
    functions::Package,
    response::Expect,
    server::{ADMIN_TOKEN, REGION, Server},
    tc3::Signer,
    wire::Connection,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

/// What every successful call's answer holds.
pub const SUCCESS: Expect = &[b"\"InvokeResult\":0"];

pub struct Api {
    connection: Connection,
    address: SocketAddr,
    pub signer: Signer,
}

/// What a cold or warm call came back with.
pub struct Called {
    pub first_byte: Duration,
    /// How many calls the process that answered has served.
    pub call: u64,
}

impl Api {
    /// Connects, and changes nothing.
    pub fn connect(server: &Server) -> Result<Self> {
        let connection = Connection::open(server.address)?;
        Ok(Self { connection, address: server.address, signer: server.signer() })
    }

    /// Connects, and lifts every quota that a measurement would run into.
    pub fn open(server: &Server) -> Result<Self> {
        let mut api = Self::connect(server)?;
        api.patch_quota(&json!({
            "functions_per_namespace": 100_000,
            "concurrency_mb": 1_000_000_000_u64,
            "burst_per_min": 100_000_000_u64,
            "keep_alive_s": 3600,
        }))?;
        Ok(api)
    }

    pub fn patch_quota(&mut self, change: &Value) -> Result<()> {
        self.admin("PATCH", &format!("regions/{REGION}/quota?dialect=scf"), Some(change)).map(drop)
    }

    /// The interpreter binary that a runtime of this server uses.
    pub fn interpreter(&mut self, runtime: &str) -> Result<PathBuf> {
        let answer = self.admin("GET", "runtimes", None)?;
        let entry = items(&answer).find(|entry| entry["id"] == runtime).cloned().unwrap_or_default();
        let path = entry["interpreter"].as_str();
        path.map(PathBuf::from).with_context(|| format!("the server cannot run {runtime}: {entry}"))
    }

    /// Waits until the blanks of a family are as many as the server wants to keep, and at least one.
    pub fn wait_blanks(&mut self, family: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let answer = self.admin("GET", "pools", None)?;
            if blanks_ready(&answer, family) {
                return Ok(());
            }
            ensure!(started.elapsed() < Duration::from_secs(60), "no {family} blanks ready after 60 s: {answer}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Creates functions `{prefix}0` … and waits until all can be called.
    pub fn create(&mut self, prefix: &str, count: usize, package: &Package) -> Result<Vec<String>> {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}{number}")).collect();
        for name in &names {
            let request = json!({
                "FunctionName": name, "Code": {"ZipFile": package.zip_base64}, "Handler": package.handler,
                "Runtime": package.language.runtime(), "MemorySize": 128, "Timeout": 60,
            });
            self.call("CreateFunction", &request).with_context(|| format!("creating {name}"))?;
        }
        for name in &names {
            self.wait_active(name)?;
        }
        Ok(names)
    }

    fn wait_active(&mut self, name: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let answer = self.call("GetFunction", &json!({"FunctionName": name}))?;
            match answer["Status"].as_str() {
                Some("Active") => return Ok(()),
                Some("Creating") if started.elapsed() < Duration::from_secs(60) => {}
                _ => bail!("{name} did not become Active: {answer}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn delete(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            self.call("DeleteFunction", &json!({"FunctionName": name}))?;
        }
        Ok(())
    }

    /// A signed InvokeFunction call, ready to be sent.
    pub fn invocation(&self, name: &str, event: &str) -> Vec<u8> {
        let body = json!({"FunctionName": name, "Event": event}).to_string();
        self.signer.request("InvokeFunction", &body)
    }

    /// Calls the measured function once.
    pub fn invoke(&mut self, name: &str) -> Result<Called> {
        let (first_byte, result) = self.result(name)?;
        let call = result["call"].as_u64().with_context(|| format!("{name} answered {result}"))?;
        Ok(Called { first_byte, call })
    }

    /// Calls any function once; how long the first byte took, and what the function returned.
    pub fn result(&mut self, name: &str) -> Result<(Duration, Value)> {
        let request = self.invocation(name, "{}");
        let exchange = self.connection.exchange(&request)?;
        let answer = response(exchange.status, &exchange.body)?;
        let result = &answer["Result"];
        ensure!(result["InvokeResult"] == 0, "{name} failed: {answer}");
        let text = result["RetMsg"].as_str().context("Result without RetMsg")?;
        Ok((exchange.first_byte, serde_json::from_str(text).context("RetMsg is not JSON")?))
    }

    fn call(&mut self, action: &str, body: &Value) -> Result<Value> {
        let request = self.signer.request(action, &body.to_string());
        let exchange = self.connection.exchange(&request)?;
        response(exchange.status, &exchange.body)
    }

    fn admin(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} /admin/v1/{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let exchange = self.connection.exchange(request.as_bytes())?;
        let text = String::from_utf8_lossy(&exchange.body);
        ensure!(exchange.status == 200, "{method} {path}: status {}: {text}", exchange.status);
        serde_json::from_str(&text).with_context(|| format!("{method} {path} answered {text}"))
    }
}

/// The `Response` of an SCF answer, or its error.
fn response(status: u16, body: &[u8]) -> Result<Value> {
    let text = String::from_utf8_lossy(body);
    ensure!(status == 200, "status {status}: {text}");
    let mut answer: Value = serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))?;
    let response = answer["Response"].take();
    ensure!(response["Error"].is_null(), "the server refused: {}", response["Error"]);
    Ok(response)
}

/// The entries of a list answer, whether it is a bare array or an object that holds one.
fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    let list = answer.as_array().or_else(|| answer.as_object()?.values().find_map(Value::as_array));
    list.into_iter().flatten()
}

/// Whether all that is made ahead for a family's starts is there.
fn blanks_ready(pools: &Value, family: &str) -> bool {
    let sandboxes = &pools["sandboxes"];
    if sandboxes["ready"].as_u64() < sandboxes["target"].as_u64() {
        return false;
    }
    let mut of_family =
        items(pools).filter(|pool| pool["pool"].as_str().is_some_and(|name| name.contains(family))).peekable();
    of_family.peek().is_some()
        && of_family.all(|pool| {
            let ready = pool["ready"].as_u64().unwrap_or(0);
            ready >= 1 && ready >= pool["target"].as_u64().unwrap_or(1)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_ready_when_the_target_is_met() {
        let pools = |ready: u64| json!({"pools": [{"pool": "python3.11", "ready": ready, "target": 2}]});
        assert!(!blanks_ready(&pools(1), "python"));
        assert!(blanks_ready(&pools(2), "python"));
        assert!(!blanks_ready(&pools(2), "node"));
        assert!(!blanks_ready(&json!([{"pool": "node", "ready": 0, "target": 0}]), "node"));
    }

    #[test]
    fn an_error_of_the_api_is_an_error() {
        let refused = br#"{"Response":{"Error":{"Code":"AuthFailure","Message":"no"},"RequestId":"1"}}"#;
        assert!(response(200, refused).is_err());
        assert!(response(500, b"{}").is_err());
    }
}
