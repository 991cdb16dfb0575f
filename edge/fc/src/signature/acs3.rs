//! The scheme `ACS3-HMAC-SHA256`: a canonical request of method, path, query, the headers that the client chose
//! to sign, and the hash of the body. Which headers those are differs by client, so `SignedHeaders` is believed,
//! except that the date must be one of them.

use super::{Credential, Fault, Scheme, SignedRequest, header_bytes, path_forms, query, window};
use crate::host;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// `Credential=…,SignedHeaders=a;b,Signature=…`, in any order, with or without blanks after the commas.
pub fn parse(rest: &str) -> Result<Credential<'_>, Fault> {
    let mut credential = Credential { scheme: Scheme::Acs3, key_id: "", signature: "", signed_headers: "" };
    for part in rest.split(',') {
        match part.trim().split_once('=') {
            Some(("Credential", value)) => credential.key_id = value,
            Some(("SignedHeaders", value)) => credential.signed_headers = value,
            Some(("Signature", value)) => credential.signature = value,
            _ => {}
        }
    }
    if credential.key_id.is_empty() || credential.signature.is_empty() || credential.signed_headers.is_empty() {
        return Err(Fault::Malformed(format!("an {ALGORITHM} header needs Credential, SignedHeaders and Signature")));
    }
    Ok(credential)
}

pub fn verify(credential: &Credential<'_>, request: &SignedRequest<'_>, secret: &[u8], now: i64) -> Result<(), Fault> {
    check_date(credential, request.headers, now)?;
    let hash = hex(&Sha256::digest(request.body));
    let claimed = header_bytes(request.headers, "x-acs-content-sha256");
    if !claimed.is_empty() && !claimed.eq_ignore_ascii_case(hash.as_bytes()) {
        return Err(Fault::BodyChanged);
    }
    let tag = unhex(credential.signature).ok_or(Fault::Mismatch)?;
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    let queries = query::acs3_forms(request.query);
    let tails = tails(credential, request.headers, &hash);
    for path in path_forms(request.path) {
        for query in &queries {
            for tail in &tails {
                let canonical = [request.method.as_bytes(), &path, query, tail].join(&b'\n');
                let signed = format!("{ALGORITHM}\n{}", hex(&Sha256::digest(canonical)));
                if mac.clone().chain_update(signed).verify_slice(&tag).is_ok() {
                    return Ok(());
                }
            }
        }
    }
    Err(Fault::Mismatch)
}

fn check_date(credential: &Credential<'_>, headers: &HeaderMap, now: i64) -> Result<(), Fault> {
    let name = if headers.contains_key("x-acs-date") { "x-acs-date" } else { "date" };
    let date = headers.get(name).ok_or(Fault::MissingHeader("x-acs-date"))?;
    if !credential.signed_headers.split(';').any(|signed| signed.eq_ignore_ascii_case(name)) {
        return Err(Fault::DateNotSigned(name));
    }
    window::check(date.as_bytes(), now)
}

/// What follows the query in the canonical request. There are two when Host came in a form that the client may
/// not have signed: as a whole address, or with a slash at its end.
fn tails(credential: &Credential<'_>, headers: &HeaderMap, hash: &str) -> Vec<Vec<u8>> {
    let host = header_bytes(headers, "host");
    let bare = std::str::from_utf8(host).map_or(host, |text| host::bare(text).as_bytes());
    let hosts: &[&[u8]] = if bare == host { &[host] } else { &[host, bare] };
    hosts.iter().map(|host| tail(credential, headers, host, hash)).collect()
}

fn tail(credential: &Credential<'_>, headers: &HeaderMap, host: &[u8], hash: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for name in credential.signed_headers.split(';') {
        let mut values: Vec<&[u8]> = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        if name.eq_ignore_ascii_case("host") && !values.is_empty() {
            values = vec![host];
        }
        values.sort_unstable();
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(&values.join(&b','));
        out.push(b'\n');
    }
    for part in ["\n", credential.signed_headers, "\n", hash] {
        out.extend_from_slice(part.as_bytes());
    }
    out
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pair = |byte: &u8| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char];
    bytes.iter().flat_map(pair).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(out)
}
