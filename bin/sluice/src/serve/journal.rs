//! Recording the inputs of decisions without slowing them.
//!
//! Each scope encodes its steps into a buffer of its own, under the lock that it decides under. A full buffer goes to
//! a thread that writes; buffers that do not fill go there once a second. A buffer is never waited for: where the
//! thread or the disk cannot keep up, the server goes on, says so once, and the journal says where it ends.

mod file;
mod writer;

use anyhow::Context;
use file::Target;
use sluice_decide::{Command, Event, Limits, Millis};
use sluice_domain::{Dialect, Scope};
use sluice_engine::{Tape, Tapes};
use sluice_journal::{Encoder, Opening, Writer};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

/// Bytes of steps that go to the writer at once.
const BLOCK: usize = 32 << 10;
/// Blocks that wait for the writer, at most: 8 MiB.
const QUEUE: usize = 256;

/// A journal that is being written.
pub struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What scopes and the writer have in common.
struct Shared {
    queue: SyncSender<Message>,
    /// Buffers that were written and can be filled again.
    spare: Mutex<Vec<Vec<u8>>>,
    scopes: Mutex<Vec<Arc<Mutex<Buffer>>>>,
    /// Nothing more is recorded.
    over: AtomicBool,
    /// Why not, if that is not because the server stops.
    lost: Mutex<Option<String>>,
}

enum Message {
    /// The first steps of a scope bring its opening along: however many scopes there are, none fills the queue by
    /// being opened.
    Steps {
        scope: u64,
        opening: Option<Box<Opening>>,
        records: u32,
        steps: Vec<u8>,
    },
    Finish,
}

/// Steps of a scope that are not on their way yet.
struct Buffer {
    scope: u64,
    /// Until it is on its way.
    opening: Option<Box<Opening>>,
    steps: Vec<u8>,
    records: u32,
    closed: bool,
}

struct ScopeTape {
    encoder: Encoder,
    buffer: Arc<Mutex<Buffer>>,
    shared: Arc<Shared>,
}

impl Journal {
    /// Begins a journal in `path`. One that is there is kept under another name.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = file::create(path).with_context(|| format!("cannot begin the journal {}", path.display()))?;
        Self::start(file).with_context(|| format!("cannot begin the journal {}", path.display()))
    }

    fn start(target: impl Target + 'static) -> anyhow::Result<Self> {
        let (shared, receiver) = Shared::new();
        let writer = writer::Thread::new(target, shared.clone(), receiver)?;
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Writes what is there and the end. What happens later is not recorded.
    pub fn finish(&self) {
        self.shared.close();
        let _ = self.shared.queue.send(Message::Finish);
        if let Some(thread) = self.thread.lock().expect("journal lock").take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer failed");
        }
    }
}

impl Tapes for Journal {
    fn tape(&self, number: u64, scope: &Scope, dialect: Dialect, limits: &Limits) -> Box<dyn Tape> {
        let opening = Opening {
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            dialect,
            limits: limits.clone(),
        };
        let encoder = Encoder::new(number);
        Box::new(ScopeTape { encoder, buffer: self.shared.open(number, opening), shared: self.shared.clone() })
    }
}

impl Tape for ScopeTape {
    fn event(&mut self, now: Millis, event: &Event) {
        if !self.shared.is_over() {
            self.encoder.event(now, event);
        }
    }

    fn commands(&mut self, commands: &[Command]) {
        if self.shared.is_over() {
            return;
        }
        let record = self.encoder.commands(commands);
        let mut buffer = self.buffer.lock().expect("journal buffer lock");
        if buffer.closed {
            return;
        }
        buffer.steps.extend_from_slice(record);
        buffer.records += 1;
        if buffer.steps.len() >= BLOCK {
            self.shared.hand_over_full(&mut buffer);
        }
    }
}

impl Shared {
    fn new() -> (Arc<Self>, Receiver<Message>) {
        let (queue, receiver) = sync_channel(QUEUE);
        let shared = Self {
            queue,
            spare: Mutex::default(),
            scopes: Mutex::default(),
            over: AtomicBool::new(false),
            lost: Mutex::default(),
        };
        (Arc::new(shared), receiver)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn open(&self, scope: u64, opening: Opening) -> Arc<Mutex<Buffer>> {
        let mut scopes = self.scopes.lock().expect("journal lock");
        let opening = Some(Box::new(opening));
        let buffer = Buffer { scope, opening, steps: Vec::new(), records: 0, closed: self.is_over() };
        let buffer = Arc::new(Mutex::new(buffer));
        scopes.push(buffer.clone());
        buffer
    }

    /// Puts a message into the queue unless that is full, which is the end.
    fn send(&self, message: Message) -> bool {
        match self.queue.try_send(message) {
            Ok(()) => return true,
            Err(TrySendError::Full(_)) => self.lose("its writer could not keep up".to_owned()),
            // The writer has said why it ended.
            Err(TrySendError::Disconnected(_)) => {}
        }
        false
    }

    fn hand_over_full(&self, buffer: &mut Buffer) {
        if !Writer::fits(buffer.steps.len()) {
            self.lose(format!("a step takes {} bytes", buffer.steps.len()));
            buffer.closed = true;
        } else {
            let message = buffer.take(self);
            buffer.closed = !self.send(message);
        }
    }

    /// Hands over what a scope has, if the queue has room.
    fn hand_over(&self, buffer: &mut Buffer) {
        if buffer.records == 0 || buffer.closed {
            return;
        }
        let message = buffer.take(self);
        if let Err(TrySendError::Full(Message::Steps { opening, records, steps, .. })) = self.queue.try_send(message) {
            let spare = std::mem::replace(&mut buffer.steps, steps);
            (buffer.opening, buffer.records) = (opening, records);
            self.give_back(spare);
        }
    }

    /// The end, for every scope.
    fn close(&self) {
        let scopes = self.scopes.lock().expect("journal lock");
        for buffer in scopes.iter() {
            let mut buffer = buffer.lock().expect("journal buffer lock");
            if buffer.records > 0 && !buffer.closed {
                // It waits for room: nobody else waits for this.
                let _ = self.queue.send(buffer.take(self));
            }
            buffer.closed = true;
        }
        self.over.store(true, Ordering::Relaxed);
    }

    /// Says that from here on something is missing.
    fn lose(&self, reason: String) {
        self.lost.lock().expect("journal lock").get_or_insert(reason);
        self.over.store(true, Ordering::Relaxed);
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spare.lock().expect("journal lock").push(buffer);
    }
}

impl Buffer {
    /// What it holds, leaving it empty.
    fn take(&mut self, shared: &Shared) -> Message {
        let spare = shared.spare.lock().expect("journal lock").pop();
        let spare = spare.unwrap_or_else(|| Vec::with_capacity(BLOCK + 1024));
        let steps = std::mem::replace(&mut self.steps, spare);
        let opening = self.opening.take();
        Message::Steps { scope: self.scope, opening, records: std::mem::take(&mut self.records), steps }
    }
}

#[cfg(test)]
mod tests;
