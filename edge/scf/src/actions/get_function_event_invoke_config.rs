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
    qualifier: Option<String>,
}

/// The documented defaults, which hold as long as they cannot be changed.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let qualifier = request.qualifier.as_deref().unwrap_or_default();
    let unknown = ApiError::unknown_qualifier("ResourceNotFound.FunctionVersion");
    call.engine.function_at(&key, qualifier).map_err(unknown)?;
    call.reply(&json!({ "AsyncTriggerConfig": { "MsgTTL": 21600, "RetryConfig": [{ "RetryNum": 2 }] } }))
}
