//! How soon a thread that was woken gets a processor on which others work.

use std::{io, mem::size_of, time::Duration};

/// The shortest slice the kernel knows.
pub const SLICE: Duration = Duration::from_micros(100);

/// Has the calling thread, and every thread and process that it starts from now on, ask for the processor in short
/// slices. The kernel (Linux 6.12 and newer) lets such a thread go first when it wakes, even if the other one has not
/// used up its own slice; how much of the processor each gets in the long run stays the same. A call wakes one thread
/// after the other, for some ten microseconds each: behind one ordinary process it would wait for milliseconds every
/// time. Older kernels take no notice. Threads of real-time or idle class are left as they are.
pub fn shorten() -> io::Result<()> {
    let mut wanted = attributes(0)?;
    if !matches!(wanted.sched_policy as i32, libc::SCHED_OTHER | libc::SCHED_BATCH) {
        return Ok(());
    }
    wanted.sched_runtime = SLICE.as_nanos() as u64;
    // SAFETY: `wanted` has the layout that its size member says, and outlives the call.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn attributes(thread: i32) -> io::Result<libc::sched_attr> {
    const BYTES: usize = size_of::<libc::sched_attr>();
    // SAFETY: a structure of integers; all may be zero.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most as many bytes as it is told the structure has.
    match unsafe { libc::syscall(libc::SYS_sched_getattr, thread, &raw mut attributes, BYTES, 0) } {
        0 => Ok(attributes),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{process::Command, thread};

    /// The kernel's answer for an ordinary thread: its slice, or nothing if the kernel has none to choose.
    fn slice_of(thread: u32) -> Option<Duration> {
        let nanoseconds = attributes(thread as i32).unwrap().sched_runtime;
        (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
    }

    #[test]
    fn threads_and_processes_inherit_short_slices() {
        thread::spawn(|| {
            let Some(before) = slice_of(0) else {
                eprintln!("skipped: this kernel has no slices to choose");
                return;
            };
            assert_ne!(before, SLICE);
            shorten().unwrap();
            assert_eq!(slice_of(0), Some(SLICE));
            assert_eq!(thread::spawn(|| slice_of(0)).join().unwrap(), Some(SLICE));
            let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
            let inherited = slice_of(child.id());
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
            assert_eq!(attributes(0).unwrap().sched_nice, 5);
        })
        .join()
        .unwrap();
    }
}
