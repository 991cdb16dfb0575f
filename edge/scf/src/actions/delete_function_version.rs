use crate::{
    call::{Call, required, version_number},
    error::ApiError,
    params::Flag,
};
use serde::Deserialize;
use sluice_domain::{ErrorKind, FunctionKey};
use sluice_engine::AliasOwner;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
    force_delete: Option<Flag>,
}

pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let qualifier = required("Qualifier", request.qualifier.as_deref())?;
    if Flag::is_on(request.force_delete) {
        return Err(ApiError::not_offered("UnsupportedOperation", "cutting running calls off (ForceDelete) is"));
    }
    delete(call, &call.function_key(request.namespace.as_deref(), name), qualifier).await?;
    call.done()
}

/// Deletes one published version. What runs in it runs to its end.
pub async fn delete(call: &Call<'_>, key: &FunctionKey, qualifier: &str) -> Result<(), ApiError> {
    let unknown = ApiError::unknown_qualifier("ResourceNotFound.Qualifier");
    call.engine.function_at(key, qualifier).map_err(&unknown)?;
    let Some(number) = version_number(qualifier) else {
        let message = format!(
            "'{qualifier}' cannot be deleted by itself: name a published version, or leave Qualifier out to delete the function"
        );
        return Err(ApiError::new("InvalidParameterValue.Qualifier", message));
    };
    let aliases = call.engine.aliases(&AliasOwner::Function(key.clone()))?;
    let bound = aliases.iter().any(|alias| alias.leads_to(number));
    call.engine.delete_version(key, number).await.map_err(|error| match error.kind {
        ErrorKind::InUse(_) if bound => ApiError::new("UnsupportedOperation.AliasBind", error.message),
        ErrorKind::InUse(_) => ApiError::new("FailedOperation.ProvisionedInProgress", error.message),
        _ => unknown(error),
    })
}
