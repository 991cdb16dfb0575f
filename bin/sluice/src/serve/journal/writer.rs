//! The thread that writes a journal.

use super::{Message, Shared, file::Target};
use crate::serve::clock::SystemClock;
use anyhow::Context;
use sluice_journal::Writer;
use sluice_ports::Clock;
use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

/// How long steps stay in a scope's buffer, at most.
const COLLECT_EVERY: Duration = Duration::from_secs(1);
/// Buffers kept for the next steps.
const SPARE: usize = 32;

pub struct Thread<T> {
    target: T,
    shared: Arc<Shared>,
    receiver: Receiver<Message>,
    writer: Writer,
    clock: SystemClock,
    collected: Duration,
    /// Bytes that are whole blocks.
    length: u64,
}

impl<T: Target> Thread<T> {
    pub fn new(mut target: T, shared: Arc<Shared>, receiver: Receiver<Message>) -> anyhow::Result<Self> {
        let clock = SystemClock::new();
        let header = Writer::header(clock.now().millis(), concat!("sluice ", env!("CARGO_PKG_VERSION")));
        target.write_all(&header).context("cannot write to it")?;
        let (writer, length) = (Writer::default(), header.len() as u64);
        Ok(Self { target, shared, receiver, writer, clock, collected: Duration::ZERO, length })
    }

    /// Writes until the server stops, or something is lost.
    pub fn run(mut self) {
        loop {
            let patience = (self.collected + COLLECT_EVERY).saturating_sub(self.clock.monotonic());
            let done = match self.receiver.recv_timeout(patience) {
                Ok(Message::Finish) => break,
                Ok(message) => self.write(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.collect();
                    Ok(())
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = done {
                self.shared.lose(format!("cannot write: {error}"));
                return self.give_up();
            }
            if self.is_lost() {
                break;
            }
        }
        let written = self.rest();
        if let Err(error) = &written {
            self.shared.lose(format!("cannot write: {error}"));
        }
        if self.is_lost() {
            return self.give_up();
        }
        let (at, records) = (self.clock.now().millis(), self.writer.records());
        let closed = self.target.write_all(self.writer.closing(at)).and_then(|()| self.target.sync());
        match closed {
            Ok(()) => tracing::info!(records, "the journal is complete"),
            Err(error) => tracing::error!(%error, "cannot end the journal"),
        }
    }

    /// What is in the queue already. Senders have stopped, or are about to.
    fn rest(&mut self) -> io::Result<()> {
        while let Ok(message) = self.receiver.try_recv() {
            self.write(message)?;
        }
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.shared.is_over() && self.shared.lost.lock().expect("journal lock").is_some()
    }

    fn write(&mut self, message: Message) -> io::Result<()> {
        let Message::Steps { scope, opening, records, steps } = message else { return Ok(()) };
        if let Some(opening) = opening {
            self.write_block(|writer| writer.opening(scope, &opening))?;
        }
        self.write_block(|writer| writer.steps(scope, records, &steps))?;
        if self.shared.spare.lock().expect("journal lock").len() < SPARE {
            self.shared.give_back(steps);
        }
        Ok(())
    }

    fn write_block(&mut self, block: impl FnOnce(&mut Writer) -> &[u8]) -> io::Result<()> {
        let piece = block(&mut self.writer);
        let length = piece.len() as u64;
        if let Err(error) = self.target.write_all(piece) {
            self.writer.retract();
            return Err(error);
        }
        self.length += length;
        Ok(())
    }

    /// Fetches what scopes have that do not fill their buffers. It comes through the queue, behind what they have
    /// handed over before.
    fn collect(&mut self) {
        self.collected = self.clock.monotonic();
        // When the server stops, it collects by itself, and waits for this thread meanwhile.
        let Ok(scopes) = self.shared.scopes.try_lock() else { return };
        for buffer in scopes.iter() {
            self.shared.hand_over(&mut buffer.lock().expect("journal buffer lock"));
        }
    }

    /// Leaves a journal that says itself where it ends. The room of a block that did not fit is enough for that.
    fn give_up(mut self) {
        let reason = self.shared.lost.lock().expect("journal lock").clone().unwrap_or_default();
        tracing::error!(reason, "the journal is incomplete from here on; the server goes on without it");
        let piece = self.writer.lost(&reason);
        let marked = self.target.cut(self.length).and_then(|()| self.target.write_all(piece));
        if let Err(error) = marked {
            tracing::error!(%error, "the journal cannot be marked as incomplete: it has no end");
        }
    }
}
