//! The scheme `acs` (ROA signature version 1.0): HMAC-SHA1 over method, four headers, all `x-acs-` headers, and
//! the path with its query.

use super::{Credential, Fault, SignedRequest, each_with_prefix, header_bytes, path_forms, query, window};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

pub fn verify(credential: &Credential<'_>, request: &SignedRequest<'_>, secret: &[u8], now: i64) -> Result<(), Fault> {
    let headers = request.headers;
    let date = headers.get("date").ok_or(Fault::MissingHeader("Date"))?;
    window::check(date.as_bytes(), now)?;
    let mut buffer = [0u8; 64];
    let length = STANDARD.decode_slice(credential.signature, &mut buffer).map_err(|_| Fault::Mismatch)?;
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    for line in [
        request.method.as_bytes(),
        header_bytes(headers, "accept"),
        header_bytes(headers, "content-md5"),
        header_bytes(headers, "content-type"),
        date.as_bytes(),
    ] {
        mac.update(line);
        mac.update(b"\n");
    }
    each_with_prefix(headers, "x-acs-", |part| mac.update(part));
    for path in path_forms(request.path) {
        for query in query::roa_forms(request.query) {
            let resource = mac.clone().chain_update(&path).chain_update(query);
            if resource.verify_slice(&buffer[..length]).is_ok() {
                return Ok(());
            }
        }
    }
    Err(Fault::Mismatch)
}
