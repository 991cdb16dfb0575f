//! From method and path to an action.

use crate::{
    API_VERSIONS, Fc, account, aliases, auth,
    call::{Answer, Api, Call},
    functions, invocations, later, on_demand, provision,
    qualified::Qualified,
    services,
    signature::{collapse_slashes, decode_component},
    versions,
};
use bytes::Bytes;
use http::request::Parts;
use sluice_domain::RequestId;

pub async fn answer(fc: &Fc, parts: &Parts, body: Bytes, request_id: &RequestId) -> Answer {
    let mut segments: Vec<&str> = collapse_slashes(parts.uri.path()).split('/').skip(1).collect();
    while segments.last().is_some_and(|last| last.is_empty()) {
        segments.pop();
    }
    let mut api = Api::Classic;
    if let Some(version) = segments.first().and_then(|first| API_VERSIONS.iter().find(|version| **version == *first)) {
        api = if *version == API_VERSIONS[1] { Api::Open } else { Api::Classic };
        segments.remove(0);
    }
    if segments.first() == Some(&"proxy") {
        return later::proxy(&segments, request_id);
    }
    let scope = auth::authenticate(&fc.engine, parts, &body)?;
    let call = Call { api, engine: &fc.engine, scope, parts, body, request_id, public_base: fc.public_base.as_deref() };
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
            invocations::invoke(call, Qualified::of(call, service), function).await
        }
        (_, ["services", service, "functions", function, rest @ ..]) => {
            of_function(call, method, Qualified::of(call, service), function, rest)
                .await
                .unwrap_or_else(|| later::answer(call, segments))
        }
        (_, ["services", service, rest @ ..]) => of_service(call, method, Qualified::of(call, service), rest)
            .await
            .unwrap_or_else(|| later::answer(call, segments)),
        ("POST", ["services"]) => services::create(call).await,
        ("GET", ["services"]) => services::list(call),
        ("GET", ["provision-configs"]) => provision::list(call),
        ("GET", ["on-demand-configs"]) => on_demand::list(call),
        ("GET", ["reservedCapacities" | "reserved-capacities"]) => account::reserved_capacities(),
        ("GET", ["account-settings"]) => account::settings(call),
        ("GET", ["accountConfigs"]) => account::configs(call),
        _ => later::answer(call, segments),
    }
}

/// A call below `/services/{service}`; none if there is no such call here.
async fn of_service(call: &Call<'_>, method: &str, target: Qualified<'_>, rest: &[&str]) -> Option<Answer> {
    Some(match (method, rest) {
        ("GET", []) => services::get(call, target),
        ("PUT", []) => services::update(call, target).await,
        ("DELETE", []) => services::delete(call, target).await,
        ("POST", ["functions"]) => functions::create(call, target).await,
        ("GET", ["functions"]) => functions::list(call, target),
        ("POST", ["versions"]) => versions::publish(call, target.service).await,
        ("GET", ["versions"]) => versions::list(call, target.service),
        ("PUT", ["versions", id]) => versions::update(target.service, id),
        ("DELETE", ["versions", id]) => versions::delete(call, target.service, id).await,
        ("POST", ["aliases"]) => aliases::create(call, target.service).await,
        ("GET", ["aliases"]) => aliases::list(call, target.service),
        ("GET", ["aliases", alias]) => aliases::get(call, target.service, alias),
        ("PUT", ["aliases", alias]) => aliases::update(call, target.service, alias).await,
        ("DELETE", ["aliases", alias]) => aliases::delete(call, target.service, alias).await,
        _ => return None,
    })
}

/// A call below `/services/{service}/functions/{function}`; none if there is no such call here.
async fn of_function(
    call: &Call<'_>,
    method: &str,
    target: Qualified<'_>,
    function: &str,
    rest: &[&str],
) -> Option<Answer> {
    Some(match (method, rest) {
        ("GET", []) => functions::get(call, target, function),
        ("PUT", []) => functions::update(call, target, function).await,
        ("DELETE", []) => functions::delete(call, target, function).await,
        ("GET", ["code"]) => functions::code_link(call, target, function),
        ("PUT", ["provision-config"]) => provision::put(call, target, function).await,
        ("GET", ["provision-config"]) => provision::get(call, target, function),
        ("PUT", ["on-demand-config"]) => on_demand::put(call, target, function).await,
        ("GET", ["on-demand-config"]) => on_demand::get(call, target, function),
        ("DELETE", ["on-demand-config"]) => on_demand::delete(call, target, function).await,
        _ => return None,
    })
}
