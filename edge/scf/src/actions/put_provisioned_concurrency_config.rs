//! PutProvisionedConcurrencyConfig: how many instances of a version are kept started, fixed, by schedule or by
//! load. What a request may hold is checked here; whether it fits into the account is the engine's to say.

use crate::{
    call::{Call, required, required_amount},
    error::ApiError,
};
use serde::Deserialize;
use sluice_domain::{ProvisionConfig, ScheduledAction, TrackingPolicy};
use std::collections::HashSet;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    function_name: Option<String>,
    namespace: Option<String>,
    qualifier: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    version_provisioned_concurrency_num: Option<i64>,
    trigger_actions: Option<Vec<TriggerAction>>,
    provisioned_type: Option<String>,
    tracking_target: Option<f64>,
    min_capacity: Option<i64>,
    max_capacity: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TriggerAction {
    trigger_name: Option<String>,
    trigger_provisioned_concurrency_num: Option<i64>,
    trigger_cron_config: Option<String>,
    provisioned_type: Option<String>,
}

/// `ProvisionedType` of a fixed number, with or without a schedule.
pub const FIXED: &str = "Default";
/// `ProvisionedType` of a number that follows the load.
pub const TRACKING: &str = "ConcurrencyUtilizationTracking";
/// The one metric there is, by the engine's name.
const METRIC: &str = "ProvisionedConcurrencyUtilization";
const PPM: f64 = 1_000_000.0;
const LONGEST_NAME: usize = 60;

/// Starts instances at once, or from the next scheduled time on.
pub async fn run(call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    let request: Request = call.params.read_owned()?;
    let name = required("FunctionName", request.function_name.as_deref())?;
    let qualifier = required("Qualifier", request.qualifier.as_deref())?;
    let config = call.params.read_owned::<Given>()?.config()?;
    let key = call.function_key(request.namespace.as_deref(), name);
    let unknown = ApiError::unknown_qualifier("ResourceNotFound.FunctionVersion");
    call.engine.put_provision(&key, qualifier, None, config).await.map_err(unknown)?;
    call.done()
}

impl Given {
    fn config(self) -> Result<ProvisionConfig, ApiError> {
        match self.provisioned_type.as_deref().unwrap_or_default() {
            "" => self.fixed(),
            fixed if fixed.eq_ignore_ascii_case(FIXED) => self.fixed(),
            tracking if tracking.eq_ignore_ascii_case(TRACKING) => self.tracking(),
            other => Err(wrong_type(format!("ProvisionedType '{other}' is not allowed: use {FIXED} or {TRACKING}"))),
        }
    }

    fn fixed(self) -> Result<ProvisionConfig, ApiError> {
        let target = required_amount("VersionProvisionedConcurrencyNum", self.version_provisioned_concurrency_num)?;
        let some = |value: Option<i64>| value.is_some_and(|value| value != 0);
        if self.tracking_target.is_some_and(|value| value != 0.0) || some(self.min_capacity) || some(self.max_capacity)
        {
            let message = format!(
                "TrackingTarget, MinCapacity and MaxCapacity belong to ProvisionedType {TRACKING}; this is {FIXED}"
            );
            return Err(wrong_type(message));
        }
        Ok(ProvisionConfig { target, actions: actions(self.trigger_actions)?, ..Default::default() })
    }

    /// The two types exclude each other: nothing that belongs to the other one may be given along.
    fn tracking(self) -> Result<ProvisionConfig, ApiError> {
        let target = self.version_provisioned_concurrency_num.unwrap_or(0);
        if target != 0 {
            let message = format!("VersionProvisionedConcurrencyNum is {target}: with {TRACKING} it must be 0");
            return Err(wrong_type(message));
        }
        if self.trigger_actions.is_some_and(|actions| !actions.is_empty()) {
            return Err(wrong_type(format!("TriggerActions cannot be used with {TRACKING}: use one of the two")));
        }
        let utilization_ppm = utilization(self.tracking_target)?;
        let min = self.min_capacity.ok_or_else(|| ApiError::missing("MinCapacity"))?;
        let max = self.max_capacity.ok_or_else(|| ApiError::missing("MaxCapacity"))?;
        let (min, max) = capacities(min, max)?;
        let policy = TrackingPolicy {
            name: TRACKING.to_owned(),
            metric: METRIC.to_owned(),
            utilization_ppm,
            min,
            max,
            from: None,
            until: None,
        };
        Ok(ProvisionConfig { tracking: vec![policy], ..Default::default() })
    }
}

