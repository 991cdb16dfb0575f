//! On-demand limits: the most instances that calls of a function through one alias, or of LATEST, may have besides
//! its provisioned ones.

use crate::{
    call::{Answer, Call},
    error::Refusal,
    fields::Fields,
    listing::Page,
    qualified::Qualified,
    reply,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use sluice_domain::{Entity, Error, ErrorKind, Field, OnDemandLimit};

pub async fn put(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    target.function(call, function)?;
    let instances = Fields::parse(&call.body)?.number("maximumInstanceCount")?;
    let instances =
        instances.ok_or_else(|| Error::missing(Field::OnDemandInstances, "maximumInstanceCount is required"))?;
    let key = call.function_key(target.service, function);
    let done = call.engine.put_on_demand(&key, target.name(), call.if_match(), instances.into()).await;
    Ok(shown(&done.map_err(|error| target.refusal(error, function))?))
}

pub fn get(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    let found = call.engine.on_demand(&call.function_key(target.service, function), target.name());
    Ok(shown(&found.map_err(|error| absent(error, call, &target, function))?))
}

pub async fn delete(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    let key = call.function_key(target.service, function);
    let done = call.engine.delete_on_demand(&key, target.name(), call.if_match()).await;
    done.map_err(|error| absent(error, call, &target, function))?;
    Ok(reply::no_content())
}

/// Sorted by resource, which `prefix` and `startKey` compare with.
pub fn list(call: &Call<'_>) -> Answer {
    let page = Page::of(&call.query())?;
    let limits = call.engine.on_demands(&call.scope);
    let mut limits: Vec<_> = limits.iter().map(|limit| (resource(limit), limit)).collect();
    limits.sort_by(|a, b| a.0.cmp(&b.0));
    if limits.is_empty() {
        // There is no list then, which clients rely on.
        return Ok(reply::ok(&json!({})));
    }
    Ok(reply::ok(&page.render("configs", &limits, |(resource, _)| resource, |(_, limit)| document(limit))))
}

/// Where there is no limit, the reason may be that there is no such function or alias.
fn absent(error: Error, call: &Call<'_>, target: &Qualified<'_>, function: &str) -> Refusal {
    if error.kind != ErrorKind::NotFound(Entity::Setting) {
        return target.refusal(error, function);
    }
    if let Err(refusal) = target.function(call, function) {
        return refusal;
    }
    let (service, qualifier) = (target.service, target.name());
    let message = format!("function '{function}' in service '{service}' has no on-demand config for '{qualifier}'");
    Refusal { message, ..error.into() }
}

fn shown(limit: &OnDemandLimit) -> Response<Bytes> {
    reply::json(StatusCode::OK, &document(limit), Some(&limit.etag()))
}

fn document(limit: &OnDemandLimit) -> Value {
    json!({"resource": resource(limit), "maximumInstanceCount": limit.instances})
}

fn resource(limit: &OnDemandLimit) -> String {
    format!("services/{}.{}/functions/{}", limit.function.namespace, limit.qualifier, limit.function.name)
}
