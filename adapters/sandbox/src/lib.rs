//! Where code runs: Linux sandboxes with a language bootstrap inside.
//!
//! A sandbox is a handful of namespaces, control groups, a read-only file tree, a user of its own, and no
//! rights. They are made by a small launcher process ([`launcher`]), never by the server itself; what takes long
//! to make is made ahead ([`slots`]); processes that are ready to take code wait as blanks ([`backend`]).
//! Languages are found on the host ([`runtimes`]) and speak one protocol ([`frame`]).
//!
//! This is the only crate with `unsafe` code: system calls that no crate wraps, each with its reason. It is also
//! the only one that may read the host's clock directly, because limits on running code are real time.

#![allow(
    clippy::disallowed_methods,
    reason = "limits on running code are real time, and its threads wait on the kernel"
)]

mod backend;
mod bootstrap;
mod calls;
mod cgroup;
mod client;
mod concurrent;
mod confine;
mod connection;
mod descriptors;
mod dns;
mod doctor;
mod entry;
mod environment;
mod filter;
mod frame;
mod free_memory;
mod freezer;
mod insecure;
mod instance;
mod launcher;
mod life;
mod limit;
mod links;
mod log;
mod netlink;
mod network;
mod opened;
mod root;
mod runtimes;
mod sandbox;
mod scratch;
mod share;
mod slice;
mod slots;
mod start;
mod steer;
mod stock;
mod sys;
mod tasks;
mod wire;

pub use backend::{SandboxBackend, SandboxConfig};
pub use doctor::{Finding, doctor};
pub use insecure::InsecureBackend;
pub use slice::shorten as shorten_slices;

use sluice_domain::RuntimeStatus;
use std::path::Path;

/// Runs the launcher if this process was executed as one. Must come before anything else in `main`.
pub fn launcher_main() -> ! {
    launcher::run()
}

/// What this host can run.
pub fn discover_runtimes(bundles: Option<&Path>) -> Vec<RuntimeStatus> {
    runtimes::Runtimes::discover(bundles).statuses()
}

/// Takes frames off foreign bytes until they end or are malformed: the entry point of the fuzz target.
pub fn check_frames(bytes: &[u8]) {
    let mut buffer = bytes::BytesMut::from(bytes);
    while let Ok(Some(_)) = frame::take(&mut buffer) {}
}
