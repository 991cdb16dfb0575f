use super::put_provisioned_concurrency_config::{FIXED, TRACKING};
use crate::{
    call::{Call, required, version_number},
    error::ApiError,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sluice_domain::{Dialect, FunctionKey, ScheduledAction, TrackingPolicy};
use sluice_engine::{ProvisionStatus, ProvisionView};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
}

/// What an absent limit is shown as.
const NO_LIMIT: u64 = i32::MAX as u64;

/// The setting of one version, or those of all versions that have one.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let qualifier = request.qualifier.as_deref().unwrap_or_default();
    let unknown = ApiError::unknown_qualifier("ResourceNotFound.FunctionVersion");
    let at = call.engine.function_at(&key, qualifier).map_err(unknown)?;
    let views = match qualifier {
        "" => all(call, &key),
        one => call.engine.provision(&key, one)?.into_iter().collect(),
    };
    let allocated: Vec<Value> = views.iter().map(render).collect();
    let free = unallocated(call, u64::from(at.function.config.memory_mib));
    call.reply(&json!({ "UnallocatedConcurrencyNum": free, "Allocated": allocated }))
}

/// In the order of the version numbers.
fn all(call: &Call<'_>, key: &FunctionKey) -> Vec<ProvisionView> {
    let mut views = call.engine.provisions(&call.scope, Dialect::Scf);
    views.retain(|view| view.provision.function == *key);
    views.sort_by_key(|view| version_number(&view.provision.qualifier));
    views
}

/// Instances of this size that could still be provisioned: all settings of the region together stay within the
/// account's concurrency.
fn unallocated(call: &Call<'_>, memory_mb: u64) -> u64 {
    let view = call.engine.concurrency(&call.scope, Dialect::Scf);
    view.provisionable_mb().map_or(NO_LIMIT, |free| free / memory_mb.max(1))
}

fn render(view: &ProvisionView) -> Value {
    let config = &view.provision.config;
    let mut shown = Map::from_iter([
        ("Qualifier".to_owned(), json!(view.provision.qualifier)),
        ("AllocatedProvisionedConcurrencyNum".to_owned(), json!(view.target)),
        ("AvailableProvisionedConcurrencyNum".to_owned(), json!(view.ready)),
        ("Status".to_owned(), json!(status(&view.status))),
        ("StatusReason".to_owned(), json!(view.reason)),
        ("TriggerActions".to_owned(), config.actions.iter().map(action).collect()),
    ]);
    if let Some(policy) = config.tracking.first() {
        shown.extend(tracking(policy, view.memory_mb));
    }
    Value::Object(shown)
}

fn status(status: &ProvisionStatus) -> &'static str {
    match status {
        ProvisionStatus::Done => "Done",
        ProvisionStatus::InProgress => "InProgress",
        ProvisionStatus::Failed => "Failed",
    }
}

fn action(action: &ScheduledAction) -> Value {
    json!({
        "TriggerName": action.name,
        "TriggerProvisionedConcurrencyNum": action.target,
        "TriggerCronConfig": action.expression,
        "ProvisionedType": FIXED,
    })
}

/// The vendor's API does not show these; its console does, the bounds in MB as well.
fn tracking(policy: &TrackingPolicy, memory_mb: u64) -> Map<String, Value> {
    Map::from_iter([
        ("ProvisionedType".to_owned(), json!(TRACKING)),
        ("TrackingTarget".to_owned(), json!(f64::from(policy.utilization_ppm) / 1e6)),
        ("MinCapacity".to_owned(), json!(policy.min)),
        ("MaxCapacity".to_owned(), json!(policy.max)),
        ("MinCapacityMem".to_owned(), json!(policy.min.saturating_mul(memory_mb))),
        ("MaxCapacityMem".to_owned(), json!(policy.max.saturating_mul(memory_mb))),
    ])
}
