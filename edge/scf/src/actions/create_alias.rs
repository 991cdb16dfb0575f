use crate::{
    alias::{self, Route, RoutingConfig},
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;
use sluice_engine::NewAlias;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    function_version: Option<String>,
    routing_config: Option<RoutingConfig>,
    description: Option<String>,
}

pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let function = required("FunctionName", request.function_name.as_deref())?;
    let name = required("Name", request.name.as_deref())?;
    let version = required("FunctionVersion", request.function_version.as_deref())?;
    let Route { target, additional, attributes } = Route::read(version, request.routing_config)?;
    let key = alias::key(call, request.namespace.as_deref(), function, name);
    let description = request.description.unwrap_or_default();
    call.engine.create_alias(NewAlias { key, description, target, additional, attributes }).await?;
    call.done()
}
