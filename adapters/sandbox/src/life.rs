//! What instances have in common, however they take their calls: whether they work, sleep or are done for.

use crate::{limit::Ageing, log::Limits, start};
use sluice_domain::{Failure, FailureKind, InstanceId};
use sluice_ports::InstanceSpec;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What an instance's processes live in. Dropping it ends them.
pub trait Enclosure: Send + Sync + 'static {
    /// Ends the whole process tree at once. Twice is no error.
    fn kill(&self);
    fn set_frozen(&self, frozen: bool);
    /// The most memory it has held, in bytes.
    fn memory_peak(&self) -> u64;
    /// Kills for want of memory up to now are not the reason of a later end.
    fn note_oom_kills(&self);
    /// Why the process went without an answer.
    fn cause_of_death(&self) -> Failure;
}

pub struct Life<E> {
    pub id: InstanceId,
    pub enclosure: Arc<E>,
    pub log_limits: Limits,
    pub response_limit: usize,
    pub ageing: Ageing,
    activity: Mutex<Activity>,
    usable: AtomicBool,
    memory_seen: AtomicU64,
}

/// Whether it works or sleeps. One lock over both, because a freeze and a call may come at the same instant.
#[derive(Default)]
struct Activity {
    calls: u32,
    frozen: bool,
}

impl<E: Enclosure> Life<E> {
    pub fn new(spec: &InstanceSpec, enclosure: Arc<E>) -> Self {
        Self {
            id: spec.id,
            enclosure,
            log_limits: start::log_limits(spec),
            response_limit: spec.response_limit,
            ageing: Ageing::default(),
            activity: Mutex::default(),
            usable: AtomicBool::new(true),
            memory_seen: AtomicU64::new(0),
        }
    }

    /// Marks the start of a call, and thaws.
    pub fn begin(&self) {
        let mut activity = self.activity.lock().expect("activity lock");
        activity.calls += 1;
        if std::mem::take(&mut activity.frozen) {
            self.enclosure.set_frozen(false);
        }
    }

    /// Marks the end of a call. True if no other is running.
    pub fn end(&self) -> bool {
        let mut activity = self.activity.lock().expect("activity lock");
        activity.calls -= 1;
        activity.calls == 0
    }

    pub fn is_idle(&self) -> bool {
        self.activity.lock().expect("activity lock").calls == 0
    }

    pub fn freeze(&self) {
        // The decision to freeze may be older than a call that has begun since: then it is void.
        let mut activity = self.activity.lock().expect("activity lock");
        if activity.calls == 0 && !activity.frozen && self.is_usable() {
            activity.frozen = true;
            self.enclosure.set_frozen(true);
        }
    }

    pub fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Acquire)
    }

    /// Ends the whole process tree at once.
    pub fn condemn(&self) {
        self.usable.store(false, Ordering::Release);
        self.enclosure.kill();
    }

    /// The peak so far. A call of less than a millisecond cannot have touched enough memory to be worth a look:
    /// at more than a microsecond a page, it is less than 4 MB.
    pub fn memory_used(&self, duration: Duration, is_last: bool) -> u64 {
        let known = self.memory_seen.load(Ordering::Relaxed);
        if known != 0 && duration < Duration::from_millis(1) {
            return known;
        }
        let seen = self.enclosure.memory_peak();
        // While other calls run, a kill may be the end of theirs.
        if is_last {
            self.enclosure.note_oom_kills();
        }
        self.memory_seen.store(seen, Ordering::Relaxed);
        seen
    }
}

pub fn too_large(size: usize, limit: usize) -> Failure {
    Failure::new(FailureKind::ResponseTooLarge, format!("the response is {size} bytes; at most {limit} are allowed"))
}

pub fn timed_out(limit: Duration) -> Failure {
    Failure::new(FailureKind::TimedOut, format!("Invoking task timed out after {} seconds", limit.as_secs()))
}

pub fn process_exited() -> Failure {
    Failure::new(FailureKind::ProcessExited, "User process exit when running")
}
