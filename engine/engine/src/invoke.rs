//! A request's way to an instance and back.
//!
//! The request's own task does all of it: asks the core, brings an instance up if the core says so, calls it,
//! and tells the core how it ended. If the caller goes away, the rest runs on by itself ([`RunsOn`]): what a
//! function began, it finishes, and the core hears of it.

mod runs_on;

use crate::{
    Engine, InvokeRequest,
    catalog::Entry,
    pools::{Live, Serving},
};
use bytes::Bytes;
use runs_on::RunsOn;
use sluice_decide::{Command, Event, Refusal, RequestSeq};
use sluice_domain::{
    ColdReason, ColdStart, Dialect, Entity, Error, Failure, FailureKind, InstanceId, Invocation, LogCut, Outcome,
    Phases, RequestId, Result, Throttle,
};
use sluice_ports::{Call, Instance, StartError};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How long a call waits for a function that is still being created.
const CREATING_PATIENCE: Duration = Duration::from_secs(30);

/// An instance that is ours for one call, and how it came up if it had to.
struct Seat {
    instance: Arc<dyn Instance>,
    cold: Option<Cold>,
}

struct Cold {
    start: ColdStart,
    log: String,
    log_cut: LogCut,
}

/// What a request has when it gets no seat.
struct NoSeat {
    failure: Failure,
    log: String,
    memory_used: u64,
    cold_start: Option<ColdStart>,
    instance: Option<InstanceId>,
}

impl Engine {
    /// Runs a function once and waits for its end. Errors are only for what was never a function's fault:
    /// an unknown function or qualifier. Everything else, refusals included, is an [`Invocation`].
    pub async fn invoke(&self, mut request: InvokeRequest) -> Result<Arc<Invocation>> {
        check_qualifier(&request)?;
        if request.qualifier.is_empty() {
            request.qualifier = default_qualifier(request.key.dialect).to_owned();
        }
        let mut entry = self.entry(&request.key)?;
        if entry.serving.is_none() {
            entry = self.wait_until_callable(&request).await?;
        }
        match entry.serving {
            Some(serving) => Ok(RunsOn::new(self.clone().run(serving, request)).await),
            None => {
                let message = format!(
                    "function '{}' is {}: {}",
                    request.key.name,
                    entry.shown.status.as_str(),
                    entry.shown.status_reason
                );
                let failure = Failure::new(FailureKind::NotActive, message);
                Ok(self.record_unrun(&entry, &request, failure))
            }
        }
    }

    async fn wait_until_callable(&self, request: &InvokeRequest) -> Result<Entry> {
        match tokio::time::timeout(CREATING_PATIENCE, self.settled(&request.key)).await {
            Ok(settled) => settled.and_then(|_| self.entry(&request.key)),
            Err(_) => self.entry(&request.key),
        }
    }

    async fn run(self, mut serving: Arc<Serving>, request: InvokeRequest) -> Arc<Invocation> {
        let started = self.now();
        let arrived = self.inner.deps.clock.monotonic();
        // The revision may be replaced between the look-up and the core's answer; then the new one serves.
        while !serving.scope.core.lock().expect("scope lock").state.is_open(serving.pool) {
            match self.entry(&request.key).ok().and_then(|entry| entry.serving) {
                Some(current) if current.pool != serving.pool => serving = current,
                _ => break,
            }
        }
        let InvokeRequest { key, qualifier, request_id, payload } = request;
        let mut record = Invocation {
            request_id,
            function: key,
            qualifier,
            version: serving.spec.version.clone(),
            memory_mib: serving.function.config.memory_mib,
            started,
            duration_ms: 0.0,
            memory_used: 0,
            instance: None,
            cold_start: None,
            log: String::new(),
            log_cut: LogCut::default(),
            outcome: Outcome::Failure(Failure::new(FailureKind::Internal, "")),
        };
        match self.seat(&serving, &record.request_id, arrived).await {
            Ok(seat) => self.call(&serving, seat, payload, &mut record).await,
            Err(none) => {
                record.instance = none.instance;
                record.cold_start = none.cold_start;
                record.log = none.log;
                record.memory_used = none.memory_used;
                record.outcome = Outcome::Failure(none.failure);
            }
        }
        self.keep(record)
    }

