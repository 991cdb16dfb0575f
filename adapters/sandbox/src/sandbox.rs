//! One sandbox: its first process, its slot, and its end.

use crate::{
    client::Launcher,
    connection::{Connection, FarEnds},
    descriptors::{self, Claim},
    freezer::{Done, Freezer, Sleeper},
    life::{Enclosure, process_exited},
    share::Occasion,
    slots::{Slot, Slots},
    sys,
    wire::{Order, Process},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    process::{Pid, Signal},
};
use sluice_domain::{Failure, FailureKind};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::runtime::Handle;

/// What sandboxes are made with.
pub struct Maker {
    pub launcher: Launcher,
    pub slots: Arc<Slots>,
    pub freezer: Freezer,
    /// Where sandboxes are put away: the last handle of one may be dropped on any thread.
    pub runtime: Handle,
    pub next: AtomicU64,
}

/// A sandbox that exists. Dropping the last handle ends it.
pub struct Sandbox {
    id: u64,
    first: Arc<OwnedFd>,
    slot: Mutex<Option<Slot>>,
    /// The process that takes its calls.
    process: OnceLock<Pid>,
    killed: AtomicBool,
    oom_seen: AtomicU64,
    /// A look at its share of the processor is queued.
    in_review: AtomicBool,
    /// That such a look failed was said.
    warned: AtomicBool,
    maker: Arc<Maker>,
}

impl Maker {
    /// Makes a sandbox in which nothing runs yet.
    pub async fn make(self: &Arc<Self>) -> io::Result<Arc<Sandbox>> {
        let claim = Claim::new(descriptors::INSTANCE)?;
        let mut slot = self.slots.take().await?;
        slot.files = Some(claim);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let first = match self.create(&slot, id).await {
            Ok(Some(first)) => first,
            Ok(None) => {
                // It is there, but its process could not be received. Nobody can wait for its end, so what it has of the
                // host is not given to another.
                let _ = self.launcher.order(Order::Forget { id }, &[]).await;
                return Err(io::Error::from_raw_os_error(libc::EMFILE));
            }
            Err(error) => {
                self.slots.put(slot);
                return Err(error);
            }
        };
        Ok(Arc::new(Sandbox {
            id,
            first: Arc::new(first),
            slot: Mutex::new(Some(slot)),
            process: OnceLock::new(),
            killed: AtomicBool::new(false),
            oom_seen: AtomicU64::new(0),
            in_review: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            maker: self.clone(),
        }))
    }

    async fn create(&self, slot: &Slot, id: u64) -> io::Result<Option<OwnedFd>> {
        let doors = slot.group.doors()?;
        let mut fds: Vec<BorrowedFd<'_>> = slot.fds().to_vec();
        fds.extend(doors.iter().map(AsFd::as_fd));
        let order = Order::Create { id, uid: slot.uid };
        self.launcher.order(order, &fds).await.map_err(io::Error::other)
    }
}

impl Sandbox {
    /// Attaches mounts and starts a process, which reports on the connection when it is up.
    pub async fn run(&self, process: Process, mounts: &[(String, OwnedFd)]) -> io::Result<Connection> {
        Claim::check()?;
        let doors = self.with_slot(|slot| slot.group.doors()).unwrap_or_else(|| Ok(Vec::new()))?;
        let (connection, FarEnds { control, log }) = Connection::open()?;
        let mut fds = vec![log.as_fd(), control.as_fd()];
        fds.extend(doors.iter().map(AsFd::as_fd));
        fds.extend(mounts.iter().map(|(_, mount)| mount.as_fd()));
        let mounts = mounts.iter().map(|(target, _)| target.clone()).collect();
        let order = Order::Run { id: self.id, doors: doors.len(), mounts, process };
        self.maker.launcher.order(order, &fds).await.map_err(io::Error::other)?;
        Ok(connection)
    }

    /// Attaches mounts after it was made.
    pub async fn mount(&self, mounts: &[(String, OwnedFd)]) -> io::Result<()> {
        let order = Order::Mount { id: self.id, mounts: mounts.iter().map(|(target, _)| target.clone()).collect() };
        let fds: Vec<BorrowedFd<'_>> = mounts.iter().map(|(_, mount)| mount.as_fd()).collect();
        self.maker.launcher.order(order, &fds).await.map_err(io::Error::other)?;
        Ok(())
    }

    /// Works on the slot, which is there as long as the sandbox is.
    pub fn with_slot<T>(&self, work: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        self.slot.lock().expect("slot lock").as_mut().map(work)
    }

