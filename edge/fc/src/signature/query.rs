//! The forms in which clients put a query into what they sign.
//!
//! Some sign keys or values without encoding them. Such a form is tried only where it can be read one way: a
//! decoded `&` or `=` would let another query pass for the signed one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use std::borrow::Cow;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One key or value of a query, decoded; `+` is a blank.
pub fn decode_component(text: &str) -> Vec<u8> {
    let spaced: Cow<'_, [u8]> = match text.contains('+') {
        true => text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect::<Vec<u8>>().into(),
        false => text.as_bytes().into(),
    };
    percent_decode(&spaced).collect()
}

/// Key, value, and the pair as it was sent.
struct Pair<'a> {
    key: Vec<u8>,
    value: Vec<u8>,
    raw: &'a str,
}

fn sorted_pairs(query: &str) -> Vec<Pair<'_>> {
    let pair = |raw| {
        let (key, value) = str::split_once(raw, '=').unwrap_or((raw, ""));
        Pair { key: decode_component(key), value: decode_component(value), raw }
    };
    let mut pairs: Vec<Pair<'_>> = query.split('&').filter(|part| !part.is_empty()).map(pair).collect();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    pairs
}

/// Encoded values behind plain keys (Python), or encoded ones.
pub fn acs3_forms(query: &str) -> Vec<Vec<u8>> {
    let pairs = sorted_pairs(query);
    let encoded = |bytes: &[u8]| percent_encode(bytes, RESERVED).to_string().into_bytes();
    let form = |key_form: &dyn Fn(&[u8]) -> Vec<u8>| {
        let parts: Vec<Vec<u8>> =
            pairs.iter().map(|pair| [key_form(&pair.key), encoded(&pair.value)].join(&b'=')).collect();
        parts.join(&b'&')
    };
    let mut forms = vec![form(&encoded)];
    if pairs.iter().all(|pair| is_plain(&pair.key, b"=&\n")) {
        let plain = form(&|key: &[u8]| key.to_vec());
        if plain != forms[0] {
            forms.push(plain);
        }
    }
    forms
}

/// With its `?`: decoded, a key without a value bare; decoded with all `=`; as sent.
pub fn roa_forms(query: &str) -> Vec<Vec<u8>> {
    let pairs = sorted_pairs(query);
    if pairs.is_empty() {
        return vec![Vec::new()];
    }
    let form = |render: &dyn Fn(&Pair<'_>) -> Vec<u8>| {
        let parts: Vec<Vec<u8>> = pairs.iter().map(render).collect();
        [b"?".as_slice(), &parts.join(&b'&')].concat()
    };
    let with_sign = |pair: &Pair<'_>| [pair.key.as_slice(), &pair.value].join(&b'=');
    let bare = |pair: &Pair<'_>| if pair.value.is_empty() { pair.key.clone() } else { with_sign(pair) };
    let mut forms = vec![form(&|pair: &Pair<'_>| pair.raw.as_bytes().to_vec())];
    if pairs.iter().all(|pair| is_plain(&pair.key, b"=&\n") && is_plain(&pair.value, b"&\n")) {
        forms.extend([form(&bare), form(&with_sign)]);
        forms.dedup();
    }
    forms
}

fn is_plain(bytes: &[u8], forbidden: &[u8]) -> bool {
    !bytes.iter().any(|byte| forbidden.contains(byte))
}
