use crate::{
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;
use serde_json::json;
use sluice_domain::{Error, ErrorKind, FunctionKey, FunctionStatus, Version};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    description: Option<String>,
}

/// Freezes `$LATEST`, code and settings, under the next number.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    call.engine.function(&key)?;
    let description = request.description.unwrap_or_default();
    let version = publish(call, &key, description).await?;
    call.reply(&json!({
        "FunctionVersion": version.number.to_string(),
        "CodeSize": version.code.size,
        "MemorySize": version.config.memory_mib,
        "Description": description_of(&version),
        "Handler": version.config.handler,
        "Timeout": version.config.timeout_s,
        "Runtime": version.config.runtime,
        "Namespace": key.namespace,
    }))
}

/// The second half of an update that is to publish: waits until the new code is served, then freezes it.
pub async fn after_update(call: &Call<'_>, key: &FunctionKey) -> Result<(), ApiError> {
    let function = call.engine.settled(key).await?;
    if function.status != FunctionStatus::Active {
        let message = format!("nothing was published, the update failed: {}", function.status_reason);
        return Err(ApiError::new("FailedOperation.PublishVersion", message));
    }
    publish(call, key, String::new()).await.map(drop)
}

async fn publish(call: &Call<'_>, key: &FunctionKey, description: String) -> Result<Arc<Version>, ApiError> {
    call.engine.publish_version(key, description).await.map_err(refused)
}

/// This action has its own code for a function that is not ready.
fn refused(error: Error) -> ApiError {
    match error.kind {
        ErrorKind::WrongState => ApiError::new("FailedOperation.PublishVersion", error.message),
        _ => error.into(),
    }
}

/// What a version is described with: its own words, or the function's when it was published without.
pub fn description_of(version: &Version) -> &str {
    if version.description.is_empty() { &version.config.description } else { &version.description }
}
