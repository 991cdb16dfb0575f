use crate::{call::Call, error::ApiError};
use serde_json::{Map, Value, json};
use sluice_domain::{Dialect, QuotaProfile};
use sluice_engine::NamespaceConcurrency;

/// What an absent limit is shown as: the largest number that every client can hold.
const NO_LIMIT: u64 = i32::MAX as u64;

/// What the account uses and may use in this region.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let quota = call.quota();
    let concurrency = call.engine.concurrency(&call.scope, Dialect::Scf);
    let total = concurrency.total_mb.unwrap_or(NO_LIMIT);
    let mut usage = Vec::new();
    let mut limits = Vec::new();
    for namespace in call.engine.namespaces(&call.scope, Dialect::Scf) {
        let functions = call.engine.functions(&namespace.key)?;
        let functions: Vec<&str> = functions.iter().map(|function| function.key.name.as_str()).collect();
        let name = namespace.key.name.as_str();
        let own = concurrency.namespaces.iter().find(|one| one.name == name);
        let mb = own.and_then(|own| own.total_mb).unwrap_or(total);
        usage.push(namespace_usage(name, &functions, mb, own));
        limits.push(namespace_limit(name, mb, &quota));
    }
    call.reply(&json!({
        "AccountUsage": {
            "NamespacesCount": usage.len(),
            "Namespace": usage,
            "TotalConcurrencyMem": total,
            "TotalAllocatedConcurrencyMem": concurrency.reserved_mb,
            "UserConcurrencyMemLimit": total,
        },
        "AccountLimit": { "NamespacesCount": quota.namespaces.unwrap_or(NO_LIMIT), "Namespace": limits },
    }))
}

fn namespace_usage(name: &str, functions: &[&str], mb: u64, own: Option<&NamespaceConcurrency>) -> Value {
    json!({
        "Namespace": name,
        "Functions": functions,
        "FunctionsCount": functions.len(),
        "TotalConcurrencyMem": mb,
        "TotalAllocatedConcurrencyMem": own.map_or(0, |own| own.reserved_mb),
        "TotalAllocatedProvisionedMem": own.map_or(0, |own| own.provisioned_mb),
    })
}

fn namespace_limit(name: &str, mb: u64, quota: &QuotaProfile) -> Value {
    json!({
        "Namespace": name,
        "FunctionsCount": quota.functions_per_namespace.unwrap_or(NO_LIMIT),
        "Trigger": trigger_limits(quota.triggers_per_type.unwrap_or(NO_LIMIT)),
        "ConcurrentExecutions": mb / u64::from(quota.memory_default_mb.max(1)),
        "TimeoutLimit": quota.timeout_max_s,
        "InitTimeoutLimit": quota.init_timeout_max_s,
        "TestModelLimit": 20,
        "RetryNumLimit": 2,
        "MinMsgTTL": 60,
        "MaxMsgTTL": 21600,
    })
}

fn trigger_limits(each: u64) -> Value {
    const KINDS: [&str; 11] = ["Cos", "Timer", "Cmq", "Ckafka", "Apigw", "Cls", "Clb", "Mps", "Cm", "Vod", "Eb"];
    let mut limits: Map<String, Value> = KINDS.iter().map(|kind| ((*kind).to_owned(), json!(each))).collect();
    limits.insert("Total".to_owned(), json!(each.saturating_mul(KINDS.len() as u64).min(NO_LIMIT)));
    Value::Object(limits)
}