    /// Asks the core until there is an instance, or a reason why there is none.
    async fn seat(
        &self,
        serving: &Arc<Serving>,
        request_id: &RequestId,
        arrived: Duration,
    ) -> std::result::Result<Seat, Box<NoSeat>> {
        loop {
            let request = RequestSeq(self.inner.next_request.fetch_add(1, Ordering::Relaxed));
            let free_mib = self.inner.deps.backend.free_memory_mib();
            let event = Event::Arrived { request, pool: serving.pool, free_mib };
            let mut commands = self.inner.step(&serving.scope, event);
            let decision = commands.pop();
            self.inner.carry_out(&serving.scope, commands);
            match decision {
                Some(Command::Dispatch { instance, .. }) => match self.find(serving, instance) {
                    Some(instance) => return Ok(Seat { instance, cold: None }),
                    None => {
                        let commands = self.inner.step(&serving.scope, Event::Died { instance });
                        self.inner.carry_out(&serving.scope, commands);
                    }
                },
                Some(Command::Start { instance, reason, .. }) => {
                    return self.start(serving, request_id, instance, reason, arrived).await;
                }
                Some(Command::Refuse { refusal, .. }) => return Err(Box::new(refused(serving, refusal))),
                other => {
                    tracing::error!(?other, "no decision for a request");
                    return Err(Box::new(no_seat(Failure::new(
                        FailureKind::Internal,
                        "an internal error has occurred",
                    ))));
                }
            }
        }
    }

    /// The instance behind an id, if its process is still there.
    fn find(&self, serving: &Serving, id: InstanceId) -> Option<Arc<dyn Instance>> {
        let core = serving.scope.core.lock().expect("scope lock");
        core.instances.get(&id).map(|live| live.instance.clone()).filter(|instance| instance.is_alive())
    }

    async fn start(
        &self,
        serving: &Arc<Serving>,
        request_id: &RequestId,
        id: InstanceId,
        reason: ColdReason,
        arrived: Duration,
    ) -> std::result::Result<Seat, Box<NoSeat>> {
        let _starting = self.inner.start_begins();
        let blank = serving.blank_pool.as_deref().and_then(|pool| self.inner.take_blank(pool));
        let mut spec = serving.spec.clone();
        spec.id = id;
        spec.request_id = request_id.clone();
        let queue = self.inner.deps.clock.monotonic().saturating_sub(arrived);
        let result = self.inner.deps.backend.start(spec, blank).await;
        match result {
            Ok(started) => {
                let phases = Phases {
                    queue_ms: millis(queue),
                    sandbox_ms: millis(started.sandbox),
                    mount_ms: millis(started.mount),
                    init_ms: millis(started.init),
                };
                let live = Live { instance: started.instance.clone(), serving: serving.clone() };
                let commands = {
                    let now = self.inner.now_ms();
                    let mut core = serving.scope.core.lock().expect("scope lock");
                    core.instances.insert(id, live);
                    sluice_decide::step(&mut core.state, now, Event::Ready { instance: id })
                };
                debug_assert!(matches!(commands.as_slice(), [Command::Dispatch { .. }]));
                let start = ColdStart { cause: reason.into(), from_blank: started.from_blank, phases };
                let cold = Cold { start, log: started.log, log_cut: started.log_cut };
                Ok(Seat { instance: started.instance, cold: Some(cold) })
            }
            Err(error) => {
                let commands = self.inner.step(&serving.scope, Event::StartFailed { instance: id });
                self.inner.carry_out(&serving.scope, commands);
                let (mut none, init) = start_failed(error);
                let phases = Phases { queue_ms: millis(queue), init_ms: millis(init), ..Phases::default() };
                none.cold_start = Some(ColdStart { cause: reason.into(), from_blank: false, phases });
                none.instance = Some(id);
                Err(Box::new(none))
            }
        }
    }

    async fn call(&self, serving: &Serving, seat: Seat, payload: Bytes, record: &mut Invocation) {
        let timeout = Duration::from_secs(u64::from(serving.function.config.timeout_s));
        let id = seat.instance.id();
        let (request_id, qualifier) = (record.request_id.clone(), record.qualifier.clone());
        let call = Call { request_id, qualifier, payload, timeout };
        let reply = seat.instance.call(call).await;
        let commands = self.inner.step(&serving.scope, Event::Done { instance: id, reusable: reply.reusable });
        self.inner.expect_tick();
        self.inner.carry_out(&serving.scope, commands);
        record.instance = Some(id);
        record.duration_ms = millis(reply.duration);
        record.memory_used = reply.memory_used;
        record.log = reply.log;
        record.log_cut = reply.log_cut;
        if let Some(cold) = seat.cold {
            record.cold_start = Some(cold.start);
            if !cold.log.is_empty() {
                record.log.insert_str(0, &cold.log);
            }
            record.log_cut.lines += cold.log_cut.lines;
            record.log_cut.bytes += cold.log_cut.bytes;
        }
        record.outcome = match reply.result {
            Ok(bytes) => Outcome::Success(bytes),
            Err(failure) => Outcome::Failure(failure),
        };
    }

