//! Plays a workload against the decisions.
//!
//! Time jumps from one happening to the next: a call ends, a start is done, the core wants a tick, a request comes;
//! at the same millisecond in this order. The core is the server's own; what stands in for the world is one duration
//! per request and one start time per function, or those that were recorded.

mod count;
mod ledger;
mod pending;
mod player;
mod recorded;
#[cfg(test)]
mod tests;

use crate::{Arrival, Held, Prices, Report, Subject, Workload};
use count::Count;
use player::{Facts, Player, Request, World};
use sluice_decide::{Event, Limits, Millis, PoolId, PoolSpec, State, Trigger, Usage};
use sluice_domain::QuotaProfile;

pub use recorded::run_recorded;

/// Requests between two calls of the progress report.
const PROGRESS_EVERY: u64 = 1 << 16;

/// Requests that are looked ahead at.
const BATCH: usize = 16;

/// Under which rules to play.
#[derive(Clone, Debug)]
pub struct Settings {
    pub quota: QuotaProfile,
    /// How much of the quota holds for a recording, which has limits of its own.
    pub held: Held,
    pub prices: Prices,
    /// Requests that one instance takes at a time. None: one, or what was recorded.
    pub concurrency: Option<u32>,
    /// The host's memory; starting instances beyond it evicts idle ones. None: as much as is needed.
    pub host_mb: Option<u64>,
    /// Stretches of the report's timeline.
    pub points: usize,
}

impl Settings {
    pub fn new(quota: QuotaProfile) -> Self {
        Self { quota, held: Held::All, prices: Prices::default(), concurrency: None, host_mb: None, points: 240 }
    }
}

/// Plays the whole workload. `progress` is told, now and then, how many requests there were and what time it is.
pub fn run(workload: Workload, settings: &Settings, mut progress: impl FnMut(u64, Millis)) -> Report {
    let Workload { functions, mut arrivals, span_ms, requests } = workload;
    // A cap cuts the recording short, and what follows the last request would be an idle platform.
    let mut end = span_ms;
    let mut world = World::new(Count::new(span_ms, settings.points), settings.host_mb);
    let mut player = opened(&functions, settings, &mut world);
    let trigger = |subject: &Subject| if subject.http { Trigger::Http } else { Trigger::Other };
    let triggers: Vec<Trigger> = functions.iter().map(trigger).collect();
    let mut batch: Vec<Arrival> = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        batch.extend(arrivals.by_ref().take(BATCH));
        if batch.is_empty() {
            break;
        }
        player.touch(&batch);
        for arrival in &batch {
            player.until(arrival.at_ms, &mut world);
            let (pool, trigger) = (PoolId(arrival.function), triggers[arrival.function as usize]);
            let request = Request { pool, rule: None, trigger, duration_ms: arrival.duration_ms, reusable: true };
            player.arrive(arrival.at_ms, request, &mut world);
            let seen = world.count.requests;
            if seen.is_multiple_of(PROGRESS_EVERY) {
                progress(seen, arrival.at_ms);
            }
            if requests == Some(seen) {
                end = arrival.at_ms;
            }
        }
    }
    player.until(end, &mut world);
    progress(world.count.requests, end);
    let time = InstanceTime::of(player.usage_at(end));
    time.report(world.count.report(end), functions.len() as u64, &settings.prices)
}

/// A platform with these functions deployed.
fn opened(functions: &[Subject], settings: &Settings, world: &mut World) -> Player {
    let mut limits = Limits::from(&settings.quota);
    // Freezing costs nothing here and changes nothing that is counted.
    limits.freeze_after_ms = None;
    let mut player = Player::new(State::new(limits, 0).without_explanations(), 0);
    for (index, subject) in functions.iter().enumerate() {
        let memory_mb = offered_mb(&settings.quota, subject.memory_mb);
        let spec = PoolSpec {
            namespace: "default".to_owned(),
            function: index.to_string(),
            name: subject.name.clone(),
            version: "$LATEST".to_owned(),
            memory_mb,
            concurrency: settings.concurrency.unwrap_or(1).max(1),
            replaces: None,
        };
        player.know(PoolId(index as u32), Facts { memory_mb, cold_ms: subject.cold_ms });
        player.set(0, Event::PoolOpened { pool: PoolId(index as u32), spec }, world);
    }
    player
}

/// Instance time from ready to gone, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct InstanceTime {
    busy: f64,
    idle: f64,
    busy_gb: f64,
    idle_gb: f64,
    provisioned_idle_gb: f64,
}

impl InstanceTime {
    fn of(usages: impl IntoIterator<Item = (u64, Usage)>) -> Self {
        let mut all = Self::default();
        for (memory_mb, usage) in usages {
            let gb = memory_mb as f64 / 1024.0;
            let busy = (usage.on_demand_busy_ms + usage.provisioned_busy_ms) as f64 / 1000.0;
            let idle = (usage.on_demand_ms + usage.provisioned_ms) as f64 / 1000.0 - busy;
            all.busy += busy;
            all.idle += idle;
            all.busy_gb += busy * gb;
            all.idle_gb += idle * gb;
            all.provisioned_idle_gb += (usage.provisioned_ms - usage.provisioned_busy_ms) as f64 / 1000.0 * gb;
        }
        all
    }

    fn report(self, counted: Report, functions: u64, prices: &Prices) -> Report {
        let served = (counted.requests - counted.throttles - counted.failures) as f64;
        Report {
            functions,
            busy_instance_s: self.busy,
            idle_instance_s: self.idle,
            busy_gb_s: self.busy_gb,
            idle_gb_s: self.idle_gb,
            cost: self.busy_gb * prices.gb_s
                + self.provisioned_idle_gb * prices.idle_gb_s
                + served / 1e6 * prices.million_requests,
            currency: prices.currency.clone(),
            ..counted
        }
    }
}

/// The smallest size that the profile offers for a function that needs so much.
fn offered_mb(quota: &QuotaProfile, needed: u32) -> u64 {
    let step = quota.memory_step_mb.max(1);
    let stepped = needed.div_ceil(step).saturating_mul(step).max(quota.memory_min_mb).min(quota.memory_max_mb);
    let extra = quota.memory_extra_mb.iter().copied().filter(|size| *size >= needed).min();
    u64::from(extra.map_or(stepped, |extra| extra.min(stepped)))
}
