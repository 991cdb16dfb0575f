use crate::{
    call::{Call, required},
    error::ApiError,
    params::Flag,
    settings::{Settings, check_editable, check_rename},
};
use serde::Deserialize;
use sluice_domain::{Dialect, Error, Field, FunctionConfig, KnownRuntime, Result};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    runtime: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    publish: Option<Flag>,
    qualifier: Option<String>,
    new_function_name: Option<String>,
}

/// Changes what the request names; the code stays.
pub async fn run(call: &Call<'_>) -> std::result::Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    check_rename(request.new_function_name.as_deref())?;
    check_editable(request.qualifier.as_deref())?;
    check_kind(request.kind.as_deref())?;
    let settings = Settings::read(call.params)?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let runtime = request.runtime.filter(|runtime| !runtime.is_empty());
    let change = move |config: &mut FunctionConfig| {
        check_runtime(runtime.as_deref(), &config.runtime)?;
        settings.apply(config);
        Ok(())
    };
    call.engine.update_function(&key, None, None, change).await?;
    if Flag::is_on(request.publish) {
        super::publish_version::after_update(call, &key).await?;
    }
    call.done()
}

/// The runtime is chosen once. Naming it again is no change.
fn check_runtime(given: Option<&str>, current: &str) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    let same = KnownRuntime::find(Dialect::Scf, given) == KnownRuntime::find(Dialect::Scf, current);
    if same && KnownRuntime::find(Dialect::Scf, given).is_some() {
        return Ok(());
    }
    Err(Error::invalid(Field::Runtime, format!("the runtime is '{current}' and cannot be changed to '{given}'")))
}

fn check_kind(kind: Option<&str>) -> std::result::Result<(), ApiError> {
    match kind {
        Some(kind) if !kind.is_empty() && !kind.eq_ignore_ascii_case("Event") => {
            let message = format!("the function's type is Event and cannot be changed to '{kind}'");
            Err(ApiError::new("InvalidParameterValue.Type", message))
        }
        _ => Ok(()),
    }
}
