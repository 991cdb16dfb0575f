//! What a run counted, as a document.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// List prices. Defaults are those that Tencent SCF and Alibaba FC had published alike by 2021, in yuan; they are here
/// to compare settings with each other, not to foretell a bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    pub currency: String,
    /// For a GB of memory while it serves requests, each second.
    pub gb_s: f64,
    /// For a GB of a provisioned instance without a request, each second.
    pub idle_gb_s: f64,
    pub million_requests: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self { currency: "CNY".to_owned(), gb_s: 0.000_110_8, idle_gb_s: 0.000_054_71, million_requests: 1.33 }
    }
}

/// Times in milliseconds unless named otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub functions: u64,
    pub span_s: f64,
    pub requests: u64,
    /// Requests that an instance was started for, and why.
    pub cold_starts: u64,
    pub cold_starts_by_reason: BTreeMap<String, u64>,
    /// Starts ahead of a request: provisioned, or because a call was expected.
    pub starts_ahead: u64,
    pub throttles: u64,
    pub throttles_by_limit: BTreeMap<String, u64>,
    /// Requests whose instance did not start, or whose version went while they waited.
    pub failures: u64,
    pub waits: Waits,
    /// Instance time from ready to gone, with and without a request.
    pub busy_instance_s: f64,
    pub idle_instance_s: f64,
    pub busy_gb_s: f64,
    pub idle_gb_s: f64,
    /// Of instances while they started.
    pub starting_gb_s: f64,
    /// Of requests and their GB-s; idle time of on-demand instances is free.
    pub cost: f64,
    pub currency: String,
    pub peak_instances: u64,
    pub peak_concurrency: u64,
    /// Instance starts and ends that the platform made.
    pub starts: u64,
    pub stops: u64,
    pub timeline: Vec<Point>,
}

/// From arrival to the start of the handler, over all requests that were not refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waits {
    /// Requests that waited at all.
    pub waited: u64,
    pub mean_ms: f64,
    pub p50_ms: u64,
    pub p95_ms: u64,
    pub p99_ms: u64,
    pub max_ms: u64,
}

/// One stretch of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub at_s: f64,
    pub requests: u64,
    pub cold_starts: u64,
    pub throttles: u64,
    /// The most requests that ran at once, and the most instances there were.
    pub concurrency: u64,
    pub instances: u64,
}
