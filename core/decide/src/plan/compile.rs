//! From a setting as it was made to one that can be followed, or why it cannot.

use super::{PlanError, PlanRules, scheduled::Action, tracked::Policy};
use crate::schedule::{Timing, Zone};
use sluice_domain::{Dialect, Field, ProvisionConfig, ScheduledAction, Timestamp, TrackingPolicy};

/// The only figure that can be tracked (spec: FPC-07).
const METRIC: &str = "ProvisionedConcurrencyUtilization";

pub(super) struct Compiled {
    pub actions: Vec<Action>,
    pub policies: Vec<Policy>,
}

pub(super) fn compile(config: &ProvisionConfig, rules: &PlanRules) -> Result<Compiled, PlanError> {
    let zone = Zone::named(&rules.zone).or_else(|message| refuse(Field::Other("schedule_tz"), message))?;
    if rules.dialect == Dialect::Scf {
        check_one_kind(config)?;
    }
    let actions = config.actions.iter().map(|action| compile_action(action, rules.dialect, &zone));
    let policies = config.tracking.iter().map(|policy| compile_policy(policy, rules.dialect));
    Ok(Compiled { actions: actions.collect::<Result<_, _>>()?, policies: policies.collect::<Result<_, _>>()? })
}

/// SCF: tracking is a kind of its own beside numbers and schedules (spec: TGT-08).
fn check_one_kind(config: &ProvisionConfig) -> Result<(), PlanError> {
    match config.tracking.len() {
        0 => Ok(()),
        1 if config.target == 0 && config.actions.is_empty() => Ok(()),
        1 => refuse(
            Field::ProvisionType,
            format!(
                "target tracking excludes a fixed number ({}) and scheduled actions ({}): give one kind only",
                config.target,
                config.actions.len()
            ),
        ),
        more => refuse(Field::ProvisionType, format!("{more} tracking policies for one version: give one")),
    }
}

fn compile_action(action: &ScheduledAction, dialect: Dialect, zone: &Zone) -> Result<Action, PlanError> {
    let name = &action.name;
    let timing = match dialect {
        Dialect::Scf => Timing::scf(&action.expression),
        Dialect::Fc => Timing::fc(&action.expression),
    };
    let timing = timing.or_else(|why| refuse(Field::TriggerCron, format!("scheduled action '{name}': {why}")))?;
    let zone = match &action.time_zone {
        None => zone.clone(),
        Some(own) => Zone::named(own)
            .or_else(|why| refuse(Field::Other("timeZone"), format!("scheduled action '{name}': {why}")))?,
    };
    let (from, until) = window("scheduled action", name, action.from, action.until)?;
    if let Some(once) = timing.once(&zone)
        && !(from..until).contains(&once)
    {
        return refuse(
            Field::TriggerCron,
            format!(
                "scheduled action '{name}': '{}' is outside its own window: give a time from startTime until before endTime",
                action.expression
            ),
        );
    }
    Ok(Action { name: name.clone(), timing, zone, target: action.target, from, until, next: None })
}

fn compile_policy(policy: &TrackingPolicy, dialect: Dialect) -> Result<Policy, PlanError> {
    let TrackingPolicy { name, metric, utilization_ppm, min, max, .. } = policy;
    if dialect == Dialect::Fc && metric != METRIC {
        return refuse(
            Field::Other("metricType"),
            format!("tracking policy '{name}': unknown metricType '{metric}': use {METRIC}"),
        );
    }
    check_utilization(name, *utilization_ppm, dialect)?;
    // SCF documents a minimum of 1.
    if dialect == Dialect::Scf && *min == 0 {
        return refuse(Field::MinCapacity, format!("tracking policy '{name}': a minimum of 0: use 1 or more"));
    }
    if max < min {
        return refuse(
            Field::MaxCapacity,
            format!("tracking policy '{name}': the maximum {max} is below the minimum {min}: use {min} or more"),
        );
    }
    let (from, until) = window("tracking policy", name, policy.from, policy.until)?;
    let (utilization_ppm, min, max) = (*utilization_ppm, *min, *max);
    Ok(Policy { name: name.clone(), utilization_ppm, min, max, from, until, open: None })
}

/// SCF: above 0 and below 1 (spec: TGT-01). FC: 1 is allowed.
fn check_utilization(name: &str, ppm: u32, dialect: Dialect) -> Result<(), PlanError> {
    let (most, right) = match dialect {
        Dialect::Scf => (999_999, "above 0 and below 1"),
        Dialect::Fc => (1_000_000, "above 0 and at most 1"),
    };
    if (1..=most).contains(&ppm) {
        return Ok(());
    }
    let value = f64::from(ppm) / 1e6;
    refuse(Field::TrackingTarget, format!("tracking policy '{name}': target utilisation {value}: use a share {right}"))
}

/// The first and the first no more instant.
fn window(what: &str, name: &str, from: Option<Timestamp>, until: Option<Timestamp>) -> Result<(i64, i64), PlanError> {
    let (first, end) = (from.map_or(i64::MIN, Timestamp::millis), until.map_or(i64::MAX, Timestamp::millis));
    if first < end {
        return Ok((first, end));
    }
    let shown = |time: Option<Timestamp>| time.map(Timestamp::rfc3339).unwrap_or_default();
    refuse(
        Field::Other("endTime"),
        format!("{what} '{name}': endTime {} is not after startTime {}: give a later one", shown(until), shown(from)),
    )
}

fn refuse<T>(field: Field, message: String) -> Result<T, PlanError> {
    Err(PlanError { field, message })
}
