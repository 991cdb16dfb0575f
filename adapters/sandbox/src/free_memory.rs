//! The host's free memory, for callers that may not wait for it.
//!
//! To say how much there is the kernel goes through all block devices, and each sandbox has one, for its `/tmp`: with a
//! thousand of them that takes over a millisecond. So requests get the value of the last look, and a thread of its
//! own looks again while they keep coming.

use std::{
    fs, io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::Instant,
};

/// Until then a value is as good as a new one.
const FRESH_MS: u64 = 50;
/// From then on a value says nothing: nobody has asked for a while.
const STALE_MS: u64 = 1000;

pub struct FreeMemory {
    seen: Arc<Seen>,
    looker: Thread,
}

struct Seen {
    value_mib: AtomicU64,
    at_ms: AtomicU64,
    epoch: Instant,
    meminfo: fs::File,
    ended: AtomicBool,
}

impl FreeMemory {
    pub fn open() -> io::Result<Self> {
        let seen = Arc::new(Seen {
            value_mib: AtomicU64::new(u64::MAX),
            at_ms: AtomicU64::new(0),
            epoch: Instant::now(),
            meminfo: fs::File::open("/proc/meminfo")?,
            ended: AtomicBool::new(false),
        });
        seen.look();
        let its = seen.clone();
        let thread = thread::Builder::new().name("free-memory".to_owned()).spawn(move || its.keep_looking())?;
        Ok(Self { seen, looker: thread.thread().clone() })
    }

    pub fn mib(&self) -> u64 {
        match self.seen.age_ms() {
            STALE_MS.. => self.seen.look(),
            FRESH_MS.. => self.looker.unpark(),
            _ => {}
        }
        self.seen.value_mib.load(Ordering::Relaxed)
    }
}

impl Drop for FreeMemory {
    fn drop(&mut self) {
        self.seen.ended.store(true, Ordering::Release);
        self.looker.unpark();
    }
}

impl Seen {
    fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    fn age_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.at_ms.load(Ordering::Relaxed))
    }

    fn look(&self) {
        self.value_mib.store(self.available_mib().unwrap_or(u64::MAX), Ordering::Relaxed);
        self.at_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn keep_looking(&self) {
        while !self.ended.load(Ordering::Acquire) {
            if self.age_ms() >= FRESH_MS {
                self.look();
            }
            thread::park();
        }
    }

    fn available_mib(&self) -> Option<u64> {
        // It is the third line.
        let mut head = [0u8; 256];
        let size = self.meminfo.read_at(&mut head, 0).ok()?;
        available_mib(std::str::from_utf8(&head[..size]).ok()?)
    }
}

/// What the kernel says could be taken, from the text of `/proc/meminfo`.
pub fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_question_has_an_answer() {
        let free = FreeMemory::open().unwrap();
        let told = free.mib();
        assert!(told > 0 && told < 1 << 30, "{told} MiB");
    }

    #[test]
    fn what_is_asked_for_again_is_looked_at_again_by_the_thread() {
        let free = FreeMemory::open().unwrap();
        free.seen.value_mib.store(7, Ordering::Relaxed);
        while free.seen.value_mib.load(Ordering::Relaxed) == 7 {
            // Old enough to be looked at anew, not so old that the asker does it.
            free.seen.at_ms.store(free.seen.now_ms().saturating_sub(FRESH_MS), Ordering::Relaxed);
            free.mib();
            thread::yield_now();
        }
    }

    #[test]
    fn a_value_that_is_long_gone_is_looked_at_before_the_answer() {
        let free = FreeMemory::open().unwrap();
        let long_ago = Instant::now().checked_sub(std::time::Duration::from_secs(5)).unwrap();
        let seen = Seen {
            value_mib: AtomicU64::new(7),
            at_ms: AtomicU64::new(0),
            epoch: long_ago,
            meminfo: fs::File::open("/proc/meminfo").unwrap(),
            ended: AtomicBool::new(false),
        };
        let stale = FreeMemory { seen: Arc::new(seen), looker: free.looker.clone() };
        assert_ne!(stale.mib(), 7);
    }

    #[test]
    fn reads_the_kernels_text() {
        assert_eq!(available_mib("MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:    2097152 kB\n"), Some(2048));
        assert_eq!(available_mib("MemTotal: 9 kB\n"), None);
    }
}
