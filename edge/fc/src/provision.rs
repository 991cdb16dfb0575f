//! Provisioned instances: how many of them a function keeps started for one version or alias, and how that number
//! moves by schedule and by load.
//!
//! `target` of a read is the number in force now, which clients wait for `current` to reach; what was set stands
//! beside it as `defaultTarget`. There is no DELETE: a target of 0 with no lists releases everything (spec: FRE-02).

mod document;
mod settings;

use crate::{
    call::{Answer, Call},
    error::Refusal,
    fields::Fields,
    listing::Page,
    qualified::Qualified,
    reply,
};
use bytes::Bytes;
use document::Shown;
use http::{Response, StatusCode};
use sluice_domain::Dialect;
use sluice_engine::ProvisionView;

/// Replaces the whole setting: what is absent is cleared.
pub async fn put(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    // That there is no such function or alias comes before what is wrong with the body.
    target.function(call, function)?;
    let config = settings::read(&mut Fields::parse(&call.body)?)?;
    let key = call.function_key(target.service, function);
    let about = |error| target.refusal(error, function);
    let set = config.target;
    let view = call.engine.put_provision(&key, target.name(), call.if_match(), config).await.map_err(about)?;
    Ok(shown(document::set(&Shown::of(&view), set)))
}

pub fn get(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    Ok(shown(document::found(&find(call, &target, function)?)))
}

/// By function, then by qualifier; those of one service, or of one qualifier of it, if asked.
pub fn list(call: &Call<'_>) -> Answer {
    let query = call.query();
    let page = Page::of(&query)?;
    let (service, qualifier) = (query.get("serviceName"), query.get("qualifier"));
    if qualifier.is_some() && service.is_none() {
        return Err(Refusal::invalid("qualifier is only allowed together with serviceName"));
    }
    if let Some(service) = service {
        let known = call.engine.namespace(&call.service_key(service));
        known.map_err(|error| Refusal::about(error, service, ""))?;
    }
    let views = call.engine.provisions(&call.scope, Dialect::Fc);
    let mut found: Vec<Shown> = views
        .iter()
        .filter(|view| !is_released(view))
        .filter(|view| service.is_none_or(|service| view.provision.function.namespace == service))
        .filter(|view| qualifier.is_none_or(|qualifier| view.provision.qualifier == qualifier))
        .map(Shown::of)
        .collect();
    found.sort_by(|a, b| a.resource.cmp(&b.resource));
    Ok(reply::ok(&page.render("provisionConfigs", &found, |shown| &shown.resource, |shown| document::found(shown).0)))
}

/// Whether nothing is left of a setting that was taken back.
fn is_released(view: &ProvisionView) -> bool {
    let config = &view.provision.config;
    view.ready == 0 && config.target == 0 && config.actions.is_empty() && config.tracking.is_empty()
}

/// What is set for a function at a qualifier; where nothing is, a target of 0.
fn find(call: &Call<'_>, target: &Qualified<'_>, function: &str) -> Result<Shown, Refusal> {
    target.function(call, function)?;
    let key = call.function_key(target.service, function);
    let view = call.engine.provision(&key, target.name()).map_err(|error| target.refusal(error, function))?;
    Ok(view.map_or_else(|| Shown::nothing(&key, target.name()), |view| Shown::of(&view)))
}

fn shown((document, etag): (serde_json::Value, String)) -> Response<Bytes> {
    reply::json(StatusCode::OK, &document, Some(&etag))
}
