//! Counting what happens in a run.

use crate::{Point, Report, Waits};
use serde::Serialize;
use sluice_decide::Millis;
use sluice_domain::{ColdReason, StartCause, Throttle};
use std::collections::{BTreeMap, HashMap};

/// Waits are exact up to here and then within 3 %: 32 classes for each doubling.
const EXACT: u64 = 64;
const CLASSES: usize = 64 + 32 * 40;

pub struct Count {
    pub requests: u64,
    served: u64,
    cold: HashMap<ColdReason, u64>,
    ahead: u64,
    throttles: HashMap<Throttle, u64>,
    waits: Vec<u64>,
    wait_sum: u64,
    wait_max: u64,
    failures: u64,
    starts: u64,
    stops: u64,
    /// MB times milliseconds.
    starting: u64,
    running: u64,
    instances: u64,
    peak_running: u64,
    peak_instances: u64,
    stretch_ms: Millis,
    points: Vec<Point>,
    /// When the current stretch ends.
    stretch_end: Millis,
    point: Point,
}

impl Count {
    pub fn new(span_ms: Millis, points: usize) -> Self {
        let stretch_ms = (span_ms / points.max(1) as u64).max(1);
        Self {
            requests: 0,
            served: 0,
            cold: HashMap::new(),
            ahead: 0,
            throttles: HashMap::new(),
            waits: vec![0; CLASSES],
            wait_sum: 0,
            wait_max: 0,
            failures: 0,
            starts: 0,
            stops: 0,
            starting: 0,
            running: 0,
            instances: 0,
            peak_running: 0,
            peak_instances: 0,
            stretch_ms,
            points: Vec::new(),
            stretch_end: stretch_ms,
            point: Point::default(),
        }
    }

    #[inline]
    pub fn arrived(&mut self, now: Millis) {
        while now >= self.stretch_end {
            self.turn();
        }
        self.requests += 1;
        self.point.requests += 1;
    }

    /// Ends a stretch. What runs and is there goes on into the next one.
    fn turn(&mut self) {
        self.point.at_s = (self.stretch_end - self.stretch_ms) as f64 / 1000.0;
        let next = Point { concurrency: self.running, instances: self.instances, ..Point::default() };
        self.points.push(std::mem::replace(&mut self.point, next));
        self.stretch_end += self.stretch_ms;
    }

    #[inline]
    pub fn dispatched(&mut self, waited: Millis) {
        self.served += 1;
        self.running += 1;
        self.point.concurrency = self.point.concurrency.max(self.running);
        self.peak_running = self.peak_running.max(self.running);
        self.waits[class(waited)] += 1;
        self.wait_sum += waited;
        self.wait_max = self.wait_max.max(waited);
    }

    #[inline]
    pub fn ended(&mut self) {
        self.running -= 1;
    }

    pub fn started(&mut self, cause: &StartCause, for_request: bool, mb_ms: u64) {
        self.starts += 1;
        self.starting += mb_ms;
        self.instances += 1;
        self.point.instances = self.point.instances.max(self.instances);
        self.peak_instances = self.peak_instances.max(self.instances);
        if !for_request && matches!(cause.reason, ColdReason::Provisioned | ColdReason::Expected) {
            self.ahead += 1;
            return;
        }
        self.point.cold_starts += 1;
        *self.cold.entry(cause.reason).or_default() += 1;
    }

    pub fn stopped(&mut self) {
        self.stops += 1;
        self.instances -= 1;
    }

    pub fn refused(&mut self, throttle: Throttle) {
        self.point.throttles += 1;
        *self.throttles.entry(throttle).or_default() += 1;
    }

    /// A request that was neither served nor refused.
    pub fn failed(&mut self) {
        self.failures += 1;
    }

    pub fn report(mut self, end: Millis) -> Report {
        if self.point.requests > 0 || self.points.is_empty() {
            self.turn();
        }
        let waits = Waits {
            waited: self.served - self.waits[0],
            mean_ms: if self.served == 0 { 0.0 } else { self.wait_sum as f64 / self.served as f64 },
            p50_ms: self.percentile(50),
            p95_ms: self.percentile(95),
            p99_ms: self.percentile(99),
            max_ms: self.wait_max,
        };
        Report {
            span_s: end as f64 / 1000.0,
            requests: self.requests,
            cold_starts: self.cold.values().sum(),
            cold_starts_by_reason: worded(&self.cold),
            starts_ahead: self.ahead,
            throttles: self.throttles.values().sum(),
            throttles_by_limit: worded(&self.throttles),
            failures: self.failures,
            waits,
            starting_gb_s: self.starting as f64 / 1024.0 / 1000.0,
            peak_instances: self.peak_instances,
            peak_concurrency: self.peak_running,
            starts: self.starts,
            stops: self.stops,
            timeline: self.points,
            ..Report::default()
        }
    }

    fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.served * percent).div_ceil(100);
        let mut seen = 0;
        for (class, count) in self.waits.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return least(class).min(self.wait_max);
            }
        }
        0
    }
}

fn worded<K: Serialize>(counts: &HashMap<K, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(key, count)| (word(key), *count)).collect()
}

/// The word that documents use for a reason.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

fn class(wait: Millis) -> usize {
    if wait < EXACT {
        return wait as usize;
    }
    let doubling = wait.ilog2();
    let class = EXACT as usize + 32 * (doubling as usize - 6) + (wait >> (doubling - 5) & 31) as usize;
    class.min(CLASSES - 1)
}

/// The least wait in a class.
fn least(class: usize) -> Millis {
    if class < EXACT as usize {
        return class as Millis;
    }
    let (doubling, part) = ((class - 64) / 32 + 6, (class - 64) % 32);
    (32 + part as Millis) << (doubling - 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_close() {
        for wait in (0..100).chain((100..10_000_000).step_by(997)) {
            let low = least(class(wait));
            assert!(low <= wait && (wait - low) as f64 <= 0.032 * wait as f64, "{wait} {low}");
        }
    }
}
