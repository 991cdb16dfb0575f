//! Recent invocations and counters.

use crate::{Engine, RecordQuery};
use sluice_domain::{FailureKind, Invocation, Outcome, Scope};
use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// The last invocations of all accounts, newest at the back, bounded in number and in bytes of log.
pub struct Records {
    kept: usize,
    log_bytes: usize,
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    records: VecDeque<Arc<Invocation>>,
    by_request: HashMap<String, Arc<Invocation>>,
    log_bytes: usize,
}

impl Records {
    pub fn new(kept: usize, log_bytes: usize) -> Self {
        Self { kept: kept.max(1), log_bytes, ring: Mutex::default() }
    }

    pub fn push(&self, record: Arc<Invocation>) {
        let mut ring = self.ring.lock().expect("records lock");
        ring.log_bytes += weight(&record);
        ring.by_request.insert(record.request_id.0.clone(), record.clone());
        ring.records.push_back(record);
        while ring.records.len() > self.kept || ring.log_bytes > self.log_bytes {
            let Some(oldest) = ring.records.pop_front() else { break };
            ring.log_bytes -= weight(&oldest);
            ring.by_request.remove(oldest.request_id.as_str());
        }
    }
}

/// Bytes that a record keeps alive, its small fields aside.
fn weight(record: &Invocation) -> usize {
    let result = match &record.outcome {
        Outcome::Success(result) => result.len(),
        Outcome::Failure(failure) => failure.message.len() + failure.stack.as_ref().map_or(0, String::len),
    };
    record.log.len() + result
}

/// Totals since the server started.
#[derive(Default)]
pub struct Counters {
    pub invocations: AtomicU64,
    pub errors: AtomicU64,
    pub throttles: AtomicU64,
    pub cold_starts: AtomicU64,
    pub cold_starts_from_blank: AtomicU64,
    pub duration_us: AtomicU64,
    pub started: AtomicU64,
    pub stopped: AtomicU64,
}

impl Counters {
    pub fn count(&self, record: &Invocation) {
        let add = |counter: &AtomicU64, by: u64| counter.fetch_add(by, Ordering::Relaxed);
        add(&self.invocations, 1);
        add(&self.duration_us, (record.duration_ms * 1000.0) as u64);
        if let Some(failure) = record.failure() {
            let throttled = matches!(failure.kind, FailureKind::Throttled(_));
            add(if throttled { &self.throttles } else { &self.errors }, 1);
        }
        if let Some(cold) = &record.cold_start {
            add(&self.cold_starts, 1);
            add(&self.cold_starts_from_blank, u64::from(cold.from_blank));
        }
    }
}

impl Engine {
    /// The record of one request, whoever owns it.
    pub fn record(&self, request_id: &str) -> Option<Arc<Invocation>> {
        self.inner.records.ring.lock().expect("records lock").by_request.get(request_id).cloned()
    }

    /// Records of a scope that match, newest first.
    pub fn records(&self, scope: &Scope, query: &RecordQuery) -> Vec<Arc<Invocation>> {
        let ring = self.inner.records.ring.lock().expect("records lock");
        let matches = |record: &&Arc<Invocation>| {
            record.function.scope == *scope
                && query.function.as_ref().is_none_or(|key| *key == record.function)
                && query.request_id.as_ref().is_none_or(|id| *id == record.request_id.0)
                && query.from.is_none_or(|from| record.started >= from)
                && query.until.is_none_or(|until| record.started <= until)
        };
        if let Some(id) = &query.request_id {
            return ring.by_request.get(id).filter(matches).cloned().into_iter().collect();
        }
        ring.records.iter().rev().filter(matches).cloned().collect()
    }

    /// Counters and gauges in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        let counters = &self.inner.counters;
        let mut out = String::new();
        let mut line = |kind: &str, name: &str, help: &str, value: f64| {
            let _ = writeln!(out, "# HELP sluice_{name} {help}\n# TYPE sluice_{name} {kind}\nsluice_{name} {value}");
        };
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        line(
            "counter",
            "invocations_total",
            "Requests to functions, refused ones included.",
            get(&counters.invocations),
        );
        line("counter", "errors_total", "Requests that failed, throttles not included.", get(&counters.errors));
        line("counter", "throttles_total", "Requests refused by a concurrency limit.", get(&counters.throttles));
        line("counter", "cold_starts_total", "Requests that brought an instance up.", get(&counters.cold_starts));
        line(
            "counter",
            "cold_starts_from_blank_total",
            "Of these, from a blank sandbox.",
            get(&counters.cold_starts_from_blank),
        );
        line("counter", "execution_seconds_total", "Time spent in functions.", get(&counters.duration_us) / 1e6);
        line(
            "counter",
            "instances_started_total",
            "Starts of instances, failed ones included.",
            get(&counters.started),
        );
        line("counter", "instances_stopped_total", "Instances ended.", get(&counters.stopped));
        let instances = self.instances();
        let busy = instances.iter().filter(|view| view.state == "busy").count();
        line("gauge", "instances", "Instances that exist.", instances.len() as f64);
        line("gauge", "concurrent_executions", "Requests being handled.", busy as f64);
        for blank in self.blanks() {
            let _ = writeln!(out, "sluice_blanks_ready{{pool=\"{}\"}} {}", blank.pool, blank.ready);
        }
        out
    }
}
