//! Counters and gauges in Prometheus' text format.
//!
//! Two pools can bear one name for a while: a function's old revision while its last requests end, or a function that
//! was deleted and made again. A series must not appear twice, so what bears one name is added up.

use crate::{Engine, LimitView, PoolView, ScopeLimits};
use sluice_domain::Throttle;
use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    sync::atomic::{AtomicU64, Ordering},
};

impl Engine {
    /// All that this server counts.
    pub fn metrics_text(&self) -> String {
        let mut out = Text::default();
        self.totals(&mut out);
        self.host(&mut out);
        versions(&mut out, &self.pools());
        limits(&mut out, &self.limits());
        out.0
    }

    fn totals(&self, out: &mut Text) {
        let counters = &self.inner.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut total = |name, help, value: u64| out.total(name, help, value as f64);
        total("invocations_total", "Requests to functions, refused ones included.", get(&counters.invocations));
        total("errors_total", "Requests that failed, throttles not included.", get(&counters.errors));
        total("throttles_total", "Requests refused by a limit.", get(&counters.throttles));
        total("cold_starts_total", "Requests that brought an instance up.", get(&counters.cold_starts));
        total("cold_starts_from_blank_total", "Of these, from a blank.", get(&counters.cold_starts_from_blank));
        total("instances_started_total", "Starts of instances, failed ones included.", get(&counters.started));
        total("instances_stopped_total", "Instances ended.", get(&counters.stopped));
        out.total("execution_seconds_total", "Time spent in functions.", get(&counters.duration_us) as f64 / 1e6);
        out.family("counter", "throttles_by_limit_total", "Requests refused by a limit, by its kind.");
        for throttle in Throttle::ALL {
            let labels = labels(&[("limit", throttle.as_str())]);
            out.sample("throttles_by_limit_total", &labels, get(&counters.throttles_by_limit[throttle as usize]));
        }
    }

    fn host(&self, out: &mut Text) {
        out.family("gauge", "instances", "Instances that exist.");
        out.sample("instances", "", self.instances().len());
        let ahead = self.sandboxes_ahead();
        out.family("gauge", "sandboxes_ready", "Sandboxes in which nothing runs yet.");
        out.sample("sandboxes_ready", "", ahead.ready);
        out.family("gauge", "blanks_ready", "Sandboxes in which a language is up and no function.");
        for blank in self.blanks() {
            out.sample("blanks_ready", &labels(&[("pool", &blank.pool)]), blank.ready);
        }
    }
}

/// Versions that have an instance, or should have one. The others would be thousands of zeros.
fn versions(out: &mut Text, pools: &[PoolView]) {
    #[derive(Default)]
    struct Sum {
        in_flight: u64,
        waiting: u64,
        target: u64,
        ready: u64,
    }
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for pool in pools.iter().filter(|pool| pool.instances + pool.waiting + pool.provisioned_target > 0) {
        let sum = sums.entry(version_labels(pool)).or_default();
        sum.in_flight += pool.in_flight;
        sum.waiting += pool.waiting;
        sum.target += pool.provisioned_target;
        sum.ready += pool.provisioned_ready;
    }
    let mut gauge = |name, help, of: fn(&Sum) -> u64| {
        out.family("gauge", name, help);
        sums.iter().for_each(|(labels, sum)| out.sample(name, labels, of(sum)));
    };
    gauge("concurrent_executions", "Requests being handled, by version.", |sum| sum.in_flight);
    gauge("waiting_requests", "Requests that wait for an instance, by version.", |sum| sum.waiting);
    gauge("provisioned_target", "Provisioned instances that there should be now.", |sum| sum.target);
    gauge("provisioned_ready", "Provisioned instances that are up.", |sum| sum.ready);
}

fn version_labels(pool: &PoolView) -> String {
    labels(&[
        ("account", &pool.account),
        ("region", &pool.region),
        ("dialect", &pool.dialect.to_string()),
        ("namespace", &pool.namespace),
        ("function", &pool.function),
        ("version", &pool.version),
    ])
}

fn limits(out: &mut Text, scopes: &[ScopeLimits]) {
    let mut sums: BTreeMap<String, (Option<u64>, u64)> = BTreeMap::new();
    for scope in scopes {
        for node in &scope.limits {
            let sum = sums.entry(limit_labels(scope, node)).or_default();
            sum.0 = sum.0.max(node.limit);
            sum.1 += node.used;
        }
    }
    out.family("gauge", "limit", "Concurrency and start-rate limits. One that is not set is not here.");
    for (labels, (limit, _)) in &sums {
        if let Some(limit) = limit {
            out.sample("limit", labels, limit);
        }
    }
    out.family("gauge", "limit_used", "What of each limit is in use, in its unit.");
    sums.iter().for_each(|(labels, (_, used))| out.sample("limit_used", labels, used));
}

fn limit_labels(scope: &ScopeLimits, node: &LimitView) -> String {
    labels(&[
        ("account", &scope.account),
        ("region", &scope.region),
        ("dialect", &scope.dialect.to_string()),
        ("kind", node.kind),
        ("namespace", &node.namespace),
        ("name", &node.name),
        ("unit", node.unit),
    ])
}

/// `{a="b"}`, without the labels that are empty.
fn labels(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let before = if out.is_empty() { '{' } else { ',' };
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "{before}{name}=\"{value}\"");
    }
    if !out.is_empty() {
        out.push('}');
    }
    out
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn total(&mut self, name: &str, help: &str, value: f64) {
        self.family("counter", name, help);
        self.sample(name, "", value);
    }

    fn family(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP sluice_{name} {help}\n# TYPE sluice_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "sluice_{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests;
