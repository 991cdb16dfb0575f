//! The calls that run in one instance at the same time, and whose what the process says is.

use crate::{
    connection::Sink,
    log::{Collector, Limits},
};
use bytes::Bytes;
use sluice_domain::Failure;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Instant,
};
use tokio::sync::{Notify, oneshot};

/// How one call ended, and what it printed.
pub type Answer = (Result<Bytes, Failure>, Collector);

/// Calls that have no answer yet.
pub struct Calls {
    limits: Limits,
    table: Mutex<Table>,
    begun: Notify,
}

#[derive(Default)]
struct Table {
    /// By tag, oldest first (tags would come round after four thousand million calls of one instance).
    open: BTreeMap<u32, Open>,
    last: u32,
    /// Why there can be no more answers.
    gone: Option<Failure>,
}

struct Open {
    log: Collector,
    answer: oneshot::Sender<Answer>,
}

impl Calls {
    pub fn new(limits: Limits) -> Self {
        Self { limits, table: Mutex::default(), begun: Notify::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("calls lock")
    }

    /// A new call: its tag, which is not 0, and where its answer will come.
    pub fn open(&self) -> Result<(u32, oneshot::Receiver<Answer>), Failure> {
        let (answer, receiver) = oneshot::channel();
        let mut table = self.table();
        if let Some(cause) = &table.gone {
            return Err(cause.clone());
        }
        table.last = table.last.wrapping_add(1).max(1);
        let tag = table.last;
        if table.open.is_empty() {
            self.begun.notify_one();
        }
        table.open.insert(tag, Open { log: Collector::new(self.limits), answer });
        Ok((tag, receiver))
    }

    /// The process has answered. An answer that nobody waits for any more is no one's.
    pub fn answer(&self, tag: u32, result: Result<Bytes, Failure>) {
        let open = self.table().open.remove(&tag);
        if let Some(Open { log, answer }) = open {
            let _ = answer.send((result, log));
        }
    }

    /// Stops waiting for an answer. None if it has just come.
    pub fn give_up(&self, tag: u32) -> Option<Collector> {
        self.table().open.remove(&tag).map(|open| open.log)
    }

    /// Something printed: by the call named or, where that is not known or is over, by the one that has run longest.
    pub fn printed(&self, now: Instant, tag: Option<u32>, bytes: &[u8]) {
        let mut table = self.table();
        let known = tag.filter(|tag| table.open.contains_key(tag));
        let Some(tag) = known.or_else(|| table.open.keys().next().copied()) else { return };
        if let Some(open) = table.open.get_mut(&tag) {
            open.log.push(now, bytes);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.table().open.is_empty()
    }

    pub fn is_over(&self) -> bool {
        self.table().gone.is_some()
    }

    /// Returns when there may be a call again.
    pub async fn begun(&self) {
        self.begun.notified().await;
    }

    /// The process is gone: so are all of them, for the same reason.
    pub fn end(&self, cause: &Failure) {
        let open = {
            let mut table = self.table();
            table.gone = Some(cause.clone());
            std::mem::take(&mut table.open)
        };
        for Open { log, answer } in open.into_values() {
            let _ = answer.send((Err(cause.clone()), log));
        }
    }
}

/// What comes through the log pipe names no call.
impl Sink for &Calls {
    fn push(&mut self, now: Instant, bytes: &[u8]) {
        self.printed(now, None, bytes);
    }
}
