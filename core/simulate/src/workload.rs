//! Functions and their requests, wherever they come from.

use crate::{Synthetic, synthetic};

/// One request of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Milliseconds since the workload's start.
    pub at_ms: u64,
    /// Index into the workload's functions.
    pub function: u32,
    /// How long the function's code runs once an instance has the request.
    pub duration_ms: u32,
}

/// One function of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    pub name: String,
    /// What it needs; a run rounds it up to what its quota profile offers.
    pub memory_mb: u32,
    /// From a cold request to the start of its handler.
    pub cold_ms: u32,
    /// Called by HTTP; some limits ask.
    pub http: bool,
}

/// Requests in time order, and the functions they are for.
pub struct Workload {
    pub functions: Vec<Subject>,
    pub arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
    /// How long it was recorded; idle instances are counted up to then.
    pub span_ms: u64,
    /// How many requests there are, where that is known before they are made.
    pub requests: Option<u64>,
}

impl Workload {
    pub fn synthetic(settings: synthetic::Settings) -> Self {
        let made = Synthetic::new(settings);
        let subject = |(index, function): (usize, &synthetic::Function)| Subject {
            name: format!("f{index}"),
            memory_mb: function.memory_mb,
            cold_ms: function.cold_ms,
            http: function.trigger == synthetic::Trigger::Http,
        };
        let functions = made.functions().iter().enumerate().map(subject).collect();
        let span_ms = u64::from(settings.days) * synthetic::DAY_MS;
        Self { functions, arrivals: Box::new(made), span_ms, requests: None }
    }

    /// Only the first `limit` requests.
    pub fn capped(mut self, limit: u64) -> Self {
        self.requests = Some(self.requests.map_or(limit, |known| known.min(limit)));
        self.arrivals = Box::new(self.arrivals.take(usize::try_from(limit).unwrap_or(usize::MAX)));
        self
    }
}
