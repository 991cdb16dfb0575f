//! ListFunctions: a page of the functions of a namespace, filtered and ordered.

use crate::{
    call::Call,
    concurrency::provisioned_mb,
    dates,
    error::ApiError,
    listing::{Order, Page, unknown_order_by},
    params::Flag,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::Function;
use std::{cmp::Ordering, sync::Arc};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: Option<String>,
    order: Option<String>,
    orderby: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    search_key: Option<String>,
    description: Option<String>,
    filters: Option<Vec<Filter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: Option<String>,
    values: Option<Vec<String>>,
}

const MOST_FILTERS: usize = 10;

pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let page = Page::parse(request.offset, request.limit)?;
    let order = Order::parse(request.order.as_deref(), Order::Desc)?;
    let by = SortKey::parse(request.orderby.as_deref())?;
    let filters = request.filters.as_deref().unwrap_or_default();
    check_filters(filters)?;
    let mut functions = call.engine.functions(&call.namespace_key(request.namespace.as_deref()))?;
    functions.retain(|function| matches_text(function, &request) && filters.iter().all(|f| f.admits(function)));
    functions.sort_by(|a, b| order.apply(by.compare(a, b)).then_with(|| a.key.name.cmp(&b.key.name)));
    let total = functions.len();
    let provisioned = provisioned_mb(call);
    let shown: Vec<Value> =
        page.of(functions).map(|function| render(&function, provisioned.get(&function.key).copied())).collect();
    call.reply(&json!({ "Functions": shown, "TotalCount": total }))
}

/// Both search texts match anywhere and regardless of case.
fn matches_text(function: &Function, request: &Request) -> bool {
    let holds = |text: &str, wanted: &Option<String>| {
        let wanted = wanted.as_deref().unwrap_or_default();
        wanted.is_empty() || text.to_lowercase().contains(&wanted.to_lowercase())
    };
    holds(&function.key.name, &request.search_key) && holds(&function.config.description, &request.description)
}

#[derive(Clone, Copy)]
enum SortKey {
    Added,
    Modified,
    Name,
}

impl SortKey {
    fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text.unwrap_or_default() {
            "" | "AddTime" => Ok(Self::Added),
            "ModTime" => Ok(Self::Modified),
            "FunctionName" => Ok(Self::Name),
            other => Err(unknown_order_by("InvalidParameterValue.OrderBy", other, "AddTime, ModTime or FunctionName")),
        }
    }

    fn compare(self, a: &Arc<Function>, b: &Arc<Function>) -> Ordering {
        match self {
            Self::Added => a.created.cmp(&b.created),
            Self::Modified => a.modified.cmp(&b.modified),
            Self::Name => a.key.name.cmp(&b.key.name),
        }
    }
}

fn check_filters(filters: &[Filter]) -> Result<(), ApiError> {
    if filters.len() > MOST_FILTERS {
        let message = format!("{} filters are given; at most {MOST_FILTERS} are allowed", filters.len());
        return Err(ApiError::new("InvalidParameterValue.Filters", message));
    }
    match filters.iter().map(|filter| filter.name.as_deref().unwrap_or_default()).find(|name| !is_filter(name)) {
        None => Ok(()),
        Some(name) => Err(ApiError::new("InvalidParameterValue.Filters", format!("there is no filter '{name}'"))),
    }
}

fn is_filter(name: &str) -> bool {
    const KNOWN: [&str; 15] = [
        "VpcId",
        "SubnetId",
        "ClsTopicId",
        "ClsLogsetId",
        "Role",
        "CfsId",
        "CfsMountInsId",
        "Eip",
        "Status",
        "Runtime",
        "Type",
        "FunctionType",
        "PublicNetStatus",
        "AsyncRunEnable",
        "TraceEnable",
    ];
    KNOWN.contains(&name) || name.strip_prefix("tag-").is_some_and(|key| !key.is_empty())
}

impl Filter {
    /// One of the wanted values is one of the function's.
    fn admits(&self, function: &Function) -> bool {
        let has = self.values_of(function);
        let wanted = self.values.as_deref().unwrap_or_default();
        wanted.iter().any(|wanted| has.iter().any(|value| value.eq_ignore_ascii_case(wanted)))
    }

    fn values_of<'f>(&self, function: &'f Function) -> Vec<&'f str> {
        let attributes = &function.config.attributes;
        let one = |value: Option<&'f Value>| value.and_then(Value::as_str).into_iter().collect::<Vec<_>>();
        let within = |object: &str, key: &str| one(attributes.get(object).and_then(|inner| inner.get(key)));
        let mounts = |key: &'static str| {
            let list =
                attributes.get("CfsConfig").and_then(|config| config.get("CfsInsList")).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(move |item| item.get(key)?.as_str()).collect()
        };
        match self.name.as_deref().unwrap_or_default() {
            "Status" => vec![function.status.as_str()],
            "Runtime" => vec![function.config.runtime.as_str()],
            "Type" | "FunctionType" => vec!["Event"],
            "PublicNetStatus" => vec![super::get_function::public_net_status(function.config.public_network)],
            "AsyncRunEnable" => vec![Flag::text(false)],
            name @ ("VpcId" | "SubnetId") => within("VpcConfig", name),
            "CfsId" => mounts("CfsId"),
            "CfsMountInsId" => mounts("MountInsId"),
            "TraceEnable" => vec![attributes.get("TraceEnable").and_then(Value::as_str).unwrap_or(Flag::text(false))],
            name => match name.strip_prefix("tag-") {
                Some(key) => tag(attributes.get("Tags"), key).into_iter().collect(),
                None => one(attributes.get(name)),
            },
        }
    }
}

fn tag<'f>(tags: Option<&'f Value>, key: &str) -> Option<&'f str> {
    let named = |tag: &&Value| tag.get("Key").and_then(Value::as_str) == Some(key);
    tags?.as_array()?.iter().find(named)?.get("Value")?.as_str()
}

fn render(function: &Function, provisioned_mb: Option<u64>) -> Value {
    let attributes = &function.config.attributes;
    json!({
        "FunctionName": function.key.name,
        "FunctionId": function.id,
        "Namespace": function.key.namespace,
        "AddTime": dates::text(function.created),
        "ModTime": dates::text(function.modified),
        "Runtime": function.config.runtime,
        "Description": function.config.description,
        "Type": "Event",
        "Status": function.status.as_str(),
        "StatusDesc": function.status_reason,
        "StatusReasons": super::get_function::status_reasons(function),
        "Tags": attributes.get("Tags").cloned().unwrap_or(json!([])),
        "ClsLogsetId": attributes.get("ClsLogsetId").cloned().unwrap_or(json!("")),
        "ClsTopicId": attributes.get("ClsTopicId").cloned().unwrap_or(json!("")),
        "TotalProvisionedConcurrencyMem": provisioned_mb,
        "ReservedConcurrencyMem": function.reserved_mb,
        "AsyncRunEnable": Flag::text(false),
        "TraceEnable": attributes.get("TraceEnable").cloned().unwrap_or(json!(Flag::text(false))),
    })
}
