//! Answers in the native form.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use sluice_domain::{Error, ErrorKind};

/// What every operation returns.
pub type Reply = Result<Response, Refused>;

/// A refusal in the native error form.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        crate::native_error(self.status, self.code, &self.message).map(Body::from)
    }
}

pub fn json(value: &impl serde::Serialize) -> Reply {
    let text = serde_json::to_string(value).map_err(|_| failure(&Error::internal()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

pub fn error(status: StatusCode, code: &'static str, message: &str) -> Refused {
    Refused { status, code, message: message.to_owned() }
}

pub fn invalid(message: &str) -> Refused {
    error(StatusCode::BAD_REQUEST, "InvalidArgument", message)
}

pub fn failure(cause: &Error) -> Refused {
    let (status, code) = match cause.kind {
        ErrorKind::Missing(_) => (StatusCode::BAD_REQUEST, "MissingArgument"),
        ErrorKind::Invalid(_) => (StatusCode::BAD_REQUEST, "InvalidArgument"),
        ErrorKind::Unsupported => (StatusCode::BAD_REQUEST, "Unsupported"),
        ErrorKind::NotFound(_) => (StatusCode::NOT_FOUND, "NotFound"),
        ErrorKind::AlreadyExists(_) => (StatusCode::CONFLICT, "AlreadyExists"),
        ErrorKind::InUse(_) => (StatusCode::CONFLICT, "InUse"),
        ErrorKind::WrongState => (StatusCode::CONFLICT, "WrongState"),
        ErrorKind::QuotaExceeded(_) => (StatusCode::FORBIDDEN, "QuotaExceeded"),
        ErrorKind::Busy(_) => (StatusCode::CONFLICT, "Busy"),
        ErrorKind::ReservedExceedsTotal => (StatusCode::BAD_REQUEST, "ReservedExceedsTotal"),
        ErrorKind::NothingToPublish => (StatusCode::BAD_REQUEST, "NothingToPublish"),
        ErrorKind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLarge"),
        ErrorKind::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "Throttled"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    };
    error(status, code, &cause.message)
}
