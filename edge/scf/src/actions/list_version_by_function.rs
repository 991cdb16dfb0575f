use crate::{
    call::{Call, LATEST, required},
    dates,
    error::ApiError,
    listing::{Order, Page},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    order: Option<String>,
}

/// There is only `$LATEST` as long as versions cannot be published.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let page = Page::parse(request.offset, request.limit)?;
    Order::parse(request.order.as_deref(), Order::Desc)?;
    let function = call.engine.function(&call.function_key(request.namespace.as_deref(), name))?;
    let latest = json!({
        "Version": LATEST,
        "Description": function.config.description,
        "AddTime": dates::text(function.created),
        "ModTime": dates::text(function.modified),
        "Status": function.status.as_str(),
    });
    let versions: Vec<Value> = page.of(vec![latest]).collect();
    let names: Vec<&Value> = versions.iter().map(|version| &version["Version"]).collect();
    call.reply(&json!({ "FunctionVersion": names, "Versions": versions, "TotalCount": 1 }))
}
