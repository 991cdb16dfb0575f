use crate::{
    alias,
    call::{Call, DEFAULT_ALIAS, required},
    error::ApiError,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let function = required("FunctionName", request.function_name.as_deref())?;
    let name = required("Name", request.name.as_deref())?;
    let key = alias::key(call, request.namespace.as_deref(), function, name);
    call.engine.function(&call.function_key(request.namespace.as_deref(), function))?;
    if name == DEFAULT_ALIAS {
        let message = format!("{DEFAULT_ALIAS} cannot be deleted: point it elsewhere with UpdateAlias");
        return Err(ApiError::new("InvalidParameterValue.Alias", message));
    }
    call.engine.delete_alias(&key, None).await?;
    call.done()
}
