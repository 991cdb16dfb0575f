//! Invoke and InvokeFunction: one operation, two spellings. This is the warm path.

use crate::{
    call::{Call, DEFAULT_ALIAS, LATEST, qualifier, required, text},
    error::ApiError,
    loglines, outcome,
    params::Text,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use sluice_domain::Invocation;
use sluice_engine::InvokeRequest;
use std::borrow::Cow;

/// Which of the two it is: they differ in the name of the event and in the default qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Invoke,
    InvokeFunction,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct Request<'a> {
    function_name: Option<Text<'a>>,
    namespace: Option<Text<'a>>,
    qualifier: Option<Text<'a>>,
    invocation_type: Option<Text<'a>>,
    log_type: Option<Text<'a>>,
    /// The event in Invoke.
    client_context: Option<Text<'a>>,
    /// The event in InvokeFunction.
    event: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    result: ResultFields<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResultFields<'a> {
    log: &'a str,
    ret_msg: Cow<'a, str>,
    err_msg: Cow<'a, str>,
    mem_usage: u64,
    duration: f64,
    bill_duration: u64,
    function_request_id: &'a str,
    invoke_result: i8,
}

pub async fn run(call: &Call<'_>, spelling: Spelling) -> Result<Vec<u8>, ApiError> {
    let request: Request<'_> = call.params.read()?;
    check_type(text(&request.invocation_type), spelling)?;
    let tail = wants_tail(text(&request.log_type))?;
    let name = required("FunctionName", text(&request.function_name))?;
    let key = call.function_key(text(&request.namespace), name);
    let (event, default) = match spelling {
        Spelling::Invoke => (request.client_context, LATEST),
        Spelling::InvokeFunction => (request.event, DEFAULT_ALIAS),
    };
    let qualifier = qualifier(text(&request.qualifier), default).to_owned();
    let payload = payload(event, call.quota().sync_payload_bytes())?;
    let request = InvokeRequest { key, qualifier, request_id: call.request_id.clone(), payload };
    let invocation =
        call.engine.invoke(request).await.map_err(ApiError::unknown_qualifier("ResourceNotFound.Qualifier"))?;
    render(call, &invocation, tail)
}

fn check_type(given: Option<&str>, spelling: Spelling) -> Result<(), ApiError> {
    match given.unwrap_or_default() {
        _ if spelling == Spelling::InvokeFunction => Ok(()),
        "" => Ok(()),
        sync if sync.eq_ignore_ascii_case("RequestResponse") => Ok(()),
        event if event.eq_ignore_ascii_case("Event") => {
            Err(ApiError::not_offered("UnsupportedOperation", "asynchronous invocation (InvocationType Event) is"))
        }
        other => {
            let message = format!("InvocationType '{other}' is not allowed: use RequestResponse or Event");
            Err(ApiError::new("InvalidParameterValue", message))
        }
    }
}

fn wants_tail(given: Option<&str>) -> Result<bool, ApiError> {
    match given.unwrap_or_default() {
        "" => Ok(false),
        none if none.eq_ignore_ascii_case("None") => Ok(false),
        tail if tail.eq_ignore_ascii_case("Tail") => Ok(true),
        other => {
            Err(ApiError::new("InvalidParameterValue", format!("LogType '{other}' is not allowed: use None or Tail")))
        }
    }
}

/// The event: JSON text within the limit; none means an empty object.
fn payload(event: Option<Text<'_>>, limit: usize) -> Result<Bytes, ApiError> {
    let text = match event {
        Some(Text(text)) if !text.is_empty() => text,
        _ => return Ok(Bytes::from_static(b"{}")),
    };
    if text.len() > limit {
        let message = format!("the event has {} bytes; at most {limit} are allowed", text.len());
        return Err(ApiError::new("InvalidParameter.RequestTooLarge", message));
    }
    serde_json::from_str::<IgnoredAny>(&text).map_err(|error| {
        ApiError::new("InvalidParameterValue.Param", format!("the event is not valid JSON: {error}"))
    })?;
    Ok(Bytes::from(text.into_owned()))
}

fn render(call: &Call<'_>, invocation: &Invocation, tail: bool) -> Result<Vec<u8>, ApiError> {
    if let Some(receipt) = invocation.failure().and_then(|failure| failure.refusal.as_ref()) {
        call.receipt.get_or_init(|| receipt.clone());
    }
    let log = if tail { loglines::render(invocation) } else { String::new() };
    let result = ResultFields {
        log: loglines::tail(&log),
        ret_msg: outcome::return_message(invocation),
        err_msg: outcome::error_text(invocation),
        mem_usage: invocation.memory_used,
        duration: outcome::duration_ms(invocation),
        bill_duration: outcome::billed_ms(invocation),
        function_request_id: invocation.request_id.as_str(),
        invoke_result: outcome::invoke_result(&invocation.outcome),
    };
    call.reply(&Answer { result })
}
