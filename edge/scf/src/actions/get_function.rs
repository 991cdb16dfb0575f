//! GetFunction: the whole of a function, or of one of its versions, and the code of those written inline.

use crate::{
    call::{Call, LATEST, qualifier, required},
    code::entry_file,
    concurrency::provisioned_mb,
    dates,
    error::ApiError,
    params::Flag,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sluice_domain::{Dialect, Function, FunctionStatus};
use sluice_engine::{Engine, FunctionAt};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
    show_code: Option<Flag>,
}

pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref()).map_err(nameless)?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let qualifier = qualifier(request.qualifier.as_deref(), LATEST);
    let at =
        call.engine.function_at(&key, qualifier).map_err(ApiError::unknown_qualifier("ResourceNotFound.Version"))?;
    let function = shown(&at);
    let mut answer = identity(&function, qualifier);
    answer.insert("FunctionVersion".to_owned(), version_name(&at).into());
    answer.extend(concurrency(call, &function));
    answer.extend(settings(&function));
    answer.extend(attributes(&function.config.attributes));
    let failed = matches!(function.status, FunctionStatus::CreateFailed | FunctionStatus::UpdateFailed);
    let notice = stand_in(call.engine, &function.config.runtime);
    let status = if failed { function.status_reason.clone() } else { notice.unwrap_or_default() };
    answer.insert("StatusDesc".to_owned(), status.into());
    let code = if Flag::is_on(request.show_code) { entry_code(call, &function).await? } else { String::new() };
    answer.insert("CodeInfo".to_owned(), code.into());
    call.reply(&answer)
}

/// This action has its own code for a missing name.
fn nameless(error: ApiError) -> ApiError {
    ApiError { code: "InvalidParameter.FunctionNameOrResourceIdRequired", ..error }
}

/// A version has its own times and words, and is never being changed.
fn shown(at: &FunctionAt) -> Function {
    let mut function = (*at.function).clone();
    if let Some(version) = &at.version {
        function.config.description = super::publish_version::description_of(version).to_owned();
        function.status = FunctionStatus::Active;
        function.status_reason.clear();
        function.created = version.created;
        function.modified = version.created;
    }
    function
}

fn version_name(at: &FunctionAt) -> String {
    at.version.as_ref().map_or_else(|| LATEST.to_owned(), |version| version.number.to_string())
}

fn concurrency(call: &Call<'_>, function: &Function) -> Map<String, Value> {
    object(json!({
        "ReservedConcurrencyMem": function.reserved_mb,
        "TotalProvisionedConcurrencyMem": provisioned_mb(call).get(&function.key),
    }))
}

/// Says which interpreter runs in place of the one that a runtime id names, if another one does.
pub fn stand_in(engine: &Engine, runtime: &str) -> Option<String> {
    let all = engine.runtimes();
    let status = all.iter().find(|status| status.dialect == Dialect::Scf && status.id == runtime)?;
    let version = status.version.as_deref().filter(|_| status.stands_in)?;
    Some(format!("{} {version} stands in for {runtime} on this server", status.family.as_str()))
}

async fn entry_code(call: &Call<'_>, function: &Function) -> Result<String, ApiError> {
    let Some(path) = entry_file(&function.config.runtime, &function.config.handler) else { return Ok(String::new()) };
    if function.code.sha256.is_empty() {
        return Ok(String::new());
    }
    Ok(call.engine.code_file(function, &path).await?.unwrap_or_default())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The reasons of a failed status, as GetFunction and ListFunctions show them.
pub fn status_reasons(function: &Function) -> Value {
    if function.status_reason.is_empty() {
        return json!([]);
    }
    json!([{ "ErrorCode": function.status.as_str(), "ErrorMessage": function.status_reason }])
}

fn identity(function: &Function, qualifier: &str) -> Map<String, Value> {
    let failed = function.status == FunctionStatus::CreateFailed;
    let code_error = if failed { function.status_reason.as_str() } else { "" };
    object(json!({
        "FunctionName": function.key.name,
        "Namespace": function.key.namespace,
        "FunctionId": function.id,
        "Qualifier": qualifier,
        "AddTime": dates::text(function.created),
        "ModTime": dates::text(function.modified),
        "Status": function.status.as_str(),
        "StatusReasons": status_reasons(function),
        "AvailableStatus": "Available",
        "Type": "Event",
        "CodeSize": function.code.size,
        "CodeResult": if failed { "failed" } else { "success" },
        "CodeError": code_error,
        "ErrNo": 0,
        "Triggers": [],
        "UseGpu": Flag::text(false),
        "OnsEnable": Flag::text(false),
        "EipConfig": { "EipFixed": Flag::text(false), "Eips": [] },
        "AccessInfo": { "Host": "", "Vip": "" },
    }))
}

fn settings(function: &Function) -> Map<String, Value> {
    let config = &function.config;
    let variables: Vec<Value> =
        config.environment.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    object(json!({
        "Runtime": config.runtime,
        "Handler": config.handler,
        "Description": config.description,
        "MemorySize": config.memory_mib,
        "Timeout": config.timeout_s,
        "InitTimeout": config.init_timeout_s,
        "Environment": { "Variables": variables },
        "PublicNetConfig": {
            "PublicNetStatus": public_net_status(config.public_network),
            "EipConfig": { "EipStatus": "DISABLE", "EipAddress": [] },
        },
        "Layers": [],
        "AsyncRunEnable": Flag::text(false),
        "ImageConfig": null,
        "InstanceConcurrencyConfig": null,
    }))
}

pub fn public_net_status(on: bool) -> &'static str {
    if on { "ENABLE" } else { "DISABLE" }
}

/// What was remembered, over what the vendor shows when nothing was given.
fn attributes(given: &Map<String, Value>) -> Map<String, Value> {
    let mut all = object(json!({
        "VpcConfig": { "VpcId": "", "SubnetId": "" },
        "Role": "",
        "InstallDependency": Flag::text(false),
        "ClsLogsetId": "",
        "ClsTopicId": "",
        "Tags": [],
        "L5Enable": Flag::text(false),
        "DeadLetterConfig": { "Type": "", "Name": "", "FilterType": "" },
        "CfsConfig": { "CfsInsList": [] },
        "TraceEnable": Flag::text(false),
        "ProtocolType": "",
        "ProtocolParams": null,
        "DnsCache": Flag::text(false),
        "IntranetConfig": null,
    }));
    all.extend(given.clone());
    all
}
