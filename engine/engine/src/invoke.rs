//! A request's way to an instance and back.
//!
//! The request's own task does all of it: asks the core, brings an instance up if the core says so, calls it,
//! and tells the core how it ended. If the caller goes away, the rest runs on by itself ([`RunsOn`]): what a
//! function began, it finishes, and the core hears of it.

mod runs_on;

use crate::{
    Engine, InvokeRequest,
    catalog::Entry,
    qualifier::{Target, latest},
    scope::{Answer, Decision, Seat, Serving},
    starts::{UnderWay, millis},
};
use bytes::Bytes;
use runs_on::{Gone, RunsOn};
use sluice_decide::{Event, RequestSeq, RuleId, Trigger, WHOLE};
use sluice_domain::{
    ColdReason, ColdStart, Failure, FailureKind, InstanceId, Invocation, LogCut, Outcome, Refusal, Result, Retry,
};
use sluice_ports::{Call, StartError};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How long a call waits for a function that is still being created.
const CREATING_PATIENCE: Duration = Duration::from_secs(30);
/// How often a request follows a function that is replaced again and again.
const REDIRECTS: usize = 8;

/// What a request has when it gets no seat.
#[derive(Clone)]
pub struct NoSeat {
    pub failure: Failure,
    pub log: String,
    pub memory_used: u64,
    pub cold_start: Option<ColdStart>,
    pub instance: Option<InstanceId>,
}

/// Why a look for a seat ended without one.
enum Miss {
    None(Box<NoSeat>),
    /// The version is gone; its name may lead elsewhere now.
    Redirect,
}

/// What a request runs, and under which on-demand limit.
struct Destination {
    serving: Arc<Serving>,
    version: String,
    rule: Option<RuleId>,
}

