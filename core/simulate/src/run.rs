//! Plays a workload against the decisions.
//!
//! Time jumps from one happening to the next: a call ends, a start is done, the core wants a tick, a request comes;
//! at the same millisecond in this order. The core is the server's own; what stands in for the world is one duration
//! per request and one start time per function.

mod count;
mod pending;
#[cfg(test)]
mod tests;

use crate::{Arrival, Prices, Report, Subject, Workload};
use count::Count;
use pending::{Happening, Pending};
use sluice_decide::{Command, Event, Limits, Millis, PoolId, PoolSpec, RequestSeq, State, Trigger, step};
use sluice_domain::{InstanceId, QuotaProfile};

/// Requests between two calls of the progress report.
const PROGRESS_EVERY: u64 = 1 << 16;

/// Under which rules to play.
#[derive(Clone, Debug)]
pub struct Settings {
    pub quota: QuotaProfile,
    pub prices: Prices,
    /// Requests that one instance takes at a time.
    pub concurrency: u32,
    /// The host's memory; starting instances beyond it evicts idle ones. None: as much as is needed.
    pub host_mb: Option<u64>,
    /// Stretches of the report's timeline.
    pub points: usize,
}

impl Settings {
    pub fn new(quota: QuotaProfile) -> Self {
        Self { quota, prices: Prices::default(), concurrency: 1, host_mb: None, points: 240 }
    }
}

/// A request that has not ended.
#[derive(Clone, Copy, Debug, Default)]
struct Flight {
    duration_ms: u32,
    arrived: Millis,
}

struct Player<'a> {
    subjects: &'a [Subject],
    memory_mb: Vec<u64>,
    settings: &'a Settings,
    state: State,
    out: Vec<Command>,
    pending: Pending,
    flights: Vec<Flight>,
    free_flights: Vec<u32>,
    alive_mb: u64,
    count: Count,
}

/// Plays the whole workload. `progress` is told, now and then, how many requests there were and what time it is.
pub fn run(workload: Workload, settings: &Settings, mut progress: impl FnMut(u64, Millis)) -> Report {
    let Workload { functions, arrivals, span_ms, requests } = workload;
    // A cap cuts the recording short, and what follows the last request would be an idle platform.
    let mut end = span_ms;
    let mut player = Player::new(&functions, settings, span_ms);
    for arrival in arrivals {
        player.until(arrival.at_ms);
        player.arrive(arrival);
        let seen = player.count.requests;
        if seen.is_multiple_of(PROGRESS_EVERY) {
            progress(seen, arrival.at_ms);
        }
        if requests == Some(seen) {
            end = arrival.at_ms;
        }
    }
    player.until(end);
    progress(player.count.requests, end);
    player.report(end)
}

impl<'a> Player<'a> {
    fn new(subjects: &'a [Subject], settings: &'a Settings, span_ms: Millis) -> Self {
        let mut limits = Limits::from(&settings.quota);
        // Freezing costs nothing here and changes nothing that is counted.
        limits.freeze_after_ms = None;
        let mut state = State::new(limits, 0);
        let mut out = Vec::new();
        let memory_mb: Vec<u64> =
            subjects.iter().map(|subject| offered_mb(&settings.quota, subject.memory_mb)).collect();
        for (index, subject) in subjects.iter().enumerate() {
            let spec = PoolSpec {
                namespace: "default".to_owned(),
                function: index.to_string(),
                name: subject.name.clone(),
                version: "$LATEST".to_owned(),
                memory_mb: memory_mb[index],
                concurrency: settings.concurrency.max(1),
                replaces: None,
            };
            step(&mut state, 0, Event::PoolOpened { pool: PoolId(index as u32), spec }, &mut out);
        }
        Self {
            subjects,
            memory_mb,
            settings,
            state,
            out,
            pending: Pending::default(),
            flights: Vec::new(),
            free_flights: Vec::new(),
            alive_mb: 0,
            count: Count::new(span_ms, settings.points),
        }
    }

    /// All that happens up to and including this time.
    #[inline]
    fn until(&mut self, time: Millis) {
        loop {
            let due = self.state.next_due().unwrap_or(Millis::MAX);
            match self.pending.next_at() {
                Some(at) if at <= time && at <= due => self.happen(at),
                _ if due <= time => {
                    step(&mut self.state, due, Event::Tick, &mut self.out);
                    self.carry_out(due);
                }
                _ => return,
            }
        }
    }

