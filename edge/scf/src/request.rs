//! Reading the shapes of API 3.0 requests: where the action, the version and the parameters are.
//!
//! Two signatures times several bodies make six shapes. They differ only here; from [`Incoming`] on, a
//! request is a request. Routing is by path alone, since one client sends `POST /?` with an empty query.

use crate::{
    error::ApiError,
    form,
    params::{Node, Params},
    signature::{tc3, v1::Pair},
};
use http::{HeaderMap, Method, header, request::Parts};

/// What signs a request.
#[derive(Debug)]
pub enum Credentials<'a> {
    /// In the header `Authorization`.
    Tc3 { authorization: &'a str },
    /// In the fields of the form or query.
    V1 { fields: Vec<Pair<'a>> },
}

/// A request that has been understood and not yet believed.
#[derive(Debug)]
pub struct Incoming<'a> {
    pub credentials: Credentials<'a>,
    pub action: String,
    pub version: String,
    pub region: String,
    pub params: Params<'a>,
}

/// Whether a request to this path and with these headers is for API 3.0.
pub fn claims(parts: &Parts) -> bool {
    if parts.uri.path() != "/" {
        return false;
    }
    let has_action = |query: &str| query.split('&').any(|field| field.starts_with("Action="));
    parts.headers.keys().any(|name| name.as_str().starts_with("x-tc-"))
        || text(&parts.headers, "authorization").is_some_and(|value| value.starts_with("TC3-"))
        || parts.uri.query().is_some_and(has_action)
        || (parts.method == Method::POST && media_type(&parts.headers) == FORM)
}

/// A header's value, if it is text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(headers.get(name)?.as_bytes()).ok().map(str::trim)
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn media_type(headers: &HeaderMap) -> String {
    let value = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a request, whatever its shape.
pub fn read<'a>(parts: &'a Parts, body: &'a [u8]) -> Result<Incoming<'a>, ApiError> {
    let authorization = text(&parts.headers, "authorization");
    match (&parts.method, authorization) {
        (&Method::GET | &Method::POST, Some(authorization)) => tc3_request(parts, body, authorization),
        (&Method::GET, None) => v1_request(form::pairs(query(parts).as_bytes())?),
        (&Method::POST, None) if media_type(&parts.headers) == FORM => v1_request(form::pairs(body)?),
        (&Method::POST, None) => Err(ApiError::new(
            "AuthFailure.InvalidAuthorization",
            "the request is not signed: it has no Authorization header",
        )),
        (method, _) => {
            Err(ApiError::new("UnsupportedProtocol", format!("method {method} is not supported: use POST or GET")))
        }
    }
}

pub fn query(parts: &Parts) -> &str {
    parts.uri.query().unwrap_or_default()
}

fn tc3_request<'a>(parts: &'a Parts, body: &'a [u8], authorization: &'a str) -> Result<Incoming<'a>, ApiError> {
    let headers = &parts.headers;
    let required =
        |name: &str| text(headers, name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name));
    let action = required("X-TC-Action")?.to_owned();
    let params = if parts.method == Method::GET {
        Params::Tree(form::tree(&form::pairs(query(parts).as_bytes())?)?)
    } else {
        body_params(headers, &action, body)?
    };
    Ok(Incoming {
        credentials: Credentials::Tc3 { authorization },
        action,
        version: required("X-TC-Version")?.to_owned(),
        region: text(headers, "X-TC-Region").unwrap_or_default().to_owned(),
        params,
    })
}

fn body_params<'a>(headers: &HeaderMap, action: &str, body: &'a [u8]) -> Result<Params<'a>, ApiError> {
    if text(headers, "content-type") == Some(JSON) {
        return Ok(Params::Json(body));
    }
    match media_type(headers).as_str() {
        JSON => Ok(Params::Json(body)),
        FORM => form::tree(&form::pairs(body)?).map(Params::Tree),
        "multipart/form-data" => {
            let content_type = text(headers, "content-type").unwrap_or_default();
            form::multipart(content_type, body).map(Params::Tree)
        }
        "application/octet-stream" => octet_stream(headers, action, body).map(Params::Tree),
        other => Err(ApiError::new(
            "UnsupportedProtocol",
            format!("Content-Type '{other}' is not supported: use application/json"),
        )),
    }
}

/// Parameters as headers, and the body is the event. Only invocations have a use for this shape.
fn octet_stream(headers: &HeaderMap, action: &str, body: &[u8]) -> Result<Node, ApiError> {
    const NAMES: [&str; 6] = ["FunctionName", "Namespace", "Qualifier", "InvocationType", "LogType", "RoutingKey"];
    let event = match action {
        "Invoke" => "ClientContext",
        "InvokeFunction" => "Event",
        _ => {
            let message = format!("{action} does not take application/octet-stream: use application/json");
            return Err(ApiError::new("UnsupportedProtocol", message));
        }
    };
    let body = std::str::from_utf8(body)
        .map_err(|_| ApiError::new("InvalidParameterValue.Param", "the event must be JSON, in UTF-8"))?;
    let mut root = Node::default();
    root.insert(event, Node::Leaf(body.to_owned()))?;
    for name in NAMES {
        if let Some(value) = text(headers, name) {
            root.insert(name, Node::Leaf(value.to_owned()))?;
        }
    }
    Ok(root)
}

fn v1_request(fields: Vec<Pair<'_>>) -> Result<Incoming<'_>, ApiError> {
    let required = |name: &str| {
        form::field(&fields, name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    };
    Ok(Incoming {
        action: required("Action")?.to_owned(),
        version: required("Version")?.to_owned(),
        region: form::field(&fields, "Region").unwrap_or_default().to_owned(),
        params: Params::Tree(form::tree(&fields)?),
        credentials: Credentials::V1 { fields },
    })
}

/// The headers that a TC3 signature names, `host` excepted, with their values.
pub fn signed_headers<'a>(headers: &'a HeaderMap, names: &'a str) -> Result<Vec<(&'a str, &'a str)>, ApiError> {
    let wanted = names.split(';').filter(|name| *name != "host");
    let value = |name: &'a str| {
        let refuse = || {
            let message = format!("header '{name}' is in SignedHeaders and not in the request");
            ApiError::new("AuthFailure.SignatureFailure", message)
        };
        text(headers, name).map(|value| (name, value)).ok_or_else(refuse)
    };
    wanted.map(value).collect()
}

/// The hash that stands for the body in a TC3 signature.
pub fn signed_payload(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let unsigned = text(&parts.headers, "x-tc-content-sha256") == Some(tc3::UNSIGNED_PAYLOAD);
    match (unsigned, parts.method == Method::GET) {
        (true, _) => tc3::payload_hash(tc3::UNSIGNED_PAYLOAD.as_bytes()),
        (false, true) => tc3::payload_hash(b""),
        (false, false) => tc3::payload_hash(body),
    }
}
