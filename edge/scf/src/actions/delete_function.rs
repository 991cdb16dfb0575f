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

/// Without a qualifier the whole function goes; a qualifier names one published version.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    match request.qualifier.as_deref().filter(|text| !text.is_empty()) {
        Some(qualifier) => super::delete_function_version::delete(call, &key, qualifier).await?,
        None => call.engine.delete_function(&key, None).await?,
    }
    call.done()
}
