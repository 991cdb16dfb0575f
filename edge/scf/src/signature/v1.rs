//! Signature v1: HmacSHA1 and HmacSHA256 over the sorted, unescaped parameters.

use super::host_variants;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// A decoded form or query field.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The two hashes a client may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    HmacSha1,
    HmacSha256,
}

impl Method {
    /// Reads the field `SignatureMethod`; absent means HmacSHA1.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text.unwrap_or_default() {
            "" | "HmacSHA1" => Some(Self::HmacSha1),
            "HmacSHA256" => Some(Self::HmacSha256),
            _ => None,
        }
    }

    fn mac(self, secret: &str, text: &str) -> Vec<u8> {
        const ANY_LENGTH: &str = "HMAC takes keys of any length";
        match self {
            Self::HmacSha1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect(ANY_LENGTH);
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Self::HmacSha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect(ANY_LENGTH);
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
        }
    }
}

/// When keys are sorted: it matters where an underscore, which is signed as a period, decides the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sorted {
    AsSigned,
    AsSent,
}

fn string_to_sign(http_method: &str, host: &str, pairs: &[Pair<'_>], sorted: Sorted) -> String {
    let mut fields: Vec<(String, &Pair<'_>)> =
        pairs.iter().filter(|(key, _)| key != "Signature").map(|pair| (pair.0.replace('_', "."), pair)).collect();
    match sorted {
        Sorted::AsSigned => fields.sort_by(|a, b| a.0.cmp(&b.0)),
        Sorted::AsSent => fields.sort_by(|a, b| a.1.0.cmp(&b.1.0)),
    }
    let mut text = format!("{http_method}{host}/?");
    for (index, (key, (_, value))) in fields.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// The value of the field `Signature`, before it is percent-encoded.
pub fn sign(method: Method, secret: &str, http_method: &str, host: &str, pairs: &[Pair<'_>]) -> String {
    STANDARD.encode(method.mac(secret, &string_to_sign(http_method, host, pairs, Sorted::AsSigned)))
}

/// Whether `signature` is right for the other fields and any of the Host values that clients sign.
pub fn verify(
    method: Method,
    secret: &str,
    http_method: &str,
    host: &str,
    pairs: &[Pair<'_>],
    signature: &str,
) -> bool {
    let Ok(given) = STANDARD.decode(signature.trim()) else { return false };
    let matches = |host: &str, sorted: Sorted| {
        let expected = method.mac(secret, &string_to_sign(http_method, host, pairs, sorted));
        bool::from(expected.as_slice().ct_eq(&given))
    };
    let both = [Sorted::AsSigned, Sorted::AsSent];
    let sortings = if pairs.iter().any(|(key, _)| key.contains('_')) { &both[..] } else { &both[..1] };
    host_variants(host).any(|host| sortings.iter().any(|sorted| matches(host, *sorted)))
}

#[cfg(test)]
mod tests;
