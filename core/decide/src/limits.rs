//! The numbers that decisions go by.

use crate::{Millis, PlanRules};
use serde::{Deserialize, Serialize};
use sluice_domain::{Dialect, Profile, QuotaProfile, TrackingStep};
use std::collections::BTreeMap;

/// A quota profile, reduced to what decisions need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub dialect: Dialect,
    /// MB of requests running at once in the scope.
    pub concurrency_mb: Option<u64>,
    /// MB of requests running at once in single namespaces.
    pub namespace_mb: BTreeMap<String, u64>,
    /// On-demand instances with a request, in the scope.
    pub instances: Option<u64>,
    /// New elastic instances in one minute of the clock.
    pub burst_per_min: Option<u64>,
    /// The same for namespaces that have a budget of their own.
    pub namespace_burst_per_min: BTreeMap<String, u64>,
    /// Time between two new instances of one pool, for HTTP calls and for others.
    pub start_interval_http_ms: Option<Millis>,
    pub start_interval_other_ms: Option<Millis>,
    /// New provisioned instances in one minute of the clock.
    pub provisioned_burst_per_min: Option<u64>,
    pub provisioned_burst_adaptive: bool,
    /// How long an idle instance is kept while nothing is known of a function.
    pub keep_alive_ms: Millis,
    pub keep_alive_adaptive: bool,
    /// How long an instance is idle before it is frozen.
    pub freeze_after_ms: Option<Millis>,
    /// Calls of one pool that may wait for an instance, and for how long.
    pub queue_depth: u64,
    pub queue_ms: Millis,
    pub schedule_tz: String,
    pub tracking_tick_s: u32,
    pub tracking_in_window_s: u32,
    pub tracking_in_step: TrackingStep,
}

/// An instance keeps its processor time for this long after a request, so that what the request left
/// running (sockets closing, buffers flushing) can end, and so that steady traffic does not thaw it each time.
const FREEZE_AFTER_MS: Millis = 500;

impl Limits {
    pub(crate) fn plan_rules(&self) -> PlanRules {
        PlanRules {
            dialect: self.dialect,
            zone: self.schedule_tz.clone(),
            tick_s: self.tracking_tick_s,
            in_window_s: self.tracking_in_window_s,
            in_step: self.tracking_in_step,
        }
    }

    /// How many provisioned instances may start in a minute in which `missing` are wanted.
    pub(crate) fn provisioned_budget(&self, missing: u64) -> Option<u64> {
        /// Adaptive speed has all of them up in about this many minutes.
        const MINUTES: u64 = 5;
        let base = self.provisioned_burst_per_min?;
        Some(if self.provisioned_burst_adaptive { base.max(missing.div_ceil(MINUTES)) } else { base })
    }
}

impl From<&QuotaProfile> for Limits {
    fn from(quota: &QuotaProfile) -> Self {
        Self {
            dialect: if quota.profile == Profile::Fc { Dialect::Fc } else { Dialect::Scf },
            concurrency_mb: quota.concurrency_mb,
            namespace_mb: quota.namespace_concurrency_mb.clone(),
            instances: quota.on_demand_instances,
            burst_per_min: quota.burst_per_min,
            namespace_burst_per_min: quota.namespace_burst_per_min.clone(),
            start_interval_http_ms: quota.start_interval_http_ms,
            start_interval_other_ms: quota.start_interval_other_ms,
            provisioned_burst_per_min: quota.provisioned_burst_per_min,
            provisioned_burst_adaptive: quota.provisioned_burst_adaptive,
            keep_alive_ms: Millis::from(quota.keep_alive_s) * 1000,
            keep_alive_adaptive: quota.keep_alive_adaptive,
            freeze_after_ms: Some(FREEZE_AFTER_MS),
            queue_depth: quota.wait_queue_depth,
            queue_ms: quota.wait_queue_ms,
            schedule_tz: quota.schedule_tz.clone(),
            tracking_tick_s: quota.tracking_tick_s,
            tracking_in_window_s: quota.tracking_in_window_s,
            tracking_in_step: quota.tracking_in_step,
        }
    }
}
