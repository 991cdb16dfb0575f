//! The settings that CreateFunction and UpdateFunctionConfiguration share.
//!
//! What the engine works with becomes a field of [`FunctionConfig`]; everything else is kept as given, under
//! its wire name, and shown again by GetFunction.

use crate::{
    call::LATEST,
    error::ApiError,
    params::{Flag, Params},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_domain::FunctionConfig;
use std::collections::BTreeMap;

/// The settings that mean something here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    handler: Option<String>,
    description: Option<String>,
    memory_size: Option<i64>,
    timeout: Option<i64>,
    init_timeout: Option<i64>,
    environment: Option<Environment>,
    public_net_config: Option<PublicNetConfig>,
    instance_concurrency_config: Option<InstanceConcurrencyConfig>,
    layers: Option<Vec<Layer>>,
    async_run_enable: Option<Flag>,
    time_zone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: Option<Vec<Variable>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Variable {
    key: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicNetConfig {
    public_net_status: Option<String>,
    eip_config: Option<EipConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EipConfig {
    eip_status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceConcurrencyConfig {
    max_concurrency: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    layer_name: Option<String>,
    layer_version: Option<i64>,
}

/// The settings that are only remembered.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Remembered {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    install_dependency: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cls_logset_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cls_topic_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfs_config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<Map<String, Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_enable: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_params: Option<ProtocolParams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_cache: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intranet_config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l5_enable: Option<Flag>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ProtocolParams {
    #[serde(rename = "WSParams", skip_serializing_if = "Option::is_none")]
    ws_params: Option<WsParams>,
}

#[derive(Debug, Deserialize, Serialize)]
struct WsParams {
    #[serde(rename = "IdleTimeOut", skip_serializing_if = "Option::is_none")]
    idle_time_out: Option<u64>,
}

/// Checked settings, ready to be applied to a function.
#[derive(Debug)]
pub struct Settings {
    fields: Fields,
    environment: Option<BTreeMap<String, String>>,
    public_network: Option<bool>,
    remembered: Map<String, Value>,
}

impl Settings {
    pub fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let fields: Fields = params.read_owned()?;
        let remembered: Remembered = params.read_owned()?;
        check_layers(fields.layers.as_deref().unwrap_or_default())?;
        if Flag::is_on(fields.async_run_enable) {
            let what = "functions that run asynchronously (AsyncRunEnable) are";
            return Err(ApiError::not_offered("UnsupportedOperation.AsyncRunEnable", what));
        }
        let Ok(Value::Object(remembered)) = serde_json::to_value(remembered) else {
            return Err(sluice_domain::Error::internal().into());
        };
        Ok(Self {
            environment: fields.environment.as_ref().and_then(environment),
            public_network: fields.public_net_config.as_ref().map(public_network).transpose()?.flatten(),
            fields,
            remembered,
        })
    }

    pub fn handler(&self) -> Option<&str> {
        self.fields.handler.as_deref().filter(|handler| !handler.is_empty())
    }

    /// Changes what the request names and nothing else.
    pub fn apply(self, config: &mut FunctionConfig) {
        if let Some(handler) = self.handler() {
            config.handler = handler.to_owned();
        }
        let fields = self.fields;
        set(&mut config.description, fields.description);
        set(&mut config.memory_mib, fields.memory_size.map(amount));
        set(&mut config.timeout_s, fields.timeout.map(amount));
        set(&mut config.init_timeout_s, fields.init_timeout.map(amount));
        set(&mut config.public_network, self.public_network);
        set(&mut config.environment, self.environment);
        let concurrency = fields.instance_concurrency_config.map(|config| config.max_concurrency.unwrap_or(1));
        set(&mut config.instance_concurrency, concurrency);
        if let Some(zone) = fields.time_zone.filter(|zone| !zone.is_empty()) {
            config.environment.insert("TZ".to_owned(), zone);
        }
        config.attributes.extend(self.remembered);
    }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

/// Out of any range when it does not fit, so that the range check refuses it.
fn amount(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}

/// One variable with an empty name and value clears all; an empty list changes nothing.
fn environment(given: &Environment) -> Option<BTreeMap<String, String>> {
    let variables = given.variables.as_deref().filter(|variables| !variables.is_empty())?;
    let pair =
        |variable: &Variable| (variable.key.clone().unwrap_or_default(), variable.value.clone().unwrap_or_default());
    let mut all: BTreeMap<String, String> = variables.iter().map(pair).collect();
    if all.get("").is_some_and(String::is_empty) {
        all.remove("");
    }
    Some(all)
}

fn public_network(given: &PublicNetConfig) -> Result<Option<bool>, ApiError> {
    let switch = |name: &str, value: Option<&str>| match value.unwrap_or_default() {
        "" => Ok(None),
        on if on.eq_ignore_ascii_case("ENABLE") => Ok(Some(true)),
        off if off.eq_ignore_ascii_case("DISABLE") => Ok(Some(false)),
        other => {
            let message = format!("{name} '{other}' is not allowed: use ENABLE or DISABLE");
            Err(ApiError::new("InvalidParameterValue.PublicNetConfig", message))
        }
    };
    let eip = given.eip_config.as_ref().and_then(|config| config.eip_status.as_deref());
    if switch("EipStatus", eip)? == Some(true) {
        return Err(ApiError::not_offered("UnsupportedOperation.EipFixed", "fixed public addresses (EipStatus) are"));
    }
    switch("PublicNetStatus", given.public_net_status.as_deref())
}

/// No layer can exist yet; only the request that unbinds the last one can be met.
fn check_layers(layers: &[Layer]) -> Result<(), ApiError> {
    let bound = layers.iter().find(|layer| layer.layer_name.as_deref().is_some_and(|name| !name.is_empty()));
    let Some(layer) = bound else { return Ok(()) };
    let (name, version) = (layer.layer_name.as_deref().unwrap_or_default(), layer.layer_version.unwrap_or_default());
    let message =
        format!("layer '{name}' version {version} does not exist: layers are not available on this server yet");
    Err(ApiError::new("ResourceNotFound.Layer", message))
}

/// What was published stays as it is. The vendor's clients never send a qualifier along; others may.
pub fn check_editable(qualifier: Option<&str>) -> Result<(), ApiError> {
    match qualifier.unwrap_or_default() {
        "" | LATEST => Ok(()),
        other => {
            let shown: String = other.chars().take(64).collect();
            let message = format!("'{shown}' cannot be changed: change {LATEST}, then publish it as a new version");
            Err(ApiError::new("UnsupportedOperation", message))
        }
    }
}

/// A function's name is its identity.
pub fn check_rename(new_name: Option<&str>) -> Result<(), ApiError> {
    if new_name.is_some() {
        let message = "a function's name cannot be changed: copy the function with CopyFunction instead";
        return Err(ApiError::new("InvalidParameterValue.FunctionName", message));
    }
    Ok(())
}
