//! Resources of the vendor's API that are not offered yet.
//!
//! Deployment tools list and read them before they write anything, so reads answer as an account without any
//! would: with an empty list, or with the code that says this one does not exist. Writes are refused in words.

use crate::{
    call::{Answer, Call},
    error::Refusal,
    qualified::Qualified,
    reply,
};
use http::HeaderValue;
use serde_json::{Value, json};
use sluice_domain::RequestId;

/// First segments of calls that exist in the vendor's API.
const KNOWN_ROOTS: &[&str] = &[
    "services",
    "custom-domains",
    "provision-configs",
    "on-demand-configs",
    "layers",
    "layerarn",
    "adminlayers",
    "tag",
    "tags",
    "tempBucketToken",
    "reservedCapacities",
    "reserved-capacities",
    "stateful-async-invocation-functions",
    "gpuInstances",
];

pub fn answer(call: &Call<'_>, segments: &[&str]) -> Answer {
    let method = call.parts.method.as_str();
    match segments {
        ["services", service, "functions", function, rest @ ..] if !rest.is_empty() => {
            of_function(call, method, Qualified::of(call, service), function, rest)
        }
        ["services", service, rest @ ..] if !rest.is_empty() => {
            of_service(call, method, Qualified::of(call, service), rest)
        }
        ["custom-domains"] if method == "GET" => empty("customDomains"),
        ["custom-domains", domain] if is_one(method) => {
            Err(Refusal::not_found("DomainNameNotFound", format!("domain name '{domain}' does not exist")))
        }
        ["tags"] if method == "GET" => empty("resources"),
        ["layers"] if method == "GET" => empty("layers"),
        [root, ..] if KNOWN_ROOTS.contains(root) => Err(Refusal::not_offered(method, call.parts.uri.path())),
        _ => Err(Refusal::no_such_path(method, call.parts.uri.path())),
    }
}

fn of_function(call: &Call<'_>, method: &str, target: Qualified<'_>, function: &str, rest: &[&str]) -> Answer {
    target.function(call, function)?;
    let service = target.service;
    match (method, rest) {
        ("GET", ["triggers"]) => empty("triggers"),
        (_, ["triggers", trigger]) if is_one(method) => {
            let message =
                format!("trigger '{trigger}' does not exist in service '{service}' and function '{function}'");
            Err(Refusal::not_found("TriggerNotFound", message))
        }
        ("GET" | "DELETE", ["async-invoke-config"]) => {
            let message = format!("function '{function}' in service '{service}' has no async invoke config");
            Err(Refusal::not_found("AsyncConfigNotExists", message))
        }
        ("GET", ["async-invoke-configs"]) => Ok(reply::ok(&json!({"configs": [], "nextToken": ""}))),
        _ => Err(Refusal::not_offered(method, call.parts.uri.path())),
    }
}

fn of_service(call: &Call<'_>, method: &str, target: Qualified<'_>, rest: &[&str]) -> Answer {
    let service = target.service;
    call.engine.namespace(&call.service_key(service)).map_err(|error| Refusal::about(error, service, ""))?;
    match (method, rest) {
        ("GET", ["bindings"]) => Ok(reply::ok(&json!({"vpcIds": []}))),
        _ => Err(Refusal::not_offered(method, call.parts.uri.path())),
    }
}

/// An HTTP trigger's address. There are no HTTP triggers, and whether one exists is told before anyone has to
/// sign, as it is for triggers without authentication.
pub fn proxy(segments: &[&str], request_id: &RequestId) -> Answer {
    let (service, function) = match segments {
        [_, service, function, ..] => (*service, *function),
        _ => ("", ""),
    };
    let message = format!("function '{function}' in service '{service}' has no HTTP trigger");
    let mut response = Refusal::not_found("TriggerNotFound", message).into_response(request_id);
    response.headers_mut().insert("x-fc-error-type", HeaderValue::from_static("FcCommonError"));
    Ok(response)
}

/// A method on a single resource that has to exist for it.
fn is_one(method: &str) -> bool {
    matches!(method, "GET" | "PUT" | "DELETE")
}

fn empty(list: &str) -> Answer {
    Ok(reply::ok(&Value::Object([(list.to_owned(), json!([]))].into_iter().collect())))
}
