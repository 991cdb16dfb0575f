use crate::{
    call::Call,
    dates,
    error::ApiError,
    listing::{Order, Page, unknown_order_by},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::{Dialect, Namespace};
use std::cmp::Ordering;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    limit: Option<i64>,
    offset: Option<i64>,
    orderby: Option<String>,
    order: Option<String>,
    search_key: Option<Vec<SearchKey>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SearchKey {
    key: Option<String>,
    value: Option<String>,
}

pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let page = Page::parse(request.offset, request.limit)?;
    let order = Order::parse(request.order.as_deref(), Order::Asc)?;
    let by = request.orderby.as_deref().unwrap_or_default();
    let mut namespaces = call.engine.namespaces(&call.scope, Dialect::Scf);
    for search in request.search_key.as_deref().unwrap_or_default() {
        search.check()?;
        namespaces.retain(|namespace| search.admits(namespace));
    }
    let compare = comparison(by)?;
    namespaces.sort_by(|a, b| order.apply(compare(a, b)).then_with(|| a.key.name.cmp(&b.key.name)));
    let total = namespaces.len();
    let shown: Vec<Value> = page.of(namespaces).map(|namespace| render(&namespace)).collect();
    call.reply(&json!({ "Namespaces": shown, "TotalCount": total }))
}

fn comparison(by: &str) -> Result<fn(&Namespace, &Namespace) -> Ordering, ApiError> {
    match by {
        "" | "Name" | "Namespace" => Ok(|a, b| a.key.name.cmp(&b.key.name)),
        "AddTime" => Ok(|a, b| a.created.cmp(&b.created)),
        "ModTime" => Ok(|a, b| a.modified.cmp(&b.modified)),
        other => Err(unknown_order_by("InvalidParameterValue.OrderBy", other, "Name, AddTime or ModTime")),
    }
}

impl SearchKey {
    fn check(&self) -> Result<(), ApiError> {
        match self.key.as_deref().unwrap_or_default() {
            "Namespace" | "Name" | "Description" => Ok(()),
            other => {
                let message = format!("cannot search by '{other}': use Namespace or Description");
                Err(ApiError::new("InvalidParameterValue.SearchKey", message))
            }
        }
    }

    fn admits(&self, namespace: &Namespace) -> bool {
        let text = match self.key.as_deref() {
            Some("Description") => &namespace.description,
            _ => &namespace.key.name,
        };
        text.contains(self.value.as_deref().unwrap_or_default())
    }
}

fn render(namespace: &Namespace) -> Value {
    json!({
        "Name": namespace.key.name,
        "Description": namespace.description,
        "Type": "default",
        "AddTime": dates::text(namespace.created),
        "ModTime": dates::text(namespace.modified),
    })
}
