use crate::{
    call::{Call, DEFAULT_NAMESPACE, required},
    error::ApiError,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: Option<String>,
}

/// Only empty namespaces go, and never `default`.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("Namespace", request.namespace.as_deref())?;
    if name == DEFAULT_NAMESPACE {
        let message = "the namespace 'default' cannot be deleted";
        return Err(ApiError::new("FailedOperation.DeleteNamespace", message));
    }
    call.engine.delete_namespace(&call.namespace_key(Some(name)), None).await?;
    call.done()
}
