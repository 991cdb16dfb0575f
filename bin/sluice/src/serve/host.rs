//! What the process asks of the operating system for itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any number of instances and connections takes; some programs look at all numbers up to their limit.
const MOST_FILES: u64 = 1 << 20;

/// Lifts the limit of open files as far as the operator lets it: each instance and each connection takes some.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(MOST_FILES, |maximum| maximum.min(MOST_FILES));
    if limit.current.is_some_and(|current| current < most)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit })
    {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Has this thread and all that it starts, sandboxes included, not wait behind the host's other work when they wake.
pub fn shorten_slices() {
    if let Err(error) = sluice_sandbox::shorten_slices() {
        tracing::debug!(%error, "calls may wait behind other work of the host");
    }
}
