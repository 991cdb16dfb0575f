//! Answers in the native form.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use sluice_domain::{Error, ErrorKind};

/// What every operation returns: either side is an answer.
pub type Reply = Result<Response, Response>;

pub fn json(value: &impl serde::Serialize) -> Reply {
    let text = serde_json::to_string(value).map_err(|_| failure(&Error::internal()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

pub fn error(status: StatusCode, code: &str, message: &str) -> Response {
    crate::native_error(status, code, message).map(Body::from)
}

pub fn invalid(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "InvalidArgument", message)
}

pub fn failure(cause: &Error) -> Response {
    let (status, code) = match cause.kind {
        ErrorKind::Missing(_) => (StatusCode::BAD_REQUEST, "MissingArgument"),
        ErrorKind::Invalid(_) => (StatusCode::BAD_REQUEST, "InvalidArgument"),
        ErrorKind::Unsupported => (StatusCode::BAD_REQUEST, "Unsupported"),
        ErrorKind::NotFound(_) => (StatusCode::NOT_FOUND, "NotFound"),
        ErrorKind::AlreadyExists(_) => (StatusCode::CONFLICT, "AlreadyExists"),
        ErrorKind::InUse(_) => (StatusCode::CONFLICT, "InUse"),
        ErrorKind::WrongState => (StatusCode::CONFLICT, "WrongState"),
        ErrorKind::QuotaExceeded(_) => (StatusCode::FORBIDDEN, "QuotaExceeded"),
        ErrorKind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLarge"),
        ErrorKind::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "Throttled"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    };
    error(status, code, &cause.message)
}
