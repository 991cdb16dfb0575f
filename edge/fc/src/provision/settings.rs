//! What a request says about provisioned instances.
//!
//! Only what can be judged from the request itself is judged here; whether an expression can be read, and whether
//! there is room for as many instances, is for the engine to say.

use crate::fields::{Fields, wrong};
use jiff::Timestamp as Instant;
use serde_json::Value;
use sluice_domain::{Error, Field, ProvisionConfig, Result, ScheduledAction, Timestamp, TrackingPolicy};
use std::collections::BTreeSet;

const MAX_INSTANCES: u32 = 10_000;
const METRIC: &str = "ProvisionedConcurrencyUtilization";

pub fn read(fields: &mut Fields) -> Result<ProvisionConfig> {
    let actions = items(fields, "scheduledActions", action)?;
    let tracking = items(fields, "targetTrackingPolicies", policy)?;
    check_names("scheduledActions", actions.iter().map(|action| &*action.name))?;
    check_names("targetTrackingPolicies", tracking.iter().map(|policy| &*policy.name))?;
    let target = match count(fields, "target", "", Field::ProvisionedConcurrency)? {
        None if actions.is_empty() && tracking.is_empty() => {
            return Err(Error::missing(
                Field::ProvisionedConcurrency,
                "target is required: give a number of instances",
            ));
        }
        target => target.unwrap_or_default(),
    };
    let always_allocate_cpu = fields.flag("alwaysAllocateCPU")?.unwrap_or(true);
    Ok(ProvisionConfig { target, actions, tracking, always_allocate_cpu })
}

fn action(fields: &mut Fields, at: &str) -> Result<ScheduledAction> {
    let (from, until) = window(fields, at)?;
    Ok(ScheduledAction {
        name: required_text(fields, "name", at, Field::TriggerName)?,
        expression: required_text(fields, "scheduleExpression", at, Field::TriggerCron)?,
        target: required_count(fields, "target", at, Field::TriggerTarget)?,
        from,
        until,
        time_zone: fields.text("timeZone")?.filter(|zone| !zone.is_empty()),
    })
}

fn policy(fields: &mut Fields, at: &str) -> Result<TrackingPolicy> {
    let (from, until) = window(fields, at)?;
    let name = required_text(fields, "name", at, Field::TriggerName)?;
    let metric = required_text(fields, "metricType", at, Field::ProvisionType)?;
    if metric != METRIC {
        let message = format!("{at}.metricType '{metric}' is not known: use {METRIC}");
        return Err(Error::invalid(Field::ProvisionType, message));
    }
    let utilization_ppm = utilization(fields, at)?;
    let min = required_count(fields, "minCapacity", at, Field::MinCapacity)?;
    let max = required_count(fields, "maxCapacity", at, Field::MaxCapacity)?;
    if max < min {
        let message = format!("{at}.maxCapacity {max} is less than {at}.minCapacity {min}: use {min} or more");
        return Err(Error::invalid(Field::MaxCapacity, message));
    }
    Ok(TrackingPolicy { name, metric, utilization_ppm, min, max, from, until })
}

/// A list of objects; each is read with its place in the request for messages.
fn items<T>(fields: &mut Fields, list: &str, read: impl Fn(&mut Fields, &str) -> Result<T>) -> Result<Vec<T>> {
    let item = |(index, value)| {
        let at = format!("{list}[{index}]");
        match value {
            Value::Object(map) => read(&mut Fields::of(map), &at),
            other => Err(wrong(&at, "an object", &other)),
        }
    };
    match fields.take(list) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values.into_iter().enumerate().map(item).collect(),
        Some(other) => Err(wrong(list, "a list of objects", &other)),
    }
}

fn check_names<'a>(list: &str, mut names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{list} has the name '{name}' twice: each needs a name of its own");
            Err(Error::invalid(Field::TriggerNameDuplicate, message))
        }
    }
}

fn required_text(fields: &mut Fields, name: &str, at: &str, field: Field) -> Result<String> {
    let text = match fields.take(name) {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => return Err(wrong(&format!("{at}.{name}"), "a string", &other)),
    };
    if text.is_empty() { Err(Error::missing(field, format!("{at}.{name} is required"))) } else { Ok(text) }
}

fn required_count(fields: &mut Fields, name: &str, at: &str, field: Field) -> Result<u64> {
    count(fields, name, at, field)?.ok_or_else(|| Error::missing(field, format!("{at}.{name} is required")))
}

/// A number of instances.
fn count(fields: &mut Fields, name: &str, at: &str, field: Field) -> Result<Option<u64>> {
    let path = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let Some(value) = fields.take(name) else { return Ok(None) };
    let right = format!("a whole number from 0 to {MAX_INSTANCES}");
    let refuse = |error: Error| Error::invalid(field, error.message);
    let number = Fields::of([(name.to_owned(), value.clone())].into_iter().collect()).number(name);
    match number {
        Ok(Some(number)) if number <= MAX_INSTANCES => Ok(Some(number.into())),
        _ => Err(refuse(wrong(&path, &right, &value))),
    }
}

fn utilization(fields: &mut Fields, at: &str) -> Result<u32> {
    let path = format!("{at}.metricTarget");
    let Some(value) = fields.take("metricTarget") else {
        return Err(Error::missing(Field::TrackingTarget, format!("{path} is required")));
    };
    let ppm = value.as_f64().map(|share| (share * 1e6).round()).filter(|ppm| (1.0..=1e6).contains(ppm));
    let refuse = || {
        let message = format!("{path} must be a number above 0 and at most 1, such as 0.6, not {value}");
        Error::invalid(Field::TrackingTarget, message)
    };
    ppm.map(|ppm| ppm as u32).ok_or_else(refuse)
}

/// When an item begins and ceases to count.
fn window(fields: &mut Fields, at: &str) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let from = instant(fields, "startTime", at)?;
    let until = instant(fields, "endTime", at)?;
    match (from, until) {
        (Some(from), Some(until)) if until <= from => {
            let (from, until) = (from.rfc3339(), until.rfc3339());
            let message = format!("{at}.endTime {until} is not after {at}.startTime {from}: it must be later");
            Err(Error::invalid(Field::Other("endTime"), message))
        }
        window => Ok(window),
    }
}

fn instant(fields: &mut Fields, name: &'static str, at: &str) -> Result<Option<Timestamp>> {
    let value = match fields.take(name) {
        None => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(value) => value,
    };
    let found = value.as_str().filter(|text| is_rfc3339(text)).and_then(|text| text.parse::<Instant>().ok());
    let refuse = || {
        let message = format!("{at}.{name} must be a time in UTC such as 2020-10-10T10:10:10Z, not {value}");
        Error::invalid(Field::Other(name), message)
    };
    found.map(|instant| Some(Timestamp(instant.as_millisecond()))).ok_or_else(refuse)
}

/// The parser reads more forms than the vendor's: other separators, names of zones.
fn is_rfc3339(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T') && !text.contains('[')
}

#[cfg(test)]
mod tests;
