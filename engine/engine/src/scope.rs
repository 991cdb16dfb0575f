//! One scope's decisions and what they are about: an account in a region, in one dialect.
//!
//! Scopes share nothing, so this is where the state is sharded. All that an event touches is behind one lock: the
//! core's state, the instances it names, and the requests that wait for its word.

use crate::{
    Engine,
    catalog::{Inner, SettingKey},
    code::Claim,
    invoke::NoSeat,
};
use arc_swap::ArcSwap;
use sluice_decide::{Command, Event, Limits, Millis, PoolId, ProvisionId, RequestSeq, RuleId, State, step};
use sluice_domain::{
    ColdStart, Dialect, Error, Function, InstanceId, LogCut, Quota, QuotaProfile, Refusal, Result, Scope,
};
use sluice_ports::{Instance, InstanceSpec};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::oneshot;

/// Instance ids have room for so many.
const SCOPES_MAX: usize = 4000;

pub struct ScopeState {
    pub key: (Scope, Dialect),
    pub quota: ArcSwap<QuotaProfile>,
    pub core: Mutex<Core>,
    /// The numbers that settings have in the core.
    pub settings: Mutex<Settings>,
    next_pool: AtomicU32,
}

pub struct Core {
    pub state: State,
    pub instances: HashMap<InstanceId, Live>,
    /// What each pool runs.
    pub servings: HashMap<PoolId, Arc<Serving>>,
    /// Requests that the core lets wait.
    pub waiting: HashMap<RequestSeq, oneshot::Sender<Answer>>,
    /// How instances came up that were started ahead of the request they serve first.
    pub colds: HashMap<InstanceId, Cold>,
    /// Why the last start of a pool failed.
    pub failures: HashMap<PoolId, String>,
    /// Reused, so that a warm request allocates nothing here.
    commands: Vec<Command>,
    pub tape: Option<Box<dyn Tape>>,
}

/// Where inputs of the core are recorded.
pub trait Tape: Send {
    fn event(&mut self, now: Millis, event: &Event);
    /// What came of it; only to compare with when it is played again.
    fn commands(&mut self, commands: &[Command]);
}

/// An instance and what it runs.
#[derive(Clone)]
pub struct Live {
    pub instance: Arc<dyn Instance>,
    pub serving: Arc<Serving>,
    pub start: ColdStart,
}

/// A version that can be called: what every request of it shares.
pub struct Serving {
    pub function: Arc<Function>,
    pub pool: PoolId,
    pub scope: Arc<ScopeState>,
    /// For new instances; `id` is filled in at each start.
    pub spec: InstanceSpec,
    pub blank_pool: Option<String>,
    /// Room for starts that no request waits for.
    pub ahead: tokio::sync::Semaphore,
    /// What it runs stays while it does.
    pub _claim: Arc<Claim>,
}

/// An instance that is a request's for one call, and how it came up if that is news.
pub struct Seat {
    pub instance: Arc<dyn Instance>,
    pub cold: Option<Cold>,
}

/// How an instance came up.
pub struct Cold {
    pub start: ColdStart,
    pub log: String,
    pub log_cut: LogCut,
}

/// What a request that waited hears.
pub enum Answer {
    Seat(Seat),
    Refused(Box<Refusal>),
    /// The start that it waited on failed.
    Failed(Box<NoSeat>),
    /// The version is gone.
    Redirect,
}

/// The core's word on a request that has just arrived.
pub enum Decision {
    Seat(Seat),
    Start {
        instance: InstanceId,
        cause: sluice_domain::StartCause,
    },
    Wait(oneshot::Receiver<Answer>),
    Refused(Box<Refusal>),
    Redirect,
    /// It was given an instance whose process is gone.
    Dead(InstanceId),
    /// The core said nothing, which it never should.
    Nothing,
}

/// Numbers of settings, given out once and kept while the setting exists.
#[derive(Default)]
pub struct Settings {
    pub provisions: BTreeMap<SettingKey, (ProvisionId, Option<PoolId>)>,
    pub rules: BTreeMap<SettingKey, RuleId>,
    next: u32,
}

impl Settings {
    pub fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
}

impl ScopeState {
    fn new(scope: Scope, dialect: Dialect, quota: QuotaProfile, limits: Limits, number: u64) -> Self {
        let core = Core {
            state: State::new(limits, number),
            instances: HashMap::new(),
            servings: HashMap::new(),
            waiting: HashMap::new(),
            colds: HashMap::new(),
            failures: HashMap::new(),
            commands: Vec::new(),
            tape: None,
        };
        Self {
            key: (scope, dialect),
            quota: ArcSwap::from_pointee(quota),
            core: Mutex::new(core),
            settings: Mutex::default(),
            next_pool: AtomicU32::new(0),
        }
    }

    pub fn new_pool(&self) -> PoolId {
        PoolId(self.next_pool.fetch_add(1, Ordering::Relaxed))
    }

    pub fn core(&self) -> std::sync::MutexGuard<'_, Core> {
        self.core.lock().expect("scope lock")
    }
}

impl Core {
    /// Whether an instance's process ended while nothing ran in it. One that still has a call is reported by that call.
    pub fn is_dead(&self, instance: InstanceId) -> bool {
        let idle = self.state.instance(instance).is_some_and(|found| found.in_flight == 0);
        idle && self.instances.get(&instance).is_some_and(|live| !live.instance.is_alive())
    }

