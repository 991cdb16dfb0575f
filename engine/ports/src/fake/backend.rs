//! A backend that runs nothing: instances answer what a test has told them to.

use crate::{Assignment, Backend, Blank, Call, CompiledFile, Instance, PortResult, Reply, StartError, Started};
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::{
    Dialect, Failure, FailureKind, Family, InstanceId, KNOWN_RUNTIMES, KnownRuntime, LogCut, RuntimeStatus,
};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What functions on a [`FakeBackend`] do with a payload.
pub type Behaviour = Arc<dyn Fn(&Call) -> Result<Bytes, Failure> + Send + Sync>;

/// A backend whose functions are closures. Instances are counted, never isolated.
pub struct FakeBackend {
    behaviour: Mutex<Behaviour>,
    /// Instances started so far.
    pub starts: AtomicU64,
    /// Memory it claims the host has.
    pub free_mib: AtomicU64,
    /// Calls wait (asynchronously) while this is set, or until they are aged past their limit.
    pub hold: Arc<AtomicBool>,
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self {
            behaviour: Mutex::new(Arc::new(|call| Ok(call.payload.clone()))),
            starts: AtomicU64::new(0),
            free_mib: AtomicU64::new(1 << 20),
            hold: Arc::default(),
        }
    }
}

impl FakeBackend {
    pub fn with(behaviour: impl Fn(&Call) -> Result<Bytes, Failure> + Send + Sync + 'static) -> Self {
        let backend = Self::default();
        *backend.behaviour.lock().expect("fake backend") = Arc::new(behaviour);
        backend
    }
    /// Lets held calls go on.
    pub fn release(&self) {
        self.hold.store(false, Ordering::SeqCst);
    }
}

struct FakeInstance {
    id: InstanceId,
    alive: AtomicBool,
    behaviour: Behaviour,
    hold: Arc<AtomicBool>,
    aged_ms: AtomicU64,
    /// A call has timed out.
    spent: AtomicBool,
}

#[async_trait]
impl Instance for FakeInstance {
    fn id(&self) -> InstanceId {
        self.id
    }
    async fn call(&self, call: Call) -> Reply {
        let before = self.aged_ms.load(Ordering::SeqCst);
        let aged = || Duration::from_millis(self.aged_ms.load(Ordering::SeqCst) - before);
        while self.hold.load(Ordering::SeqCst) && aged() < call.timeout {
            yield_once().await;
        }
        let result = if aged() < call.timeout {
            (self.behaviour)(&call)
        } else {
            self.spent.store(true, Ordering::SeqCst);
            let text = format!("Invoking task timed out after {} seconds", call.timeout.as_secs());
            Err(Failure::new(FailureKind::TimedOut, text))
        };
        Reply {
            result,
            duration: (aged() + Duration::from_millis(1)).min(call.timeout),
            memory_used: 1 << 20,
            log: String::new(),
            log_cut: LogCut::default(),
            reusable: self.is_alive() && !self.spent.load(Ordering::SeqCst),
        }
    }
    fn freeze(&self) {}
    fn age(&self, by: Duration) {
        self.aged_ms.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
    fn stop(&self) {
        self.alive.store(false, Ordering::SeqCst);
    }
    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::SeqCst)
    }
}

/// Gives other tasks a turn, without needing a particular executor.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}

struct FakeBlank;

impl Blank for FakeBlank {
    fn as_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

#[async_trait]
impl Backend for FakeBackend {
    fn runtimes(&self) -> Vec<RuntimeStatus> {
        let status = |known: &KnownRuntime| {
            let runs = matches!(known.family, Family::Python | Family::Node);
            RuntimeStatus {
                dialect: known.dialect,
                id: known.id.to_owned(),
                family: known.family,
                interpreter: runs.then(|| "/usr/bin/fake".to_owned()),
                version: runs.then(|| "1.0.0".to_owned()),
                stands_in: runs,
                reason: (!runs).then(|| "not installed".to_owned()),
            }
        };
        KNOWN_RUNTIMES.iter().map(status).collect()
    }
    fn blank_pool(&self, dialect: Dialect, runtime: &str) -> Option<String> {
        let known = KnownRuntime::find(dialect, runtime)?;
        matches!(known.family, Family::Python | Family::Node).then(|| known.family.as_str().to_owned())
    }
    async fn make_blank(&self, _pool: &str) -> PortResult<Box<dyn Blank>> {
        Ok(Box::new(FakeBlank))
    }
    async fn start(&self, assignment: Assignment, blank: Option<Box<dyn Blank>>) -> Result<Started, StartError> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        let instance = FakeInstance {
            id: assignment.id,
            alive: AtomicBool::new(true),
            behaviour: self.behaviour.lock().expect("fake backend").clone(),
            hold: self.hold.clone(),
            aged_ms: AtomicU64::new(0),
            spent: AtomicBool::new(false),
        };
        Ok(Started {
            instance: Arc::new(instance),
            sandbox: Duration::from_millis(1),
            mount: Duration::from_millis(1),
            init: Duration::from_millis(1),
            from_blank: blank.is_some(),
            log: String::new(),
            log_cut: LogCut::default(),
        })
    }
    async fn compile(&self, _: Dialect, _: &str, _: PathBuf, _: Vec<String>) -> PortResult<Vec<CompiledFile>> {
        Ok(Vec::new())
    }
    fn free_memory_mib(&self) -> u64 {
        self.free_mib.load(Ordering::SeqCst)
    }
    async fn shutdown(&self) {}
}
