use crate::{
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
}

/// Its instances end as they become idle; no call is cut off.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let qualifier = required("Qualifier", request.qualifier.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let unknown = ApiError::unknown_qualifier("ResourceNotFound.FunctionVersion");
    call.engine.delete_provision(&key, qualifier).await.map_err(unknown)?;
    call.done()
}
