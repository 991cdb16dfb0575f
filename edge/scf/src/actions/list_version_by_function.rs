use crate::{
    call::{Call, LATEST, required},
    dates,
    error::ApiError,
    listing::{Order, Page, unknown_order_by},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::{Function, FunctionStatus, Version};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    order: Option<String>,
    order_by: Option<String>,
}

/// `$LATEST`, and after it what was published, newest first unless asked otherwise.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let page = Page::parse(request.offset, request.limit)?;
    let order = Order::parse(request.order.as_deref(), Order::Desc)?;
    check_order_by(request.order_by.as_deref().unwrap_or_default())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let function = call.engine.function(&key)?;
    let mut published = call.engine.versions(&key)?;
    if order == Order::Desc {
        published.reverse();
    }
    let all: Vec<Value> =
        std::iter::once(latest(&function)).chain(published.iter().map(|version| render(version))).collect();
    let total = all.len();
    let versions: Vec<Value> = page.of(all).collect();
    let names: Vec<&Value> = versions.iter().map(|version| &version["Version"]).collect();
    call.reply(&json!({ "FunctionVersion": names, "Versions": versions, "TotalCount": total }))
}

/// A version never changes, so both times put versions in the order of their numbers.
fn check_order_by(by: &str) -> Result<(), ApiError> {
    match by {
        "" | "AddTime" | "ModTime" => Ok(()),
        other => Err(unknown_order_by("InvalidParameterValue.OrderBy", other, "AddTime or ModTime")),
    }
}

fn latest(function: &Function) -> Value {
    json!({
        "Version": LATEST,
        "Description": function.config.description,
        "AddTime": dates::text(function.created),
        "ModTime": dates::text(function.modified),
        "Status": function.status.as_str(),
    })
}

fn render(version: &Version) -> Value {
    json!({
        "Version": version.number.to_string(),
        "Description": super::publish_version::description_of(version),
        "AddTime": dates::text(version.created),
        "ModTime": dates::text(version.created),
        "Status": FunctionStatus::Active.as_str(),
    })
}
