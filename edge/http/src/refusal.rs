//! What a client hears when the listener itself turns a request away.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// Why no handler saw the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No route claims it.
    NotFound,
    /// The body is, or says it will be, over this many bytes.
    TooLarge { limit: usize },
    /// All bodies in flight together take what the server allows.
    Busy,
    /// The body came too slowly.
    TooSlow,
    /// The body ended before its declared length, or is not legal chunked coding.
    BrokenBody,
    /// The handler panicked.
    Fault,
}

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::BrokenBody => StatusCode::BAD_REQUEST,
            Refusal::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Refusal::NotFound => "NotFound",
            Refusal::TooLarge { .. } => "RequestTooLarge",
            Refusal::Busy => "ServerBusy",
            Refusal::TooSlow => "RequestTooSlow",
            Refusal::BrokenBody => "InvalidRequest",
            Refusal::Fault => "InternalError",
        }
    }

    pub fn message(self) -> String {
        match self {
            Refusal::NotFound => "nothing is served at this path".to_owned(),
            Refusal::TooLarge { limit } => format!("the request body is over the limit of {limit} bytes for this path"),
            Refusal::Busy => "the requests in progress hold all memory for request bodies; try again".to_owned(),
            Refusal::TooSlow => "the request body arrived too slowly".to_owned(),
            Refusal::BrokenBody => "the request body is incomplete or badly framed".to_owned(),
            Refusal::Fault => "an internal error has occurred, please retry".to_owned(),
        }
    }

    /// Adds what the status promises, whatever body a dialect gave the answer.
    pub(crate) fn finish(self, response: &mut Response<Bytes>) {
        if self == Refusal::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

/// A refusal in the native error form.
pub fn native_refusal(refusal: Refusal) -> Response<Bytes> {
    native_error(refusal.status(), refusal.code(), &refusal.message())
}

/// `{"error":{"code","message"}}`.
pub fn native_error(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let body = serde_json::json!({ "error": { "code": code, "message": message } }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
