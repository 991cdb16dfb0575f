//! Synchronous invocation: the path that must stay cheap.
//!
//! A function's own failure is status 200 with `x-fc-error-type`, so that clients can tell it from a refusal of
//! the platform, which is 4xx or 5xx and has no such header.

mod failure;
mod log;

use crate::{
    call::{Answer, Call},
    error::Refusal,
    qualified::Qualified,
};
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use sluice_domain::{Dialect, Error, ErrorKind, Failure, Function, Invocation, Outcome};
use sluice_engine::InvokeRequest;
use std::sync::Arc;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What a browser lets a page read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Date,x-fc-request-id,x-fc-error-type,x-fc-code-checksum,x-fc-invocation-duration,x-fc-max-memory-usage,\
     x-fc-log-result,x-fc-invocation-code-version",
);

pub async fn invoke(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    check_kind(call)?;
    check_size(call)?;
    let wants_log = wants_log(call)?;
    let named = target.function(call, function)?;
    let request = InvokeRequest {
        key: named.key.clone(),
        qualifier: target.qualifier.clone(),
        request_id: call.request_id.clone(),
        payload: call.body.clone(),
    };
    let invocation = call.engine.invoke(request).await.map_err(|error| target.refusal(error, function))?;
    let current = ran(call, &target, named, &invocation);
    let mut response = match &invocation.outcome {
        Outcome::Success(bytes) => respond(bytes.clone(), OCTETS),
        Outcome::Failure(failure) => {
            let body = match failure::body(failure, &invocation, &current.config) {
                Ok(body) => body,
                Err(refusal) => return Ok(refused(call, refusal, failure)),
            };
            let mut response = respond(body, JSON);
            response.headers_mut().insert("x-fc-error-type", failure::error_type(failure));
            response
        }
    };
    describe(&mut response, &invocation, &current);
    // spec: FLO-05. Output of requests that share an instance cannot be told apart.
    if wants_log && current.config.instance_concurrency == 1 {
        let tail = log::tail(&invocation, current.config.initializer.is_some());
        insert(&mut response, "x-fc-log-result", HeaderValue::try_from(tail));
    }
    Ok(response)
}

/// The function as it was in the version that ran: an alias with weights may lead elsewhere than to its main one.
fn ran(call: &Call<'_>, target: &Qualified<'_>, named: Arc<Function>, invocation: &Invocation) -> Arc<Function> {
    if target.is_latest() || target.qualifier == invocation.version {
        return named;
    }
    call.engine.function_at(&named.key, &invocation.version).map_or(named, |at| at.function)
}

/// A refusal of the platform, with the receipt if a limit was the reason.
fn refused(call: &Call<'_>, refusal: Refusal, failure: &Failure) -> Response<Bytes> {
    let mut response = refusal.into_response(call.request_id);
    if let Some(receipt) = &failure.refusal {
        for (name, value) in sluice_engine::receipt_headers(receipt) {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

fn check_kind(call: &Call<'_>) -> Result<(), Refusal> {
    match call.header("x-fc-invocation-type") {
        None => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("Sync") => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("Async") => {
            Err(Refusal::invalid("x-fc-invocation-type: asynchronous invocation is not available yet; use Sync"))
        }
        Some(kind) => Err(Refusal::invalid(format!("x-fc-invocation-type '{kind}' is not known: use Sync or Async"))),
    }
}

fn check_size(call: &Call<'_>) -> Result<(), Error> {
    let limit = call.engine.quota(&call.scope, Dialect::Fc).sync_payload_bytes();
    if call.body.len() <= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge, format!("payload size exceeds maximum allowed size ({limit} bytes)")))
}

fn wants_log(call: &Call<'_>) -> Result<bool, Refusal> {
    match call.header("x-fc-log-type") {
        None => Ok(false),
        Some(kind) if kind.eq_ignore_ascii_case("None") => Ok(false),
        Some(kind) if kind.eq_ignore_ascii_case("Tail") => Ok(true),
        Some(kind) => Err(Refusal::invalid(format!("x-fc-log-type '{kind}' is not known: use None or Tail"))),
    }
}

fn respond(body: Bytes, content_type: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().reserve(12);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn describe(response: &mut Response<Bytes>, invocation: &Invocation, function: &Function) {
    let headers = response.headers_mut();
    headers.insert("x-fc-invocation-duration", HeaderValue::from(invocation.duration_ms.ceil() as u64));
    headers.insert("x-fc-code-checksum", HeaderValue::from(function.code.crc64));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    let version = match invocation.version.as_str() {
        "" | "LATEST" => Ok(HeaderValue::from_static("LATEST")),
        version => HeaderValue::try_from(version),
    };
    insert(response, "x-fc-invocation-service-version", version);
    insert(response, "x-fc-max-memory-usage", HeaderValue::try_from(megabytes(invocation.memory_used)));
    if let Some(instance) = invocation.instance {
        insert(response, "x-fc-instance-id", HeaderValue::try_from(instance.to_string()));
    }
}

/// All of these values are visible ASCII; one that were not would be left out.
fn insert<E>(response: &mut Response<Bytes>, name: &'static str, value: Result<HeaderValue, E>) {
    if let Ok(value) = value {
        response.headers_mut().insert(name, value);
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1_048_576.0)
}