impl Engine {
    /// Runs a function once and waits for its end. Errors are only for what was never a function's fault:
    /// an unknown function or qualifier. Everything else, refusals included, is an [`Invocation`].
    pub async fn invoke(&self, mut request: InvokeRequest) -> Result<Arc<Invocation>> {
        if request.qualifier.is_empty() {
            latest(request.key.dialect).clone_into(&mut request.qualifier);
        }
        let mut target = self.target(&request)?;
        if target.serving.is_none() {
            self.wait_until_callable(&request).await?;
            target = self.target(&request)?;
        }
        match destination(target, &request.qualifier) {
            Ok(destination) => {
                let gone = Gone::default();
                Ok(RunsOn::new(gone.clone(), self.clone().run(destination, request, gone)).await)
            }
            Err(entry) => {
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

    fn target(&self, request: &InvokeRequest) -> Result<Target> {
        // Which of an alias' versions a request goes to is drawn by its number, scrambled: even over few requests.
        let number = self.inner.next_draw.fetch_add(1, Ordering::Relaxed);
        let draw = ((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) * u64::from(WHOLE)) >> 32;
        self.resolve(&request.key, &request.qualifier, draw as u32)
    }

    async fn wait_until_callable(&self, request: &InvokeRequest) -> Result<()> {
        match tokio::time::timeout(CREATING_PATIENCE, self.settled(&request.key)).await {
            Ok(settled) => settled.map(drop),
            Err(_) => Ok(()),
        }
    }

    async fn run(self, mut destination: Destination, request: InvokeRequest, gone: Gone) -> Arc<Invocation> {
        let started = self.now();
        let arrived = self.inner.deps.clock.stopwatch();
        let mut seat = self.seat(&destination, &request, arrived, &gone).await;
        // A version may be replaced between the look-up and the core's answer; then the new one serves.
        for _ in 0..REDIRECTS {
            let Err(Miss::Redirect) = seat else { break };
            match self.target(&request).map(|target| self::destination(target, &request.qualifier)) {
                Ok(Ok(current)) => destination = current,
                _ => break,
            }
            seat = self.seat(&destination, &request, arrived, &gone).await;
        }
        let InvokeRequest { key, qualifier, request_id, payload } = request;
        let serving = destination.serving;
        let mut record = Invocation {
            request_id,
            function: key,
            qualifier,
            version: destination.version,
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
        match seat {
            Ok(seat) => self.call(&serving, seat, payload, &mut record).await,
            Err(Miss::None(none)) => {
                record.instance = none.instance;
                record.cold_start = none.cold_start;
                record.log = none.log;
                record.memory_used = none.memory_used;
                record.outcome = Outcome::Failure(none.failure);
            }
            Err(Miss::Redirect) => {
                let message =
                    format!("function '{}' was deleted or replaced while it was called", record.function.name);
                record.outcome = Outcome::Failure(Failure::new(FailureKind::NotActive, message));
            }
        }
        self.keep(record)
    }

    /// Asks the core until there is an instance, or a reason why there is none.
    async fn seat(
        &self,
        destination: &Destination,
        request: &InvokeRequest,
        arrived: Duration,
        gone: &Gone,
    ) -> std::result::Result<Seat, Miss> {
        let serving = &destination.serving;
        let scope = &serving.scope;
        loop {
            let number = RequestSeq(self.inner.next_request.fetch_add(1, Ordering::Relaxed));
            let free_mib = self.inner.deps.backend.free_memory_mib();
            let (pool, rule) = (serving.pool, destination.rule);
            let event = Event::Arrived { request: number, pool, rule, trigger: Trigger::Http, free_mib };
            let now = self.inner.now_ms();
            let (decision, rest) = {
                let mut core = scope.core();
                if !core.state.is_open(pool) {
                    return Err(Miss::Redirect);
                }
                core.ask(now, number, event)
            };
            if !rest.is_empty() {
                self.carry_out(scope, rest);
            }
            match decision {
                Decision::Seat(seat) => return Ok(seat),
                Decision::Start { instance, cause } => {
                    let _under_way = UnderWay::begin(self);
                    let queue = self.inner.deps.clock.stopwatch().saturating_sub(arrived);
                    let brought = self.bring_up(serving, &request.request_id, instance, cause, queue).await;
                    return brought.map_err(Miss::None);
                }
                Decision::Wait(answer) => match self.wait(serving, number, answer, gone).await {
                    Some(Answer::Seat(seat)) => return Ok(seat),
                    Some(Answer::Refused(_)) if gone.is_gone() => return Err(Miss::None(Box::new(NoSeat::canceled()))),
                    Some(Answer::Refused(refusal)) => return Err(Miss::None(Box::new(refused(serving, refusal)))),
                    Some(Answer::Failed(none)) => return Err(Miss::None(none)),
                    Some(Answer::Redirect) => return Err(Miss::Redirect),
                    None => return Err(Miss::None(Box::new(NoSeat::unexplained()))),
                },
                Decision::Refused(refusal) => return Err(Miss::None(Box::new(refused(serving, refusal)))),
                Decision::Redirect => return Err(Miss::Redirect),
                Decision::Dead(instance) => self.tell(scope, Event::Died { instance }),
                Decision::Nothing => {
                    tracing::error!("no decision for a request");
                    return Err(Miss::None(Box::new(NoSeat::unexplained())));
                }
            }
        }
    }

    /// Waits for the core's word. Clients wait in real time: where the core's clock does not show it, this does. A
    /// client that goes away leaves the queue.
    async fn wait(
        &self,
        serving: &Serving,
        request: RequestSeq,
        mut answer: tokio::sync::oneshot::Receiver<Answer>,
        gone: &Gone,
    ) -> Option<Answer> {
        let quota = serving.scope.quota.load_full();
        let own_time = self.inner.deps.clock.is_virtual() && quota.wait_queue_depth > 0;
        let patience = async {
            match own_time {
                true => tokio::time::sleep(Duration::from_millis(quota.wait_queue_ms)).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = &mut answer => return answer.ok(),
            () = gone.left() => {}
            () = patience => {}
        }
        self.tell(&serving.scope, Event::GaveUp { request, pool: serving.pool });
        answer.await.ok()
    }

    async fn call(&self, serving: &Serving, seat: Seat, payload: Bytes, record: &mut Invocation) {
        let timeout = Duration::from_secs(u64::from(serving.function.config.timeout_s));
        let id = seat.instance.id();
        let (request_id, qualifier) = (record.request_id.clone(), record.qualifier.clone());
        let response_limit = serving.scope.quota.load().response_bytes();
        let call = Call { request_id, qualifier, payload, timeout, response_limit };
        let reply = seat.instance.call(call).await;
        self.tell(&serving.scope, Event::Done { instance: id, reusable: reply.reusable });
        self.expect_tick();
        record.instance = Some(id);
        record.duration_ms = millis(reply.duration);
        record.memory_used = reply.memory_used;
        record.log = reply.log;
        record.log_cut = reply.log_cut;
        if let Some(cold) = seat.cold {
            // What was started ahead of any request cost this one no time.
            if !matches!(cold.start.cause.reason, ColdReason::Provisioned | ColdReason::Expected) {
                record.cold_start = Some(cold.start);
            }
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

/// Where a call goes, or the entry of a function that has nothing to call.
fn destination(target: Target, qualifier: &str) -> std::result::Result<Destination, Entry> {
    let rule = target.entry.published.rules.get(qualifier).copied();
    match target.serving {
        Some(serving) => Ok(Destination { serving, version: target.version, rule }),
        None => Err(target.entry),
    }
}

impl NoSeat {
    fn of(failure: Failure) -> Self {
        Self { failure, log: String::new(), memory_used: 0, cold_start: None, instance: None }
    }

    /// For those who do not wait any more.
    fn canceled() -> Self {
        Self::of(Failure::new(FailureKind::Canceled, "the caller went away while the request waited for an instance"))
    }

    /// For what should not happen; the log has more.
    pub fn unexplained() -> Self {
        Self::of(Failure::new(FailureKind::Internal, "an internal error has occurred"))
    }

    /// What the caller hears of a start that failed, and how long the user's code took in it.
    pub fn of_start(error: StartError) -> (Self, Duration) {
        match error {
            StartError::Function { failure, log, memory_used, init } => {
                (Self { log, memory_used, ..Self::of(failure) }, init)
            }
            StartError::NoRoom { lack, limit, used, message } => {
                let mut failure = Failure::new(FailureKind::Throttled(lack), message);
                let refusal = Refusal::new(lack, limit, used);
                // Also with nothing free: that is how it stands now, and no setting.
                failure.refusal = Some(Box::new(Refusal { retry: Retry::About { after_ms: 0 }, ..refusal }));
                (Self::of(failure), Duration::ZERO)
            }
            StartError::Platform(message) => {
                tracing::error!(%message, "an instance did not start");
                let failure = Failure::new(FailureKind::Internal, "the platform could not start an instance");
                (Self::of(failure), Duration::ZERO)
            }
        }
    }
}

/// SCF prints these sentences; FC and the log show them too.
fn refused(serving: &Serving, refusal: Box<Refusal>) -> NoSeat {
    let message = crate::receipts::sentence(&serving.function, &refusal);
    let mut failure = Failure::new(FailureKind::Throttled(refusal.throttle), message);
    failure.refusal = Some(refusal);
    NoSeat::of(failure)
}

#[cfg(test)]
mod tests;
