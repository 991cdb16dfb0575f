//! The actions of scf 2018-04-16, one file each: its request, what it does, its answer.

mod copy_function;
mod create_alias;
mod create_function;
mod create_namespace;
mod delete_alias;
mod delete_function;
mod delete_function_version;
mod delete_namespace;
mod delete_provisioned_concurrency_config;
mod delete_reserved_concurrency_config;
mod get_account;
mod get_alias;
mod get_function;
mod get_function_address;
mod get_function_event_invoke_config;
mod get_function_logs;
mod get_provisioned_concurrency_config;
mod get_request_status;
mod get_reserved_concurrency_config;
mod invoke;
mod list_aliases;
mod list_functions;
mod list_namespaces;
mod list_triggers;
mod list_version_by_function;
mod publish_version;
mod put_provisioned_concurrency_config;
mod put_reserved_concurrency_config;
mod put_total_concurrency_config;
mod update_alias;
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
const NOT_OFFERED: [&str; 18] = [
    "CreateCustomDomain",
    "CreateTrigger",
    "DeleteCustomDomain",
    "DeleteLayerVersion",
    "DeleteTrigger",
    "GetAsyncEventStatus",
    "GetCustomDomain",
    "GetLayerVersion",
    "ListAsyncEvents",
    "ListCustomDomains",
    "ListLayerVersions",
    "ListLayers",
    "PublishLayerVersion",
    "TerminateAsyncEvent",
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
        "PublishVersion" => publish_version::run(call).await,
        "DeleteFunctionVersion" => delete_function_version::run(call).await,
        "CreateAlias" => create_alias::run(call).await,
        "UpdateAlias" => update_alias::run(call).await,
        "GetAlias" => get_alias::run(call),
        "ListAliases" => list_aliases::run(call),
        "DeleteAlias" => delete_alias::run(call).await,
        "PutReservedConcurrencyConfig" => put_reserved_concurrency_config::run(call).await,
        "GetReservedConcurrencyConfig" => get_reserved_concurrency_config::run(call),
        "DeleteReservedConcurrencyConfig" => delete_reserved_concurrency_config::run(call).await,
        "PutProvisionedConcurrencyConfig" => put_provisioned_concurrency_config::run(call).await,
        "GetProvisionedConcurrencyConfig" => get_provisioned_concurrency_config::run(call),
        "DeleteProvisionedConcurrencyConfig" => delete_provisioned_concurrency_config::run(call).await,
        "PutTotalConcurrencyConfig" => put_total_concurrency_config::run(call).await,
        "ListTriggers" => list_triggers::run(call),
        "GetFunctionEventInvokeConfig" => get_function_event_invoke_config::run(call),
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
