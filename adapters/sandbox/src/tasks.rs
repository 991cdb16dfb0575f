//! Who runs in a sandbox, and whether they only wait for the next call.

use crate::opened::Opened;
use rustix::process::Pid;
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

/// The processes and threads of one sandbox.
#[derive(Debug)]
pub struct Tasks {
    /// Where the kernel counts them.
    directory: PathBuf,
    count: Opened,
}

/// The sandbox's first process, which only waits for the end of others.
const FIRST: u64 = 1;
/// Python has a handler for the interrupt from birth, and glibc two of its own, for signals that it gives to nobody, in
/// some versions as soon as there has been a thread.
const CAUGHT_BY_ITSELF: u64 = 1 << (libc::SIGINT - 1) | 1 << (32 - 1) | 1 << (33 - 1);

impl Tasks {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, count: Opened::default() }
    }

    /// Nothing else runs there than the threads of this process, which is the user's.
    pub fn are_of(&self, process: Pid, uid: u32) -> io::Result<bool> {
        let count = self.count()?;
        Ok(threads(process, uid).is_some_and(|threads| count <= threads + FIRST))
    }

    /// There is one process with one thread, whoever that is.
    pub fn are_one(&self) -> io::Result<bool> {
        Ok(self.count()? <= 1 + FIRST)
    }

    /// One thread is all there is, and it waits for one file, as if for the next message, without a time limit. It does not
    /// catch signals, with which a timer could wake it.
    pub fn are_quiet(&self, process: Pid, uid: u32) -> io::Result<bool> {
        // In this order: who waits starts nobody.
        let mut text = [0; 4096];
        Ok(waits_without_limit(read(process, "syscall", &mut text)?)
            && !catches_signals(read(process, "status", &mut text)?)
            && threads(process, uid) == Some(1)
            && self.are_one()?)
    }

    fn count(&self) -> io::Result<u64> {
        let mut text = [0u8; 24];
        let text = self.count.read(&mut text, || self.directory.join("pids.current"));
        text.trim().parse().map_err(io::Error::other)
    }
}

/// None if it is gone or another user's: a child may have taken its place, and its number may be another's by now.
fn threads(process: Pid, uid: u32) -> Option<u64> {
    let directory = fs::metadata(format!("/proc/{process}/task")).ok()?;
    // A directory has as many links as it has directories in it, and two more.
    (directory.uid() == uid).then(|| directory.nlink().saturating_sub(2))
}

fn read<'a>(process: Pid, file: &str, text: &'a mut [u8]) -> io::Result<&'a str> {
    let read = fs::File::open(format!("/proc/{process}/{file}"))?.read(text)?;
    Ok(std::str::from_utf8(&text[..read]).unwrap_or_default())
}

/// By its system call and the arguments, as `/proc/PID/syscall` tells them: what Python's bootstrap waits for messages with.
fn waits_without_limit(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let Some(number) = words.next().and_then(|word| word.parse::<libc::c_long>().ok()) else { return false };
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (Some(_), Some(count), Some(limit)) = (argument(), argument(), argument()) else { return false };
    let is_endless = match number {
        libc::SYS_ppoll => limit == 0,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll => (limit as i32) < 0,
        _ => false,
    };
    is_endless && count == 1
}

