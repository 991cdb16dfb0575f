//! The actions of scf 2018-04-16, one file each: its request, what it does, its answer.

mod copy_function;
mod create_function;
mod create_namespace;
mod delete_function;
mod delete_namespace;
mod get_account;
mod get_function;
mod get_function_address;
mod get_function_logs;
mod get_request_status;
mod invoke;
mod list_functions;
mod list_namespaces;
mod list_version_by_function;
mod update_function_code;
mod update_function_configuration;
mod update_namespace;

use crate::{call::Call, error::ApiError};

const VERSION: &str = "2018-04-16";

/// Versions of products that share this wire format and are not here.
const OTHER_PRODUCTS: [(&str, &str); 5] = [
    ("2020-10-16", "cls"),
    ("2018-07-24", "monitor"),
    ("2019-01-16", "cam"),
    ("2018-08-13", "sts"),
    ("2018-08-08", "apigateway"),
];

/// Actions that exist in this version of the API and that this server does not offer yet.
const NOT_OFFERED: [&str; 34] = [
    "CreateAlias",
    "CreateCustomDomain",
    "CreateTrigger",
    "DeleteAlias",
    "DeleteCustomDomain",
    "DeleteFunctionVersion",
    "DeleteLayerVersion",
    "DeleteProvisionedConcurrencyConfig",
    "DeleteReservedConcurrencyConfig",
    "DeleteTrigger",
    "GetAlias",
    "GetAsyncEventStatus",
    "GetCustomDomain",
    "GetFunctionEventInvokeConfig",
    "GetLayerVersion",
    "GetProvisionedConcurrencyConfig",
    "GetReservedConcurrencyConfig",
    "ListAliases",
    "ListAsyncEvents",
    "ListCustomDomains",
    "ListLayerVersions",
    "ListLayers",
    "ListTriggers",
    "PublishLayerVersion",
    "PublishVersion",
    "PutProvisionedConcurrencyConfig",
    "PutReservedConcurrencyConfig",
    "PutTotalConcurrencyConfig",
    "TerminateAsyncEvent",
    "UpdateAlias",
    "UpdateCustomDomain",
    "UpdateFunctionEventInvokeConfig",
    "UpdateTrigger",
    "UpdateTriggerStatus",
];

/// Chooses the product, which the version stands for, whatever service name was signed.
pub fn check_version(version: &str, action: &str) -> Result<(), ApiError> {
    if version == VERSION {
        return Ok(());
    }
    if let Some((_, product)) = OTHER_PRODUCTS.iter().find(|(known, _)| *known == version) {
        let message = format!("product {product} (version {version}, action {action}) is not served here");
        return Err(ApiError::new("NoSuchProduct", message));
    }
    Err(ApiError::new("NoSuchVersion", format!("version '{version}' is unknown: use {VERSION} for scf")))
}

/// Carries an action out.
pub async fn run(action: &str, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    match action {
        "InvokeFunction" => invoke::run(call, invoke::Spelling::InvokeFunction).await,
        "Invoke" => invoke::run(call, invoke::Spelling::Invoke).await,
        "CreateFunction" => create_function::run(call).await,
        "UpdateFunctionCode" => update_function_code::run(call).await,
        "UpdateFunctionConfiguration" => update_function_configuration::run(call).await,
        "GetFunction" => get_function::run(call).await,
        "ListFunctions" => list_functions::run(call),
        "DeleteFunction" => delete_function::run(call).await,
        "CopyFunction" => copy_function::run(call).await,
        "GetFunctionAddress" => get_function_address::run(call),
        "ListVersionByFunction" => list_version_by_function::run(call),
        "GetRequestStatus" => get_request_status::run(call),
        "GetFunctionLogs" => get_function_logs::run(call),
        "CreateNamespace" => create_namespace::run(call).await,
        "UpdateNamespace" => update_namespace::run(call).await,
        "DeleteNamespace" => delete_namespace::run(call).await,
        "ListNamespaces" => list_namespaces::run(call),
        "GetAccount" => get_account::run(call),
        known if NOT_OFFERED.contains(&known) => {
            Err(ApiError::not_offered("UnsupportedOperation", &format!("action {known} is")))
        }
        unknown => {
            let shown: String = unknown.chars().take(64).collect();
            Err(ApiError::new("InvalidAction", format!("action '{shown}' does not exist in scf {VERSION}")))
        }
    }
}
