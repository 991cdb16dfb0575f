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
