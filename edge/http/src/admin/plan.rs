//! Back-of-the-envelope planning, by the formulas of the vendors' guides.

use super::{
    Admin,
    clock::parse,
    reply::{self, Reply},
};
use axum::extract::State;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

/// What is known. Each answer needs the two or three numbers that it is made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    requests_per_s: Option<f64>,
    duration_s: Option<f64>,
    /// Instances to be reached, and how many may start in a minute.
    target_instances: Option<u64>,
    starts_per_min: Option<u64>,
    instance_concurrency: Option<u32>,
    instances: Option<u64>,
}

pub async fn estimate(State(admin): State<Admin>, body: Bytes) -> Reply {
    let known: Known = parse(&body, "{\"requests_per_s\": 2000, \"duration_s\": 0.02}")?;
    let estimate = &admin.engine.estimates();
    let refuse = |message: String| reply::invalid(&message);
    let mut answer = serde_json::Map::new();
    if let (Some(rate), Some(duration)) = (known.requests_per_s, known.duration_s) {
        let concurrency = (estimate.concurrency)(rate, duration).map_err(refuse)?;
        answer.insert("concurrency".to_owned(), json!(concurrency));
    }
    if let (Some(target), Some(per_minute)) = (known.target_instances, known.starts_per_min) {
        let minutes = (estimate.minutes_to_scale)(target, per_minute).map_err(refuse)?;
        answer.insert("minutes_to_scale".to_owned(), json!(minutes));
    }
    if let (Some(duration), Some(instances)) = (known.duration_s, known.instances) {
        let each = known.instance_concurrency.unwrap_or(1);
        let tps = (estimate.capacity_tps)(duration, each, instances).map_err(refuse)?;
        answer.insert("requests_per_s".to_owned(), json!(tps));
    }
    if answer.is_empty() {
        let message = "nothing can be said from this: give requests_per_s and duration_s, or target_instances and \
                       starts_per_min, or duration_s, instances and instance_concurrency";
        return Err(reply::invalid(message));
    }
    reply::json(&answer)
}
