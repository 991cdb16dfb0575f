//! A failed execution in the vendor's words.

use super::megabytes;
use crate::error::Refusal;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};
use sluice_domain::{Error, ErrorKind, Failure, FailureKind, FunctionConfig, Invocation};

/// Only Node.js functions that pass an error to their callback handle it themselves.
pub fn error_type(failure: &Failure) -> HeaderValue {
    HeaderValue::from_static(match failure.handled {
        true => "HandledInvocationError",
        false => "UnhandledInvocationError",
    })
}

/// The JSON that stands for the function's answer, or the platform's refusal when the function is not at fault.
pub fn body(failure: &Failure, invocation: &Invocation, config: &FunctionConfig) -> Result<Bytes, Refusal> {
    let message = match failure.kind {
        FailureKind::Throttled(throttle) => {
            return Err(Error::new(ErrorKind::Throttled(throttle), failure.message.clone()).into());
        }
        FailureKind::Internal => {
            let message = "an internal error has occurred. Please retry.";
            return Err(Error::new(ErrorKind::Internal, message).into());
        }
        FailureKind::Canceled => {
            let status = StatusCode::from_u16(499).expect("499 is a status code");
            return Err(Refusal::new(status, "ClientClosedRequest", "the caller closed the request"));
        }
        // Functions of this dialect are made synchronously: one that is not active was never there.
        FailureKind::NotActive => {
            let (function, service) = (&invocation.function.name, &invocation.function.namespace);
            let message = format!("function '{function}' does not exist in service '{service}'");
            return Err(Refusal::not_found("FunctionNotFound", message));
        }
        FailureKind::TimedOut => format!("Function timed out after {} seconds", config.timeout_s),
        FailureKind::InitTimedOut => {
            format!("Function initialization timed out after {} seconds", config.init_timeout_s)
        }
        FailureKind::ProcessExited => {
            format!("Process exited unexpectedly before completing request ({})", usage(invocation))
        }
        FailureKind::OutOfMemory => format!(
            "Process exited unexpectedly before completing request: it ran out of memory, its limit is {} MB ({})",
            config.memory_mib,
            usage(invocation)
        ),
        FailureKind::EventNotJson
        | FailureKind::ResponseTooLarge
        | FailureKind::UserException
        | FailureKind::HandlerNotFound
        | FailureKind::BadReturn => failure.message.clone(),
    };
    let mut out = Map::from_iter([("errorMessage".to_owned(), Value::String(message))]);
    if let Some(class) = &failure.error_type {
        out.insert("errorType".to_owned(), class.as_str().into());
    }
    if let Some(stack) = stack_trace(failure) {
        out.insert("stackTrace".to_owned(), stack);
    }
    Ok(Bytes::from(Value::Object(out).to_string()))
}

fn usage(invocation: &Invocation) -> String {
    let (duration, memory) = (invocation.duration_ms.ceil() as u64, megabytes(invocation.memory_used));
    format!("duration: {duration}ms, maxMemoryUsage: {memory}MB")
}

fn stack_trace(failure: &Failure) -> Option<Value> {
    let lines = || failure.stack.as_ref().map(|stack| stack.lines().map(Value::from).collect());
    failure.frames.clone().or_else(lines)
}
