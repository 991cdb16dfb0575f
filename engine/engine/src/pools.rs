//! Instances and blanks: the reconcilers that carry decisions out on the backend.

use crate::{Engine, catalog::Inner};
use arc_swap::ArcSwap;
use sluice_decide::{BlankPolicy, BlankState, Command, Event, InstanceState, Millis, PoolId, State, step};
use sluice_domain::{Dialect, Function, InstanceId, QuotaProfile, Scope};
use sluice_ports::{Ahead, Blank, Instance, InstanceSpec};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// One scope's decisions and the instances they are about.
pub struct ScopeState {
    pub quota: ArcSwap<QuotaProfile>,
    pub core: Mutex<Core>,
}

pub struct Core {
    pub state: State,
    pub instances: HashMap<InstanceId, Live>,
}

/// An instance and what it runs.
#[derive(Clone)]
pub struct Live {
    pub instance: Arc<dyn Instance>,
    pub serving: Arc<Serving>,
}

/// A revision that can be called: what every request of it shares.
pub struct Serving {
    pub function: Arc<Function>,
    pub pool: PoolId,
    pub scope: Arc<ScopeState>,
    /// For new instances; `id` is filled in at each start.
    pub spec: InstanceSpec,
    pub blank_pool: Option<String>,
}

/// Blanks that are ready, by pool, and what is known about their demand.
#[derive(Default)]
pub struct Blanks {
    ready: Mutex<BTreeMap<String, Vec<Box<dyn Blank>>>>,
    demand: Mutex<BlankState>,
    targets: Mutex<BTreeMap<String, u64>>,
    wanted: Notify,
    /// Starts under way: refilling waits for them.
    starting: AtomicU64,
}

/// An instance as operators see it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct InstanceView {
    pub id: String,
    pub account: String,
    pub region: String,
    pub dialect: Dialect,
    pub namespace: String,
    pub function: String,
    pub revision: u64,
    pub memory_mib: u32,
    /// `starting`, `busy`, `idle` or `frozen`.
    pub state: &'static str,
}

/// A pool of blanks as operators see it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BlankView {
    pub pool: String,
    pub ready: u64,
    pub target: u64,
}

/// About what a blank of a runtime holds, until a backend can tell.
fn footprint_mib(pool: &str) -> u64 {
    if pool.starts_with("node") { 12 } else { 4 }
}

/// Free memory below which no blanks are made.
const BLANK_RESERVE_MIB: u64 = 512;
/// Refilling goes on anyway after this long, so that a steady stream of starts does not starve it.
const REFILL_PATIENCE: Duration = Duration::from_millis(20);

impl Inner {
    pub fn now_ms(&self) -> Millis {
        self.deps.clock.monotonic().as_millis() as Millis
    }

    pub fn step(&self, scope: &ScopeState, event: Event) -> Vec<Command> {
        let now = self.now_ms();
        step(&mut scope.core.lock().expect("scope lock").state, now, event)
    }

    /// Carries out what needs no waiting. Dispatches and starts belong to the request that caused them.
    pub fn carry_out(&self, scope: &ScopeState, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Stop { instance, reason } => {
                    let live = scope.core.lock().expect("scope lock").instances.remove(&instance);
                    if let Some(live) = live {
                        tracing::debug!(%instance, ?reason, "stopping instance");
                        live.instance.stop();
                        self.counters.stopped.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Command::Freeze { instance } => {
                    let live = scope.core.lock().expect("scope lock").instances.get(&instance).cloned();
                    if let Some(live) = live {
                        live.instance.freeze();
                    }
                }
                Command::Dispatch { .. } | Command::Start { .. } | Command::Refuse { .. } => {
                    tracing::error!(?command, "a decision without its request");
                }
            }
        }
    }

    /// Wakes the ticker if it sleeps without a deadline.
    pub fn expect_tick(&self) {
        if self.ticker_idle.load(Ordering::Relaxed) {
            self.tick_soon.notify_one();
        }
    }

