//! The native API, where a dialect has none.

use super::{ApiError, LogRecord, text, transport::Transport};
use anyhow::Context;
use http::{HeaderMap, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sluice_domain::{Dialect, RuntimeStatus, Timestamp};

pub struct Admin {
    transport: Transport,
    token: SecretString,
    region: Option<String>,
}

impl Admin {
    pub fn new(transport: Transport, token: SecretString, region: Option<String>) -> Self {
        Self { transport, token, region }
    }

    /// What the server's host does with a runtime id.
    pub fn runtime(&self, dialect: Dialect, id: &str) -> anyhow::Result<Option<RuntimeStatus>> {
        let mut answer = self.get("/admin/v1/runtimes")?;
        let all: Vec<RuntimeStatus> = serde_json::from_value(answer["runtimes"].take())?;
        Ok(all.into_iter().find(|status| status.dialect == dialect && status.id.eq_ignore_ascii_case(id)))
    }

    /// Output of recent calls of one function, newest first. Names need no encoding: their rules leave no room.
    pub fn logs(
        &self,
        dialect: Dialect,
        namespace: &str,
        function: &str,
        limit: usize,
    ) -> anyhow::Result<Vec<LogRecord>> {
        let region = self.region.as_ref().map(|region| format!("&region={region}")).unwrap_or_default();
        let query = format!("dialect={dialect}&namespace={namespace}&function={function}&limit={limit}{region}");
        let answer = self.get(&format!("/admin/v1/invocations?{query}"))?;
        let records = answer["invocations"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(records.iter().map(record).collect())
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {}", self.token.expose_secret());
        headers.insert(header::AUTHORIZATION, value.parse().context("the admin token cannot be sent in a header")?);
        let answer = self.transport.send(Method::GET, path, headers, b"")?;
        let document: Value = serde_json::from_slice(&answer.body)
            .with_context(|| format!("the server answered {} without JSON", answer.status))?;
        if answer.status.is_success() {
            return Ok(document);
        }
        let error = &document["error"];
        Err(ApiError { code: text(error, "code"), message: text(error, "message"), request_id: String::new() }.into())
    }
}

fn record(record: &Value) -> LogRecord {
    LogRecord {
        request_id: text(record, "request_id"),
        started: Timestamp(record["started_unix_ms"].as_i64().unwrap_or_default()).rfc3339(),
        log: text(record, "log"),
    }
}
