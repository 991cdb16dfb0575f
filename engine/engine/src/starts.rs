//! Carrying out what the core says.
//!
//! Starts and dispatches for a request that has just arrived are carried out by that request's own task (see
//! `invoke`); all the rest is done here: starts ahead of requests, answers to those who waited, stops and freezes.

use crate::{
    Engine,
    invoke::NoSeat,
    scope::{Answer, Cold, Live, ScopeState, Seat, Serving},
};
use sluice_decide::{Command, Event, PoolId};
use sluice_domain::{ColdReason, ColdStart, InstanceId, Phases, RequestId, StartCause, Throttle};
use sluice_ports::StartError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Starts of one version ahead of requests that run at a time: more would only slow down those that requests wait for.
pub const AHEAD_AT_ONCE: usize = 8;

/// Starts that are carried out now.
#[derive(Default)]
pub struct Starts {
    under_way: AtomicU64,
    ended: Notify,
}

/// One of them, until it has ended in whichever way.
pub(crate) struct UnderWay(Engine);

impl UnderWay {
    pub fn begin(engine: &Engine) -> Self {
        engine.inner.starts.under_way.fetch_add(1, Ordering::SeqCst);
        Self(engine.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let starts = &self.0.inner.starts;
        starts.under_way.fetch_sub(1, Ordering::SeqCst);
        starts.ended.notify_waiters();
    }
}

impl Engine {
    /// Waits until nothing starts: neither is a start carried out nor has the core decided one that is yet to begin.
    pub(crate) async fn nothing_starts(&self) {
        let starts = &self.inner.starts;
        loop {
            let ended = starts.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            let decided = self.all_scopes().iter().any(|scope| scope.core().state.is_starting());
            if !decided && starts.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    pub(crate) fn carry_out(&self, scope: &Arc<ScopeState>, commands: Vec<Command>) {
        for command in commands {
            self.carry_out_one(scope, command, None);
        }
    }

    /// `failure` is what befell a start, if the commands came of that.
    fn carry_out_one(&self, scope: &Arc<ScopeState>, command: Command, failure: Option<&NoSeat>) {
        match command {
            Command::Stop { instance, reason } => {
                let live = {
                    let mut core = scope.core();
                    core.colds.remove(&instance);
                    core.instances.remove(&instance)
                };
                if let Some(live) = live {
                    tracing::debug!(%instance, ?reason, "stopping instance");
                    live.instance.stop();
                    self.inner.counters.stopped.fetch_add(1, Ordering::Relaxed);
                }
            }
            Command::Freeze { instance } => {
                let live = scope.core().instances.get(&instance).cloned();
                if let Some(live) = live {
                    live.instance.freeze();
                }
            }
            Command::Start { instance, pool, request: None, cause } => self.start_ahead(scope, instance, pool, cause),
            Command::Dispatch { request, instance } => {
                let (sender, answer) = {
                    let mut core = scope.core();
                    let live = core.instances.get(&instance).map(|live| live.instance.clone());
                    (core.waiting.remove(&request), live.map(|live| Answer::Seat(core.seat(live))))
                };
                let taken = match (sender, answer) {
                    (Some(sender), Some(answer)) => sender.send(answer).is_ok(),
                    _ => false,
                };
                if !taken {
                    self.tell(scope, Event::Done { instance, reusable: true });
                }
            }
            Command::Refuse { request, refusal } => answer(scope, request, Answer::Refused(refusal)),
            Command::Redirect { request } => answer(scope, request, Answer::Redirect),
            Command::Fail { request, .. } => {
                let none = failure.cloned().unwrap_or_else(NoSeat::unexplained);
                answer(scope, request, Answer::Failed(Box::new(none)));
            }
            // The request was told before: it holds the other end.
            Command::Wait { .. } => {}
            Command::Start { request: Some(_), .. } => tracing::error!(?command, "a start without its request"),
        }
    }

    fn start_ahead(&self, scope: &Arc<ScopeState>, instance: InstanceId, pool: PoolId, cause: StartCause) {
        let (engine, scope) = (self.clone(), scope.clone());
        let under_way = UnderWay::begin(self);
        tokio::spawn(async move {
            let _under_way = under_way;
            let serving = scope.core().servings.get(&pool).cloned();
            match serving {
                Some(serving) => {
                    // What requests wait for starts at once.
                    let nobody_waits = matches!(cause.reason, ColdReason::Provisioned | ColdReason::Expected);
                    let _room = if nobody_waits { serving.ahead.acquire().await.ok() } else { None };
                    let request = RequestId::new("");
                    let brought = engine.bring_up(&serving, &request, instance, cause, Duration::ZERO).await;
                    if let Err(none) = brought {
                        tracing::warn!(
                            function = %serving.function.key.name, %instance, reason = ?cause.reason,
                            error = %none.failure.message, "an instance did not start"
                        );
                        scope.core().failures.insert(pool, none.failure.message.clone());
                    } else {
                        scope.core().failures.remove(&pool);
                    }
                }
                None => engine.tell(&scope, Event::StartFailed { instance }),
            }
        });
    }

    /// Starts an instance and tells the core how that went. The caller has its first request, if there is one.
    pub(crate) async fn bring_up(
        &self,
        serving: &Arc<Serving>,
        request_id: &RequestId,
        id: InstanceId,
        cause: StartCause,
        queue: Duration,
    ) -> Result<Seat, Box<NoSeat>> {
        let _starting = self.inner.start_begins();
        let blank = serving.blank_pool.as_deref().and_then(|pool| self.inner.take_blank(pool));
        let mut spec = serving.spec.clone();
        spec.id = id;
        spec.request_id = request_id.clone();
        let quota = serving.scope.quota.load();
        spec.log_window_bytes = quota.log_window_bytes;
        spec.log_window_lines = quota.log_window_lines;
        spec.log_line_bytes = quota.log_line_bytes;
        self.inner.counters.started.fetch_add(1, Ordering::Relaxed);
        let result = match self.room_for(serving) {
            Ok(()) => self.inner.deps.backend.start(spec, blank).await,
            Err(error) => Err(error),
        };
        let scope = &serving.scope;
        match result {
            Ok(started) => {
                let phases = Phases {
                    queue_ms: millis(queue),
                    sandbox_ms: millis(started.sandbox),
                    mount_ms: millis(started.mount),
                    init_ms: millis(started.init),
                };
                let start = ColdStart { cause, from_blank: started.from_blank, phases };
                let instance = started.instance.clone();
                let live = Live { instance: started.instance, serving: serving.clone(), start };
                let mut cold = Some(Cold { start, log: started.log, log_cut: started.log_cut });
                let ahead = request_id.as_str().is_empty();
                let now = self.inner.now_ms();
                let commands = {
                    let mut core = scope.core();
                    core.instances.insert(id, live);
                    if ahead {
                        core.colds.extend(cold.take().map(|cold| (id, cold)));
                    }
                    core.step(now, Event::Ready { instance: id })
                };
                self.after_start(scope, commands, id, request_id, None);
                Ok(Seat { instance, cold })
            }
            Err(error) => {
                let (mut none, init) = NoSeat::of_start(error);
                let phases = Phases { queue_ms: millis(queue), init_ms: millis(init), ..Phases::default() };
                none.cold_start = Some(ColdStart { cause, from_blank: false, phases });
                none.instance = Some(id);
                let now = self.inner.now_ms();
                let commands = scope.core().step(now, Event::StartFailed { instance: id });
                self.after_start(scope, commands, id, request_id, Some(&none));
                Err(Box::new(none))
            }
        }
    }

    /// The first dispatch to a new instance is for the request that started it, which knows.
    fn after_start(
        &self,
        scope: &Arc<ScopeState>,
        commands: Vec<Command>,
        id: InstanceId,
        request_id: &RequestId,
        failure: Option<&NoSeat>,
    ) {
        let mut own = !request_id.as_str().is_empty();
        for command in commands {
            match command {
                Command::Dispatch { instance, .. } if own && instance == id => own = false,
                command => self.carry_out_one(scope, command, failure),
            }
        }
        self.expect_tick();
    }

    /// A start that no request asked for was not checked against the host's memory when it was decided.
    #[allow(clippy::result_large_err, reason = "the port's error, on a path that seldom fails")]
    fn room_for(&self, serving: &Serving) -> Result<(), StartError> {
        let (free, needed) = (self.inner.deps.backend.free_memory_mib(), serving.function.config.memory_mib);
        if free >= u64::from(needed) {
            return Ok(());
        }
        let message = format!("the host has {free} MiB free and {needed} MiB are needed");
        Err(StartError::NoRoom { lack: Throttle::HostMemory, limit: free, used: 0, message })
    }
}

fn answer(scope: &ScopeState, request: sluice_decide::RequestSeq, answer: Answer) {
    let sender = scope.core().waiting.remove(&request);
    if let Some(sender) = sender {
        // Nobody listens any more: then nobody has to be told.
        let _ = sender.send(answer);
    }
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
