use crate::{
    call::{Call, required},
    dates,
    error::ApiError,
    outcome,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::{Invocation, Timestamp};
use sluice_engine::RecordQuery;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    function_request_id: Option<String>,
    namespace: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

const WINDOW_MILLIS: i64 = 15 * 60 * 1000;

pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let id = required("FunctionRequestId", request.function_request_id.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    call.engine.function(&key)?;
    let until = instant("EndTime", request.end_time.as_deref(), dates::parse_end)?;
    let from = instant("StartTime", request.start_time.as_deref(), dates::parse)?;
    // Without times given, only the last minutes are looked at; the end is open for calls that are being recorded.
    let from = from.or_else(|| until.is_none().then(|| call.engine.now().plus_millis(-WINDOW_MILLIS)));
    let query = RecordQuery { function: Some(key), request_id: Some(id.to_owned()), from, until };
    let data: Vec<Value> = call.engine.records(&call.scope, &query).iter().map(|record| render(record)).collect();
    call.reply(&json!({ "TotalCount": data.len(), "Data": data }))
}

fn instant(
    name: &str,
    given: Option<&str>,
    parse: fn(&str) -> Option<Timestamp>,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| {
        let message = format!("{name} '{text}' is not a time: use the form 2024-01-31 23:59:59");
        ApiError::new("InvalidParameterValue.DateTime", message)
    })
}

fn render(record: &Invocation) -> Value {
    json!({
        "FunctionName": record.function.name,
        "RetMsg": outcome::return_message(record),
        "RequestId": record.request_id,
        "StartTime": dates::text(record.started),
        "RetCode": if record.is_success() { 0 } else { -1 },
        "Duration": outcome::duration_ms(record),
        "MemUsage": record.memory_used as f64 / (1024.0 * 1024.0),
        "RetryNum": 0,
    })
}
