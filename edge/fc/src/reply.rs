use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON document, with the ETag of what it shows.
pub fn json(status: StatusCode, body: &Value, etag: Option<&str>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    if let Some(etag) = etag.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

pub fn ok(body: &Value) -> Response<Bytes> {
    json(StatusCode::OK, body, None)
}

/// The answer to a deletion.
pub fn no_content() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
