use crate::{
    call::{Call, LATEST, qualifier, required},
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
    call.engine.function(&key)?;
    if let Some(given) = request.qualifier.filter(|text| !text.is_empty()) {
        qualifier(Some(&given), LATEST)?;
        let message = format!("'{given}' cannot be deleted by itself: leave Qualifier out to delete the function");
        return Err(ApiError::new("InvalidParameterValue.Qualifier", message));
    }
    call.engine.delete_function(&key, None).await?;
    call.done()
}
