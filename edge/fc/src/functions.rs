//! Functions of a service.
//!
//! Creating and updating are synchronous for clients of this API: the answer waits until the engine's work
//! behind them is done, and a function that could not be made is not left behind.

mod code;
mod document;
mod settings;

use crate::{
    call::{Answer, Call},
    error::Refusal,
    fields::Fields,
    host,
    listing::Page,
    qualified::Qualified,
    reply,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;
use settings::Settings;
use sluice_domain::{Dialect, Entity, Error, ErrorKind, Family, Field, Function, FunctionStatus, KnownRuntime};
use sluice_engine::{CodeSource, NewFunction, Undivided};
use std::sync::Arc;

pub async fn create(call: &Call<'_>, target: Qualified<'_>) -> Answer {
    let service = target.editable()?;
    let mut fields = Fields::parse(&call.body)?;
    let quota = call.engine.quota(&call.scope, Dialect::Fc);
    let name = required(fields.text("functionName")?, "functionName", Field::FunctionName)?;
    let settings = Settings::read(&mut fields)?;
    let code = code::read(&mut fields, quota.code_zip_bytes(), call.header("x-fc-code-checksum"))?;
    let runtime = required(settings.runtime.clone(), "runtime", Field::Runtime)?;
    required(settings.handler.clone(), "handler", Field::Handler)?;
    // An image has no zip; that it cannot be run here is what its user wants to hear.
    let is_image = KnownRuntime::find(Dialect::Fc, &runtime).is_some_and(|known| known.family == Family::Image);
    let code = if is_image { code.or(Some(CodeSource::Sample)) } else { code };
    let code = code.ok_or_else(|| Error::missing(Field::Code, "code is required: give code.zipFile"))?;
    let mut config = settings::defaults(&quota);
    settings.apply(&mut config)?;
    let new = NewFunction { key: call.function_key(service, &name), config, code };
    let made = make(call, new).await.map_err(|error| Refusal::about(error, service, &name))?;
    Ok(shown(&made))
}

/// Makes it and waits for it. What an earlier, interrupted creation left is replaced.
async fn make(call: &Call<'_>, new: NewFunction) -> Result<Arc<Function>, Error> {
    let key = new.key.clone();
    match call.engine.create_function(new.clone()).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists(Entity::Function) => {
            let existing = call.engine.function(&key)?;
            if existing.status != FunctionStatus::CreateFailed {
                return Err(error);
            }
            let _undivided = Undivided::begin();
            call.engine.delete_function(&key, Some(&existing.etag())).await?;
            call.engine.create_function(new).await?;
        }
        other => drop(other?),
    }
    let made = call.engine.settled(&key).await?;
    if made.status != FunctionStatus::CreateFailed {
        return Ok(made);
    }
    let reason = made.status_reason.clone();
    call.engine.delete_function(&key, Some(&made.etag())).await?;
    Err(unready(format!("the function could not be created: {reason}")))
}

/// What was wrong with the request has been said by then: code that is not made ready is the platform's fault.
fn unready(message: String) -> Error {
    Error::new(ErrorKind::Internal, message)
}

pub fn get(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    Ok(shown(&*target.function(call, function)?))
}

pub async fn update(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    let service = target.editable()?;
    let mut fields = Fields::parse(&call.body)?;
    if fields.text("functionName")?.is_some_and(|name| !name.is_empty() && name != function) {
        return Err(Refusal::invalid(format!("functionName cannot be changed: function '{function}' keeps its name")));
    }
    let key = call.function_key(service, function);
    let limit = call.engine.quota(&call.scope, Dialect::Fc).code_zip_bytes();
    let settings = Settings::read(&mut fields)?;
    let code = code::read(&mut fields, limit, call.header("x-fc-code-checksum"))?;
    let about = |error| Refusal::about(error, service, function);
    let change = move |config: &mut _| settings.apply(config);
    call.engine.update_function(&key, call.if_match(), code, change).await.map_err(about)?;
    let changed = call.engine.settled(&key).await.map_err(about)?;
    match changed.status {
        FunctionStatus::UpdateFailed | FunctionStatus::CreateFailed if !changed.status_reason.is_empty() => {
            Err(unready(format!("the function could not be updated: {}", changed.status_reason)).into())
        }
        _ => Ok(shown(&changed)),
    }
}

pub async fn delete(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    let service = target.editable()?;
    let done = call.engine.delete_function(&call.function_key(service, function), call.if_match()).await;
    done.map_err(|error| Refusal::about(error, service, function))?;
    Ok(reply::no_content())
}

pub fn list(call: &Call<'_>, target: Qualified<'_>) -> Answer {
    let page = Page::of(&call.query())?;
    let functions = call.engine.functions_at(&call.service_key(target.service), &target.qualifier);
    let functions = functions.map_err(|error| target.refusal(error, ""))?;
    Ok(reply::ok(&page.render("functions", &functions, |at| &at.function.key.name, |at| document::of(&at.function))))
}

/// A link to the package that works without a signature for some minutes, and the package's checksum.
pub fn code_link(call: &Call<'_>, target: Qualified<'_>, function: &str) -> Answer {
    let found = target.function(call, function)?;
    let host = host::bare(host::of(call.parts));
    let base = match call.public_base {
        Some(base) if !host::has_port(host) => base.trim_end_matches('/').to_owned(),
        _ => format!("http://{host}"),
    };
    let url = format!("{base}{}", call.engine.code_link(&found));
    Ok(reply::ok(&json!({"url": url, "checksum": found.code.crc64.to_string()})))
}

fn required(value: Option<String>, name: &str, field: Field) -> Result<String, Error> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| Error::missing(field, format!("{name} is required")))
}

fn shown(function: &Function) -> Response<Bytes> {
    reply::json(StatusCode::OK, &document::of(function), Some(&function.etag()))
}
