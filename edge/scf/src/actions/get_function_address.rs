use crate::{
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;
use serde_json::json;
use sluice_domain::{Error, ErrorKind};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
}

/// A link to the code that works for some minutes without a signature.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let qualifier = request.qualifier.as_deref().unwrap_or_default();
    let unknown = ApiError::unknown_qualifier("ResourceNotFound.FunctionVersion");
    let function = call.engine.function_at(&key, qualifier).map_err(unknown)?.function;
    if function.code.sha256.is_empty() {
        let message = format!("function '{name}' is {} and has no code yet", function.status.as_str());
        return Err(Error::new(ErrorKind::WrongState, message).into());
    }
    let url = format!("{}{}", origin(call.host), call.engine.code_link(&function));
    call.reply(&json!({ "Url": url, "CodeSha256": function.code.sha256 }))
}

/// The address that the client reached us at. Some clients write the scheme into the Host header.
fn origin(host: &str) -> String {
    let host = host.trim_end_matches('/');
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}
