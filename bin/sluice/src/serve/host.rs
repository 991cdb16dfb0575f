//! What the process asks of the operating system for itself.

use rustix::process::{Resource, getpriority_process, getrlimit, setpriority_process, setrlimit};

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

/// How much lower the nice value of a thread that serves calls is than that of the rest: it weighs ten times as much.
const AHEAD: i32 = 10;

/// Has the calling thread, which is one that serves calls, not wait until another process has had as much of the processor as
/// itself. It works for some ten microseconds at a time, and all calls wait for it. Returns what puts a thread that it
/// starts back among the others.
pub fn go_ahead() -> impl Fn() + Send + Sync + 'static {
    let before = getpriority_process(None).unwrap_or_default();
    if let Err(error) = setpriority_process(None, before - AHEAD) {
        tracing::debug!(%error, "calls may wait while other work of the host is done");
    }
    move || {
        // To have less is always allowed.
        let _ = setpriority_process(None, before);
    }
}

/// Has this thread and all that it starts, sandboxes included, not wait behind the host's other work when they wake.
pub fn shorten_slices() {
    if let Err(error) = sluice_sandbox::shorten_slices() {
        tracing::debug!(%error, "calls may wait behind other work of the host");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_thread_goes_ahead_and_those_that_it_starts_do_not() {
        let nice = || getpriority_process(None).unwrap();
        let before = nice();
        thread::spawn(move || {
            let fall_back = go_ahead();
            if nice() == before {
                eprintln!("skipped: no right to a higher priority");
                return;
            }
            assert_eq!(nice(), (before - AHEAD).max(-20));
            let started = thread::spawn(move || {
                fall_back();
                nice()
            });
            assert_eq!(started.join().unwrap(), before);
        })
        .join()
        .unwrap();
        assert_eq!(nice(), before);
    }
}
