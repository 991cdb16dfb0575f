//! What the process asks of the operating system for itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any number of instances and connections takes; some programs look at all numbers up to their limit.
const MOST_FILES: u64 = 1 << 20;

/// Lifts the limit of open files as far as it goes: each instance and each connection takes some. The kernel's own limit
/// needs `CAP_SYS_RESOURCE`; without it the hard limit is the end.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let to = |most| setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
    let kernels = std::fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let kernels = kernels.map(|most| most.min(MOST_FILES));
    if kernels > limit.maximum && limit.maximum.is_some() && to(kernels).is_ok() {
        return;
    }
    if limit.current != limit.maximum
        && let Err(error) = to(limit.maximum)
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
