use crate::{
    call::{Call, DEFAULT_NAMESPACE, required_amount},
    error::ApiError,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    total_concurrency_mem: Option<i64>,
    namespace: Option<String>,
}

/// Sets the account's concurrency in this region, or that of one namespace. The vendor's default for `Namespace`
/// is `default` and means the account, so naming it is no different from leaving it out.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let mb = required_amount("TotalConcurrencyMem", request.total_concurrency_mem)?;
    let namespace = request.namespace.as_deref().filter(|name| !name.is_empty() && *name != DEFAULT_NAMESPACE);
    call.engine.put_total_concurrency(&call.scope, namespace, mb).await?;
    call.done()
}
