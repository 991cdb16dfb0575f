//! Aliases of a service: names for its versions.

mod settings;

use crate::{
    call::{Answer, Api, Call},
    error::Refusal,
    fields::Fields,
    listing::Page,
    qualified::{LATEST, alias_not_found},
    reply,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use settings::Settings;
pub use settings::fraction;
use sluice_domain::{Alias, AliasTarget, Entity, Error, ErrorKind, Field};
use sluice_engine::{AliasOwner, NewAlias};

pub async fn create(call: &Call<'_>, service: &str) -> Answer {
    let mut fields = Fields::parse(&call.body)?;
    let name = fields.text("aliasName")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::missing(Field::AliasName, "aliasName is required"))?;
    if name == LATEST {
        let message = "alias name 'LATEST' is not allowed: it names what was not published yet";
        return Err(Error::invalid(Field::AliasName, message).into());
    }
    let settings = Settings::read(&mut fields)?;
    let version = settings.version.ok_or_else(|| Error::missing(Field::Other("versionId"), "versionId is required"))?;
    let additional = settings.additional.unwrap_or_default();
    if call.api == Api::Open && names_main(version, &additional) {
        return Err(contains_main(version));
    }
    let new = NewAlias {
        key: call.alias_key(service, &name),
        description: settings.description.unwrap_or_default(),
        target: AliasTarget::Version(version),
        additional,
        attributes: settings.attributes,
    };
    let made = call.engine.create_alias(new).await.map_err(|error| about(error, service, &name))?;
    Ok(shown(&made))
}

pub fn get(call: &Call<'_>, service: &str, name: &str) -> Answer {
    let found = call.engine.alias(&call.alias_key(service, name)).map_err(|error| about(error, service, name))?;
    Ok(shown(&found))
}

/// Absent settings stay; weights are replaced as a whole.
pub async fn update(call: &Call<'_>, service: &str, name: &str) -> Answer {
    let mut fields = Fields::parse(&call.body)?;
    if fields.text("aliasName")?.is_some_and(|given| !given.is_empty() && given != name) {
        return Err(Refusal::invalid(format!("aliasName cannot be changed: alias '{name}' keeps its name")));
    }
    let settings = Settings::read(&mut fields)?;
    let mut clash = None;
    let is_strict = call.api == Api::Open;
    let change = |alias: &mut Alias| {
        settings.apply(alias);
        match alias.target {
            AliasTarget::Version(main) if is_strict && names_main(main, &alias.additional) => {
                clash = Some(main);
                Err(Error::invalid(Field::AliasRouting, "the main version is among the additional ones"))
            }
            _ => Ok(()),
        }
    };
    let changed = call.engine.update_alias(&call.alias_key(service, name), call.if_match(), change).await;
    match (changed, clash) {
        (Err(_), Some(main)) => Err(contains_main(main)),
        (changed, _) => Ok(shown(&*changed.map_err(|error| about(error, service, name))?)),
    }
}

/// Neither versions nor settings that name it go with it (spec: FAL-04).
pub async fn delete(call: &Call<'_>, service: &str, name: &str) -> Answer {
    let done = call.engine.delete_alias(&call.alias_key(service, name), call.if_match()).await;
    done.map_err(|error| about(error, service, name))?;
    Ok(reply::no_content())
}

pub fn list(call: &Call<'_>, service: &str) -> Answer {
    let page = Page::of(&call.query())?;
    let aliases = call.engine.aliases(&AliasOwner::Service(call.service_key(service)));
    let aliases = aliases.map_err(|error| Refusal::about(error, service, ""))?;
    Ok(reply::ok(&page.render("aliases", &aliases, |alias| &alias.key.name, |alias| document(alias))))
}

fn names_main(main: u64, additional: &[(u64, u32)]) -> bool {
    additional.iter().any(|(version, _)| *version == main)
}

/// The newer API refuses this; the older one takes it, and clients of it send it.
fn contains_main(main: u64) -> Refusal {
    let message = format!("additionalVersionWeight contains {main}, the version that the alias points to");
    Refusal::new(StatusCode::BAD_REQUEST, "AdditionalVersionContainsMajorVersion", message)
}

fn about(error: Error, service: &str, name: &str) -> Refusal {
    match error.kind {
        ErrorKind::NotFound(Entity::Alias) => alias_not_found(name, service),
        ErrorKind::AlreadyExists(Entity::Alias) => {
            Refusal { message: format!("alias '{name}' of service '{service}' already exists"), ..error.into() }
        }
        _ => Refusal::about(error, service, ""),
    }
}

fn shown(alias: &Alias) -> Response<Bytes> {
    reply::json(StatusCode::OK, &document(alias), Some(&alias.etag()))
}

fn document(alias: &Alias) -> Value {
    let version = match alias.target {
        AliasTarget::Latest => LATEST.to_owned(),
        AliasTarget::Version(number) => number.to_string(),
    };
    let weights = alias.additional.iter().map(|(version, ppm)| (version.to_string(), fraction(*ppm)));
    let mut out = alias.attributes.clone();
    let own = [
        ("aliasName", json!(alias.key.name)),
        ("versionId", json!(version)),
        ("description", json!(alias.description)),
        ("additionalVersionWeight", Value::Object(weights.collect::<Map<_, _>>())),
        ("createdTime", json!(alias.created.rfc3339())),
        ("lastModifiedTime", json!(alias.modified.rfc3339())),
    ];
    out.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(out)
}
