//! The scheme `FC`: HMAC-SHA256 over method, three headers, all `x-fc-` headers and the path. The query is not
//! part of it, and neither is the body.

use super::{Credential, Fault, SignedRequest, each_with_prefix, header_bytes, path_forms, window};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

pub fn verify(credential: &Credential<'_>, request: &SignedRequest<'_>, secret: &[u8], now: i64) -> Result<(), Fault> {
    let date = date_of(request.headers);
    if date.is_empty() {
        return Err(Fault::MissingHeader("Date"));
    }
    window::check(date, now)?;
    let mut buffer = [0u8; 64];
    let length = STANDARD.decode_slice(credential.signature, &mut buffer).map_err(|_| Fault::Mismatch)?;
    let mac = up_to_path(secret, request.method, request.headers);
    let fits = |path: &[u8]| mac.clone().chain_update(path).verify_slice(&buffer[..length]).is_ok();
    if path_forms(request.path).any(|path| fits(&path)) { Ok(()) } else { Err(Fault::Mismatch) }
}

/// Makes the Authorization header for a request that carries `headers`, among them `Date`. `path` is what goes
/// on the request line, without the query.
pub fn sign(key_id: &str, secret: &[u8], method: &str, path: &str, headers: &HeaderMap) -> String {
    let tag = up_to_path(secret, method, headers).chain_update(path).finalize().into_bytes();
    format!("FC {key_id}:{}", STANDARD.encode(tag))
}

/// Browsers cannot set Date, so what runs in them sends and signs `x-fc-date`.
fn date_of(headers: &HeaderMap) -> &[u8] {
    match header_bytes(headers, "date") {
        b"" => header_bytes(headers, "x-fc-date"),
        date => date,
    }
}

fn up_to_path(secret: &[u8], method: &str, headers: &HeaderMap) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    for line in [
        method.as_bytes(),
        header_bytes(headers, "content-md5"),
        header_bytes(headers, "content-type"),
        date_of(headers),
    ] {
        mac.update(line);
        mac.update(b"\n");
    }
    each_with_prefix(headers, "x-fc-", |part| mac.update(part));
    mac
}
