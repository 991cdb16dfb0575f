//! A provision as JSON.

use crate::aliases::fraction;
use serde_json::{Value, json};
use sluice_domain::{FunctionKey, Provision, ProvisionConfig, ScheduledAction, TrackingPolicy};
use sluice_engine::ProvisionView;

/// One provision, set or not.
pub struct Shown {
    /// `account#service#qualifier#function`; lists are sorted by it.
    pub resource: String,
    pub etag: String,
    config: ProvisionConfig,
    target: u64,
    current: u64,
    error: String,
}

impl Shown {
    pub fn of(view: &ProvisionView) -> Self {
        let provision = &view.provision;
        Self {
            resource: resource(&provision.function, &provision.qualifier),
            etag: provision.etag(),
            config: provision.config.clone(),
            target: view.target,
            current: view.ready,
            error: view.reason.clone(),
        }
    }

    pub fn nothing(function: &FunctionKey, qualifier: &str) -> Self {
        Self {
            resource: resource(function, qualifier),
            etag: Provision::ABSENT.to_owned(),
            config: ProvisionConfig { always_allocate_cpu: true, ..ProvisionConfig::default() },
            target: 0,
            current: 0,
            error: String::new(),
        }
    }
}

fn resource(function: &FunctionKey, qualifier: &str) -> String {
    format!("{}#{}#{qualifier}#{}", function.scope.account, function.namespace, function.name)
}

/// The answer to setting it: what was sent, and how many instances there are.
pub fn set(shown: &Shown, target: u64) -> (Value, String) {
    let config = &shown.config;
    let document = json!({
        "resource": shown.resource,
        "target": target,
        "current": shown.current,
        "scheduledActions": config.actions.iter().map(action).collect::<Vec<_>>(),
        "targetTrackingPolicies": config.tracking.iter().map(policy).collect::<Vec<_>>(),
        "alwaysAllocateCPU": config.always_allocate_cpu,
    });
    (document, shown.etag.clone())
}

/// What stands now.
pub fn found(shown: &Shown) -> (Value, String) {
    let (mut document, etag) = set(shown, shown.target);
    document["defaultTarget"] = shown.config.target.into();
    document["currentError"] = shown.error.clone().into();
    (document, etag)
}

fn action(action: &ScheduledAction) -> Value {
    let mut out = json!({
        "name": action.name,
        "target": action.target,
        "scheduleExpression": action.expression,
        "startTime": action.from.map_or_else(String::new, |from| from.rfc3339()),
        "endTime": action.until.map_or_else(String::new, |until| until.rfc3339()),
    });
    if let Some(zone) = &action.time_zone {
        out["timeZone"] = zone.clone().into();
    }
    out
}

fn policy(policy: &TrackingPolicy) -> Value {
    json!({
        "name": policy.name,
        "startTime": policy.from.map_or_else(String::new, |from| from.rfc3339()),
        "endTime": policy.until.map_or_else(String::new, |until| until.rfc3339()),
        "metricType": policy.metric,
        "metricTarget": fraction(policy.utilization_ppm),
        "minCapacity": policy.min,
        "maxCapacity": policy.max,
    })
}
