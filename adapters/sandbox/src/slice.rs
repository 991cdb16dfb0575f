//! How soon a thread that was woken gets a processor on which others work.

use crate::sys::{self, CALLING_THREAD};
use std::{io, time::Duration};

/// The shortest slice the kernel knows.
const SLICE: Duration = Duration::from_micros(100);

/// Has the calling thread, and every thread and process that it starts from now on, ask for the processor in short
/// slices. The kernel (Linux 6.12 and newer) lets such a thread go first when it wakes, even if the other one has not
/// used up its own slice; how much of the processor each gets in the long run stays the same. A call wakes one thread
/// after the other, for some ten microseconds each: behind one ordinary process it would wait for milliseconds every
/// time. Older kernels take no notice. Threads of real-time or idle class are left as they are.
pub fn shorten() -> io::Result<()> {
    let mut wanted = sys::scheduling(CALLING_THREAD)?;
    if !matches!(wanted.sched_policy as i32, libc::SCHED_OTHER | libc::SCHED_BATCH) {
        return Ok(());
    }
    wanted.sched_runtime = SLICE.as_nanos() as u64;
    sys::set_scheduling(CALLING_THREAD, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{process::Command, thread};

    /// The kernel's answer for an ordinary thread: its slice, or nothing if the kernel has none to choose.
    fn slice_of(thread: i32) -> Option<Duration> {
        let nanoseconds = sys::scheduling(thread).unwrap().sched_runtime;
        (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
    }

    #[test]
    fn threads_and_processes_inherit_short_slices() {
        thread::spawn(|| {
            let Some(before) = slice_of(CALLING_THREAD) else {
                eprintln!("skipped: this kernel has no slices to choose");
                return;
            };
            assert_ne!(before, SLICE);
            shorten().unwrap();
            assert_eq!(slice_of(CALLING_THREAD), Some(SLICE));
            assert_eq!(thread::spawn(|| slice_of(CALLING_THREAD)).join().unwrap(), Some(SLICE));
            let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
            let inherited = slice_of(child.id() as i32);
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(inherited, Some(SLICE));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_priority_stays() {
        thread::spawn(|| {
            rustix::process::setpriority_process(None, 5).unwrap();
            shorten().unwrap();
            assert_eq!(sys::scheduling(CALLING_THREAD).unwrap().sched_nice, 5);
        })
        .join()
        .unwrap();
    }
}