    /// A place in an instance for a request; the first one hears how it came up.
    pub fn seat(&mut self, instance: Arc<dyn Instance>) -> Seat {
        let cold = if self.colds.is_empty() { None } else { self.colds.remove(&instance.id()) };
        Seat { instance, cold }
    }

    /// Applies an event; what follows from it is in `commands` then.
    fn feed(&mut self, now: Millis, event: Event) {
        debug_assert!(self.commands.is_empty());
        if let Some(tape) = &mut self.tape {
            tape.event(now, &event);
        }
        step(&mut self.state, now, event, &mut self.commands);
        if let Some(tape) = &mut self.tape {
            tape.commands(&self.commands);
        }
    }

    /// Applies an event that belongs to no request of the caller's.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Command> {
        self.feed(now, event);
        if self.commands.is_empty() { Vec::new() } else { self.commands.drain(..).collect() }
    }

    /// Applies a request's arrival and picks out what is said about it. The rest is for [`Engine::carry_out`].
    pub fn ask(&mut self, now: Millis, request: RequestSeq, event: Event) -> (Decision, Vec<Command>) {
        self.feed(now, event);
        let mut commands = std::mem::take(&mut self.commands);
        let mut rest = Vec::new();
        let mut decision = Decision::Nothing;
        let mut waits = false;
        for command in commands.drain(..) {
            match command {
                Command::Dispatch { request: of, instance } if of == request => {
                    let found = self.instances.get(&instance).filter(|live| live.instance.is_alive());
                    decision = match found.map(|live| live.instance.clone()) {
                        Some(instance) => Decision::Seat(self.seat(instance)),
                        None => Decision::Dead(instance),
                    };
                    waits = false;
                }
                Command::Start { request: Some(of), instance, cause, .. } if of == request => {
                    decision = Decision::Start { instance, cause };
                }
                Command::Refuse { request: of, refusal } if of == request => decision = Decision::Refused(refusal),
                Command::Redirect { request: of } if of == request => decision = Decision::Redirect,
                Command::Wait { request: of } if of == request => waits = true,
                other => rest.push(other),
            }
        }
        self.commands = commands;
        if waits {
            let (sender, receiver) = oneshot::channel();
            self.waiting.insert(request, sender);
            decision = Decision::Wait(receiver);
        }
        (decision, rest)
    }
}

impl Inner {
    /// The core's clock: milliseconds that never go back, near those of the calendar.
    pub fn now_ms(&self) -> Millis {
        self.clock_base + self.deps.clock.monotonic().as_millis() as Millis
    }

    /// A quota profile as the core takes it. The grammar of settings is that of the dialect they are made in, also
    /// under a profile of another cloud.
    pub fn limits_of(&self, quota: &QuotaProfile, dialect: Dialect) -> Limits {
        let mut limits = Limits { dialect, ..Limits::from(quota) };
        if self.deps.clock.is_virtual() {
            // Clients wait in real time, which this clock does not show: see `Engine::wait`.
            limits.queue_ms = Millis::from(u32::MAX);
        }
        limits
    }
}

impl Engine {
    /// Applies an event and carries out what follows.
    pub(crate) fn tell(&self, scope: &Arc<ScopeState>, event: Event) {
        let now = self.inner.now_ms();
        let commands = scope.core().step(now, event);
        self.carry_out(scope, commands);
    }

    /// The state of a scope that has any.
    pub(crate) fn known_scope(&self, scope: &Scope, dialect: Dialect) -> Option<Arc<ScopeState>> {
        self.inner.scopes.read().expect("scopes lock").get(&(scope.clone(), dialect)).cloned()
    }

    /// Refuses what would make more scopes than instance ids can tell apart.
    pub(crate) fn admit_scope(&self, scope: &Scope, dialect: Dialect) -> Result<()> {
        let many = self.inner.scopes.read().expect("scopes lock").len() >= SCOPES_MAX;
        if !many || self.known_scope(scope, dialect).is_some() {
            return Ok(());
        }
        let message =
            format!("region '{}' would be one more than the {SCOPES_MAX} that this server keeps", scope.region);
        Err(Error::quota(Quota::Namespaces, message))
    }

    pub(crate) fn scope_state(&self, scope: &Scope, dialect: Dialect) -> Arc<ScopeState> {
        // The key is built on each call; scopes are few and callers on the request path hold their state already.
        let key = (scope.clone(), dialect);
        if let Some(found) = self.inner.scopes.read().expect("scopes lock").get(&key) {
            return found.clone();
        }
        let mut scopes = self.inner.scopes.write().expect("scopes lock");
        let entry = scopes.entry(key).or_insert_with(|| {
            let quota = QuotaProfile::default_for(dialect, &scope.region);
            let limits = self.inner.limits_of(&quota, dialect);
            let number = self.inner.next_scope.fetch_add(1, Ordering::Relaxed) + 1;
            let state = ScopeState::new(scope.clone(), dialect, quota, limits, number);
            if let Some(tapes) = &self.inner.deps.tapes {
                let mut core = state.core();
                let tape = tapes.tape(number, scope, dialect, core.state.limits());
                core.tape = Some(tape);
            }
            Arc::new(state)
        });
        entry.clone()
    }

    pub(crate) fn all_scopes(&self) -> Vec<Arc<ScopeState>> {
        self.inner.scopes.read().expect("scopes lock").values().cloned().collect()
    }
}
