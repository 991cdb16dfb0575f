//! Has an instance wake on the processor from which it is called.

use crate::sys::{self, CALLING_THREAD};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity},
};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

/// While it lives, the main thread of a process may run on one processor only: that of the calling thread, which nothing
/// of ordinary class can take it from meanwhile. So whoever wakes the process here has it wait until this is dropped, and
/// what runs in it then sees all its processors again.
#[must_use]
pub struct Steered {
    process: Pid,
    processors: CpuSet,
    _alone: Alone,
}

impl Steered {
    /// None where it is not possible, or of no use: who may use one processor only, runs there.
    pub fn here(process: Pid) -> Option<Self> {
        let processors = sched_getaffinity(Some(process)).ok()?;
        if processors.count() < 2 {
            return None;
        }
        let alone = Alone::begin()?;
        // Not before that: until then the kernel may move this thread.
        let here = sched_getcpu();
        if !processors.is_set(here) {
            return None;
        }
        let mut only = CpuSet::new();
        only.set(here);
        sched_setaffinity(Some(process), &only).ok()?;
        Some(Self { process, processors, _alone: alone })
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        // It fails if the process is gone.
        let _ = sched_setaffinity(Some(self.process), &self.processors);
    }
}

/// Real-time priority for the calling thread, the lowest there is.
struct Alone {
    before: libc::sched_attr,
}

/// It takes `CAP_SYS_NICE`, and a control group that has a share of real-time, which the root has.
static IS_REFUSED: AtomicBool = AtomicBool::new(false);

impl Alone {
    fn begin() -> Option<Self> {
        if IS_REFUSED.load(Ordering::Relaxed) {
            return None;
        }
        Self::try_begin()
            .inspect_err(|error| {
                tracing::debug!(%error, "no real-time priority: instances wake where the kernel puts them");
                IS_REFUSED.store(true, Ordering::Relaxed);
            })
            .ok()
    }

    fn try_begin() -> io::Result<Self> {
        let before = sys::scheduling(CALLING_THREAD)?;
        let mut wanted = before;
        wanted.sched_policy = libc::SCHED_FIFO as u32;
        wanted.sched_priority = 1;
        (wanted.sched_nice, wanted.sched_runtime) = (0, 0);
        sys::set_scheduling(CALLING_THREAD, &wanted)?;
        Ok(Self { before })
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Err(error) = sys::set_scheduling(CALLING_THREAD, &self.before) {
            tracing::error!(%error, "a thread of the server keeps real-time priority");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("/bin/sleep").arg("60").spawn().unwrap())
        }

        fn id(&self) -> Pid {
            Pid::from_child(&self.0)
        }

        fn processors(&self) -> CpuSet {
            sched_getaffinity(Some(self.id())).unwrap()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn policy_and_nice_and_slice() -> (u32, i32, u64) {
        let now = sys::scheduling(CALLING_THREAD).unwrap();
        (now.sched_policy, now.sched_nice, now.sched_runtime)
    }

    #[test]
    fn a_process_may_use_one_processor_while_it_is_steered_and_all_of_them_after() {
        crate::slice::shorten().unwrap();
        let sleeper = Sleeper::start();
        let (processors, scheduling) = (sleeper.processors(), policy_and_nice_and_slice());
        let Some(steered) = Steered::here(sleeper.id()) else {
            assert!(processors.count() < 2 || IS_REFUSED.load(Ordering::Relaxed));
            eprintln!("skipped: a single processor, or no real-time priority");
            return;
        };
        let mut here = CpuSet::new();
        here.set(sched_getcpu());
        assert_eq!(sleeper.processors(), here);
        assert_eq!(policy_and_nice_and_slice().0, libc::SCHED_FIFO as u32);
        drop(steered);
        assert_eq!(sleeper.processors(), processors);
        assert_eq!(policy_and_nice_and_slice(), scheduling);
    }

    #[test]
    fn who_has_chosen_a_processor_keeps_it() {
        let sleeper = Sleeper::start();
        let every = sleeper.processors();
        let mut chosen = CpuSet::new();
        chosen.set((0..CpuSet::MAX_CPU).find(|&processor| every.is_set(processor)).unwrap());
        sched_setaffinity(Some(sleeper.id()), &chosen).unwrap();
        assert!(Steered::here(sleeper.id()).is_none());
        assert_eq!(sleeper.processors(), chosen);
    }

    #[test]
    fn who_is_gone_is_not_steered_and_leaves_the_thread_as_it_was() {
        let mut sleeper = Sleeper::start();
        let (id, scheduling) = (sleeper.id(), policy_and_nice_and_slice());
        sleeper.0.kill().unwrap();
        sleeper.0.wait().unwrap();
        assert!(Steered::here(id).is_none());
        assert_eq!(policy_and_nice_and_slice(), scheduling);
    }
}
