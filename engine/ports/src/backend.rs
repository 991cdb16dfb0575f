//! Where code runs.

use crate::PortResult;
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::{
    Dialect, Failure, FailureKind, FunctionConfig, FunctionKey, InstanceId, LogCut, RequestId, RevisionKey,
    RuntimeStatus, Throttle,
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Everything an instance needs to know to serve one revision.
#[derive(Clone, Debug)]
pub struct InstanceSpec {
    pub id: InstanceId,
    /// The request that it is started for, which the log of its initialisation names.
    pub request_id: RequestId,
    pub function: FunctionKey,
    pub revision: RevisionKey,
    pub config: FunctionConfig,
    /// The version as code sees it: `$LATEST` or `LATEST` or a number.
    pub version: String,
    /// The unpacked package.
    pub code_dir: PathBuf,
    /// Settings of the namespace that FC's context shows (role, logConfig …).
    pub namespace_attributes: Arc<serde_json::Map<String, serde_json::Value>>,
    /// Environment and context beyond the function's own, such as account and region, are the backend's to fill.
    pub log_window_bytes: u64,
    pub log_window_lines: u64,
    pub log_line_bytes: u64,
}

/// What is put into a sandbox to make it an instance.
pub type Assignment = InstanceSpec;

/// A sandbox with an interpreter and no user code, used once.
pub trait Blank: Send + Sync {
    fn as_any(self: Box<Self>) -> Box<dyn std::any::Any + Send>;
}

/// An instance that is ready, and how long its making took.
pub struct Started {
    pub instance: Arc<dyn Instance>,
    /// Taking the blank over, or creating the sandbox.
    pub sandbox: Duration,
    /// Mounting code, setting limits.
    pub mount: Duration,
    /// Loading user code.
    pub init: Duration,
    pub from_blank: bool,
    /// What the user's code printed while it was loaded.
    pub log: String,
    pub log_cut: LogCut,
}

/// Why an instance did not come up.
#[derive(Debug)]
pub enum StartError {
    /// The user's code is at fault.
    Function { failure: Failure, log: String, memory_used: u64, init: Duration },
    /// The host has no room; another try later may pass. `limit` and `used` are in the unit of what it lacks.
    NoRoom { lack: Throttle, limit: u64, used: u64, message: String },
    /// The platform is at fault; the message is for the operator.
    Platform(String),
}

/// One request to an instance.
#[derive(Clone, Debug)]
pub struct Call {
    pub request_id: RequestId,
    /// What the caller asked for, as FC's context shows it.
    pub qualifier: String,
    pub payload: Bytes,
    pub timeout: Duration,
    /// The largest result, in bytes.
    pub response_limit: usize,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub result: Result<Bytes, Failure>,
    pub duration: Duration,
    pub memory_used: u64,
    pub log: String,
    pub log_cut: LogCut,
    /// The instance can take another request. When false it is dead or must be stopped. Other calls that run in it
    /// may go on to their end even so: see [`Instance::stop`].
    pub reusable: bool,
}

/// A running instance of one revision. It handles as many calls at a time as the revision's instance concurrency says.
#[async_trait]
pub trait Instance: Send + Sync {
    fn id(&self) -> InstanceId;
    /// Runs one call to its end: the reply, the time limit, or the death of the process, whichever is first.
    /// A call whose time ran out leaves the instance dead, with its whole process tree, as soon as no other call runs
    /// in it. The death of the process fails all calls that run in it (spec: FIC-06).
    async fn call(&self, call: Call) -> Reply;
    /// Stops giving it processor time until the next call, which thaws it by itself: soon, or later if it is not seen to
    /// use any. Without effect if a call runs or begins before that.
    fn freeze(&self);
    /// Treats the running calls as if that much more time had passed: those whose limit is over by that time out now.
    /// For clocks of tests.
    fn age(&self, _by: Duration) {}
    /// Ends it and everything it started, at once; after one of several calls has timed out, when the others have
    /// ended. Calling twice is no error.
    fn stop(&self);
    /// Whether its process is still there. Cheap; used to notice deaths between calls.
    fn is_alive(&self) -> bool;
}

/// Promises: an instance sees only its own code; nothing of it is left when it is stopped; it dies with the
/// server; a blank never holds code or secrets before `start` takes it.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What this host can run, for every id of the catalogue.
    fn runtimes(&self) -> Vec<RuntimeStatus>;
    /// Which pool of blanks serves a runtime id; none when it cannot be run here.
    fn blank_pool(&self, dialect: Dialect, runtime: &str) -> Option<String>;
    /// Sandboxes without a process that are kept ready for whatever comes.
    fn sandboxes_ahead(&self) -> Ahead {
        Ahead::default()
    }
    /// Makes a blank for a pool.
    async fn make_blank(&self, pool: &str) -> PortResult<Box<dyn Blank>>;
    /// Brings an instance up, from `blank` if one is given and fits, and runs the user's top-level code and
    /// initializer, each within its time: the initialisation timeout is for both with SCF, and for the initializer with FC,
    /// where loading the code has the time of a call.
    async fn start(&self, assignment: Assignment, blank: Option<Box<dyn Blank>>) -> Result<Started, StartError>;
    /// Compiles source files ahead of the first start; empty for languages without such a step.
    async fn compile(
        &self,
        dialect: Dialect,
        runtime: &str,
        code_dir: PathBuf,
        files: Vec<String>,
    ) -> PortResult<Vec<CompiledFile>>;
    /// Memory of the host that new instances may take, in MiB, headroom already subtracted.
    fn free_memory_mib(&self) -> u64;
    /// Ends everything.
    async fn shutdown(&self);
}

/// Things made ahead: how many there are and how many there should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Ahead {
    pub ready: u64,
    pub target: u64,
}

/// A file made from a package's source, relative to the package's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledFile {
    pub path: String,
    pub content: Bytes,
}

impl StartError {
    /// A failure of the user's code with nothing else to tell.
    pub fn function(kind: FailureKind, message: impl Into<String>) -> Self {
        StartError::Function {
            failure: Failure::new(kind, message),
            log: String::new(),
            memory_used: 0,
            init: Duration::ZERO,
        }
    }
}
