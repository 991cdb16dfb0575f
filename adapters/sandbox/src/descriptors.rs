//! How many files the server may have open: each instance takes a dozen, each connection one.

use rustix::{
    event::{EventfdFlags, eventfd},
    process::{Resource, getrlimit},
};
use sluice_domain::Throttle;
use sluice_ports::StartError;
use std::{
    io,
    os::fd::AsRawFd,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Of the files that it may have open, one in so many is not for instances.
const KEPT: u64 = 8;
/// What a process takes once it has been called and has rested: two connections and a copy of one, and five counters of
/// its control groups.
pub const PROCESS: u64 = 8;
/// With its sandbox: the first process, the network namespace and the socket to it, `/tmp`, and one to spare.
pub const INSTANCE: u64 = PROCESS + 5;
/// The operator is told of it no more often.
const SAID: Duration = Duration::from_secs(60);

static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// A number of files, which are not all open from the beginning, until it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Claim(u64);

impl Claim {
    /// That connections leave room for what was claimed before.
    pub fn check() -> io::Result<()> {
        Self::new(0).map(drop)
    }

    /// An error if they would be too many: the one that the system would give for the last of them.
    pub fn new(files: u64) -> io::Result<Self> {
        let claimed = CLAIMED.fetch_add(files, Ordering::Relaxed) + files;
        let claim = Self(files);
        let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(claim) };
        // A new file has the lowest number that is free.
        let lowest = eventfd(0, EventfdFlags::CLOEXEC)?.as_raw_fd();
        if is_room(lowest as u64, claimed, limit) {
            return Ok(claim);
        }
        Err(io::Error::from_raw_os_error(libc::EMFILE))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// So few are left for instances that those who wait for one should have them. What is `ready` is for those.
pub fn are_scarce(ready: u64) -> bool {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return false };
    let most = for_instances(limit);
    CLAIMED.load(Ordering::Relaxed).saturating_sub(ready * INSTANCE) > most - most / KEPT
}

/// There are too few, of the server's or of the host's.
pub fn is_lack(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

fn for_instances(limit: u64) -> u64 {
    limit - limit / KEPT
}

/// Connections may have taken of what is for instances, but not of the half that is kept for them.
fn is_room(lowest: u64, claimed: u64, limit: u64) -> bool {
    claimed <= for_instances(limit) && lowest < limit - limit / KEPT / 2
}

/// What is to be said of a start that failed on the host's side. The caller of a function cannot help that there are too
/// few files, so the operator is told.
pub fn start_error(error: io::Error) -> StartError {
    let limit = getrlimit(Resource::Nofile).current;
    let advice = match (error.raw_os_error(), limit) {
        (Some(libc::EMFILE), Some(limit)) => format!("the server may have {limit}: `ulimit -n`, LimitNOFILE="),
        (Some(libc::ENFILE), _) => "the host may have no more: sysctl fs.file-max".to_owned(),
        _ => return StartError::Platform(error.to_string()),
    };
    warn(&advice);
    StartError::NoRoom {
        lack: Throttle::HostFiles,
        limit: limit.map_or(u64::MAX, for_instances),
        used: CLAIMED.load(Ordering::Relaxed),
        message: "the host may not open enough files for one more instance".into(),
    }
}

fn warn(advice: &str) {
    static LAST_SAID: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST_SAID.lock().expect("no-room lock");
    if last.is_none_or(|last| last.elapsed() >= SAID) {
        *last = Some(Instant::now());
        tracing::warn!("too few open files for one more instance, raise the limit ({advice})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_take_seven_eighths_of_the_files_at_most() {
        assert!(is_room(0, 896, 1024) && !is_room(0, 897, 1024));
        assert!(is_room(959, 12, 1024) && !is_room(960, 12, 1024));
    }

    // Alone among the tests of this crate it claims any.
    #[test]
    fn a_claim_counts_until_it_is_dropped_and_a_refused_one_does_not() {
        let claimed = || CLAIMED.load(Ordering::Relaxed);
        let before = claimed();
        let claim = Claim::new(INSTANCE).unwrap();
        assert_eq!(claimed(), before + INSTANCE);
        let limit = getrlimit(Resource::Nofile).current.unwrap();
        let refused = Claim::new(limit).unwrap_err();
        assert_eq!((refused.raw_os_error(), claimed()), (Some(libc::EMFILE), before + INSTANCE));
        drop(claim);
        assert_eq!(claimed(), before);
    }

    #[test]
    fn no_more_files_is_no_room_and_nothing_else_is() {
        let lack = |number| match start_error(io::Error::from_raw_os_error(number)) {
            StartError::NoRoom { lack, .. } => Some(lack),
            _ => None,
        };
        let files = Some(Throttle::HostFiles);
        assert_eq!([libc::EMFILE, libc::ENFILE, libc::ENOMEM].map(lack), [files, files, None]);
    }
}
