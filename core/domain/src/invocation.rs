//! What happened to one request.

use crate::{FunctionKey, InstanceId, Refusal, RequestId, Throttle, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

/// The record of one execution: what the caller is answered from, and what logs and metrics are made of.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: RequestId,
    pub function: FunctionKey,
    /// What the caller asked for: `$LATEST`, `$DEFAULT`, `LATEST`, a version or an alias.
    pub qualifier: String,
    /// The version that the qualifier led to.
    pub version: String,
    pub memory_mib: u32,
    pub started: Timestamp,
    /// Execution time, in milliseconds; initialisation is not part of it.
    pub duration_ms: f64,
    /// Highest memory use of the instance so far, in bytes; 0 when nothing ran.
    pub memory_used: u64,
    /// None when no instance was found for it.
    pub instance: Option<InstanceId>,
    /// Present when this request brought its instance up.
    pub cold_start: Option<ColdStart>,
    /// Everything the function wrote while it ran (and while it initialised, when cold), cut to the limits.
    pub log: String,
    pub log_cut: LogCut,
    pub outcome: Outcome,
}

/// What of a function's output was not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCut {
    /// Lines over the number kept in one window.
    pub lines: u64,
    /// Bytes dropped, over the volume or the length of a line.
    pub bytes: u64,
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The bytes the function returned (SCF: JSON text).
    Success(Bytes),
    Failure(Failure),
}

/// Why it failed, in terms every dialect can print in its own form.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub kind: FailureKind,
    /// What the user's code said, or our one-line account of what happened.
    pub message: String,
    /// Class of the exception in the function's own language (`ValueError`, `TypeError`), if there was one.
    pub error_type: Option<String>,
    /// Stack trace as the language prints it, user frames only.
    pub stack: Option<String>,
    /// FC's `stackTrace` value: a list of frames in the shape that FC uses for this language.
    pub frames: Option<serde_json::Value>,
    /// The code reported the error itself (Node `callback(err)`) rather than throwing it.
    pub handled: bool,
    /// The receipt of a throttle.
    pub refusal: Option<Box<Refusal>>,
}

/// Reasons that differ in status code for some dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// SCF 400: the event is not JSON.
    EventNotJson,
    /// SCF 407: the returned value is over the limit.
    ResponseTooLarge,
    /// SCF 430: an exception in the handler or in the code around it.
    UserException,
    /// SCF 433.
    TimedOut,
    /// SCF 434.
    OutOfMemory,
    /// SCF 437: the entry file or the handler in it is missing, or its code cannot be loaded.
    HandlerNotFound,
    /// SCF 438.
    NotActive,
    /// SCF 439: the process ended while it ran.
    ProcessExited,
    /// SCF 443: the handler answered with something that cannot be returned.
    BadReturn,
    /// SCF 450: bringing the instance up took longer than the initialisation timeout.
    InitTimedOut,
    /// SCF 499.
    Canceled,
    /// SCF 432, 429 or 449; FC 429.
    Throttled(Throttle),
    /// SCF 500: a fault of the platform.
    Internal,
}

/// Why an instance had to be brought up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColdReason {
    /// The function has never run.
    FirstCall,
    /// The function has run, but not this code and configuration.
    NewVersion,
    /// There were instances and none is left, for none of the reasons below.
    ScaledFromZero,
    /// The last instance was reclaimed after it had been idle.
    Reclaimed,
    /// The last instance was ended for the memory it held.
    Evicted,
    /// The last instance died.
    Crashed,
    /// All instances were busy: [`StartCause::busy`] of them.
    AllBusy,
    /// Kept started by the user's setting.
    Provisioned,
    /// A call was expected soon.
    Expected,
    /// The start before this one failed.
    StartFailed,
}

/// Why an instance was brought up, with the numbers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct StartCause {
    pub reason: ColdReason,
    /// Instances of the same version that were busy or starting.
    pub busy: u64,
    /// How long the last instance had been idle when it was reclaimed, in milliseconds.
    #[serde(default)]
    pub idle_ms: Option<u64>,
}

impl Serialize for StartCause {
    /// Documents leave out what there is not; in compact forms every field has its place.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let left_out = serializer.is_human_readable() && self.idle_ms.is_none();
        let mut fields = serializer.serialize_struct("StartCause", if left_out { 2 } else { 3 })?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("busy", &self.busy)?;
        if !left_out {
            fields.serialize_field("idle_ms", &self.idle_ms)?;
        }
        fields.end()
    }
}

/// How an instance came up and where the time went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColdStart {
    #[serde(flatten)]
    pub cause: StartCause,
    /// A blank sandbox was ready and was taken.
    pub from_blank: bool,
    pub phases: Phases,
}

impl From<ColdReason> for StartCause {
    fn from(reason: ColdReason) -> Self {
        Self { reason, busy: 0, idle_ms: None }
    }
}

/// Milliseconds of each phase of a cold start, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// From arrival until the start began.
    pub queue_ms: f64,
    /// Taking a blank, or creating a sandbox.
    pub sandbox_ms: f64,
    /// Mounting code and setting limits.
    pub mount_ms: f64,
    /// Loading the user's code, initializer included.
    pub init_ms: f64,
}

impl Phases {
    pub fn total_ms(&self) -> f64 {
        self.queue_ms + self.sandbox_ms + self.mount_ms + self.init_ms
    }
}

impl Invocation {
    pub fn is_success(&self) -> bool {
        matches!(self.outcome, Outcome::Success(_))
    }
    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Success(_) => None,
            Outcome::Failure(failure) => Some(failure),
        }
    }
    /// The last `limit` bytes of the log, cut at a character boundary.
    pub fn log_tail(&self, limit: usize) -> &str {
        let mut start = self.log.len().saturating_sub(limit);
        while !self.log.is_char_boundary(start) {
            start += 1;
        }
        &self.log[start..]
    }
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            error_type: None,
            stack: None,
            frames: None,
            handled: false,
            refusal: None,
        }
    }
}
