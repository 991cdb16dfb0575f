use crate::{
    call::{Call, required},
    error::ApiError,
    listing::{Order, Page},
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    order: Option<String>,
}

/// No function has a trigger as long as none can be made.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    Page::parse(request.offset, request.limit)?;
    Order::parse(request.order.as_deref(), Order::Desc)?;
    call.engine.function(&call.function_key(request.namespace.as_deref(), name))?;
    call.reply(&json!({ "Triggers": [], "TotalCount": 0 }))
}
