use crate::{
    call::{Call, required, required_amount},
    error::ApiError,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    reserved_concurrency_mem: Option<i64>,
}

/// Sets concurrency aside for a function, and with it the most that the function may use. 0 stops it.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let mb = required_amount("ReservedConcurrencyMem", request.reserved_concurrency_mem)?;
    let key = call.function_key(request.namespace.as_deref(), name);
    call.engine.put_reserved(&key, mb).await?;
    call.done()
}