fn wrong_type(message: String) -> ApiError {
    ApiError::new("InvalidParameterValue.ProvisionType", message)
}

fn utilization(given: Option<f64>) -> Result<u32, ApiError> {
    let given = given.ok_or_else(|| ApiError::missing("TrackingTarget"))?;
    if given > 0.0 && given < 1.0 {
        return Ok((given * PPM).round().clamp(1.0, PPM - 1.0) as u32);
    }
    let message = format!("TrackingTarget {given} is not allowed: use a number between 0 and 1, neither included");
    Err(ApiError::new("InvalidParameterValue.TrackingTarget", message))
}

fn capacities(min: i64, max: i64) -> Result<(u64, u64), ApiError> {
    let least = u64::try_from(min).ok().filter(|min| *min >= 1).ok_or_else(|| {
        let message = format!("MinCapacity {min} is not allowed: use 1 or more");
        ApiError::new("InvalidParameterValue.MinCapacity", message)
    })?;
    let most = u64::try_from(max).ok().filter(|max| *max >= least).ok_or_else(|| {
        let message = format!("MaxCapacity {max} is less than MinCapacity {min}: use {min} or more");
        ApiError::new("LimitExceeded.MaxCapacity", message)
    })?;
    Ok((least, most))
}

/// Two may have the same time: then the later one counts (spec: SCH-04).
fn actions(given: Option<Vec<TriggerAction>>) -> Result<Vec<ScheduledAction>, ApiError> {
    let mut names = HashSet::new();
    let mut actions = Vec::new();
    for action in given.unwrap_or_default() {
        let action = action.read()?;
        if !names.insert(action.name.clone()) {
            let message = format!("two scheduled actions are named '{}': use a name once", action.name);
            return Err(ApiError::new("InvalidParameterValue.ProvisionTriggerNameDuplicate", message));
        }
        actions.push(action);
    }
    Ok(actions)
}

impl TriggerAction {
    fn read(self) -> Result<ScheduledAction, ApiError> {
        let name = required("TriggerActions.TriggerName", self.trigger_name.as_deref())?;
        let length = name.chars().count();
        if length > LONGEST_NAME || name.chars().any(char::is_control) {
            let message = format!(
                "the name of a scheduled action has {length} characters: use 1 to {LONGEST_NAME} printable ones"
            );
            return Err(ApiError::new("InvalidParameterValue.ProvisionTriggerName", message));
        }
        let kind = self.provisioned_type.as_deref().unwrap_or_default();
        if !kind.is_empty() && !kind.eq_ignore_ascii_case(FIXED) {
            return Err(wrong_type(format!("scheduled action '{name}' has ProvisionedType '{kind}': use {FIXED}")));
        }
        let number = "TriggerActions.TriggerProvisionedConcurrencyNum";
        let target =
            required_amount(number, self.trigger_provisioned_concurrency_num).map_err(|error| match error.code {
                "InvalidParameterValue" => {
                    ApiError { code: "InvalidParameterValue.TriggerProvisionedConcurrencyNum", ..error }
                }
                _ => error,
            })?;
        let cron = required("TriggerActions.TriggerCronConfig", self.trigger_cron_config.as_deref())?;
        let expression = cron.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        Ok(ScheduledAction { name: name.to_owned(), expression, target, from: None, until: None, time_zone: None })
    }
}

#[cfg(test)]
mod tests;