fn catches_signals(status: &str) -> bool {
    let caught = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
    caught.is_none_or(|caught| caught & !CAUGHT_BY_ITSELF != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// A plain directory stands for the tree, and one process for the instance.
    struct World {
        root: tempfile::TempDir,
        tasks: Tasks,
        child: Child,
    }

    impl World {
        /// Waits as Python's bootstrap does, after `before`.
        fn waiting(before: &str, limit: &str) -> Self {
            let program = format!(
                "import os, select, signal, threading\n{before}\nos.write(1, b'!')\n\
                 poll = select.poll()\npoll.register(0, 1)\npoll.poll({limit})"
            );
            let mut child = Command::new("/usr/bin/python3")
                .args(["-I", "-c", &program])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            let root = tempfile::tempdir().unwrap();
            let tasks = Tasks::new(root.path().to_owned());
            let world = Self { root, tasks, child };
            world.has(2);
            let polls = [
                format!("{} ", libc::SYS_ppoll),
                #[cfg(target_arch = "x86_64")]
                format!("{} ", libc::SYS_poll),
            ];
            world.until("it waits", |world| {
                let mut text = [0; 200];
                let text = read(world.process(), "syscall", &mut text).unwrap();
                polls.iter().any(|number| text.starts_with(number))
            });
            world
        }

        fn has(&self, count: u64) {
            fs::write(self.root.path().join("pids.current"), format!("{count}\n")).unwrap();
        }

        fn process(&self) -> Pid {
            Pid::from_child(&self.child)
        }

        fn uid(&self) -> u32 {
            rustix::process::getuid().as_raw()
        }

        fn are_quiet(&self) -> bool {
            self.tasks.are_quiet(self.process(), self.uid()).unwrap()
        }

        fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
            let begun = std::time::Instant::now();
            while !is_so(self) {
                assert!(begun.elapsed().as_secs() < 60, "{what}: not within a minute");
                std::thread::yield_now();
            }
        }
    }

    impl Drop for World {
        fn drop(&mut self) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }

    #[test]
    fn who_waits_alone_and_without_limit_is_quiet() {
        let world = World::waiting("", "");
        assert!(world.are_quiet());
        world.has(3);
        assert!(!world.are_quiet() && !world.tasks.are_one().unwrap(), "there is another process");
        world.has(2);
        assert!(world.are_quiet() && world.tasks.are_one().unwrap());
        assert!(!world.tasks.are_quiet(world.process(), world.uid() + 1).unwrap(), "it is somebody else's");
        assert!(world.tasks.are_quiet(Pid::from_raw(i32::MAX).unwrap(), world.uid()).is_err(), "it is gone");
    }

    #[test]
    fn who_can_go_on_by_itself_is_not_quiet() {
        for (before, limit, why) in [
            ("", "60000", "a time limit"),
            ("signal.signal(signal.SIGALRM, print)", "", "a signal that it catches"),
            ("threading.Thread(target=threading.Event().wait, daemon=True).start()", "", "a thread"),
        ] {
            let other = World::waiting(before, limit);
            assert!(!other.are_quiet(), "{why}");
        }
    }

    #[test]
    fn a_thread_that_is_over_leaves_no_trace() {
        let world = World::waiting("thread = threading.Thread(target=print)\nthread.start()\nthread.join()", "");
        // For Python it is over a little earlier than for the kernel.
        world.until("the thread is gone", World::are_quiet);
    }

    #[test]
    fn threads_are_counted_and_strangers_are_not() {
        let world = World::waiting("threading.Thread(target=threading.Event().wait, daemon=True).start()", "");
        let are_of = |process, uid| world.tasks.are_of(process, uid).unwrap();
        world.has(3);
        assert!(are_of(world.process(), world.uid()));
        world.has(4);
        assert!(!are_of(world.process(), world.uid()));
        world.has(0);
        assert!(!are_of(world.process(), world.uid() + 1));
        assert!(!are_of(Pid::from_raw(i32::MAX).unwrap(), world.uid()));
    }

    #[test]
    fn only_a_wait_for_one_file_without_a_limit_is_endless() {
        let ppoll = libc::SYS_ppoll;
        let waits = |text: String| waits_without_limit(&text);
        assert!(waits(format!("{ppoll} 0x7ffe 0x1 0x0 0x0 0x8 0x3f 0x7fff 0x5648")));
        assert!(!waits(format!("{ppoll} 0x7ffe 0x2 0x0 0x0 0x8 0x3f 0x7fff 0x5648")), "for two files");
        assert!(!waits(format!("{ppoll} 0x7ffe 0x1 0x7fff 0x0 0x8 0x3f 0x7fff 0x5648")), "with a limit");
        assert!(!waits(format!("{} 0x1 0x1 0x0 0x0 0x0 0x0 0x7fff 0x5648", libc::SYS_nanosleep)));
        for other in ["running", "-1 0x7fff 0x5648", "", "7", "7 0x0", "seven 0x0 0x1 0xffffffff"] {
            assert!(!waits(other.into()), "{other}");
        }
        #[cfg(target_arch = "x86_64")]
        {
            assert!(waits("7 0x7fd1 0x1 0xffffffff 0x0 0x0 0x0 0x7fff 0x7fd1".into()));
            assert!(!waits("7 0x7fd1 0x1 0xea60 0x0 0x0 0x0 0x7fff 0x7fd1".into()));
        }
    }

    #[test]
    fn of_signals_only_the_interrupt_may_be_caught() {
        let caught = |mask| catches_signals(&format!("SigIgn:\t0000000001001000\nSigCgt:\t{mask}\n"));
        assert!(!caught("0000000000000000") && !caught("0000000000000002") && !caught("0000000180000002"));
        assert!(caught("0000000000002002") && caught("8000000000000000"));
        assert!(catches_signals("Name:\tpython3\n"), "nothing was said of it");
    }
}
