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
}

/// The function shares the region's concurrency again, which is not the same as a reservation of 0.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    call.engine.delete_reserved(&call.function_key(request.namespace.as_deref(), name)).await?;
    call.done()
}