    /// Takes a blank for a start and notes the demand.
    pub fn take_blank(&self, pool: &str) -> Option<Box<dyn Blank>> {
        self.blanks.demand.lock().expect("blanks lock").started(self.now_ms(), pool);
        let blank = self.blanks.ready.lock().expect("blanks lock").get_mut(pool).and_then(Vec::pop);
        self.blanks.wanted.notify_one();
        blank
    }

    pub fn start_begins(&self) -> StartGuard<'_> {
        self.blanks.starting.fetch_add(1, Ordering::Relaxed);
        StartGuard(&self.blanks.starting)
    }
}

/// Counts a start while it lives.
pub struct StartGuard<'a>(&'a AtomicU64);

impl Drop for StartGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    pub(crate) fn scope_state(&self, scope: &Scope, dialect: Dialect) -> Arc<ScopeState> {
        // The key is built on each call; scopes are few and callers on the request path hold their state already.
        let key = (scope.clone(), dialect);
        if let Some(found) = self.inner.scopes.read().expect("scopes lock").get(&key) {
            return found.clone();
        }
        let mut scopes = self.inner.scopes.write().expect("scopes lock");
        let entry = scopes.entry(key).or_insert_with(|| {
            let quota = QuotaProfile::default_for(dialect, &scope.region);
            // Each scope numbers its instances in a range of its own.
            let first = (self.inner.next_scope.fetch_add(1, Ordering::Relaxed) << 32) + 1;
            let core = Core { state: State::new((&quota).into(), first), instances: HashMap::new() };
            Arc::new(ScopeState { quota: ArcSwap::from_pointee(quota), core: Mutex::new(core) })
        });
        entry.clone()
    }

    /// All instances.
    pub fn instances(&self) -> Vec<InstanceView> {
        let scopes: Vec<_> = self.inner.scopes.read().expect("scopes lock").values().cloned().collect();
        let mut views = Vec::new();
        for scope in scopes {
            let core = scope.core.lock().expect("scope lock");
            for (id, live) in &core.instances {
                let Some((_, state, frozen)) = core.state.instance_state(*id) else { continue };
                views.push(view(*id, live, state, frozen));
            }
        }
        views.sort_by(|a, b| a.id.cmp(&b.id));
        views
    }

    /// All pools of blanks.
    pub fn blanks(&self) -> Vec<BlankView> {
        let targets = self.inner.blanks.targets.lock().expect("blanks lock").clone();
        let ready = self.inner.blanks.ready.lock().expect("blanks lock");
        targets
            .into_iter()
            .map(|(pool, target)| {
                let ready = ready.get(&pool).map_or(0, |blanks| blanks.len() as u64);
                BlankView { pool, ready, target }
            })
            .collect()
    }

    /// Sandboxes that are kept ready for any runtime.
    pub fn sandboxes_ahead(&self) -> Ahead {
        self.inner.deps.backend.sandboxes_ahead()
    }

    /// The loops that run until the engine is dropped.
    pub(crate) fn spawn_loops(&self) {
        for status in self.runtimes() {
            if let Some(pool) = self.inner.deps.backend.blank_pool(status.dialect, &status.id) {
                self.inner.blanks.demand.lock().expect("blanks lock").offer(&pool, footprint_mib(&pool));
            }
        }
        let weak = Arc::downgrade(&self.inner);
        tokio::spawn(tick_loop(weak.clone()));
        tokio::spawn(refill_loop(weak.clone()));
        tokio::spawn(crate::deploy::sweep_loop(weak));
    }

    /// Ends all instances, for a shutdown.
    pub async fn shutdown(&self) {
        self.inner.blanks.ready.lock().expect("blanks lock").clear();
        self.inner.deps.backend.shutdown().await;
    }
}

