use crate::{
    call::{Call, required},
    error::ApiError,
    params::Flag,
};
use serde::Deserialize;
use sluice_domain::{
    Dialect, Entity, Error, ErrorKind, Function, FunctionConfig, FunctionKey, Region, Scope, check_config,
};
use sluice_engine::{CodeSource, NewFunction, Undivided};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    new_function_name: Option<String>,
    namespace: Option<String>,
    target_namespace: Option<String>,
    target_region: Option<String>,
    description: Option<String>,
    #[serde(rename = "Override")]
    replace: Option<Flag>,
    copy_configuration: Option<Flag>,
}

/// Copies `$LATEST`: code and, unless told not to, settings. Where its logs went to is not copied.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let target = target_key(call, &request)?;
    if target == key {
        let message = format!("function '{name}' cannot be copied onto itself: give another name, namespace or region");
        return Err(ApiError::new("UnsupportedOperation.CopyFunction", message));
    }
    call.engine.function(&key)?;
    let source = call.engine.settled(&key).await?;
    if !source.status.is_callable() {
        let message = format!("function '{name}' is {} and has no code to copy", source.status.as_str());
        return Err(Error::new(ErrorKind::WrongState, message).into());
    }
    let quota = call.engine.quota(&target.scope, Dialect::Scf);
    let mut config = copied_config(&source, &request, &quota);
    if let Some(description) = request.description {
        config.description = description;
    }
    check_config(Dialect::Scf, &config, &quota)?;
    // From the removal of what it replaces to the copy.
    let _undivided = Undivided::begin();
    if Flag::is_on(request.replace) {
        remove(call, &target).await?;
    }
    let new = NewFunction { key: target, config, code: CodeSource::Stored(source.code.clone()) };
    call.engine.create_function(new).await.map_err(refused)?;
    call.done()
}

fn target_key(call: &Call<'_>, request: &Request) -> Result<FunctionKey, ApiError> {
    let name = required("NewFunctionName", request.new_function_name.as_deref())?;
    let mut key = call.function_key(request.target_namespace.as_deref(), name);
    if let Some(region) = request.target_region.as_deref().filter(|region| !region.is_empty()) {
        crate::check_region(region)?;
        key.scope = Scope { region: Region::from(region), ..key.scope };
    }
    Ok(key)
}

fn copied_config(source: &Function, request: &Request, quota: &sluice_domain::QuotaProfile) -> FunctionConfig {
    if request.copy_configuration.is_some_and(|flag| !flag.0) {
        let defaults = super::create_function::defaults(&source.config.runtime, quota);
        return FunctionConfig { handler: source.config.handler.clone(), ..defaults };
    }
    let mut config = source.config.clone();
    for place in ["ClsLogsetId", "ClsTopicId"] {
        config.attributes.remove(place);
    }
    config
}

/// Removes what the copy replaces, and waits until the name is free.
async fn remove(call: &Call<'_>, key: &FunctionKey) -> Result<(), ApiError> {
    match call.engine.delete_function(key, None).await {
        Ok(()) => {}
        Err(error) if error.kind == ErrorKind::NotFound(Entity::Function) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    match call.engine.settled(key).await {
        Err(error) if error.kind != ErrorKind::NotFound(Entity::Function) => Err(error.into()),
        _ => Ok(()),
    }
}

/// The vendor has a code of its own for a taken name here.
fn refused(error: Error) -> ApiError {
    match error.kind {
        ErrorKind::AlreadyExists(Entity::Function) => ApiError::new("ResourceInUse.FunctionName", error.message),
        _ => error.into(),
    }
}
