//! The Alibaba Function Compute 2.0 dialect: APIs 2016-08-15 and FC-Open 2021-04-06.
//!
//! A translation and nothing else: verify the signature, read the request, call the engine, render what it
//! says in the vendor's form. The crate holds no state. Both APIs share one resource tree, so one router serves
//! them; what differs between client families (three signature schemes, two ways to write a qualifier, several
//! spellings of Host) is accepted from all of them. `spec/fc.md` says which client does what.
//!
//! The path of a warm invocation is kept short: no JSON, no database, a handful of small allocations.

mod account;
mod aliases;
mod auth;
mod call;
mod error;
mod fields;
mod functions;
mod host;
mod invocations;
mod later;
mod listing;
mod on_demand;
mod provision;
mod qualified;
mod query;
mod reply;
mod router;
mod services;
mod shape;
pub mod signature;
mod versions;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use sluice_domain::RequestId;
use sluice_engine::Engine;

/// API versions, as the first segment of a path.
const API_VERSIONS: [&str; 2] = ["2016-08-15", "2021-04-06"];

/// Answers FC API requests from an engine. Cheap to clone.
#[derive(Clone)]
pub struct Fc {
    engine: Engine,
    public_base: Option<String>,
}

impl Fc {
    /// `public_base` is where clients reach this server (`http://127.0.0.1:9400`). Links to code are made of the
    /// request's own Host where that names a port, and of this where it does not (the Node.js SDK drops it).
    pub fn new(engine: Engine, public_base: Option<String>) -> Self {
        Self { engine, public_base }
    }

    /// Answers one request; every refusal is a response too. The body must have been read, under a limit that
    /// leaves room for a code package.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let request_id = request_id(&self.engine, &parts);
        let response = match router::answer(self, &parts, body, &request_id).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(&request_id),
        };
        named(response, &request_id)
    }

    /// What the client of a request that never came this far reads.
    pub fn turned_away(&self, status: StatusCode, code: &'static str, message: String) -> Response<Bytes> {
        let request_id = self.engine.request_id();
        named(error::Refusal::new(status, code, message).into_response(&request_id), &request_id)
    }
}

fn named(mut response: Response<Bytes>, request_id: &RequestId) -> Response<Bytes> {
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert("x-fc-request-id", id);
    }
    response
}

/// Whether a request is for this dialect: by its path, or, for paths without an API version, by a signature
/// that only FC clients make (the guide of 2020 writes `/services/…` without a prefix).
pub fn claims(parts: &Parts) -> bool {
    let path = signature::collapse_slashes(parts.uri.path());
    let first = path[1.min(path.len())..].split('/').next().unwrap_or_default();
    API_VERSIONS.contains(&first)
        || parts.headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"FC "))
}

/// The client's own trace id where it sent a well-formed one, otherwise a fresh one.
fn request_id(engine: &Engine, parts: &Parts) -> RequestId {
    let given = parts.headers.get("x-fc-trace-id").and_then(|value| value.to_str().ok());
    given.filter(|text| is_uuid(text)).map_or_else(|| engine.request_id(), RequestId::from)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