    #[inline]
    fn happen(&mut self, now: Millis) {
        let Some(happening) = self.pending.take() else { return };
        let event = match happening {
            Happening::Done { instance, flight } => {
                self.free_flights.push(flight);
                self.count.ended();
                Event::Done { instance, reusable: true }
            }
            Happening::Ready { instance } => Event::Ready { instance },
        };
        step(&mut self.state, now, event, &mut self.out);
        self.carry_out(now);
    }

    #[inline]
    fn arrive(&mut self, arrival: Arrival) {
        let Arrival { at_ms, function, duration_ms } = arrival;
        let flight = Flight { duration_ms, arrived: at_ms };
        let slot = match self.free_flights.pop() {
            Some(slot) => {
                self.flights[slot as usize] = flight;
                slot
            }
            None => {
                self.flights.push(flight);
                self.flights.len() as u32 - 1
            }
        };
        self.count.arrived(at_ms);
        let trigger = if self.subjects[function as usize].http { Trigger::Http } else { Trigger::Other };
        let free_mib = self.settings.host_mb.map_or(u64::MAX / 2, |host| host.saturating_sub(self.alive_mb));
        let request = RequestSeq(u64::from(slot));
        let event = Event::Arrived { request, pool: PoolId(function), rule: None, trigger, free_mib };
        step(&mut self.state, at_ms, event, &mut self.out);
        self.carry_out(at_ms);
    }

    #[inline]
    fn carry_out(&mut self, now: Millis) {
        if self.out.is_empty() {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        for command in out.drain(..) {
            match command {
                Command::Dispatch { request, instance } => self.dispatch(now, request, instance),
                other => self.obey(now, other),
            }
        }
        self.out = out;
    }

    #[inline]
    fn dispatch(&mut self, now: Millis, request: RequestSeq, instance: InstanceId) {
        let slot = request.0 as u32;
        let flight = self.flights[slot as usize];
        self.count.dispatched(now - flight.arrived);
        let at = now + Millis::from(flight.duration_ms.max(1));
        self.pending.add(at, Happening::Done { instance, flight: slot });
    }

    fn obey(&mut self, now: Millis, command: Command) {
        match command {
            Command::Start { instance, pool, request, cause } => {
                let index = pool.0 as usize;
                let cold_ms = Millis::from(self.subjects[index].cold_ms);
                self.count.started(&cause, request.is_some(), self.memory_mb[index] * cold_ms);
                self.alive_mb += self.memory_mb[index];
                self.pending.own(instance, pool.0);
                self.pending.add(now + cold_ms, Happening::Ready { instance });
            }
            Command::Refuse { request, refusal } => {
                self.count.refused(refusal.throttle);
                self.free_flights.push(request.0 as u32);
            }
            Command::Redirect { request } | Command::Fail { request, .. } => {
                self.free_flights.push(request.0 as u32);
            }
            Command::Stop { instance, .. } => {
                if let Some(pool) = self.pending.disown(instance) {
                    self.alive_mb -= self.memory_mb[pool as usize];
                    self.count.stopped();
                }
            }
            Command::Dispatch { .. } | Command::Wait { .. } | Command::Freeze { .. } => {}
        }
    }

    fn report(self, end: Millis) -> Report {
        let mut report = self.count.report(end);
        report.functions = self.subjects.len() as u64;
        let mut provisioned_idle = 0.0;
        for (spec, usage) in self.state.usage_at(end) {
            let gb = spec.memory_mb as f64 / 1024.0;
            let busy = (usage.on_demand_busy_ms + usage.provisioned_busy_ms) as f64 / 1000.0;
            let idle = (usage.on_demand_ms + usage.provisioned_ms) as f64 / 1000.0 - busy;
            report.busy_instance_s += busy;
            report.idle_instance_s += idle;
            report.busy_gb_s += busy * gb;
            report.idle_gb_s += idle * gb;
            provisioned_idle += (usage.provisioned_ms - usage.provisioned_busy_ms) as f64 / 1000.0 * gb;
        }
        let prices = &self.settings.prices;
        let served = (report.requests - report.throttles) as f64;
        report.cost = report.busy_gb_s * prices.gb_s
            + provisioned_idle * prices.idle_gb_s
            + served / 1e6 * prices.million_requests;
        report.currency.clone_from(&prices.currency);
        report
    }
}

/// The smallest size that the profile offers for a function that needs so much.
fn offered_mb(quota: &QuotaProfile, needed: u32) -> u64 {
    let step = quota.memory_step_mb.max(1);
    let stepped = needed.div_ceil(step).saturating_mul(step).max(quota.memory_min_mb).min(quota.memory_max_mb);
    let extra = quota.memory_extra_mb.iter().copied().filter(|size| *size >= needed).min();
    u64::from(extra.map_or(stepped, |extra| extra.min(stepped)))
}
