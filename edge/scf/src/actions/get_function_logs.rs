//! GetFunctionLogs: recent calls, each with its log, selected and ordered as the vendor's console asks for them.

use crate::{
    call::{Call, DEFAULT_NAMESPACE, qualifier},
    dates,
    error::ApiError,
    listing::{Order, Page, unknown_order_by},
    loglines, outcome,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::{Dialect, FailureKind, Invocation, Timestamp};
use sluice_engine::RecordQuery;
use std::{cmp::Ordering, sync::Arc};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
    function_request_id: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    order: Option<String>,
    order_by: Option<String>,
    filter: Option<LogFilter>,
    start_time: Option<String>,
    end_time: Option<String>,
    search_context: Option<SearchContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogFilter {
    ret_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SearchContext {
    keyword: Option<String>,
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
const DEEPEST: usize = 10_000;

/// The logs of recent calls, newest first unless asked otherwise.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let page = Page::parse(request.offset, request.limit)?;
    if page.offset.saturating_add(page.limit) > DEEPEST {
        let message = format!("Offset and Limit together must be at most {DEEPEST}");
        return Err(ApiError::new("LimitExceeded.Offset", message));
    }
    let order = Order::parse(request.order.as_deref(), Order::Desc)?;
    let compare = comparison(request.order_by.as_deref().unwrap_or_default())?;
    let filter = ResultFilter::parse(request.filter.as_ref().and_then(|filter| filter.ret_code.as_deref()))?;
    let qualifier = qualifier(request.qualifier.as_deref(), "");
    let query = query(call, &request)?;
    let namespace = request.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_NAMESPACE);
    let keyword = request.search_context.as_ref().and_then(|context| context.keyword.as_deref()).unwrap_or_default();
    let mut records = call.engine.records(&call.scope, &query);
    records.retain(|record| {
        record.function.dialect == Dialect::Scf
            && record.function.namespace == namespace
            && filter.admits(record)
            && ran_at(record, qualifier)
            && (keyword.is_empty() || loglines::render(record).contains(keyword))
    });
    records.sort_by(|a, b| order.apply(compare(a, b)));
    let total = records.len();
    let data: Vec<Value> = page.of(records).map(|record| render(&record)).collect();
    let context = json!({ "Offset": "", "Limit": page.limit, "Keyword": keyword, "Type": "" });
    call.reply(&json!({ "TotalCount": total, "Data": data, "SearchContext": context }))
}

/// A version's number names what ran, an alias what was called; nothing names everything.
fn ran_at(record: &Invocation, qualifier: &str) -> bool {
    qualifier.is_empty() || qualifier == record.version || qualifier == record.qualifier
}

fn query(call: &Call<'_>, request: &Request) -> Result<RecordQuery, ApiError> {
    let function = match request.function_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => Some(call.engine.function(&call.function_key(request.namespace.as_deref(), name))?.key.clone()),
        None => None,
    };
    let (from, until) = window(request.start_time.as_deref(), request.end_time.as_deref())?;
    let request_id = request.function_request_id.clone().filter(|id| !id.is_empty());
    Ok(RecordQuery { function, request_id, from, until })
}

/// Both ends at most a day apart; one end alone means the day next to it; none means all that is kept.
fn window(start: Option<&str>, end: Option<&str>) -> Result<(Option<Timestamp>, Option<Timestamp>), ApiError> {
    let instant = |text: Option<&str>, parse: fn(&str) -> Option<Timestamp>| match text.filter(|text| !text.is_empty())
    {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| {
            let message = format!("'{text}' is not a time: use the form 2024-01-31 23:59:59");
            ApiError::new("InvalidParameterValue.DateTime", message)
        }),
    };
    match (instant(start, dates::parse)?, instant(end, dates::parse_end)?) {
        (Some(from), Some(until)) if from > until || until.since(from) >= DAY_MILLIS + 1000 => Err(ApiError::new(
            "InvalidParameterValue.StartTimeOrEndTime",
            "EndTime must come after StartTime, by one day at most",
        )),
        (Some(from), None) => Ok((Some(from), Some(from.plus_millis(DAY_MILLIS + 999)))),
        (None, Some(until)) => Ok((Some(until.plus_millis(-DAY_MILLIS - 999)), Some(until))),
        both => Ok(both),
    }
}

type Compare = fn(&Arc<Invocation>, &Arc<Invocation>) -> Ordering;

fn comparison(by: &str) -> Result<Compare, ApiError> {
    match by {
        "" | "start_time" => Ok(|a, b| a.started.cmp(&b.started)),
        "function_name" => Ok(|a, b| a.function.name.cmp(&b.function.name)),
        "duration" => Ok(|a, b| a.duration_ms.total_cmp(&b.duration_ms)),
        "mem_usage" => Ok(|a, b| a.memory_used.cmp(&b.memory_used)),
        other => {
            let known = "function_name, duration, mem_usage or start_time";
            Err(unknown_order_by("InvalidParameterValue.OrderBy", other, known))
        }
    }
}

/// `Filter.RetCode`.
#[derive(Clone, Copy)]
enum ResultFilter {
    Any,
    Failed,
    Succeeded,
    TimedOut,
    /// Over a limit: of memory, or of concurrency (spec: OVL-07).
    OverLimit,
    UserException,
}

impl ResultFilter {
    fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text.unwrap_or_default() {
            "" => Ok(Self::Any),
            "not0" => Ok(Self::Failed),
            "is0" => Ok(Self::Succeeded),
            "TimeLimitExceeded" => Ok(Self::TimedOut),
            "ResourceLimitExceeded" => Ok(Self::OverLimit),
            "UserCodeException" => Ok(Self::UserException),
            other => {
                let known = "not0, is0, TimeLimitExceeded, ResourceLimitExceeded or UserCodeException";
                let message = format!("Filter.RetCode '{other}' is not allowed: use {known}");
                Err(ApiError::new("InvalidParameterValue.RetCode", message))
            }
        }
    }

    fn admits(self, record: &Invocation) -> bool {
        let kind = record.failure().map(|failure| failure.kind);
        match self {
            Self::Any => true,
            Self::Failed => kind.is_some(),
            Self::Succeeded => kind.is_none(),
            Self::TimedOut => kind == Some(FailureKind::TimedOut),
            Self::OverLimit => {
                matches!(kind, Some(FailureKind::OutOfMemory | FailureKind::Throttled(_)))
            }
            Self::UserException => kind == Some(FailureKind::UserException),
        }
    }
}

fn render(record: &Invocation) -> Value {
    json!({
        "FunctionName": record.function.name,
        "RetMsg": outcome::return_message(record),
        "RequestId": record.request_id,
        "StartTime": dates::text(record.started),
        "RetCode": record.failure().map_or(0, |failure| outcome::status_code(failure.kind)),
        "InvokeFinished": 1,
        "Duration": outcome::duration_ms(record),
        "BillDuration": outcome::billed_ms(record),
        "MemUsage": record.memory_used,
        "Log": loglines::render(record),
        "Level": if record.is_success() { "INFO" } else { "ERROR" },
        "Source": "",
        "RetryNum": 0,
    })
}
