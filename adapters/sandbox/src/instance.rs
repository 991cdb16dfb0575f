//! A running instance.

use crate::{
    connection::{Connection, Heard},
    frame::{self, Frame},
    log::{Collector, Limits},
    sandbox::Sandbox,
};
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::{Failure, FailureKind, InstanceId};
use sluice_ports::{Call, Instance, Reply};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Mutex;

pub struct SandboxedInstance {
    pub id: InstanceId,
    pub connection: Mutex<Connection>,
    pub sandbox: Arc<Sandbox>,
    pub log_limits: Limits,
    pub response_limit: usize,
    activity: std::sync::Mutex<Activity>,
    usable: AtomicBool,
    memory_seen: AtomicU64,
}

/// Whether it works or sleeps. One lock over both, because a freeze and a call may come at the same instant.
#[derive(Default)]
struct Activity {
    busy: bool,
    frozen: bool,
}

/// Calls under way on this host.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// How long a lone call is waited for without sleeping: about twice what waking a processor takes.
const SPIN: Duration = Duration::from_micros(60);

struct Running;

impl Running {
    fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SandboxedInstance {
    pub fn new(
        id: InstanceId,
        connection: Connection,
        sandbox: Arc<Sandbox>,
        log_limits: Limits,
        response_limit: usize,
    ) -> Self {
        Self {
            id,
            connection: Mutex::new(connection),
            sandbox,
            log_limits,
            response_limit,
            activity: std::sync::Mutex::default(),
            usable: AtomicBool::new(true),
            memory_seen: AtomicU64::new(0),
        }
    }

    /// Marks the start of a call, and thaws.
    fn begin(&self) {
        let mut activity = self.activity.lock().expect("activity lock");
        activity.busy = true;
        if std::mem::take(&mut activity.frozen) {
            self.sandbox.set_frozen(false);
        }
    }

    fn end(&self) {
        self.activity.lock().expect("activity lock").busy = false;
    }

    async fn exchange(&self, call: &Call, log: &mut Collector) -> Result<Bytes, Failure> {
        let mut connection = self.connection.lock().await;
        // What the instance printed since the last call belongs to none; it goes to the one at hand.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = (now + call.timeout).as_millis() as u64;
        let head = frame::request_head(call.request_id.as_str(), &call.qualifier, deadline, call.payload.len())
            .ok_or_else(|| Failure::new(FailureKind::Internal, "a request id or qualifier is too long"))?;
        let talk = async {
            if connection.send_and_collect(&head, &call.payload, log).await.is_err() {
                connection.drain_log(log);
                return Heard::Gone;
            }
            // Only while no other call wants this processor's time.
            let alone = RUNNING.load(Ordering::Relaxed) == 1;
            connection.hear(log, if alone { SPIN } else { Duration::ZERO }).await
        };
        match tokio::time::timeout(call.timeout, talk).await {
            Ok(Heard::Frame(Frame::Result(result))) if result.len() > self.response_limit => {
                Err(too_large(result.len(), self.response_limit))
            }
            Ok(Heard::Frame(Frame::Result(result))) => Ok(result),
            Ok(Heard::Frame(Frame::Error(failure))) => Err(failure),
            Ok(Heard::Frame(_) | Heard::Gone) => {
                self.condemn();
                Err(self.sandbox.cause_of_death())
            }
            Err(_) => {
                self.condemn();
                connection.drain_log(log);
                Err(Failure::new(
                    FailureKind::TimedOut,
                    format!("Invoking task timed out after {} seconds", call.timeout.as_secs()),
                ))
            }
        }
    }

    /// The peak so far. A call of less than a millisecond cannot have touched enough memory to be worth a look:
    /// at more than a microsecond a page, it is less than 4 MB.
    fn memory_used(&self, duration: Duration) -> u64 {
        let known = self.memory_seen.load(Ordering::Relaxed);
        if known != 0 && duration < Duration::from_millis(1) {
            return known;
        }
        let seen = self.sandbox.memory_peak();
        self.sandbox.note_oom_kills();
        self.memory_seen.store(seen, Ordering::Relaxed);
        seen
    }

    /// Ends the whole process tree at once.
    fn condemn(&self) {
        self.usable.store(false, Ordering::Release);
        self.sandbox.kill();
    }
}

pub fn too_large(size: usize, limit: usize) -> Failure {
    Failure::new(FailureKind::ResponseTooLarge, format!("the response is {size} bytes; at most {limit} are allowed"))
}

#[async_trait]
impl Instance for SandboxedInstance {
    fn id(&self) -> InstanceId {
        self.id
    }

    async fn call(&self, call: Call) -> Reply {
        let _running = Running::begin();
        self.begin();
        let mut log = Collector::new(self.log_limits);
        let began = Instant::now();
        let result = self.exchange(&call, &mut log).await;
        self.end();
        let duration = began.elapsed().min(call.timeout.max(Duration::from_millis(1)));
        let memory_used = self.memory_used(duration);
        let (log, log_cut) = log.finish();
        Reply { result, duration, memory_used, log, log_cut, reusable: self.usable.load(Ordering::Acquire) }
    }

    fn freeze(&self) {
        // The decision to freeze may be older than a call that has begun since: then it is void.
        let mut activity = self.activity.lock().expect("activity lock");
        if !activity.busy && !activity.frozen && self.usable.load(Ordering::Acquire) {
            activity.frozen = true;
            self.sandbox.set_frozen(true);
        }
    }

    fn stop(&self) {
        self.condemn();
    }

    fn is_alive(&self) -> bool {
        // The process may be gone while its sandbox is not; its closed socket tells of both.
        self.usable.load(Ordering::Acquire)
            && self.connection.try_lock().is_ok_and(|connection| !connection.is_spoilt())
    }
}
