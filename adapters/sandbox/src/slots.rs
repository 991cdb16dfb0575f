//! What a sandbox needs that takes long to make, made ahead: a network namespace, a `/tmp`, control groups.
//!
//! A thread of its own keeps a reserve. A start takes a slot; when its sandbox is gone the slot comes apart: the
//! network namespace, the group and the scratch filesystem go with all that is left in them.

use crate::{
    cgroup::{Group, Hierarchy},
    descriptors::Claim,
    network::{Network, Port},
    scratch::ScratchMaker,
    sys,
};
use std::{
    collections::VecDeque,
    io,
    ops::RangeInclusive,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc, Condvar, Mutex, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;

/// One sandbox's worth of host things.
pub struct Slot {
    pub uid: u32,
    pub port: Port,
    pub scratch: OwnedFd,
    pub group: Group,
    /// What the sandbox has open, as long as any of it may be.
    pub files: Option<Claim>,
}

pub struct Slots {
    hierarchy: Hierarchy,
    network: Network,
    scratch: ScratchMaker,
    uids: Uids,
    next: AtomicU64,
    reserve: usize,
    usual_mib: AtomicU64,
    shelf: Mutex<Shelf>,
    wanted: Condvar,
}

#[derive(Default)]
struct Shelf {
    ready: VecDeque<Slot>,
    waiting: VecDeque<oneshot::Sender<io::Result<Slot>>>,
    /// Sandboxes that are gone and whose slots are to be taken apart.
    spent: Vec<Slot>,
    /// Whose turn it is when there are many of both.
    turn: bool,
    closed: bool,
}

/// Users of the host that sandboxes run as: one each, never two at a time.
struct Uids {
    base: u32,
    next: AtomicU32,
    free: Mutex<Vec<u32>>,
}

/// Users set aside for one server.
const UIDS: u32 = 65_536;
/// The size of a sandbox before it is known for which function it is: that of the last start, as the next is likely to
/// want the same and then nothing is to be written. No less than any blank needs, and no more than it should.
const BLANK_MEMORY_MIB: RangeInclusive<u64> = 64..=512;
/// What the clouds give a function that asks for nothing else.
const USUAL_MEMORY_MIB: u64 = 128;
const POLITENESS: i32 = 10;
/// spec: QUO-21
const MAX_TASKS: u64 = 1024;

impl Slots {
    /// `tag` picks the range of users. `reserve` slots are kept ready.
    pub fn start(
        tag: &str,
        hierarchy: Hierarchy,
        network: Network,
        scratch: ScratchMaker,
        reserve: usize,
    ) -> Arc<Self> {
        let number = u32::from_str_radix(tag, 16).unwrap_or(0);
        // 2^30 and up is beyond what systems and container tools give out by default.
        let base = (1 << 30) + (number % 32_768) * UIDS;
        let slots = Arc::new(Self {
            hierarchy,
            network,
            scratch,
            uids: Uids { base, next: AtomicU32::new(1), free: Mutex::default() },
            next: AtomicU64::new(1),
            reserve,
            usual_mib: AtomicU64::new(USUAL_MEMORY_MIB),
            shelf: Mutex::default(),
            wanted: Condvar::new(),
        });
        let weak = Arc::downgrade(&slots);
        std::thread::Builder::new().name("sandbox-slots".into()).spawn(move || keep(&weak)).ok();
        slots
    }

    /// A slot from the shelf, or the next one made.
    pub async fn take(&self) -> io::Result<Slot> {
        let receiver = {
            let mut shelf = self.shelf.lock().expect("slots lock");
            if shelf.closed {
                return Err(io::Error::other("the server is stopping"));
            }
            if let Some(slot) = shelf.ready.pop_front() {
                self.wanted.notify_one();
                return Ok(slot);
            }
            let (sender, receiver) = oneshot::channel();
            shelf.waiting.push_back(sender);
            self.wanted.notify_one();
            receiver
        };
        receiver.await.unwrap_or_else(|_| Err(io::Error::other("the server is stopping")))
    }

    /// Notes the size of a start.
    pub fn note_size(&self, memory_mib: u64) {
        let size = memory_mib.clamp(*BLANK_MEMORY_MIB.start(), *BLANK_MEMORY_MIB.end());
        self.usual_mib.store(size, Ordering::Relaxed);
    }

    /// Gives a slot back. Its processes must be gone.
    pub fn put(&self, slot: Slot) {
        self.shelf.lock().expect("slots lock").spent.push(slot);
        self.wanted.notify_one();
    }

    /// Stops making slots and drops those on the shelf.
    pub fn close(&self) {
        let mut shelf = self.shelf.lock().expect("slots lock");
        shelf.closed = true;
        shelf.waiting.clear();
        let ready = std::mem::take(&mut shelf.ready);
        let spent = std::mem::take(&mut shelf.spent);
        drop(shelf);
        self.wanted.notify_one();
        for slot in ready.into_iter().chain(spent) {
            slot.group.remove();
        }
    }

    /// Removes everything of this server from the host. Its sandboxes must be gone.
    pub fn clear_host(&self) {
        self.close();
        let _ = self.hierarchy.sweep();
        self.network.clear();
    }

    fn make(&self) -> io::Result<Slot> {
        let scratch = self.scratch.make()?;
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let size_mib = self.usual_mib.load(Ordering::Relaxed);
        let group = self.hierarchy.create(&name, size_mib, MAX_TASKS)?;
        match self.network.make() {
            Ok(port) => Ok(Slot { uid: self.uids.take(), port, scratch, group, files: None }),
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }

    fn take_apart(&self, slot: Slot) {
        let Slot { uid, port, scratch, group, files } = slot;
        group.remove();
        self.network.release(port);
        drop(scratch);
        drop(files);
        self.uids.free.lock().expect("uids lock").push(uid);
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        self.clear_host();
    }
}

impl Slot {
    /// Descriptors that travel with the order to make a sandbox of it.
    pub fn fds(&self) -> [std::os::fd::BorrowedFd<'_>; 2] {
        [self.port.netns.as_fd(), self.scratch.as_fd()]
    }
}

impl Uids {
    fn take(&self) -> u32 {
        if let Some(uid) = self.free.lock().expect("uids lock").pop() {
            return uid;
        }
        self.base + self.next.fetch_add(1, Ordering::Relaxed) % UIDS
    }
}

/// So many of the dead wait until nobody else does; beyond that they go in turns with those who are served.
const SPENT_MAX: usize = 128;

/// What the thread does: first those who wait, then the dead, then the reserve.
enum Task {
    Serve(oneshot::Sender<io::Result<Slot>>),
    TakeApart(Box<Slot>),
    Stock,
}

fn keep(slots: &Weak<Slots>) {
    // Of this thread alone. What it makes is for later: those who are served now go before it.
    let _ = rustix::process::nice(POLITENESS);
    loop {
        let Some(slots) = slots.upgrade() else { return };
        let Some(task) = next_task(&slots) else { return };
        match task {
            None => {}
            Some(Task::Serve(waiter)) => {
                if let Err(Ok(unused)) = waiter.send(slots.make()) {
                    slots.shelf.lock().expect("slots lock").ready.push_back(unused);
                }
            }
            Some(Task::TakeApart(spent)) => slots.take_apart(*spent),
            Some(Task::Stock) => match slots.make() {
                Ok(slot) => {
                    let mut shelf = slots.shelf.lock().expect("slots lock");
                    match shelf.waiting.pop_front() {
                        Some(waiter) => {
                            if let Err(Ok(unused)) = waiter.send(Ok(slot)) {
                                shelf.ready.push_back(unused);
                            }
                        }
                        None => shelf.ready.push_back(slot),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "could not prepare a sandbox");
                    std::thread::sleep(std::time::Duration::from_millis(500));
                }
            },
        }
    }
}

/// The next task; `Some(None)` after a while without one, so that the thread notices when it is not needed.
fn next_task(slots: &Slots) -> Option<Option<Task>> {
    let mut shelf = slots.shelf.lock().expect("slots lock");
    loop {
        if shelf.closed {
            return None;
        }
        // Under a storm of starts the dead have their turn as well: they hold the addresses that the living want.
        shelf.turn = !shelf.turn;
        let dead_first = shelf.turn && shelf.spent.len() >= SPENT_MAX;
        if !dead_first && let Some(waiter) = shelf.waiting.pop_front() {
            return Some(Some(Task::Serve(waiter)));
        }
        if let Some(spent) = shelf.spent.pop() {
            return Some(Some(Task::TakeApart(Box::new(spent))));
        }
        if shelf.ready.len() < slots.reserve {
            return Some(Some(Task::Stock));
        }
        let (guard, timeout) = slots.wanted.wait_timeout(shelf, std::time::Duration::from_secs(1)).expect("slots lock");
        shelf = guard;
        if timeout.timed_out() {
            return Some(None);
        }
    }
}

/// A read-only copy of a package's directory, ready to be attached in a sandbox.
pub fn code_mount(directory: &std::path::Path) -> io::Result<OwnedFd> {
    let mount = sys::clone_mount(directory)?;
    sys::set_mount_flags(&mount, sys::RDONLY | sys::NOSUID | sys::NODEV)?;
    Ok(mount)
}