fn view(id: InstanceId, live: &Live, state: InstanceState, frozen: bool) -> InstanceView {
    let function = &live.serving.function;
    InstanceView {
        id: id.to_string(),
        account: function.key.scope.account.0.clone(),
        region: function.key.scope.region.0.clone(),
        dialect: function.key.dialect,
        namespace: function.key.namespace.clone(),
        function: function.key.name.clone(),
        revision: function.revision,
        memory_mib: function.config.memory_mib,
        state: match state {
            InstanceState::Starting { .. } => "starting",
            InstanceState::Busy => "busy",
            InstanceState::Idle if frozen => "frozen",
            InstanceState::Idle => "idle",
        },
    }
}

/// How often deadlines are looked at while there are any.
const TICK: Duration = Duration::from_millis(50);

async fn tick_loop(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let scopes: Vec<_> = inner.scopes.read().expect("scopes lock").values().cloned().collect();
        let mut pending = false;
        for scope in scopes {
            let due = scope.core.lock().expect("scope lock").state.next_due();
            pending |= due.is_some();
            if due.is_some_and(|due| due <= inner.now_ms()) {
                let commands = inner.step(&scope, Event::Tick);
                inner.carry_out(&scope, commands);
            }
        }
        if pending {
            drop(inner);
            tokio::time::sleep(TICK).await;
        } else {
            inner.ticker_idle.store(true, Ordering::Relaxed);
            // A missed wake-up costs at most this long.
            let _ = tokio::time::timeout(Duration::from_secs(1), inner.tick_soon.notified()).await;
            inner.ticker_idle.store(false, Ordering::Relaxed);
        }
    }
}

async fn refill_loop(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let blanks = &inner.blanks;
        let policy = BlankPolicy { floor: 2, ceiling: inner.config.blanks_max as u64, reserve_mib: BLANK_RESERVE_MIB };
        let free = inner.deps.backend.free_memory_mib();
        let targets = blanks.demand.lock().expect("blanks lock").targets(inner.now_ms(), &policy, free);
        *blanks.targets.lock().expect("blanks lock") = targets.clone();
        trim(&inner, &targets);
        let Some(pool) = neediest(&inner, &targets) else {
            let _ = tokio::time::timeout(Duration::from_secs(1), blanks.wanted.notified()).await;
            continue;
        };
        wait_for_starts(blanks).await;
        match inner.deps.backend.make_blank(&pool).await {
            Ok(blank) => {
                inner.blanks.ready.lock().expect("blanks lock").entry(pool).or_default().push(blank);
            }
            Err(error) => {
                tracing::warn!(%pool, %error, "could not make a blank");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn wait_for_starts(blanks: &Blanks) {
    let mut waited = Duration::ZERO;
    let pause = Duration::from_millis(2);
    while blanks.starting.load(Ordering::Relaxed) > 0 && waited < REFILL_PATIENCE {
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

/// The pool that lacks the largest share of its target.
fn neediest(inner: &Inner, targets: &BTreeMap<String, u64>) -> Option<String> {
    let ready = inner.blanks.ready.lock().expect("blanks lock");
    let lack = |pool: &String, target: u64| {
        let have = ready.get(pool).map_or(0, |blanks| blanks.len() as u64);
        target.saturating_sub(have) * 1000 / target.max(1)
    };
    targets
        .iter()
        .map(|(pool, target)| (lack(pool, *target), pool))
        .filter(|(lack, _)| *lack > 0)
        .max()
        .map(|(_, pool)| pool.clone())
}

/// Lets go of blanks beyond their target.
fn trim(inner: &Inner, targets: &BTreeMap<String, u64>) {
    let mut ready = inner.blanks.ready.lock().expect("blanks lock");
    for (pool, blanks) in ready.iter_mut() {
        let target = targets.get(pool).copied().unwrap_or(0) as usize;
        // A little slack, so that a target that falls by one does not throw away what the next burst wants.
        if blanks.len() > target + target / 4 + 1 {
            blanks.truncate(target);
        }
    }
}
