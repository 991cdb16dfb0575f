use crate::{
    alias,
    call::{Call, required},
    error::ApiError,
    listing::Page,
    params::Number,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_engine::AliasOwner;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    function_version: Option<String>,
    /// A string in this action and no other.
    offset: Option<Number>,
    limit: Option<Number>,
}

/// By name, `$DEFAULT` among them.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let page = Page::parse(request.offset.map(|n| n.0), request.limit.map(|n| n.0))?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let mut aliases = call.engine.aliases(&AliasOwner::Function(key))?;
    if let Some(version) = request.function_version.as_deref().filter(|version| !version.is_empty()) {
        aliases.retain(|found| alias::leads_to(found, version));
    }
    let total = aliases.len();
    let shown: Vec<Value> = page.of(aliases).map(|found| alias::render(&found)).collect();
    call.reply(&json!({ "Aliases": shown, "TotalCount": total }))
}
