//! Sandboxes made ahead: complete but for the process that will run code.
//!
//! Making one takes a millisecond and a half of processor time, for which a burst of starts would wait. The stock is
//! filled up again when the burst is over.

use crate::{
    descriptors::is_lack,
    sandbox::{Maker, Sandbox},
};
use sluice_ports::Ahead;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

pub struct Stock {
    maker: Arc<Maker>,
    size: usize,
    shelf: Mutex<Shelf>,
    wanted: Notify,
}

struct Shelf {
    ready: VecDeque<Arc<Sandbox>>,
    last_taken: Instant,
    closed: bool,
}

/// A burst is over when nothing has been taken for this long.
const QUIET: Duration = Duration::from_millis(50);
/// How long to leave a host alone that has refused a sandbox.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

impl Stock {
    /// Keeps `size` sandboxes ready until it is closed.
    pub fn start(maker: Arc<Maker>, size: usize) -> Arc<Self> {
        let shelf = Shelf { ready: VecDeque::new(), last_taken: Instant::now(), closed: false };
        let stock = Arc::new(Self { maker, size, shelf: Mutex::new(shelf), wanted: Notify::new() });
        tokio::spawn(keep(Arc::downgrade(&stock)));
        stock
    }

    /// One of those that are ready, or else a new one.
    pub async fn take(&self) -> io::Result<Arc<Sandbox>> {
        let ready = {
            let mut shelf = self.shelf.lock().expect("stock lock");
            shelf.last_taken = Instant::now();
            shelf.ready.pop_front()
        };
        self.wanted.notify_one();
        match ready.filter(|sandbox| sandbox.is_alive()) {
            Some(sandbox) => Ok(sandbox),
            None => self.maker.make().await,
        }
    }

    pub fn ahead(&self) -> Ahead {
        let ready = self.shelf.lock().expect("stock lock").ready.len();
        Ahead { ready: ready as u64, target: self.size as u64 }
    }

    /// Lets go of what is ready and makes no more.
    pub fn close(&self) {
        let mut shelf = self.shelf.lock().expect("stock lock");
        shelf.closed = true;
        shelf.ready.clear();
        self.wanted.notify_one();
    }

    /// What to do next.
    fn need(&self) -> Need {
        let shelf = self.shelf.lock().expect("stock lock");
        if shelf.closed {
            return Need::End;
        }
        if shelf.ready.len() >= self.size {
            return Need::Nothing;
        }
        match QUIET.checked_sub(shelf.last_taken.elapsed()) {
            // A burst that uses up the stock may as well wait for this one as for its own.
            Some(left) if shelf.ready.len() >= self.size / 8 => Need::Later(left),
            _ => Need::One,
        }
    }

    fn put(&self, sandbox: Arc<Sandbox>) {
        let mut shelf = self.shelf.lock().expect("stock lock");
        if !shelf.closed {
            shelf.ready.push_back(sandbox);
        }
    }
}

enum Need {
    One,
    Later(Duration),
    Nothing,
    End,
}

async fn keep(stock: Weak<Stock>) {
    while let Some(stock) = stock.upgrade() {
        match stock.need() {
            Need::End => return,
            Need::Nothing => stock.wanted.notified().await,
            Need::Later(left) => tokio::time::sleep(left).await,
            Need::One => match stock.maker.make().await {
                Ok(sandbox) => stock.put(sandbox),
                Err(error) => {
                    // Who is refused a start for want of files says so.
                    if !is_lack(&error) {
                        tracing::warn!(%error, "could not prepare a sandbox");
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            },
        }
    }
}
