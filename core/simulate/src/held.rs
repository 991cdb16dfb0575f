//! Which numbers of a quota profile hold against those that were recorded.

use sluice_decide::{Limits, Millis};
use sluice_domain::QuotaProfile;
use std::collections::BTreeSet;

/// What was said about the limits of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The whole profile. Changes that were recorded are not made.
    All,
    /// These keys of it; the others are as recorded, at every time.
    Keys(BTreeSet<String>),
}

impl Held {
    /// The limits that hold where these were recorded.
    pub(crate) fn over(&self, recorded: &Limits, quota: &QuotaProfile) -> Limits {
        // Settings were made in the grammar of their dialect, and freezing costs nothing here.
        let mut limits = match self {
            Held::All => Limits { dialect: recorded.dialect, ..Limits::from(quota) },
            Held::Keys(keys) => {
                let mut limits = recorded.clone();
                keys.iter().for_each(|key| carry(key, quota, &mut limits));
                limits
            }
        };
        limits.freeze_after_ms = None;
        limits
    }
}

/// Sets what a key of the profile is about. Keys that decide nothing set nothing.
fn carry(key: &str, quota: &QuotaProfile, limits: &mut Limits) {
    let from = Limits::from(quota);
    match key {
        "concurrency_mb" => limits.concurrency_mb = from.concurrency_mb,
        "namespace_concurrency_mb" => limits.namespace_mb = from.namespace_mb,
        "on_demand_instances" => limits.instances = from.instances,
        "burst_per_min" => limits.burst_per_min = from.burst_per_min,
        "namespace_burst_per_min" => limits.namespace_burst_per_min = from.namespace_burst_per_min,
        "start_interval_http_ms" => limits.start_interval_http_ms = from.start_interval_http_ms,
        "start_interval_other_ms" => limits.start_interval_other_ms = from.start_interval_other_ms,
        "provisioned_burst_per_min" => limits.provisioned_burst_per_min = from.provisioned_burst_per_min,
        "provisioned_burst_adaptive" => limits.provisioned_burst_adaptive = from.provisioned_burst_adaptive,
        "keep_alive_s" => limits.keep_alive_ms = Millis::from(quota.keep_alive_s) * 1000,
        "keep_alive_adaptive" => limits.keep_alive_adaptive = from.keep_alive_adaptive,
        "wait_queue_depth" => limits.queue_depth = from.queue_depth,
        "wait_queue_ms" => limits.queue_ms = from.queue_ms,
        "schedule_tz" => limits.schedule_tz = from.schedule_tz,
        "tracking_tick_s" => limits.tracking_tick_s = from.tracking_tick_s,
        "tracking_in_window_s" => limits.tracking_in_window_s = from.tracking_in_window_s,
        "tracking_in_step" => limits.tracking_in_step = from.tracking_in_step,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};
    use sluice_domain::{Dialect, Profile};

    /// Every key that changes the limits is carried over, and nothing else is.
    #[test]
    fn keys_set_what_they_are_about() {
        let base = QuotaProfile::named(Profile::Scf128);
        let recorded = Limits { freeze_after_ms: None, ..Limits::from(&base) };
        let Ok(Value::Object(document)) = serde_json::to_value(&base) else { panic!("a profile is an object") };
        for key in document.keys().filter(|key| *key != "profile") {
            for value in [json!(7), json!(true), json!(false), json!("UTC"), json!("gradual"), json!({ "n": 7 })] {
                let patch = Map::from_iter([(key.clone(), value)]);
                let Ok(quota) = base.patched(&patch) else { continue };
                let whole = Limits { freeze_after_ms: None, ..Limits::from(&quota) };
                let held = Held::Keys(BTreeSet::from([key.clone()]));
                assert_eq!(held.over(&recorded, &quota), whole, "{patch:?}");
                assert_eq!(Held::Keys(BTreeSet::new()).over(&recorded, &quota), recorded);
                assert_eq!(Held::All.over(&recorded, &quota), whole);
            }
        }
    }

    #[test]
    fn the_dialect_stays() {
        let recorded = Limits::from(&QuotaProfile::named(Profile::Fc));
        let limits = Held::All.over(&recorded, &QuotaProfile::named(Profile::Scf64));
        assert_eq!((limits.dialect, limits.concurrency_mb), (Dialect::Fc, Some(64_000)));
    }
}