    fn record_unrun(&self, entry: &Entry, request: &InvokeRequest, failure: Failure) -> Arc<Invocation> {
        self.keep(Invocation {
            request_id: request.request_id.clone(),
            function: request.key.clone(),
            qualifier: request.qualifier.clone(),
            version: request.qualifier.clone(),
            memory_mib: entry.shown.config.memory_mib,
            started: self.now(),
            duration_ms: 0.0,
            memory_used: 0,
            instance: None,
            cold_start: None,
            log: String::new(),
            log_cut: LogCut::default(),
            outcome: Outcome::Failure(failure),
        })
    }

    fn keep(&self, record: Invocation) -> Arc<Invocation> {
        let record = Arc::new(record);
        self.inner.counters.count(&record);
        self.inner.records.push(record.clone());
        record
    }
}

/// Only the current code can be called so far; versions and aliases come with their issue.
fn check_qualifier(request: &InvokeRequest) -> Result<()> {
    let known: &[&str] = match request.key.dialect {
        Dialect::Scf => &["", "$LATEST", "$DEFAULT"],
        Dialect::Fc => &["", "LATEST"],
    };
    if known.contains(&request.qualifier.as_str()) {
        return Ok(());
    }
    let is_version = request.qualifier.bytes().all(|byte| byte.is_ascii_digit());
    let (entity, noun) = if is_version { (Entity::Version, "version") } else { (Entity::Alias, "alias") };
    let message = format!("{noun} '{}' of function '{}' does not exist", request.qualifier, request.key.name);
    Err(Error::not_found(entity, message))
}

/// What a call without a qualifier names.
fn default_qualifier(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Scf => "$LATEST",
        Dialect::Fc => "LATEST",
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

fn no_seat(failure: Failure) -> NoSeat {
    NoSeat { failure, log: String::new(), memory_used: 0, cold_start: None, instance: None }
}

/// SCF prints these sentences; FC and the log show them too.
fn refused(serving: &Serving, refusal: Refusal) -> NoSeat {
    let name = &serving.function.key.name;
    let (limit, used) = (refusal.limit, refusal.used);
    let message = match refusal.throttle {
        Throttle::Account => {
            format!("Function [ {name} ] concurrency exceeded region unreserved quota {limit} MB ({used} MB in use)")
        }
        Throttle::Reserved | Throttle::Debug | Throttle::FunctionInstances | Throttle::StartInterval => {
            format!("Function [ {name} ] concurrency exceeded {} {limit} ({used} in use)", refusal.throttle)
        }
        Throttle::Namespace => {
            format!("Function [ {name} ] concurrency exceeded namespace quota {limit} MB ({used} MB in use)")
        }
        Throttle::Burst => format!(
            "{used} instances were started this minute and {limit} are allowed; retry in {} ms",
            refusal.retry_after_ms.unwrap_or(60_000)
        ),
        Throttle::RegionInstances => format!("{used} instances are running and {limit} are allowed in this region"),
        Throttle::HostMemory => format!(
            "the host has {limit} MiB free, {used} MiB of it claimed, and {} MiB are needed",
            serving.function.config.memory_mib
        ),
    };
    no_seat(Failure::new(FailureKind::Throttled(refusal.throttle), message))
}

/// What the caller hears of a start that failed, and how long the user's code took in it.
fn start_failed(error: StartError) -> (NoSeat, Duration) {
    match error {
        StartError::Function { failure, log, memory_used, init } => {
            (NoSeat { log, memory_used, ..no_seat(failure) }, init)
        }
        StartError::NoRoom(message) => {
            (no_seat(Failure::new(FailureKind::Throttled(Throttle::HostMemory), message)), Duration::ZERO)
        }
        StartError::Platform(message) => {
            tracing::error!(%message, "an instance did not start");
            let failure = Failure::new(FailureKind::Internal, "the platform could not start an instance");
            (no_seat(failure), Duration::ZERO)
        }
    }
}

#[cfg(test)]
mod tests;
