use crate::{
    call::{Call, required},
    error::ApiError,
};
use serde::Deserialize;
use sluice_domain::Namespace;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: Option<String>,
    description: Option<String>,
    new_namespace: Option<String>,
}

/// The description is all that can be changed.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("Namespace", request.namespace.as_deref())?;
    if request.new_namespace.is_some() {
        let message = "a namespace's name cannot be changed; its description can";
        return Err(ApiError::new("InvalidParameterValue.Namespace", message));
    }
    let description = request.description.ok_or_else(|| ApiError::missing("Description"))?;
    super::create_namespace::check_description(call, &description)?;
    let change = move |namespace: &mut Namespace| {
        namespace.description = description;
        Ok(())
    };
    call.engine.update_namespace(&call.namespace_key(Some(name)), None, change).await?;
    call.done()
}
