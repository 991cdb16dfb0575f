//! Whose share of the processor's time a sandbox uses.
//!
//! In a control group of its own it gets a share in proportion to its memory, whatever it starts. But the kernel keeps
//! account of each group that has run within the last second or so, and goes through all of them with every tick of
//! the clock, interrupts off: with a thousand instances 0.4 of every 4 milliseconds, in which no call goes on. So the
//! light ones are in one group together, where each of their threads weighs as much as an instance of ordinary size.
//! Those that work are in groups of their own; there can only be as many of them as the processors have time for.

use crate::{opened::Opened, sys};
use rustix::process::Pid;
use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

/// The groups that one sandbox's processes may be in. They are born in their own.
#[derive(Debug)]
pub struct Share {
    pub paths: Paths,
    tasks: Opened,
    all_used: Opened,
    known: Mutex<Known>,
}

#[derive(Debug)]
pub struct Paths {
    /// The group of all light ones, for processor time.
    pub common: PathBuf,
    pub own: PathBuf,
    /// Where all processes of the sandbox are, whatever they share.
    pub members: PathBuf,
    /// Where its tasks are counted.
    pub tasks: PathBuf,
    /// Where the time is counted that all of them use.
    pub used: PathBuf,
}

#[derive(Debug)]
struct Known {
    /// Time used by the process that takes the calls, up to the last review; none before the first.
    of_one: Option<Duration>,
    /// Time used by all, up to the last review that asked for it.
    of_all: Option<Duration>,
    is_own: bool,
    /// It was seen to work since it was last looked at as a whole.
    has_worked: bool,
}

/// What a review is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A call has been running for a while.
    LongCall,
    /// It falls asleep, or has been awake for a while.
    Turn,
}

/// Who uses less than that between two reviews is light.
const LIGHT: Duration = Duration::from_millis(10);
/// How often those who were born meanwhile are looked for.
const ROUNDS: usize = 16;

impl Share {
    pub fn new(paths: Paths) -> Self {
        let known = Known { of_one: None, of_all: None, is_own: true, has_worked: false };
        Self { paths, tasks: Opened::default(), all_used: Opened::default(), known: Mutex::new(known) }
    }

    /// Moves the sandbox to where it belongs by what it has used since the last review. `process` is the one that takes
    /// its calls. True if it was moved.
    pub fn review(&self, occasion: Occasion, process: Pid) -> io::Result<bool> {
        let mut known = self.known.lock().expect("share lock");
        let works = if self.is_alone(process)? {
            let used = sys::time_used(process)?;
            // What was used before the first review was used for the start, as everyone does.
            known.of_one.replace(used).is_some_and(|before| used.saturating_sub(before) >= LIGHT)
        } else {
            // The kernel takes a tenth of a millisecond to add this up.
            let used = self.used_by_all()?;
            known.of_all.replace(used).is_none_or(|before| used.saturating_sub(before) >= LIGHT)
        };
        known.has_worked |= works;
        let own = match occasion {
            Occasion::LongCall => known.is_own || works,
            Occasion::Turn => std::mem::take(&mut known.has_worked),
        };
        if own == known.is_own {
            return Ok(false);
        }
        self.move_all(if own { &self.paths.own } else { &self.paths.common })?;
        known.is_own = own;
        Ok(true)
    }

    /// Nothing else runs in the sandbox than the threads of this process, and the sandbox's first.
    fn is_alone(&self, process: Pid) -> io::Result<bool> {
        let mut text = [0u8; 24];
        let text = self.tasks.read(&mut text, || self.paths.tasks.join("pids.current"));
        let tasks: u64 = text.trim().parse().map_err(io::Error::other)?;
        // A directory has as many links as it has directories in it, and two more.
        let threads = fs::metadata(format!("/proc/{process}/task"))?.nlink() - 2;
        Ok(tasks <= threads + 1)
    }

