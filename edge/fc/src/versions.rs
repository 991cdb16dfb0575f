//! Versions of a service: snapshots of its settings and of all its functions.

use crate::{
    call::{Answer, Call},
    error::Refusal,
    fields::Fields,
    listing::Page,
    qualified::{LATEST, number, version_not_found},
    reply,
};
use serde_json::{Value, json};
use sluice_domain::{ErrorKind, ServiceVersion};

pub async fn publish(call: &Call<'_>, service: &str) -> Answer {
    let mut fields = Fields::parse(&call.body)?;
    let description = fields.text("description")?.unwrap_or_default();
    let made = call.engine.publish_service(&call.service_key(service), description, call.if_match()).await;
    let made = made.map_err(|error| match error.kind {
        // Tools look for the last words of this sentence.
        ErrorKind::NothingToPublish => Refusal::invalid(format!(
            "can not publish version for service '{service}', detail: 'No changes were made since last publish'"
        )),
        _ => Refusal::about(error, service, ""),
    })?;
    Ok(reply::ok(&document(&made)))
}

/// Newest first, unless the other direction is asked for.
pub fn list(call: &Call<'_>, service: &str) -> Answer {
    let query = call.query();
    let page = Page::of(&query)?;
    let backward = match query.get("direction") {
        None => true,
        Some(text) if text.eq_ignore_ascii_case("BACKWARD") => true,
        Some(text) if text.eq_ignore_ascii_case("FORWARD") => false,
        Some(other) => {
            return Err(Refusal::invalid(format!("direction '{other}' is not known: use BACKWARD or FORWARD")));
        }
    };
    let from = match page.from() {
        "" => None,
        text => Some(number(text).ok_or_else(|| {
            Refusal::invalid(format!("'{text}' is not the id of a version: start from a number such as 1"))
        })?),
    };
    let versions = call.engine.service_versions(&call.service_key(service));
    let mut versions = versions.map_err(|error| Refusal::about(error, service, ""))?;
    if backward {
        versions.reverse();
    }
    let rest = versions.iter().filter(|version| {
        from.is_none_or(|from| if backward { version.number <= from } else { version.number >= from })
    });
    let (shown, next) = page.cut(rest);
    let mut out = Page::document("versions", shown.into_iter().map(|version| document(version)), None);
    out["direction"] = if backward { "BACKWARD".into() } else { "FORWARD".into() };
    if let Some(next) = next {
        out["nextToken"] = next.number.to_string().into();
    }
    Ok(reply::ok(&out))
}

/// Aliases that point to it stay, and then lead nowhere (spec: FVE-05).
pub async fn delete(call: &Call<'_>, service: &str, id: &str) -> Answer {
    let key = call.service_key(service);
    call.engine.namespace(&key).map_err(|error| Refusal::about(error, service, ""))?;
    if id == LATEST {
        return Err(Refusal::invalid(format!("LATEST of service '{service}' cannot be deleted: it is the service")));
    }
    let not_found = || version_not_found(id, service);
    let number = number(id).ok_or_else(not_found)?;
    let done = call.engine.delete_service_version(&key, number).await;
    done.map_err(|error| match error.kind {
        ErrorKind::NotFound(_) => not_found(),
        _ => Refusal::about(error, service, ""),
    })?;
    Ok(reply::no_content())
}

/// Whoever tries to change one is told that nobody can.
pub fn update(service: &str, id: &str) -> Answer {
    Err(Refusal::invalid(format!("version '{id}' of service '{service}' cannot be changed: publish a new one")))
}

fn document(version: &ServiceVersion) -> Value {
    json!({
        "versionId": version.number.to_string(),
        "description": version.description,
        "createdTime": version.created.rfc3339(),
        "lastModifiedTime": version.created.rfc3339(),
    })
}
