//! The native API, where a dialect has none.

use super::{ApiError, LogRecord, text, transport::Transport};
use anyhow::Context;
use http::{HeaderMap, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sluice_domain::{Dialect, RuntimeStatus, Timestamp};
use std::collections::BTreeMap;

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

    /// The limits, versions, blanks and counters of the moment.
    pub fn moment(&self) -> anyhow::Result<Moment> {
        let mut limits = self.get("/admin/v1/limits")?;
        let mut pools = self.get("/admin/v1/pools")?;
        let answer = self.transport.send(Method::GET, "/metrics", HeaderMap::new(), b"")?;
        Ok(Moment {
            clock: self.get("/admin/v1/clock")?,
            scopes: limits["scopes"].take(),
            versions: pools["versions"].take(),
            blanks: pools["pools"].take(),
            sandboxes: pools["sandboxes"].take(),
            counters: totals(&String::from_utf8_lossy(&answer.body)),
        })
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

/// What a server was doing at one moment, as the native API describes it.
pub struct Moment {
    pub clock: Value,
    pub scopes: Value,
    pub versions: Value,
    pub blanks: Value,
    pub sandboxes: Value,
    /// Metrics without labels, without their prefix.
    pub counters: BTreeMap<String, f64>,
}

fn totals(metrics: &str) -> BTreeMap<String, f64> {
    let samples = metrics.lines().filter_map(|line| line.strip_prefix("sluice_")?.split_once(' '));
    let plain = samples.filter(|(name, _)| !name.contains('{'));
    plain.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

fn record(record: &Value) -> LogRecord {
    LogRecord {
        request_id: text(record, "request_id"),
        started: Timestamp(record["started_unix_ms"].as_i64().unwrap_or_default()).rfc3339(),
        log: text(record, "log"),
    }
}

#[cfg(test)]
mod tests {
    use super::totals;

    #[test]
    fn metrics_without_labels_are_totals() {
        let text = "# HELP sluice_a_total x\n# TYPE sluice_a_total counter\nsluice_a_total 3\nsluice_b{c=\"d e\"} 1\n\
                    sluice_s 1.5\nother 7\n";
        let found: Vec<(String, f64)> = totals(text).into_iter().collect();
        assert_eq!(found, [("a_total".to_owned(), 3.0), ("s".to_owned(), 1.5)]);
    }
}
