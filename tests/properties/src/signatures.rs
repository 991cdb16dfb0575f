//! Authorization headers, read before anything is known about the caller.

use http::{HeaderMap, HeaderName, HeaderValue};
use sluice_fc::signature::{self, SignedRequest};
use sluice_scf::signature::parse_authorization;

/// What is taken apart can be put together again, and means the same.
pub fn scf_signature(text: &str) {
    let Ok(found) = parse_authorization(text) else { return };
    let signature: String = found.signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let again = format!(
        "TC3-HMAC-SHA256 Credential={}/{}/{}/tc3_request, SignedHeaders={}, Signature={signature}",
        found.secret_id, found.date, found.service, found.signed_headers
    );
    assert_eq!(parse_authorization(&again), Ok(found), "read from {text:?}");
}

/// When the request of [`fc_signature`] arrives, in seconds since 1970.
const NOW: i64 = 1_700_000_000;
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

/// No header that was made without the secret is accepted, whatever it and the rest of the request look like.
/// The first line is the Authorization header; the second, if there is one, path and query.
pub fn fc_signature(text: &str) {
    let (authorization, target) = text.split_once('\n').unwrap_or((text, "/2016-08-15/services"));
    let Ok(credential) = signature::parse(authorization) else { return };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in [("date", DATE), ("x-acs-date", "2023-11-14T22:13:20Z"), ("host", "127.0.0.1:9400")] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(authorization) {
        headers.insert(http::header::AUTHORIZATION, value);
    }
    let request = SignedRequest { method: "GET", path, query, headers: &headers, body: b"" };
    assert!(credential.verify(&request, b"a secret that no input holds", NOW).is_err(), "accepted {text:?}");
}
