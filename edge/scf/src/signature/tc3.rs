//! TC3-HMAC-SHA256.
//!
//! The canonical request is fed to the hash piece by piece, so verifying allocates nothing that grows with
//! the request.

use super::{Malformed, host_variants};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub const ALGORITHM: &str = "TC3-HMAC-SHA256";
/// Value of `X-TC-Content-SHA256` that says the body is not covered.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const TERMINATOR: &str = "tc3_request";

/// An `Authorization` header, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    pub secret_id: &'a str,
    /// `YYYY-MM-DD`, UTC.
    pub date: &'a str,
    /// Whatever the client calls the service; Node.js writes the first label of its endpoint.
    pub service: &'a str,
    /// Lower-case names separated by `;`.
    pub signed_headers: &'a str,
    pub signature: [u8; 32],
}

/// Reads `TC3-HMAC-SHA256 Credential=ID/DATE/SERVICE/tc3_request, SignedHeaders=a;b, Signature=HEX`.
pub fn parse_authorization(text: &str) -> Result<Authorization<'_>, Malformed> {
    let rest = text.trim().strip_prefix(ALGORITHM).ok_or(Malformed("the algorithm must be TC3-HMAC-SHA256"))?;
    let (mut credential, mut headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or(Malformed("each part must be name=value"))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut headers,
            "Signature" => &mut signature,
            _ => return Err(Malformed("only Credential, SignedHeaders and Signature are parts of it")),
        };
        if slot.replace(value.trim()).is_some() {
            return Err(Malformed("a part is there twice"));
        }
    }
    let credential = credential.ok_or(Malformed("Credential is missing"))?;
    let mut fields = credential.split('/');
    let scope = (fields.next(), fields.next(), fields.next(), fields.next(), fields.next());
    let (Some(secret_id), Some(date), Some(service), Some(TERMINATOR), None) = scope else {
        return Err(Malformed("Credential must be SecretId/date/service/tc3_request"));
    };
    if secret_id.is_empty() || service.is_empty() || !is_date(date) {
        return Err(Malformed("Credential must be SecretId/date/service/tc3_request, the date as YYYY-MM-DD"));
    }
    let signed_headers = headers.ok_or(Malformed("SignedHeaders is missing"))?;
    let signs = |wanted: &str| signed_headers.split(';').any(|name| name == wanted);
    if !signs("host") || !signs("content-type") {
        return Err(Malformed("SignedHeaders must hold at least content-type and host"));
    }
    let signature = signature.and_then(unhex).ok_or(Malformed("Signature must be 64 hexadecimal digits"))?;
    Ok(Authorization { secret_id, date, service, signed_headers, signature })
}

fn is_date(text: &str) -> bool {
    let digit = |(index, byte): (usize, u8)| if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(digit)
}

/// Whether a credential scope's date is the UTC date of the request's timestamp.
pub fn is_date_of(date: &str, timestamp: i64) -> bool {
    let Ok(instant) = jiff::Timestamp::from_second(timestamp) else { return false };
    let day = jiff::tz::Offset::UTC.to_datetime(instant).date();
    let number = |range: std::ops::Range<usize>| date.get(range).and_then(|text| text.parse::<i16>().ok());
    number(0..4) == Some(day.year())
        && number(5..7) == Some(day.month().into())
        && number(8..10) == Some(day.day().into())
}

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Canonical<'a> {
    pub method: &'a str,
    /// The query exactly as it is on the wire; neither sorted nor encoded again.
    pub query: &'a str,
    /// Name and value of each signed header but `host`, in the order of `signed_headers`.
    pub headers: &'a [(&'a str, &'a str)],
    pub signed_headers: &'a str,
    /// [`payload_hash`] of the body.
    pub payload: [u8; 32],
}

/// The hash that stands for the body.
pub fn payload_hash(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

impl Canonical<'_> {
    fn digest(&self, host: &str, lower_values: bool) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.method, "\n/\n", self.query, "\n"] {
            hash.update(part);
        }
        let mut headers = self.headers.iter();
        for name in self.signed_headers.split(';') {
            let value = if name == "host" { host } else { headers.next().map_or("", |(_, value)| *value) };
            hash.update(name);
            hash.update(":");
            if lower_values {
                hash.update(value.trim().to_ascii_lowercase());
            } else {
                hash.update(value.trim());
            }
            hash.update("\n");
        }
        hash.update("\n");
        hash.update(self.signed_headers);
        hash.update("\n");
        hash.update(hex(&self.payload));
        hash.finalize().into()
    }
}

/// The key derived from a secret for one day and one service.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    pub fn derive(secret: &str, date: &str, service: &str) -> Self {
        let first = [b"TC3", secret.as_bytes()].concat();
        let date = mac(keyed(&first), &[date]);
        let service = mac(keyed(&date), &[service]);
        Self(keyed(&mac(keyed(&service), &[TERMINATOR])))
    }

    fn sign(&self, timestamp: &str, date: &str, service: &str, canonical: &[u8; 32]) -> [u8; 32] {
        let digest = hex(canonical);
        let digest = std::str::from_utf8(&digest).expect("hexadecimal digits are ASCII");
        let scope = [ALGORITHM, "\n", timestamp, "\n", date, "/", service, "/", TERMINATOR, "\n", digest];
        mac(self.0.clone(), &scope)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn mac(mut state: Hmac<Sha256>, parts: &[&str]) -> [u8; 32] {
    for part in parts {
        state.update(part.as_bytes());
    }
    state.finalize().into_bytes().into()
}

/// Whether the signature is right for any of the Host values that clients sign, with header values as they
/// came or, as the published hand-written samples have them, in lower case.
pub fn verify(
    authorization: &Authorization<'_>,
    request: &Canonical<'_>,
    host: &str,
    timestamp: &str,
    key: &SigningKey,
) -> bool {
    let matches = |host: &str, lower: bool| {
        let expected = key.sign(timestamp, authorization.date, authorization.service, &request.digest(host, lower));
        bool::from(expected.ct_eq(&authorization.signature))
    };
    host_variants(host).any(|host| matches(host, false)) || host_variants(host).any(|host| matches(host, true))
}

/// A request that a client is about to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub method: &'a str,
    /// As it will be on the wire, without the question mark; empty for POST.
    pub query: &'a str,
    pub host: &'a str,
    pub content_type: &'a str,
    pub body: &'a [u8],
    /// Unix seconds; goes into `X-TC-Timestamp` too.
    pub timestamp: i64,
    pub service: &'a str,
}

/// The value of the `Authorization` header for a request.
pub fn sign(secret_id: &str, secret: &str, request: &Outgoing<'_>) -> String {
    let signed_headers = "content-type;host";
    let canonical = Canonical {
        method: request.method,
        query: request.query,
        headers: &[("content-type", request.content_type)],
        signed_headers,
        payload: payload_hash(request.body),
    };
    let instant = jiff::Timestamp::from_second(request.timestamp).unwrap_or_default();
    let date = jiff::tz::Offset::UTC.to_datetime(instant).date().to_string();
    let key = SigningKey::derive(secret, &date, request.service);
    let digest = canonical.digest(request.host, false);
    let signature = hex(&key.sign(&request.timestamp.to_string(), &date, request.service, &digest));
    let signature = String::from_utf8_lossy(&signature);
    let service = request.service;
    format!(
        "{ALGORITHM} Credential={secret_id}/{date}/{service}/{TERMINATOR}, SignedHeaders={signed_headers}, Signature={signature}"
    )
}

fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(out)
}

#[cfg(test)]
mod tests;
