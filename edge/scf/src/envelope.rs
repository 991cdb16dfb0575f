//! The answer around every action's fields: status 200 and exactly `application/json`, errors too.

use crate::error::ApiError;
use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde::Serialize;

/// `{"Response":{…fields…,"RequestId":"…"}}`, without an intermediate value.
pub fn body(fields: &impl Serialize, request_id: &str) -> Result<Vec<u8>, ApiError> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(br#"{"Response":"#);
    let opened = out.len();
    let failed = |_| ApiError::from(sluice_domain::Error::internal());
    serde_json::to_writer(&mut out, fields).map_err(failed)?;
    if out.pop() != Some(b'}') {
        return Err(sluice_domain::Error::internal().into());
    }
    if out.len() > opened + 1 {
        out.push(b',');
    }
    out.extend_from_slice(br#""RequestId":"#);
    serde_json::to_writer(&mut out, request_id).map_err(failed)?;
    out.extend_from_slice(b"}}");
    Ok(out)
}

/// The whole HTTP answer. Clients take a Content-Type with a charset for success, so there is none.
pub fn response(answer: Result<Vec<u8>, ApiError>, request_id: &str) -> Response<Bytes> {
    let body = answer.unwrap_or_else(|error| refusal(&error, request_id));
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn refusal(error: &ApiError, request_id: &str) -> Vec<u8> {
    let error = serde_json::json!({ "Code": error.code, "Message": error.message });
    serde_json::json!({ "Response": { "Error": error, "RequestId": request_id } }).to_string().into_bytes()
}
