//! Who is calling: the access key of a request whose signature is right and whose time is now.

use crate::{
    error::ApiError,
    form,
    request::{Credentials, Incoming, query, signed_headers, signed_payload, text},
    signature::{SigningKeys, parse_authorization, tc3, v1, within_window},
};
use http::{HeaderMap, request::Parts};
use secrecy::ExposeSecret;
use sluice_engine::{AccessKey, Engine};

/// Checks the signature, the time and the token, in that order of what they give away.
pub fn authenticate<'a>(
    engine: &'a Engine,
    keys: &SigningKeys,
    parts: &Parts,
    body: &[u8],
    incoming: &Incoming<'_>,
) -> Result<&'a AccessKey, ApiError> {
    let now = engine.real_now().seconds();
    match &incoming.credentials {
        Credentials::Tc3 { authorization } => check_tc3(engine, keys, parts, body, authorization, now),
        Credentials::V1 { fields } => check_v1(engine, parts, fields, now),
    }
}

fn check_tc3<'a>(
    engine: &'a Engine,
    keys: &SigningKeys,
    parts: &Parts,
    body: &[u8],
    authorization: &str,
    now: i64,
) -> Result<&'a AccessKey, ApiError> {
    let authorization = parse_authorization(authorization)
        .map_err(|cause| ApiError::new("AuthFailure.InvalidAuthorization", format!("Authorization: {}", cause.0)))?;
    let timestamp = text(&parts.headers, "x-tc-timestamp").ok_or_else(|| ApiError::missing("X-TC-Timestamp"))?;
    let seconds = check_time(timestamp, now)?;
    if !tc3::is_date_of(authorization.date, seconds) {
        let date = authorization.date;
        let message = format!("the date {date} in Credential is not the UTC date of X-TC-Timestamp {timestamp}");
        return Err(ApiError::new("AuthFailure.SignatureFailure", message));
    }
    let access = access_key(engine, authorization.secret_id)?;
    let canonical = tc3::Canonical {
        method: parts.method.as_str(),
        query: query(parts),
        headers: &signed_headers(&parts.headers, authorization.signed_headers)?,
        signed_headers: authorization.signed_headers,
        payload: signed_payload(parts, body),
    };
    let scope = (authorization.date, authorization.service);
    let cached = keys.get(&access.id, &access.secret, scope.0, scope.1);
    let known = cached.is_some();
    let key = cached.unwrap_or_else(|| tc3::SigningKey::derive(access.secret.expose_secret(), scope.0, scope.1));
    if !tc3::verify(&authorization, &canonical, host(&parts.headers)?, timestamp, &key) {
        return Err(mismatch());
    }
    if !known {
        keys.keep(&access.id, &access.secret, scope.0, scope.1, key);
    }
    check_token(text(&parts.headers, "x-tc-token"))?;
    Ok(access)
}

fn check_v1<'a>(
    engine: &'a Engine,
    parts: &Parts,
    fields: &[v1::Pair<'_>],
    now: i64,
) -> Result<&'a AccessKey, ApiError> {
    let required =
        |name: &str| form::field(fields, name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name));
    let (id, signature) = (required("SecretId")?, required("Signature")?);
    required("Nonce")?;
    check_time(required("Timestamp")?, now)?;
    let name = form::field(fields, "SignatureMethod");
    let method = v1::Method::parse(name).ok_or_else(|| {
        let message = format!("SignatureMethod '{}' is unknown: use HmacSHA1 or HmacSHA256", name.unwrap_or_default());
        ApiError::new("InvalidParameterValue", message)
    })?;
    let access = access_key(engine, id)?;
    let secret = access.secret.expose_secret();
    if !v1::verify(method, secret, parts.method.as_str(), host(&parts.headers)?, fields, signature) {
        return Err(mismatch());
    }
    check_token(form::field(fields, "Token"))?;
    Ok(access)
}

fn host(headers: &HeaderMap) -> Result<&str, ApiError> {
    text(headers, "host").ok_or_else(|| ApiError::new("InvalidRequest", "the request has no Host header"))
}

fn check_time(timestamp: &str, now: i64) -> Result<i64, ApiError> {
    let seconds: i64 = timestamp.parse().map_err(|_| {
        ApiError::new("InvalidParameter", "the timestamp must be seconds since 1970, as a decimal number")
    })?;
    if within_window(seconds, now) {
        return Ok(seconds);
    }
    let message = format!(
        "the request's time {seconds} is more than 5 minutes from the server's time {now}: check the client's clock"
    );
    Err(ApiError::new("AuthFailure.SignatureExpire", message))
}

fn access_key<'a>(engine: &'a Engine, id: &str) -> Result<&'a AccessKey, ApiError> {
    engine.access_key(id).ok_or_else(|| {
        ApiError::new("AuthFailure.SecretIdNotFound", "the SecretId is not found: check the credentials")
    })
}

fn mismatch() -> ApiError {
    ApiError::new(
        "AuthFailure.SignatureFailure",
        "the signature does not match the request: check the SecretKey, and that nothing changed the request on its way",
    )
}

/// Temporary credentials do not exist here, so no token can be right.
fn check_token(token: Option<&str>) -> Result<(), ApiError> {
    match token {
        None | Some("") => Ok(()),
        Some(_) => Err(ApiError::new("AuthFailure.TokenFailure", "the token does not belong to this SecretId")),
    }
}
