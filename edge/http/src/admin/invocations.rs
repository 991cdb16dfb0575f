//! Records of recent executions. Payloads are never part of them.

use super::{
    Admin,
    reply::{self, Refused, Reply},
};
use axum::extract::{Path, Query, State, rejection::QueryRejection};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::{
    AccountId, ColdStart, Dialect, Failure, FailureKind, FunctionKey, Invocation, Outcome, Region, Scope,
};
use sluice_engine::RecordQuery;

/// Which records to list, newest first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    dialect: Option<Dialect>,
    account: Option<AccountId>,
    region: Option<Region>,
    /// SCF namespace or FC service; goes with `function`.
    namespace: Option<String>,
    function: Option<String>,
    limit: Option<usize>,
}

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 1000;

pub async fn list(State(admin): State<Admin>, filter: Result<Query<Filter>, QueryRejection>) -> Reply {
    let Query(filter) = filter.map_err(|error| reply::invalid(&error.body_text()))?;
    let limit = filter.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(reply::invalid(&format!("limit {limit} is not allowed: use 1 to {LIMIT_MAX}")));
    }
    let scope = Scope {
        account: filter.account.unwrap_or_else(|| admin.account.clone()),
        region: filter.region.unwrap_or_else(|| admin.engine.default_region().clone()),
    };
    let dialect = filter.dialect.unwrap_or(Dialect::Scf);
    let function = match (filter.namespace, filter.function) {
        (namespace, Some(name)) => {
            let namespace = namespace.unwrap_or_else(|| "default".to_owned());
            Some(FunctionKey { scope: scope.clone(), dialect, namespace, name })
        }
        (None, None) => None,
        (Some(_), None) => return Err(reply::invalid("namespace is given without function: give both, or none")),
    };
    let query = RecordQuery { function, ..RecordQuery::default() };
    let records = admin.engine.records(&scope, &query);
    let shown: Vec<Value> = records.iter().take(limit).map(|record| render(record)).collect();
    reply::json(&json!({ "invocations": shown }))
}

pub async fn read(State(admin): State<Admin>, Path(request_id): Path<String>) -> Reply {
    let record = admin.engine.record(&request_id).ok_or_else(|| no_record(&request_id))?;
    reply::json(&render(&record))
}

/// Why a request was refused, or started an instance.
pub async fn explain(State(admin): State<Admin>, Path(request_id): Path<String>) -> Reply {
    let explanation = admin.engine.explain(&request_id).ok_or_else(|| no_record(&request_id))?;
    reply::json(&explanation)
}

fn no_record(request_id: &str) -> Refused {
    let message = format!(
        "no record of request '{request_id}': no call of a function had this id, or newer records have taken its place"
    );
    reply::error(StatusCode::NOT_FOUND, "NotFound", &message)
}

fn render(record: &Invocation) -> Value {
    let (outcome, response_bytes, failure) = match &record.outcome {
        Outcome::Success(bytes) => ("success", Some(bytes.len()), None),
        Outcome::Failure(failure) => ("failure", None, Some(render_failure(failure))),
    };
    json!({
        "request_id": record.request_id,
        "account": record.function.scope.account,
        "region": record.function.scope.region,
        "dialect": record.function.dialect,
        "namespace": record.function.namespace,
        "function": record.function.name,
        "qualifier": record.qualifier,
        "version": record.version,
        "memory_mib": record.memory_mib,
        "started_unix_ms": record.started,
        "duration_ms": record.duration_ms,
        "memory_used_bytes": record.memory_used,
        "instance": record.instance.map(|id| id.to_string()),
        "cold_start": record.cold_start.as_ref().map(render_cold_start),
        "outcome": outcome,
        "response_bytes": response_bytes,
        "failure": failure,
        "log": record.log,
        "log_lines_dropped": record.log_cut.lines,
        "log_bytes_dropped": record.log_cut.bytes,
    })
}

fn render_cold_start(start: &ColdStart) -> Value {
    json!({
        "reason": start.cause.reason,
        "busy": start.cause.busy,
        "idle_ms": start.cause.idle_ms,
        "from_blank": start.from_blank,
        "phases": start.phases,
        "total_ms": start.phases.total_ms(),
    })
}

fn render_failure(failure: &Failure) -> Value {
    let (kind, throttle) = match failure.kind {
        FailureKind::Throttled(throttle) => (json!("throttled"), json!(throttle)),
        kind => (json!(kind), Value::Null),
    };
    json!({
        "kind": kind,
        "throttle": throttle,
        "message": failure.message,
        "error_type": failure.error_type,
        "refusal": failure.refusal,
    })
}
