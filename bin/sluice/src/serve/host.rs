//! What the process asks of the operating system for itself.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Lifts the soft limit of open files to the hard one: each instance and each connection takes some.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Has this thread and all that it starts, sandboxes included, not wait behind the host's other work when they wake.
pub fn shorten_slices() {
    if let Err(error) = sluice_sandbox::shorten_slices() {
        tracing::debug!(%error, "calls may wait behind other work of the host");
    }
}
