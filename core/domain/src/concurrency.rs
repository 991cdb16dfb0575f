//! Concurrency settings of functions, as users make them.

use crate::{FunctionKey, Timestamp};
use serde::{Deserialize, Serialize};

/// How many instances of a version are kept started, and how that number moves by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionConfig {
    /// The number when no schedule and no tracking says otherwise.
    pub target: u64,
    pub actions: Vec<ScheduledAction>,
    /// At most one for SCF.
    pub tracking: Vec<TrackingPolicy>,
    /// FC: idle instances keep their processor time.
    pub always_allocate_cpu: bool,
}

impl ProvisionConfig {
    /// The greatest number it can ask for at any time.
    pub fn most(&self) -> u64 {
        let scheduled = self.actions.iter().map(|action| action.target);
        let tracked = self.tracking.iter().map(|policy| policy.max);
        scheduled.chain(tracked).chain([self.target]).max().unwrap_or(0)
    }
}

/// Sets the number of provisioned instances at certain times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledAction {
    pub name: String,
    /// SCF: seven cron fields; FC: `cron(…)` with six or `at(…)`.
    pub expression: String,
    pub target: u64,
    /// It counts from here, if given (FC).
    pub from: Option<Timestamp>,
    /// It counts until here, if given (FC).
    pub until: Option<Timestamp>,
    /// IANA name of the zone the expression is in; the quota profile's zone if not given.
    pub time_zone: Option<String>,
}

/// Moves the number of provisioned instances with the load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingPolicy {
    pub name: String,
    /// `ProvisionedConcurrencyUtilization`.
    pub metric: String,
    /// The share of provisioned instances that should be in use, in parts per million.
    pub utilization_ppm: u32,
    pub min: u64,
    pub max: u64,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// A provision setting and what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    pub function: FunctionKey,
    /// SCF: a version; FC: an alias, a version or `LATEST`.
    pub qualifier: String,
    pub config: ProvisionConfig,
    /// Rises with each stored change.
    pub version: u64,
    pub modified: Timestamp,
}

impl Provision {
    /// The tag where nothing is set.
    pub const ABSENT: &str = "0";

    /// Changes whenever the setting does, also when it is removed and set again, which counts its versions anew.
    pub fn etag(&self) -> String {
        format!("{:x}-{}", self.modified.millis(), self.version)
    }
}

/// FC: the most on-demand instances that calls of a function through one alias, or of `LATEST`, may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDemandLimit {
    pub function: FunctionKey,
    pub qualifier: String,
    pub instances: u64,
    pub version: u64,
}

impl OnDemandLimit {
    /// Changes whenever the limit does.
    pub fn etag(&self) -> String {
        format!("{}-{}", self.instances, self.version)
    }
}
