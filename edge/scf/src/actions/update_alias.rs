use crate::{
    alias::{self, Route, RoutingConfig},
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;

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

/// Points an alias elsewhere. Without a RoutingConfig the version named takes every call.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let function = required("FunctionName", request.function_name.as_deref())?;
    let name = required("Name", request.name.as_deref())?;
    let version = required("FunctionVersion", request.function_version.as_deref())?;
    let route = Route::read(version, request.routing_config)?;
    let key = alias::key(call, request.namespace.as_deref(), function, name);
    let description = request.description;
    let change = move |alias: &mut _| {
        route.change(alias, description);
        Ok(())
    };
    call.engine.update_alias(&key, None, change).await?;
    call.done()
}
