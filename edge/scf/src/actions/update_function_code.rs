use crate::{
    call::{Call, required},
    code::Given,
    error::ApiError,
    params::Flag,
    settings::{check_editable, check_rename},
};
use serde::Deserialize;
use sluice_domain::FunctionConfig;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    handler: Option<String>,
    publish: Option<Flag>,
    qualifier: Option<String>,
    new_function_name: Option<String>,
}

/// Replaces the code; the settings stay, except for a handler that is given along.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    check_rename(request.new_function_name.as_deref())?;
    check_editable(request.qualifier.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let function = call.engine.function(&key)?;
    let new_handler = request.handler.filter(|handler| !handler.is_empty());
    let handler = new_handler.as_deref().unwrap_or(&function.config.handler);
    let code = Given::read(call.params)?.source(&function.config.runtime, handler)?;
    if code.is_none() {
        let message = "the request holds no code: give ZipFile, the base64 form of a zip";
        return Err(ApiError::new("MissingParameter.Code", message));
    }
    let change = move |config: &mut FunctionConfig| {
        if let Some(handler) = new_handler {
            config.handler = handler;
        }
        Ok(())
    };
    call.engine.update_function(&key, None, code, change).await?;
    if Flag::is_on(request.publish) {
        super::publish_version::after_update(call, &key).await?;
    }
    call.done()
}
