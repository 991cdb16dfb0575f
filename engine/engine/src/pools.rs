//! Instances and blanks as they are, and the loops that keep them so.

use crate::{Engine, catalog::Inner, scope::Serving};
use sluice_decide::{BlankPolicy, BlankState};
use sluice_domain::{ColdStart, Dialect};
use sluice_ports::{Ahead, Blank};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Blanks that are ready, by pool, and what is known about their demand.
#[derive(Default)]
pub struct Blanks {
    ready: Mutex<BTreeMap<String, Vec<Box<dyn Blank>>>>,
    demand: Mutex<BlankState>,
    targets: Mutex<BTreeMap<String, u64>>,
    wanted: Notify,
    /// They will be in a moment.
    called_for: AtomicBool,
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
    /// `$LATEST`, `LATEST` or a number.
    pub version: String,
    /// `on_demand` or `provisioned`.
    pub kind: &'static str,
    /// `starting`, `busy`, `idle`, `frozen` or `draining`.
    pub state: &'static str,
    /// Requests in it now.
    pub in_flight: u32,
    pub idle_ms: Option<u64>,
    /// Why and how it came up, once it has.
    pub cold_start: Option<ColdStart>,
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
/// Refilling begins that long after a blank was taken.
const REFILL_DELAY: Duration = Duration::from_millis(3);
/// Refilling goes on anyway after this long, so that a steady stream of starts does not starve it.
const REFILL_PATIENCE: Duration = Duration::from_millis(20);

impl Inner {
    /// Takes a blank for a start and notes the demand.
    pub fn take_blank(self: &Arc<Self>, pool: &str) -> Option<Box<dyn Blank>> {
        self.blanks.demand.lock().expect("blanks lock").started(self.now_ms(), pool);
        let blank = self.blanks.ready.lock().expect("blanks lock").get_mut(pool).and_then(Vec::pop);
        self.call_for_blanks();
        blank
    }

    /// Has the blanks filled up again, but not now: to wake another thread would hold up the start that took one.
    fn call_for_blanks(self: &Arc<Self>) {
        if self.blanks.called_for.swap(true, Ordering::Relaxed) {
            return;
        }
        let inner = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REFILL_DELAY).await;
            inner.blanks.called_for.store(false, Ordering::Relaxed);
            inner.blanks.wanted.notify_one();
        });
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
    /// All instances.
    pub fn instances(&self) -> Vec<InstanceView> {
        let mut views = Vec::new();
        for scope in self.all_scopes() {
            let core = scope.core();
            for found in core.state.instances() {
                // One that is starting has nothing yet but its place in the core; one that ends may outlive its pool.
                let serving = core.servings.get(&found.pool);
                let live = core.instances.get(&found.instance);
                if let Some(serving) = serving.or(live.map(|live| &live.serving)) {
                    views.push(view(found, serving, live.map(|live| live.start)));
                }
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
        tokio::spawn(crate::clock::tick_loop(weak.clone()));
        tokio::spawn(crate::clock::bury_loop(weak.clone()));
        tokio::spawn(refill_loop(weak.clone()));
        tokio::spawn(crate::code::sweep_loop(weak));
    }

    /// Ends all instances, for a shutdown.
    pub async fn shutdown(&self) {
        self.inner.blanks.ready.lock().expect("blanks lock").clear();
        self.inner.deps.backend.shutdown().await;
    }
}

fn view(found: sluice_decide::InstanceView, serving: &Serving, cold_start: Option<ColdStart>) -> InstanceView {
    let function = &serving.function;
    InstanceView {
        id: found.instance.to_string(),
        account: function.key.scope.account.0.clone(),
        region: function.key.scope.region.0.clone(),
        dialect: function.key.dialect,
        namespace: function.key.namespace.clone(),
        function: function.key.name.clone(),
        revision: function.revision,
        memory_mib: function.config.memory_mib,
        version: serving.spec.version.clone(),
        kind: if found.provisioned { "provisioned" } else { "on_demand" },
        state: found.state,
        in_flight: found.in_flight,
        idle_ms: found.idle_ms,
        cold_start,
    }
}

async fn refill_loop(inner: std::sync::Weak<Inner>) {
    // Why the last blank could not be made: said once, not every second.
    let mut said = String::new();
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
                said.clear();
                inner.blanks.ready.lock().expect("blanks lock").entry(pool).or_default().push(blank);
            }
            Err(error) => {
                let error = error.to_string();
                if error != said {
                    tracing::warn!(%pool, %error, "could not make a blank");
                    said = error;
                }
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
