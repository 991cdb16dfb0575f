//! Services: namespaces with the settings that all their functions share.

mod document;

use crate::{
    call::{Answer, Call},
    error::Refusal,
    fields::Fields,
    listing::Page,
    qualified::Qualified,
    reply, shape,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value};
use sluice_domain::{Dialect, Error, Field, Namespace, ServiceVersion};
use sluice_engine::NewNamespace;

/// What a request says about a service; absent means unchanged, or the default.
struct Settings {
    description: Option<String>,
    internet_access: Option<bool>,
    attributes: Map<String, Value>,
}

impl Settings {
    fn read(fields: &mut Fields) -> Result<Self, Error> {
        Ok(Self {
            description: fields.text("description")?,
            internet_access: fields.flag("internetAccess")?,
            attributes: shape::read(fields, document::ATTRIBUTES)?,
        })
    }
}

pub async fn create(call: &Call<'_>) -> Answer {
    let mut fields = Fields::parse(&call.body)?;
    let name = fields.text("serviceName")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::missing(Field::NamespaceName, "serviceName is required"))?;
    let settings = Settings::read(&mut fields)?;
    let new = NewNamespace {
        dialect: Dialect::Fc,
        name: name.clone(),
        description: settings.description.unwrap_or_default(),
        public_network: settings.internet_access.unwrap_or(true),
        attributes: settings.attributes,
    };
    let made = call.engine.create_namespace(&call.scope, new).await;
    let made = made.map_err(|error| Refusal::about(error, &name, ""))?;
    Ok(shown(&made))
}

pub fn get(call: &Call<'_>, target: Qualified<'_>) -> Answer {
    let version = target.version(call)?;
    let found = call.engine.namespace(&call.service_key(target.service));
    let found = found.map_err(|error| Refusal::about(error, target.service, ""))?;
    Ok(version.map_or_else(|| shown(&found), |version| shown_at(&found, &version)))
}

pub async fn update(call: &Call<'_>, target: Qualified<'_>) -> Answer {
    let service = target.editable()?;
    let mut fields = Fields::parse(&call.body)?;
    if fields.text("serviceName")?.is_some_and(|name| !name.is_empty() && name != service) {
        return Err(Refusal::invalid(format!("serviceName cannot be changed: service '{service}' keeps its name")));
    }
    let settings = Settings::read(&mut fields)?;
    let change = move |namespace: &mut Namespace| {
        namespace.description = settings.description.unwrap_or_else(|| std::mem::take(&mut namespace.description));
        namespace.public_network = settings.internet_access.unwrap_or(namespace.public_network);
        namespace.attributes.extend(settings.attributes);
        Ok(())
    };
    let changed = call.engine.update_namespace(&call.service_key(service), call.if_match(), change).await;
    let changed = changed.map_err(|error| Refusal::about(error, service, ""))?;
    Ok(shown(&changed))
}

pub async fn delete(call: &Call<'_>, target: Qualified<'_>) -> Answer {
    let service = target.editable()?;
    let done = call.engine.delete_namespace(&call.service_key(service), call.if_match()).await;
    done.map_err(|error| Refusal::about(error, service, ""))?;
    Ok(reply::no_content())
}

pub fn list(call: &Call<'_>) -> Answer {
    let query = call.query();
    let page = Page::of(&query)?;
    // Nothing can be tagged yet, so a filter by tag finds nothing.
    let services = match query.has_key_with_prefix("tag_") {
        true => Vec::new(),
        false => call.engine.namespaces(&call.scope, Dialect::Fc),
    };
    Ok(reply::ok(&page.render("services", &services, |service| &service.key.name, |service| document::of(service))))
}

fn shown(namespace: &Namespace) -> Response<Bytes> {
    reply::json(StatusCode::OK, &document::of(namespace), Some(&namespace.etag()))
}

/// As it was when the version was published; the description is what the publisher wrote.
fn shown_at(namespace: &Namespace, version: &ServiceVersion) -> Response<Bytes> {
    let frozen = Namespace {
        description: version.description.clone(),
        public_network: version.public_network,
        attributes: version.attributes.clone(),
        modified: version.created,
        ..namespace.clone()
    };
    let etag = format!("{}-v{}", namespace.id, version.number);
    reply::json(StatusCode::OK, &document::of(&frozen), Some(&etag))
}