    /// The process that takes its calls is known, or cannot be known.
    pub fn note_process(&self, process: Option<Pid>) {
        let Some(process) = process else { return };
        let _ = self.process.set(process);
        if let Some(share) = self.with_slot(|slot| slot.group.share()).flatten() {
            share.begin(process);
        }
    }

    /// True if it was moved to another share of the processor.
    fn review(&self, occasion: Occasion) -> bool {
        // Not under the slot's lock: a call may want it.
        let share = self.with_slot(|slot| slot.group.share().map(|share| (share, slot.uid))).flatten();
        let (Some((share, uid)), Some(process)) = (share, self.process.get()) else { return false };
        share.review(occasion, *process, uid).unwrap_or_else(|error| {
            // Those who are killed meanwhile are in no group.
            if self.is_alive() && !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "could not review a sandbox's share of the processor");
            }
            false
        })
    }

    pub fn is_alive(&self) -> bool {
        if self.killed.load(Ordering::Acquire) {
            return false;
        }
        let mut fds = [PollFd::new(&self.first, PollFlags::IN)];
        !matches!(rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }
}

impl Enclosure for Sandbox {
    /// Kills the first process; the kernel ends the rest with it.
    fn kill(&self) {
        if self.killed.swap(true, Ordering::AcqRel) {
            return;
        }
        let _ = rustix::process::pidfd_send_signal(&self.first, Signal::KILL);
        self.with_slot(|slot| {
            if slot.group.must_thaw_to_kill() {
                let _ = slot.group.set_frozen(false);
            }
        });
    }

    fn set_frozen(&self, frozen: bool) {
        let result = self.with_slot(|slot| slot.group.set_frozen(frozen));
        if let Some(Err(error)) = result {
            tracing::warn!(%error, frozen, "could not change whether a sandbox is frozen");
        }
    }

    fn is_quiet(&self) -> bool {
        let tasks = self.with_slot(|slot| (slot.group.tasks(), slot.uid));
        let (Some((tasks, uid)), Some(process)) = (tasks, self.process.get()) else { return false };
        // What cannot be seen may be anything.
        tasks.are_quiet(*process, uid).unwrap_or(false)
    }

    fn is_alone(&self) -> bool {
        let tasks = self.with_slot(|slot| slot.group.tasks());
        tasks.is_some_and(|tasks| tasks.are_one().unwrap_or(false))
    }

    fn put_to_sleep(self: Arc<Self>, sleeper: Arc<dyn Sleeper>) {
        let (sandbox, sleeper) = (Arc::downgrade(&self), Arc::downgrade(&sleeper));
        self.maker.freezer.queue(move || {
            let (Some(sandbox), Some(sleeper)) = (sandbox.upgrade(), sleeper.upgrade()) else { return Done::default() };
            sleeper.fall_asleep(&|| {
                sandbox.review(Occasion::Turn);
            })
        });
    }

    fn review_share(self: Arc<Self>, occasion: Occasion) {
        if self.in_review.swap(true, Ordering::Relaxed) {
            return;
        }
        let sandbox = Arc::downgrade(&self);
        self.maker.freezer.queue(move || {
            let Some(sandbox) = sandbox.upgrade() else { return Done::default() };
            sandbox.in_review.store(false, Ordering::Relaxed);
            Done { took_time: sandbox.review(occasion), again: None }
        });
    }

    fn memory_peak(&self) -> u64 {
        self.with_slot(|slot| slot.group.memory_peak()).unwrap_or(0)
    }

    fn note_oom_kills(&self) {
        let kills = self.with_slot(|slot| slot.group.oom_kills()).unwrap_or(0);
        self.oom_seen.store(kills, Ordering::Relaxed);
    }

    fn cause_of_death(&self) -> Failure {
        let seen = self.oom_seen.load(Ordering::Relaxed);
        let oom = self.with_slot(|slot| slot.group.oom_kills()).unwrap_or(0) > seen;
        if oom {
            return Failure::new(FailureKind::OutOfMemory, "the memory limit was exceeded");
        }
        process_exited()
    }
}

impl Drop for Sandbox {
    /// The rest needs waiting: the slot is given back when the last process is gone.
    fn drop(&mut self) {
        self.kill();
        let Some(slot) = self.slot.lock().expect("slot lock").take() else { return };
        let (maker, id, first) = (self.maker.clone(), self.id, self.first.clone());
        let runtime = maker.runtime.clone();
        runtime.spawn(async move {
            if let Ok(first) = sys::watch(first, tokio::io::Interest::READABLE) {
                let _ = first.readable().await;
            }
            let _ = maker.launcher.order(Order::Forget { id }, &[]).await;
            maker.slots.put(slot);
        });
    }
}
