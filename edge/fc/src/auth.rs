//! Who calls: the signature is checked, and host and headers may not contradict the key's account.

use crate::{
    error::Refusal,
    host,
    signature::{self, Fault, SignedRequest},
};
use http::{header, request::Parts};
use secrecy::ExposeSecret;
use sluice_domain::Scope;
use sluice_engine::Engine;

/// The account and region that a request acts in.
pub fn authenticate(engine: &Engine, parts: &Parts, body: &[u8]) -> Result<Scope, Refusal> {
    let header = parts.headers.get(header::AUTHORIZATION).ok_or(Fault::MissingHeader("Authorization"))?;
    let text = header.to_str().map_err(|_| Fault::Malformed("the Authorization header is not text".to_owned()))?;
    let credential = signature::parse(text)?;
    let key = engine.access_key(credential.key_id).ok_or_else(|| Refusal::unknown_key(credential.key_id))?;
    let signed = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
    };
    credential.verify(&signed, key.secret.expose_secret().as_bytes(), real_now())?;
    let place = host::account_and_region(host::of(parts));
    let header = parts.headers.get("x-fc-account-id").and_then(|value| value.to_str().ok());
    let header = header.map(|text| text.trim_matches('"')).filter(|text| !text.is_empty());
    for account in place.map(|(account, _)| account).into_iter().chain(header) {
        if account != key.account.as_str() {
            return Err(Refusal::denied(format!("access key '{}' does not belong to account '{account}'", key.id)));
        }
    }
    Ok(engine.scope_of(key, place.map(|(_, region)| region)))
}

/// Signature windows are of real time, whatever clock the platform decides by.
#[allow(clippy::disallowed_methods)]
fn real_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
