use crate::{
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
}

/// `ReservedMem` is null for a function that shares the region's concurrency.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let reserved = call.engine.reserved(&call.function_key(request.namespace.as_deref(), name))?;
    call.reply(&json!({ "ReservedMem": reserved }))
}
