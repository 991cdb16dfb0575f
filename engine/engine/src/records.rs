//! Recent invocations and counters.

use crate::{Engine, RecordQuery};
use sluice_domain::{FailureKind, Invocation, Outcome, Scope, Throttle};
use std::{
    collections::{HashMap, VecDeque},
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
        // Freed when the lock is not held any more.
        let mut old = Vec::new();
        let mut ring = self.ring.lock().expect("records lock");
        ring.log_bytes += weight(&record);
        ring.by_request.insert(record.request_id.0.clone(), record.clone());
        ring.records.push_back(record);
        while ring.records.len() > self.kept || ring.log_bytes > self.log_bytes {
            let Some(oldest) = ring.records.pop_front() else { break };
            ring.log_bytes -= weight(&oldest);
            // The caller names FC's requests, and may have named two alike: then the younger one is found.
            let indexed = ring.by_request.get(oldest.request_id.as_str());
            if indexed.is_some_and(|found| Arc::ptr_eq(found, &oldest)) {
                old.extend(ring.by_request.remove(oldest.request_id.as_str()));
            }
            old.push(oldest);
        }
        drop(ring);
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
    /// In the order of [`Throttle::ALL`].
    pub throttles_by_limit: [AtomicU64; Throttle::ALL.len()],
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
            if let FailureKind::Throttled(throttle) = failure.kind {
                add(&self.throttles, 1);
                add(&self.throttles_by_limit[throttle as usize], 1);
            } else {
                add(&self.errors, 1);
            }
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
}
