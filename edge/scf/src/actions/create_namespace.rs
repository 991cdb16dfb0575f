use crate::{
    call::{Call, DEFAULT_NAMESPACE, required},
    error::ApiError,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_domain::Dialect;
use sluice_engine::NewNamespace;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: Option<String>,
    description: Option<String>,
    resource_env: Option<ResourceEnv>,
}

#[derive(Deserialize)]
struct ResourceEnv {
    #[serde(rename = "TKE")]
    tke: Option<Map<String, Value>>,
}

pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("Namespace", request.namespace.as_deref())?;
    if name == DEFAULT_NAMESPACE {
        let message = "the namespace 'default' exists in every region and cannot be created";
        return Err(ApiError::new("InvalidParameterValue.DefaultNamespace", message));
    }
    if request.resource_env.is_some_and(|env| env.tke.is_some()) {
        return Err(ApiError::not_offered("UnsupportedOperation", "namespaces in a cluster (ResourceEnv.TKE) are"));
    }
    let description = request.description.unwrap_or_default();
    check_description(call, &description)?;
    let new = NewNamespace {
        dialect: Dialect::Scf,
        name: name.to_owned(),
        description,
        public_network: true,
        attributes: Map::new(),
    };
    call.engine.create_namespace(&call.scope, new).await?;
    call.done()
}

pub fn check_description(call: &Call<'_>, text: &str) -> Result<(), ApiError> {
    let (count, limit) = (text.chars().count(), call.quota().description_chars);
    if count <= limit as usize {
        return Ok(());
    }
    let message = format!("the description has {count} characters; at most {limit} are allowed");
    Err(ApiError::new("InvalidParameterValue.Description", message))
}
