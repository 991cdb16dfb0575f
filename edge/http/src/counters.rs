//! What the listener counts, for `/metrics`.

use crate::Refusal;
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Counts since the start of the process, and what is open now.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_open: AtomicU64,
    /// Connections cut because headers, or the next request, did not come in time.
    pub(crate) connections_timed_out: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Requests whose headers were read and whose answer is not there yet.
    pub(crate) requests_open: AtomicU64,
    too_large: AtomicU64,
    busy: AtomicU64,
    too_slow: AtomicU64,
    broken: AtomicU64,
    not_found: AtomicU64,
    fault: AtomicU64,
}

/// One of what a gauge counts, until it is dropped: so the gauge is right however a connection or a request ends.
pub(crate) struct Open {
    counters: Arc<Counters>,
    gauge: fn(&Counters) -> &AtomicU64,
}

impl Open {
    pub fn count(counters: Arc<Counters>, gauge: fn(&Counters) -> &AtomicU64) -> Self {
        gauge(&counters).fetch_add(1, Relaxed);
        Self { counters, gauge }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        (self.gauge)(&self.counters).fetch_sub(1, Relaxed);
    }
}

impl Counters {
    pub(crate) fn refused(&self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::NotFound => &self.not_found,
            Refusal::TooLarge { .. } => &self.too_large,
            Refusal::Busy => &self.busy,
            Refusal::TooSlow => &self.too_slow,
            Refusal::BrokenBody => &self.broken,
            Refusal::Fault => &self.fault,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Prometheus text.
    pub fn metrics_text(&self) -> String {
        let mut text = String::with_capacity(1024);
        let mut single = |name: &str, kind: &str, help: &str, value: &AtomicU64| {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {}\n", value.load(Relaxed));
        };
        single("sluice_http_connections_total", "counter", "Connections accepted.", &self.connections);
        single("sluice_http_connections_open", "gauge", "Connections open now.", &self.connections_open);
        let timed_out = &self.connections_timed_out;
        single("sluice_http_connections_timed_out_total", "counter", "Connections cut for silence.", timed_out);
        single("sluice_http_requests_total", "counter", "Requests whose headers were read.", &self.requests);
        single(
            "sluice_http_requests_open",
            "gauge",
            "Requests being read or answered, this one too.",
            &self.requests_open,
        );
        let name = "sluice_http_refused_total";
        let _ = write!(text, "# HELP {name} Requests the listener turned away.\n# TYPE {name} counter\n");
        for (reason, value) in [
            ("not_found", &self.not_found),
            ("too_large", &self.too_large),
            ("busy", &self.busy),
            ("too_slow", &self.too_slow),
            ("broken_body", &self.broken),
            ("fault", &self.fault),
        ] {
            let _ = writeln!(text, "{name}{{reason=\"{reason}\"}} {}", value.load(Relaxed));
        }
        text
    }
}
