//! The Tencent SCF dialect: API 3.0 of product `scf`, version 2018-04-16, as its SDKs and tccli speak it.
//!
//! A request goes through four steps, one module each: [`request`] finds the action and its parameters in
//! whichever shape they came, [`auth`] checks the signature, [`actions`] turn parameters into calls of the
//! engine, [`envelope`] wraps the answer. There is no state but a cache of derived signing keys. Every
//! answer has HTTP status 200, refusals too: the vendor's clients know errors by the body.

mod actions;
mod alias;
mod auth;
mod call;
mod code;
mod concurrency;
mod dates;
mod envelope;
mod error;
mod form;
mod listing;
mod loglines;
mod outcome;
mod params;
mod request;
mod settings;
pub mod signature;

pub use request::claims;

use bytes::Bytes;
use call::Call;
use error::ApiError;
use http::{HeaderValue, Request, Response, request::Parts};
use sluice_domain::{Refusal, RequestId};
use sluice_engine::Engine;
use std::sync::OnceLock;

/// Answers API 3.0 requests.
pub struct Scf {
    engine: Engine,
    keys: signature::SigningKeys,
}

impl Scf {
    pub fn new(engine: Engine) -> Self {
        Self { engine, keys: signature::SigningKeys::default() }
    }

    /// Answers one request; those to `/` that [`claims`] accepts should come here.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let request_id = self.engine.request_id();
        let (parts, body) = request.into_parts();
        let receipt = OnceLock::new();
        let answer = self.answer(&parts, &body, &request_id, &receipt).await;
        if let Err(error) = &answer {
            tracing::debug!(request_id = %request_id, code = error.code, "refused an API call");
        }
        let mut response = envelope::response(answer, request_id.as_str());
        if let Some(receipt) = receipt.get() {
            for (name, value) in sluice_engine::receipt_headers(receipt) {
                if let Ok(value) = HeaderValue::try_from(value) {
                    response.headers_mut().insert(name, value);
                }
            }
        }
        response
    }

    /// What the client of a request that never came this far reads.
    pub fn turned_away(&self, code: &'static str, message: String) -> Response<Bytes> {
        envelope::response(Err(ApiError::new(code, message)), self.engine.request_id().as_str())
    }

    async fn answer(
        &self,
        parts: &Parts,
        body: &[u8],
        request_id: &RequestId,
        receipt: &OnceLock<Box<Refusal>>,
    ) -> Result<Vec<u8>, ApiError> {
        let incoming = request::read(parts, body)?;
        let access = auth::authenticate(&self.engine, &self.keys, parts, body, &incoming)?;
        actions::check_version(&incoming.version, &incoming.action)?;
        check_region(&incoming.region)?;
        let call = Call {
            engine: &self.engine,
            scope: self.engine.scope_of(access, Some(&incoming.region)),
            request_id,
            params: &incoming.params,
            host: request::text(&parts.headers, "host").unwrap_or_default(),
            receipt,
        };
        actions::run(&incoming.action, &call).await
    }
}

/// Any region exists, as long as its name looks like one.
fn check_region(name: &str) -> Result<(), ApiError> {
    let legal = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if legal {
        return Ok(());
    }
    let message = "the region must be a name such as ap-guangzhou: lower-case letters, digits and '-'";
    Err(ApiError::new("UnsupportedRegion", message))
}
