//! What a refusal looks like on the wire: one table from our kinds to the vendor's status and code.
//!
//! Clients of the two APIs read different keys of the same body (`ErrorCode` or `Code`), so it carries both.

use crate::{reply, signature::Fault};
use bytes::Bytes;
use http::{Response, StatusCode};
use sluice_domain::{Entity, Error, ErrorKind, Quota, RequestId, Throttle};

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgument", message)
    }

    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    /// No such call in the vendor's API.
    pub fn no_such_path(method: &str, path: &str) -> Self {
        Self::path(format!("'{path}' against '{method}' is not supported"))
    }

    /// A call of the vendor's API that is not offered here.
    pub fn not_offered(method: &str, path: &str) -> Self {
        Self::path(format!("'{path}' against '{method}' is not supported: this resource is not available yet"))
    }

    fn path(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PathNotSupported", message)
    }

    pub fn unknown_key(id: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "InvalidAccessKeyID", format!("invalid access key ID '{id}'."))
    }

    /// As [`From<Error>`], in the vendor's words where it is about this service or function.
    pub fn about(error: Error, service: &str, function: &str) -> Self {
        let message = match error.kind {
            ErrorKind::NotFound(Entity::Namespace) => format!("service '{service}' does not exist"),
            ErrorKind::NotFound(Entity::Function) => {
                format!("function '{function}' does not exist in service '{service}'")
            }
            ErrorKind::AlreadyExists(Entity::Namespace) => format!("service '{service}' already exists"),
            ErrorKind::AlreadyExists(Entity::Function) => {
                format!("function '{function}' already exists in service '{service}'")
            }
            ErrorKind::PreconditionFailed => "the resource being modified has been changed".to_owned(),
            _ => return error.into(),
        };
        Self { message, ..error.into() }
    }

    pub fn into_response(self, request_id: &RequestId) -> Response<Bytes> {
        let body = serde_json::json!({
            "ErrorCode": self.code,
            "ErrorMessage": self.message,
            "Code": self.code,
            "Message": self.message,
            "RequestId": request_id.as_str(),
        });
        reply::json(self.status, &body, None)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = code_of(error.kind);
        Self { status, code, message: error.message }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let message = match fault {
            Fault::MissingHeader(name) => {
                let message = format!("required HTTP header {name} was not specified");
                return Self::new(StatusCode::BAD_REQUEST, "MissingRequiredHeader", message);
            }
            Fault::Malformed(what) => what,
            Fault::BadDate(text) => {
                format!("the request's date '{text}' cannot be read: write it like Thu, 21 Nov 2019 13:05:06 GMT")
            }
            Fault::Expired(text) => {
                format!("the request has expired: its date '{text}' is more than 15 minutes from the server's time")
            }
            Fault::BodyChanged => "x-acs-content-sha256 is not the SHA-256 of the body that was received".to_owned(),
            Fault::DateNotSigned(name) => format!("{name} must be among SignedHeaders"),
            Fault::Mismatch => "The request signature we calculated does not match the signature you provided. \
                                Check your access key and signing method."
                .to_owned(),
        };
        Self::new(StatusCode::FORBIDDEN, "SignatureNotMatch", message)
    }
}

/// The table.
pub fn code_of(kind: ErrorKind) -> (StatusCode, &'static str) {
    const INVALID: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "InvalidArgument");
    const CHANGED_MEANWHILE: (StatusCode, &str) = (StatusCode::CONFLICT, "ConcurrentUpdateError");
    match kind {
        ErrorKind::Missing(_) | ErrorKind::Invalid(_) | ErrorKind::Unsupported | ErrorKind::ReservedExceedsTotal => {
            INVALID
        }
        ErrorKind::NotFound(entity) => match entity {
            Entity::Namespace => (StatusCode::NOT_FOUND, "ServiceNotFound"),
            Entity::Function | Entity::Code => (StatusCode::NOT_FOUND, "FunctionNotFound"),
            Entity::Version => (StatusCode::NOT_FOUND, "VersionNotFound"),
            Entity::Alias => (StatusCode::NOT_FOUND, "AliasNotFound"),
            Entity::Trigger => (StatusCode::NOT_FOUND, "TriggerNotFound"),
            Entity::Layer => (StatusCode::NOT_FOUND, "LayerNotFound"),
            Entity::Request => (StatusCode::NOT_FOUND, "StatefulAsyncInvocationNotFound"),
            Entity::Setting => (StatusCode::NOT_FOUND, "OnDemandConfigNotFound"),
            Entity::Region => INVALID,
        },
        ErrorKind::AlreadyExists(entity) => match entity {
            Entity::Namespace => (StatusCode::CONFLICT, "ServiceAlreadyExists"),
            Entity::Function => (StatusCode::CONFLICT, "FunctionAlreadyExists"),
            Entity::Trigger => (StatusCode::CONFLICT, "TriggerAlreadyExists"),
            Entity::Alias => (StatusCode::CONFLICT, "AliasAlreadyExists"),
            Entity::Request => (StatusCode::CONFLICT, "StatefulAsyncInvocationAlreadyExists"),
            Entity::Version | Entity::Layer | Entity::Region | Entity::Code | Entity::Setting => CHANGED_MEANWHILE,
        },
        ErrorKind::InUse(Entity::Namespace) => (StatusCode::CONFLICT, "ServiceNotEmpty"),
        ErrorKind::InUse(Entity::Function) => (StatusCode::CONFLICT, "FunctionNotEmpty"),
        ErrorKind::InUse(Entity::Setting) => (StatusCode::CONFLICT, "ProvisionConfigExist"),
        ErrorKind::NothingToPublish => (StatusCode::BAD_REQUEST, "InvalidArgument"),
        ErrorKind::InUse(_) | ErrorKind::Busy(_) | ErrorKind::WrongState => CHANGED_MEANWHILE,
        ErrorKind::QuotaExceeded(quota) => match quota {
            Quota::Memory | Quota::Timeout | Quota::InitTimeout => INVALID,
            Quota::CodeUnzipped => (StatusCode::BAD_REQUEST, "EntityTooLarge"),
            Quota::OnDemandRules
            | Quota::ScheduledActions
            | Quota::FunctionReserved
            | Quota::FunctionProvisioned
            | Quota::TotalProvisioned
            | Quota::TotalConcurrency
            | Quota::CodeTotal
            | Quota::Namespaces
            | Quota::FunctionsPerNamespace => (StatusCode::BAD_REQUEST, "LimitExceededError"),
            Quota::Concurrency => (StatusCode::TOO_MANY_REQUESTS, "ResourceExhausted"),
        },
        ErrorKind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        ErrorKind::TooLarge => (StatusCode::BAD_REQUEST, "EntityTooLarge"),
        ErrorKind::Throttled(Throttle::HostMemory | Throttle::HostFiles) => {
            (StatusCode::SERVICE_UNAVAILABLE, "ResourceThrottled")
        }
        ErrorKind::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "ResourceExhausted"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
    }
}