    fn used_by_all(&self) -> io::Result<Duration> {
        let mut text = [0u8; 512];
        let text = self.all_used.read(&mut text, || self.paths.used.join("cpu.stat"));
        let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse::<u64>().ok());
        micros.map(Duration::from_micros).ok_or_else(|| io::Error::other("cpu.stat does not tell the time used"))
    }

    /// Children are born where their parent is, so after a round in which nobody new was found all have been moved.
    fn move_all(&self, to: &Path) -> io::Result<()> {
        let door = to.join("cgroup.procs");
        let mut moved = HashSet::new();
        for _ in 0..ROUNDS {
            let members = fs::read_to_string(self.paths.members.join("cgroup.procs"))?;
            let new: Vec<&str> = members.lines().filter(|process| !moved.contains(*process)).collect();
            if new.is_empty() {
                break;
            }
            for process in new {
                match fs::write(&door, process) {
                    // It has ended meanwhile.
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    other => other?,
                }
                moved.insert(process.to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// Plain directories stand for the trees, and one process for the instance.
    struct World {
        root: tempfile::TempDir,
        share: Share,
        child: Child,
    }

    impl World {
        fn new(program: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            let at = |name: &str| root.path().join(name);
            let paths = Paths {
                common: at("common"),
                own: at("own"),
                members: at("members"),
                tasks: at("tasks"),
                used: at("used"),
            };
            for path in [&paths.common, &paths.own, &paths.members, &paths.tasks, &paths.used] {
                fs::create_dir(path).unwrap();
            }
            let child = Command::new("/bin/sh").args(["-c", program]).spawn().unwrap();
            fs::write(paths.members.join("cgroup.procs"), child.id().to_string()).unwrap();
            let world = Self { root, share: Share::new(paths), child };
            // With the first process of the sandbox.
            world.has_tasks(2);
            world
        }

        fn has_tasks(&self, count: u64) {
            fs::write(self.root.path().join("tasks/pids.current"), format!("{count}\n")).unwrap();
        }

        fn all_have_used(&self, micros: u64) {
            let text = format!("usage_usec {micros}\nuser_usec 0\nsystem_usec 0\n");
            fs::write(self.root.path().join("used/cpu.stat"), text).unwrap();
        }

        fn process(&self) -> Pid {
            Pid::from_child(&self.child)
        }

        /// Where it is after a review, if it was moved.
        fn review(&self, occasion: Occasion) -> Option<&str> {
            let doors = ["common", "own"].map(|name| (name, self.root.path().join(name).join("cgroup.procs")));
            doors.iter().for_each(|(_, door)| drop(fs::remove_file(door)));
            let moved = self.share.review(occasion, self.process()).unwrap();
            let to = doors.iter().find(|(_, door)| door.exists()).map(|(name, _)| *name);
            assert_eq!(moved, to.is_some());
            to
        }
    }

    impl Drop for World {
        fn drop(&mut self) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }

    #[test]
    fn who_rests_after_its_start_is_light() {
        let world = World::new("exec sleep 60");
        assert_eq!(world.review(Occasion::LongCall), None);
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        assert_eq!(world.review(Occasion::Turn), None);
    }

    #[test]
    fn who_works_is_moved_at_once_and_moved_back_after_a_whole_turn_without() {
        let world = World::new("while :; do :; done");
        let works = |from: Duration| {
            while sys::time_used(world.process()).unwrap() < from + 2 * LIGHT {
                std::thread::yield_now();
            }
        };
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        works(sys::time_used(world.process()).unwrap());
        assert_eq!(world.review(Occasion::LongCall), Some("own"));
        rustix::process::kill_process(world.process(), rustix::process::Signal::STOP).unwrap();
        rustix::process::waitpid(Some(world.process()), rustix::process::WaitOptions::UNTRACED).unwrap();
        let _ = world.review(Occasion::LongCall);
        assert_eq!(world.review(Occasion::Turn), None, "it has worked since the last turn");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
    }

    #[test]
    fn with_children_what_all_have_used_counts() {
        let world = World::new("exec sleep 60");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        world.has_tasks(3);
        world.all_have_used(700_000);
        assert_eq!(world.review(Occasion::LongCall), Some("own"), "nobody knows how much of it is new");
        assert_eq!(world.review(Occasion::Turn), None);
        world.all_have_used(709_999);
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        world.all_have_used(719_999);
        assert_eq!(world.review(Occasion::Turn), Some("own"));
    }

    #[test]
    fn what_cannot_be_told_is_an_error_and_moves_nobody() {
        let world = World::new("exec sleep 60");
        world.has_tasks(3);
        world.share.review(Occasion::Turn, world.process()).unwrap_err();
        fs::write(world.root.path().join("tasks/pids.current"), "max").unwrap();
        world.share.review(Occasion::Turn, world.process()).unwrap_err();
        assert!(!world.root.path().join("common/cgroup.procs").exists());
    }
}
