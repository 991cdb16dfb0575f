use crate::{
    alias,
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
}

pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let function = required("FunctionName", request.function_name.as_deref())?;
    let name = required("Name", request.name.as_deref())?;
    let found = call.engine.alias(&alias::key(call, request.namespace.as_deref(), function, name))?;
    call.reply(&alias::render(&found))
}
