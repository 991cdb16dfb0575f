//! Signatures of the FC API: parsing, checking and, for our own client, making them.
//!
//! Three schemes reach this API. `FC` is that of all 2016-08-15 clients; `ACS3-HMAC-SHA256` that of FC-Open
//! clients; `acs` is the older form that FC-Open clients may be set to. Clients disagree on details (which form
//! of the path they sign, whether keys of the query are encoded, what they put into Host), so a check tries the
//! few forms that are known to occur and accepts any. Content-MD5 is signed as text and never compared with the
//! body, because three encodings of it are in use.
//!
//! Everything here is a pure function of its arguments, so that it can be fuzzed.

mod acs3;
mod fc;
mod query;
mod roa;
mod window;

#[cfg(test)]
mod tests;

pub use fc::sign as sign_fc;
pub(crate) use query::decode_component;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What of a request its signature speaks of.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// As received: still percent-encoded, with all its leading slashes.
    pub path: &'a str,
    /// As received, without `?`; empty when there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Fc,
    Acs3,
    Roa,
}

/// An Authorization header, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<'a> {
    pub scheme: Scheme,
    pub key_id: &'a str,
    signature: &'a str,
    /// ACS3 only: the names that were signed, joined by `;`.
    signed_headers: &'a str,
}

/// What is wrong with a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A header that the scheme needs is absent.
    MissingHeader(&'static str),
    /// The Authorization header is in none of the known forms.
    Malformed(String),
    /// The date cannot be read.
    BadDate(String),
    /// The date is too far from the server's time, either way.
    Expired(String),
    /// `x-acs-content-sha256` is not the hash of the body.
    BodyChanged,
    /// The date is not among the signed headers, so anyone could replace it.
    DateNotSigned(&'static str),
    /// Another key, or another request.
    Mismatch,
}

/// Takes an Authorization header apart.
pub fn parse(authorization: &str) -> Result<Credential<'_>, Fault> {
    let (word, rest) = authorization.trim().split_once(' ').unwrap_or((authorization, ""));
    match word {
        "FC" => key_and_signature(Scheme::Fc, rest),
        "acs" => key_and_signature(Scheme::Roa, rest),
        "ACS3-HMAC-SHA256" => acs3::parse(rest),
        other => Err(Fault::Malformed(format!(
            "signature scheme '{}' is not known: use FC, ACS3-HMAC-SHA256 or acs",
            other.chars().take(32).collect::<String>()
        ))),
    }
}

fn key_and_signature(scheme: Scheme, rest: &str) -> Result<Credential<'_>, Fault> {
    match rest.trim().rsplit_once(':') {
        Some((key_id, signature)) if !key_id.is_empty() => {
            Ok(Credential { scheme, key_id, signature, signed_headers: "" })
        }
        _ => Err(Fault::Malformed("the Authorization header must end in {access key id}:{signature}".to_owned())),
    }
}

impl Credential<'_> {
    /// Checks that the holder of `secret` signed `request`, within 15 minutes of `now` (seconds since 1970).
    pub fn verify(&self, request: &SignedRequest<'_>, secret: &[u8], now: i64) -> Result<(), Fault> {
        match self.scheme {
            Scheme::Fc => fc::verify(self, request, secret, now),
            Scheme::Acs3 => acs3::verify(self, request, secret, now),
            Scheme::Roa => roa::verify(self, request, secret, now),
        }
    }
}

/// The path with one leading slash: an endpoint that ends in a slash makes clients send two, and sign one.
pub fn collapse_slashes(path: &str) -> &str {
    let extra = path.bytes().take_while(|byte| *byte == b'/').count().saturating_sub(1);
    &path[extra..]
}

/// The forms of a path that clients are known to sign, likeliest first.
fn path_forms(path: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let collapsed = collapse_slashes(path);
    let doubled = (collapsed.len() != path.len()).then_some(path);
    std::iter::once(collapsed).chain(doubled).flat_map(|text| {
        let decoded = text.contains('%').then(|| Cow::<[u8]>::from(percent_decode_str(text)));
        std::iter::once(Cow::Borrowed(text.as_bytes())).chain(decoded)
    })
}

/// A header as it was sent; empty when absent.
fn header_bytes<'a>(headers: &'a HeaderMap, name: &str) -> &'a [u8] {
    headers.get(name).map_or(b"", |value| value.as_bytes())
}

/// Calls `emit` with each header whose name begins with `prefix`, by name; a repeated one with all its values,
/// so that none can be added to a signed request.
fn each_with_prefix(headers: &HeaderMap, prefix: &str, mut emit: impl FnMut(&[u8])) {
    let mut names: Vec<&str> =
        headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with(prefix)).collect();
    names.sort_unstable();
    for name in names {
        emit(name.as_bytes());
        emit(b":");
        for (index, value) in headers.get_all(name).iter().enumerate() {
            if index > 0 {
                emit(b",");
            }
            emit(value.as_bytes());
        }
        emit(b"\n");
    }
}
