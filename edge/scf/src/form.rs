//! Reading urlencoded forms, queries and multipart bodies into names and values.

use crate::{error::ApiError, params::Node, signature::v1::Pair};
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// More than any action takes; bounds the work for a stranger's request.
const MOST_FIELDS: usize = 10_000;

/// Decodes `a=1&b=x+y%20z`.
pub fn pairs(text: &[u8]) -> Result<Vec<Pair<'_>>, ApiError> {
    let fields = text.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    let mut out = Vec::new();
    for field in fields {
        if out.len() == MOST_FIELDS {
            return Err(ApiError::new("InvalidParameter", "the request has too many parameters"));
        }
        let split = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
        out.push((decoded(&field[..split])?, decoded(field.get(split + 1..).unwrap_or_default())?));
    }
    Ok(out)
}

fn decoded(text: &[u8]) -> Result<Cow<'_, str>, ApiError> {
    let refuse = || ApiError::new("InvalidParameter", "a parameter is not UTF-8");
    if !text.contains(&b'+') {
        return percent_decode(text).decode_utf8().map_err(|_| refuse());
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| refuse())
}

/// The value of one field.
pub fn field<'a>(pairs: &'a [Pair<'_>], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
}

/// Grows the tree of the action's own parameters.
pub fn tree(pairs: &[Pair<'_>]) -> Result<Node, ApiError> {
    /// Belong to the protocol, not to any action.
    const COMMON: [&str; 11] = [
        "Action",
        "Version",
        "Region",
        "SecretId",
        "Timestamp",
        "Nonce",
        "SignatureMethod",
        "RequestClient",
        "Language",
        "Token",
        "Signature",
    ];
    let mut root = Node::default();
    for (key, value) in pairs.iter().filter(|(key, _)| !COMMON.contains(&key.as_ref())) {
        root.insert(key, Node::Leaf(value.clone().into_owned()))?;
    }
    Ok(root)
}

/// Reads a multipart body: one part per parameter, structured ones as JSON.
pub fn multipart(content_type: &str, body: &[u8]) -> Result<Node, ApiError> {
    let refuse = |why: &str| ApiError::new("InvalidRequest", format!("the multipart body is malformed: {why}"));
    let boundary = content_type
        .split(';')
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| (1..=70).contains(&value.len()))
        .ok_or_else(|| refuse("Content-Type names no boundary"))?;
    let mut root = Node::default();
    if body.is_empty() {
        return Ok(root);
    }
    let opening = format!("--{boundary}");
    let separator = format!("\r\n--{boundary}");
    let mut rest =
        body.strip_prefix(opening.as_bytes()).ok_or_else(|| refuse("it does not begin with the boundary"))?;
    for _ in 0..MOST_FIELDS {
        if rest.starts_with(b"--") {
            return Ok(root);
        }
        rest = rest.strip_prefix(b"\r\n").ok_or_else(|| refuse("a boundary is not followed by a new line"))?;
        let end = find(rest, separator.as_bytes()).ok_or_else(|| refuse("the last boundary is missing"))?;
        let (name, value) = part(&rest[..end]).ok_or_else(|| refuse("a part has no name, or is not UTF-8"))?;
        root.insert(name, value)?;
        rest = &rest[end + separator.len()..];
    }
    Err(refuse("it has too many parts"))
}

fn part(bytes: &[u8]) -> Option<(&str, Node)> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let value = std::str::from_utf8(&bytes[end + 4..]).ok()?;
    let header = |wanted: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let name = header("Content-Disposition")?
        .split(';')
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| *name == "name")
        .map(|(_, value)| value.trim_matches('"'))?;
    let is_json = header("Content-Type").is_some_and(|kind| kind.starts_with("application/json"));
    let node = if is_json { Node::Json(serde_json::from_str(value).ok()?) } else { Node::Leaf(value.to_owned()) };
    Some((name, node))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests;
