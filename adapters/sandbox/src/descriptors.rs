//! How many files the server may have open: each instance takes a dozen, each connection one.

use rustix::{
    event::{EventfdFlags, eventfd},
    process::{Resource, getrlimit},
};
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
/// What a sandbox takes in which nothing runs.
pub const SANDBOX: u64 = 5;
/// What a process in it takes besides, once it has been called and has rested.
pub const PROCESS: u64 = 7;
/// The operator is told of it no more often.
const SAID: Duration = Duration::from_secs(60);

static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// A number of files, which are not all open from the beginning, until it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Claim(u64);

impl Claim {
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

/// Connections may have taken of what is for instances, but not of the half that is kept for them.
fn is_room(lowest: u64, claimed: u64, limit: u64) -> bool {
    claimed <= limit - limit / KEPT && lowest < limit - limit / KEPT / 2
}

/// What is to be said of a start that failed on the host's side.
pub fn start_error(error: io::Error) -> StartError {
    match (error.raw_os_error(), getrlimit(Resource::Nofile).current) {
        (Some(libc::EMFILE), Some(limit)) => no_room(limit),
        (Some(libc::ENFILE), _) => StartError::NoRoom("the host has as many files open as it may (fs.file-max)".into()),
        _ => StartError::Platform(error.to_string()),
    }
}

/// The caller cannot help it, so the operator is told.
fn no_room(limit: u64) -> StartError {
    static LAST_SAID: Mutex<Option<Instant>> = Mutex::new(None);
    let message = format!(
        "the server may have {limit} files open, which is too few for one more instance: raise its limit (`ulimit -n`, \
         LimitNOFILE=)"
    );
    let mut last = LAST_SAID.lock().expect("no-room lock");
    if last.is_none_or(|last| last.elapsed() >= SAID) {
        *last = Some(Instant::now());
        tracing::warn!("{message}");
    }
    StartError::NoRoom(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_take_seven_eighths_of_the_files_at_most() {
        assert!(is_room(0, 896, 1024) && !is_room(0, 897, 1024));
        assert!(is_room(959, 12, 1024) && !is_room(960, 12, 1024));
        let claims = [Claim::new(SANDBOX).unwrap(), Claim::new(PROCESS).unwrap()];
        assert!(CLAIMED.load(Ordering::Relaxed) >= SANDBOX + PROCESS);
        drop(claims);
    }

    #[test]
    fn no_more_files_is_no_room_and_nothing_else_is() {
        let said = |number| start_error(io::Error::from_raw_os_error(number));
        assert!(matches!(said(libc::EMFILE), StartError::NoRoom(text) if text.contains("ulimit -n")));
        assert!(matches!(said(libc::ENFILE), StartError::NoRoom(text) if text.contains("fs.file-max")));
        assert!(matches!(said(libc::ENOMEM), StartError::Platform(_)));
    }
}
