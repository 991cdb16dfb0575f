//! The numbers that admission and reclaim go by.

use crate::Millis;
use sluice_domain::QuotaProfile;
use std::collections::BTreeMap;

/// A quota profile, reduced to what decisions need.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// MB of requests running at once in the scope.
    pub concurrency_mb: Option<u64>,
    /// MB of requests running at once in single namespaces.
    pub namespace_mb: BTreeMap<String, u64>,
    /// Instances with a request, in the scope.
    pub instances: Option<u64>,
    /// New instances in one minute of the clock.
    pub burst_per_min: Option<u64>,
    /// How long an idle instance is kept.
    pub keep_alive_ms: Millis,
    /// How long an instance is idle before it is frozen.
    pub freeze_after_ms: Millis,
}

/// An instance keeps its processor time for this long after a request, so that what the request left
/// running (sockets closing, buffers flushing) can end, and so that steady traffic does not thaw it each time.
const FREEZE_AFTER_MS: Millis = 500;

impl From<&QuotaProfile> for Limits {
    fn from(quota: &QuotaProfile) -> Self {
        Self {
            concurrency_mb: quota.concurrency_mb,
            namespace_mb: quota.namespace_concurrency_mb.clone(),
            instances: quota.on_demand_instances,
            burst_per_min: quota.burst_per_min,
            keep_alive_ms: Millis::from(quota.keep_alive_s) * 1000,
            freeze_after_ms: FREEZE_AFTER_MS,
        }
    }
}
