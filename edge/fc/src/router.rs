//! From method and path to an action.

use crate::{
    API_VERSIONS, Fc, account, auth,
    call::{Answer, Call},
    error::Refusal,
    functions, invocations, later, services,
    signature::{collapse_slashes, decode_component},
};
use bytes::Bytes;
use http::request::Parts;
use sluice_domain::RequestId;

pub async fn answer(fc: &Fc, parts: &Parts, body: Bytes, request_id: &RequestId) -> Answer {
    let mut segments: Vec<&str> = collapse_slashes(parts.uri.path()).split('/').skip(1).collect();
    while segments.last().is_some_and(|last| last.is_empty()) {
        segments.pop();
    }
    if segments.first().is_some_and(|first| API_VERSIONS.contains(first)) {
        segments.remove(0);
    }
    if segments.first() == Some(&"proxy") {
        return later::proxy(&segments, request_id);
    }
    let scope = auth::authenticate(&fc.engine, parts, &body)?;
    let call = Call { engine: &fc.engine, scope, parts, body, request_id, public_base: fc.public_base.as_deref() };
    if !parts.uri.path().contains('%') {
        return dispatch(&call, &segments).await;
    }
    let decoded: Vec<String> =
        segments.iter().map(|segment| String::from_utf8_lossy(&decode_component(segment)).into_owned()).collect();
    dispatch(&call, &decoded.iter().map(String::as_str).collect::<Vec<_>>()).await
}

async fn dispatch(call: &Call<'_>, segments: &[&str]) -> Answer {
    let method = call.parts.method.as_str();
    match (method, segments) {
        ("POST", ["services", service, "functions", function, "invocations"]) => {
            let target = Qualified::of(call, service);
            invocations::invoke(call, target, function).await
        }
        ("POST", ["services"]) => services::create(call).await,
        ("GET", ["services"]) => services::list(call),
        ("GET", ["services", service]) => services::get(call, Qualified::of(call, service)),
        ("PUT", ["services", service]) => services::update(call, service).await,
        ("DELETE", ["services", service]) => services::delete(call, service).await,
        ("POST", ["services", service, "functions"]) => functions::create(call, service).await,
        ("GET", ["services", service, "functions"]) => functions::list(call, Qualified::of(call, service)),
        ("GET", ["services", service, "functions", function]) => {
            functions::get(call, Qualified::of(call, service), function)
        }
        ("PUT", ["services", service, "functions", function]) => functions::update(call, service, function).await,
        ("DELETE", ["services", service, "functions", function]) => functions::delete(call, service, function).await,
        ("GET", ["services", service, "functions", function, "code"]) => {
            functions::code_link(call, Qualified::of(call, service), function)
        }
        ("GET", ["account-settings"]) => account::settings(call),
        ("GET", ["accountConfigs"]) => account::configs(call),
        _ => later::answer(call, segments),
    }
}

/// A service and the version or alias of it that is meant: `name.qualifier` in the older API, `?qualifier=` in
/// the newer one.
#[derive(Clone, Debug)]
pub struct Qualified<'a> {
    pub service: &'a str,
    /// As the caller wrote it; empty when it wrote none.
    pub qualifier: String,
}

impl<'a> Qualified<'a> {
    pub fn of(call: &Call<'_>, segment: &'a str) -> Self {
        if let Some((service, qualifier)) = segment.split_once('.') {
            return Self { service, qualifier: qualifier.to_owned() };
        }
        let qualifier = match call.parts.uri.query() {
            None => String::new(),
            Some(_) => call.query().get("qualifier").unwrap_or_default().to_owned(),
        };
        Self { service: segment, qualifier }
    }

    /// Nothing but LATEST can be published yet. An unknown service is said to be so first.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let Self { service, qualifier } = self;
        if qualifier.is_empty() || qualifier == "LATEST" {
            return Ok(());
        }
        call.engine.namespace(&call.service_key(service)).map_err(|error| Refusal::about(error, service, ""))?;
        Err(match qualifier.bytes().all(|byte| byte.is_ascii_digit()) {
            true => version_not_found(qualifier, service),
            false => alias_not_found(qualifier, service),
        })
    }
}

pub fn version_not_found(version: &str, service: &str) -> Refusal {
    Refusal::not_found("VersionNotFound", format!("version '{version}' of service '{service}' does not exist"))
}

pub fn alias_not_found(alias: &str, service: &str) -> Refusal {
    Refusal::not_found("AliasNotFound", format!("alias '{alias}' of service '{service}' does not exist"))
}
