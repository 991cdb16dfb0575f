//! What became of an execution, in the function status codes of this vendor.

use serde::Serialize;
use sluice_domain::{Failure, FailureKind, Invocation, Outcome, Throttle};
use std::borrow::Cow;

/// The code that a function's result, its logs and its metrics carry.
pub fn status_code(kind: FailureKind) -> u16 {
    match kind {
        FailureKind::EventNotJson => 400,
        FailureKind::ResponseTooLarge => 407,
        FailureKind::Throttled(Throttle::Burst | Throttle::StartInterval) => 429,
        FailureKind::UserException => 430,
        FailureKind::Throttled(
            Throttle::Account
            | Throttle::Namespace
            | Throttle::Reserved
            | Throttle::Debug
            | Throttle::FunctionInstances
            | Throttle::RegionInstances
            | Throttle::WaitQueue,
        ) => 432,
        FailureKind::TimedOut => 433,
        FailureKind::OutOfMemory => 434,
        FailureKind::HandlerNotFound => 437,
        FailureKind::NotActive => 438,
        FailureKind::ProcessExited => 439,
        FailureKind::BadReturn => 443,
        FailureKind::Throttled(Throttle::HostMemory | Throttle::HostFiles) => 449,
        FailureKind::InitTimedOut => 450,
        FailureKind::Canceled => 499,
        FailureKind::Internal => 500,
    }
}

/// The vendor's name of a code.
fn status_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::EventNotJson => "InvalidParameterValue",
        FailureKind::ResponseTooLarge => "The size of response exceeds the upper limit (6MB)",
        FailureKind::Throttled(Throttle::Burst | Throttle::StartInterval) => "ResourceLimit",
        FailureKind::UserException => "user code exception caught",
        FailureKind::Throttled(
            Throttle::Account
            | Throttle::Namespace
            | Throttle::Reserved
            | Throttle::Debug
            | Throttle::FunctionInstances
            | Throttle::RegionInstances
            | Throttle::WaitQueue,
        ) => "ResourceLimitReached",
        FailureKind::TimedOut => "TimeLimitReached",
        FailureKind::OutOfMemory => "MemoryLimitReached",
        FailureKind::HandlerNotFound => "HandlerNotFound",
        FailureKind::NotActive => "FunctionStatusError",
        FailureKind::ProcessExited => "User process exit when running",
        FailureKind::BadReturn => "UserCodeError",
        FailureKind::Throttled(Throttle::HostMemory | Throttle::HostFiles) => "InsufficientResources",
        FailureKind::InitTimedOut => "InitContainerTimeout",
        FailureKind::Canceled => "RequestCanceled",
        FailureKind::Internal => "InternalError",
    }
}

/// `InvokeResult`: 0 for success, 1 where the function is at fault, -1 for everything else.
pub fn invoke_result(outcome: &Outcome) -> i8 {
    let Outcome::Failure(failure) = outcome else { return 0 };
    match failure.kind {
        FailureKind::EventNotJson
        | FailureKind::ResponseTooLarge
        | FailureKind::UserException
        | FailureKind::TimedOut
        | FailureKind::OutOfMemory
        | FailureKind::HandlerNotFound
        | FailureKind::ProcessExited
        | FailureKind::BadReturn
        | FailureKind::InitTimedOut => 1,
        FailureKind::NotActive | FailureKind::Canceled | FailureKind::Throttled(_) | FailureKind::Internal => -1,
    }
}

/// `RetMsg`: what the function returned, or the error as JSON.
pub fn return_message(invocation: &Invocation) -> Cow<'_, str> {
    match &invocation.outcome {
        Outcome::Success(value) => String::from_utf8_lossy(value),
        Outcome::Failure(failure) => Cow::Owned(error_json(invocation, failure)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorJson<'a> {
    error_code: i8,
    error_message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_trace: Option<&'a str>,
    status_code: u16,
}

fn error_json(invocation: &Invocation, failure: &Failure) -> String {
    let throttled = matches!(failure.kind, FailureKind::Throttled(_));
    let of_user = failure.kind == FailureKind::UserException;
    let stack = failure.stack.as_deref().filter(|stack| !stack.is_empty());
    let error = ErrorJson {
        error_code: -1,
        error_message: error_message(invocation, failure),
        // Of a request that reached no instance, the vendor names none.
        request_id: (!throttled).then(|| invocation.request_id.as_str()),
        stack_trace: stack.or(of_user.then_some(failure.message.as_str())),
        status_code: status_code(failure.kind),
    };
    serde_json::to_string(&error).unwrap_or_default()
}

fn error_message<'a>(invocation: &Invocation, failure: &'a Failure) -> Cow<'a, str> {
    match failure.kind {
        FailureKind::UserException | FailureKind::ProcessExited | FailureKind::Throttled(_) => {
            status_name(failure.kind).into()
        }
        // The limit is whole seconds and the execution was cut right after it.
        FailureKind::TimedOut => {
            let seconds = (invocation.duration_ms / 1000.0).round().max(1.0);
            format!("Invoking task timed out after {seconds:.0} seconds").into()
        }
        _ if failure.message.is_empty() => status_name(failure.kind).into(),
        _ => failure.message.as_str().into(),
    }
}

/// `ErrMsg`: one line for people; empty on success.
pub fn error_text(invocation: &Invocation) -> Cow<'_, str> {
    match invocation.failure() {
        None => "".into(),
        Some(failure) if failure.kind == FailureKind::TimedOut => error_message(invocation, failure),
        Some(failure) if failure.message.is_empty() => status_name(failure.kind).into(),
        Some(failure) => failure.message.as_str().into(),
    }
}

/// Execution time with the precision that is worth printing.
pub fn duration_ms(invocation: &Invocation) -> f64 {
    (invocation.duration_ms * 1000.0).round() / 1000.0
}

/// Billed time: whole milliseconds, rounded up.
pub fn billed_ms(invocation: &Invocation) -> u64 {
    invocation.duration_ms.max(0.0).ceil() as u64
}

#[cfg(test)]
mod tests;
