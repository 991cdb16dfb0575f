use crate::{
    call::{Call, required},
    code::Given,
    error::ApiError,
    settings::Settings,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_domain::{Dialect, Family, FunctionConfig, KnownRuntime, QuotaProfile};
use sluice_engine::{CodeSource, NewFunction};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    runtime: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
}

/// Answers once the function is stored; clients then poll GetFunction until it is Active.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    sluice_domain::check_function_name(Dialect::Scf, &key.namespace, name)?;
    check_kind(request.kind.as_deref())?;
    let settings = Settings::read(call.params)?;
    let quota = call.quota();
    let mut config = defaults(canonical_runtime(request.runtime.as_deref()), &quota);
    settings.apply(&mut config);
    let code = Given::read(call.params)?.source(&config.runtime, &config.handler)?;
    let new = NewFunction { key, config, code: code.unwrap_or(CodeSource::Sample) };
    let function = call.engine.create_function(new).await?;
    let mut answer = Map::new();
    if let Some(notice) = super::get_function::stand_in(call.engine, &function.config.runtime) {
        answer.insert("StatusDesc".to_owned(), Value::String(notice));
    }
    call.reply(&answer)
}

fn check_kind(kind: Option<&str>) -> Result<(), ApiError> {
    match kind.unwrap_or_default() {
        "" => Ok(()),
        event if event.eq_ignore_ascii_case("Event") => Ok(()),
        http if http.eq_ignore_ascii_case("HTTP") => {
            Err(ApiError::not_offered("UnsupportedOperation", "web functions (Type HTTP) are"))
        }
        other => {
            let message = format!("Type '{other}' is not allowed: use Event");
            Err(ApiError::new("InvalidParameterValue.Type", message))
        }
    }
}

/// The vendor's spelling of a runtime id; unknown ones are left for the rules to refuse.
fn canonical_runtime(given: Option<&str>) -> &str {
    let id = given.filter(|id| !id.is_empty()).unwrap_or("Python2.7");
    KnownRuntime::find(Dialect::Scf, id).map_or(id, |known| known.id)
}

/// The settings of a function that was created with nothing but a runtime.
pub fn defaults(runtime: &str, quota: &QuotaProfile) -> FunctionConfig {
    let handler = match KnownRuntime::find(Dialect::Scf, runtime).map(|known| known.family) {
        Some(Family::Java) => "example.Hello::mainHandler",
        Some(Family::Go) => "main",
        _ => "index.main_handler",
    };
    FunctionConfig {
        runtime: runtime.to_owned(),
        handler: handler.to_owned(),
        initializer: None,
        description: String::new(),
        memory_mib: quota.memory_default_mb,
        timeout_s: quota.timeout_default_s,
        init_timeout_s: quota.init_timeout_default_s,
        environment: BTreeMap::new(),
        public_network: true,
        instance_concurrency: 1,
        attributes: Map::new(),
    }
}
