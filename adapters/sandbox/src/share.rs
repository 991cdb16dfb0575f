//! Whose share of the processor's time a sandbox uses.
//!
//! In a control group of its own it gets a share in proportion to its memory, whatever it starts. But the kernel keeps
//! account of each group that has run within the last second or so, and goes through all of them with every tick of
//! the clock, interrupts off: with a thousand instances 0.4 of every 4 milliseconds, in which no call goes on. So the
//! light ones are in one group together, where each of their threads weighs as much as an instance of ordinary size.
//! Those that work are in groups of their own; there can only be as many of them as the processors have time for.

use crate::{opened::Opened, sys, tasks::Tasks};
use rustix::process::Pid;
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// The groups that one sandbox's processes may be in. They are born in their own.
#[derive(Debug)]
pub struct Share {
    paths: Paths,
    tasks: Arc<Tasks>,
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
    /// Where the time is counted that all of them use.
    pub used: PathBuf,
}

#[derive(Debug)]
struct Known {
    at_last_look: Used,
    looked: Instant,
    at_last_turn: Used,
    /// Since the time of all was asked for.
    turns: u32,
    is_own: bool,
    /// For how many turns it stays in its own although it is not seen to work.
    stays: u32,
}

/// Processor time used up to a review.
#[derive(Debug, Default)]
struct Used {
    /// By the process that takes the calls.
    by_one: Option<Duration>,
    by_all: Option<Duration>,
}

/// The processor time that a review finds.
#[derive(Clone, Copy)]
enum Reading {
    /// There is one process, so it is its own.
    OfOne(Duration),
    /// With what other processes have used, of which some may be there now.
    OfAll { used: Duration, is_alone: bool },
}

impl Used {
    /// Whether that much has been used since the last reading of the kind.
    fn advance(&mut self, reading: Reading, much: Duration) -> bool {
        match reading {
            Reading::OfOne(used) => self.by_one.replace(used).is_some_and(|before| used.saturating_sub(before) >= much),
            Reading::OfAll { used, is_alone } => {
                // How much of it is new is not known the first time.
                self.by_all.replace(used).map_or(!is_alone, |before| used.saturating_sub(before) >= much)
            }
        }
    }
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
/// Looks at a long call are no closer together, however many calls there are at once: little is used between two that are.
const CLOSEST: Duration = Duration::from_millis(20);
/// After so long without a look, or so many turns, the time of all is asked for: processes that come and go between two
/// looks are seen in no other way.
const LONG: Duration = Duration::from_millis(200);
const MANY_TURNS: u32 = 8;
/// How often those who were born meanwhile are looked for.
const ROUNDS: usize = 16;

impl Share {
    pub fn new(paths: Paths, tasks: Arc<Tasks>) -> Self {
        let known = Known {
            at_last_look: Used::default(),
            looked: Instant::now(),
            at_last_turn: Used::default(),
            turns: 0,
            is_own: true,
            stays: 0,
        };
        Self { paths, tasks, all_used: Opened::default(), known: Mutex::new(known) }
    }

    /// What was used before was used for the start, as everyone does.
    pub fn begin(&self, process: Pid) {
        let mut known = self.known.lock().expect("share lock");
        let used = sys::time_used(process).ok();
        (known.at_last_look.by_one, known.at_last_turn.by_one) = (used, used);
    }

    /// Moves the sandbox to where it belongs by what it has used since the last review. `process` is the one that takes
    /// its calls, `uid` the user that all of its processes are. True if any was moved.
    pub fn review(&self, occasion: Occasion, process: Pid, uid: u32) -> io::Result<bool> {
        let mut known = self.known.lock().expect("share lock");
        let now = Instant::now();
        let pause = now - known.looked;
        if occasion == Occasion::LongCall && pause < CLOSEST {
            return Ok(false);
        }
        known.looked = now;
        let is_turn = occasion == Occasion::Turn;
        known.turns += u32::from(is_turn);
        let ask_for_all = if is_turn { known.turns >= MANY_TURNS } else { pause >= LONG };
        let reading = self.read(process, uid, ask_for_all)?;
        let looks_busy = known.at_last_look.advance(reading, LIGHT);
        let own = if is_turn {
            // A reading of all may be older than a turn.
            let turns = if matches!(reading, Reading::OfAll { .. }) { std::mem::take(&mut known.turns) } else { 1 };
            if known.at_last_turn.advance(reading, LIGHT * turns) {
                let is_hidden = matches!(reading, Reading::OfAll { is_alone: true, .. });
                known.stays = known.stays.max(if is_hidden { turns } else { 1 });
            }
            let stays = known.stays > 0;
            known.stays = known.stays.saturating_sub(1);
            stays
        } else {
            known.stays = known.stays.max(u32::from(looks_busy));
            known.is_own || looks_busy
        };
        if own == known.is_own {
            return Ok(false);
        }
        if self.move_all(if own { &self.paths.own } else { &self.paths.common })? {
            known.is_own = own;
        } else {
            // Some have escaped. Who does that is no light one; the next review tries again.
            known.stays = known.stays.max(1);
        }
        Ok(true)
    }

    fn read(&self, process: Pid, uid: u32, ask_for_all: bool) -> io::Result<Reading> {
        let is_alone = self.tasks.are_of(process, uid)?;
        if is_alone && !ask_for_all {
            return Ok(Reading::OfOne(sys::time_used(process)?));
        }
        // The kernel takes a tenth of a millisecond to add this up.
        Ok(Reading::OfAll { used: self.used_by_all()?, is_alone })
    }

    fn used_by_all(&self) -> io::Result<Duration> {
        let mut text = [0u8; 512];
        let text = self.all_used.read(&mut text, || self.paths.used.join("cpu.stat"));
        let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse::<u64>().ok());
        micros.map(Duration::from_micros).ok_or_else(|| io::Error::other("cpu.stat does not tell the time used"))
    }

    /// Children are born where their parent is, so after a round in which nobody new was found all have been moved.
    /// False if that did not happen.
    fn move_all(&self, to: &Path) -> io::Result<bool> {
        let door = to.join("cgroup.procs");
        let mut moved = HashSet::new();
        for _ in 0..ROUNDS {
            let members = fs::read_to_string(self.paths.members.join("cgroup.procs"))?;
            let new: Vec<&str> = members.lines().filter(|process| !moved.contains(*process)).collect();
            if new.is_empty() {
                return Ok(true);
            }
            for process in new {
                match fs::write(&door, process) {
                    // Older kernels do not move a process while it starts a thread.
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) => continue,
                    // One that has ended meanwhile need not be moved.
                    Err(error) if error.raw_os_error() != Some(libc::ESRCH) => return Err(error),
                    _ => moved.insert(process.to_owned()),
                };
            }
        }
        Ok(false)
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
            let paths = Paths { common: at("common"), own: at("own"), members: at("members"), used: at("used") };
            let tasks = Arc::new(Tasks::new(at("tasks")));
            for path in [&paths.common, &paths.own, &paths.members, &at("tasks"), &paths.used] {
                fs::create_dir(path).unwrap();
            }
            let child = Command::new("/bin/sh").args(["-c", program]).spawn().unwrap();
            fs::write(paths.members.join("cgroup.procs"), child.id().to_string()).unwrap();
            let world = Self { root, share: Share::new(paths, tasks), child };
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

        fn uid(&self) -> u32 {
            rustix::process::getuid().as_raw()
        }

        /// A look at a long call, a while after the last.
        fn look(&self) -> Option<&str> {
            self.share.known.lock().unwrap().looked -= CLOSEST;
            self.review(Occasion::LongCall)
        }

        /// Where it is after a review, if it was moved.
        fn review(&self, occasion: Occasion) -> Option<&str> {
            let doors = ["common", "own"].map(|name| (name, self.root.path().join(name).join("cgroup.procs")));
            doors.iter().for_each(|(_, door)| drop(fs::remove_file(door)));
            let moved = self.share.review(occasion, self.process(), self.uid()).unwrap();
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

    /// Waits until the process has used that much more.
    fn uses(process: Pid, much: Duration) {
        let before = sys::time_used(process).unwrap();
        while sys::time_used(process).unwrap() < before + much {
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_rests_after_its_start_is_light() {
        let world = World::new("exec sleep 60");
        world.share.begin(world.process());
        assert_eq!(world.look(), None);
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        assert_eq!(world.review(Occasion::Turn), None);
    }

    #[test]
    fn who_works_from_birth_stays_in_its_own() {
        let world = World::new("while :; do :; done");
        world.share.begin(world.process());
        uses(world.process(), 2 * LIGHT);
        assert_eq!(world.review(Occasion::Turn), None);
        assert!(world.share.known.lock().unwrap().is_own);
    }

    #[test]
    fn who_works_is_moved_at_once_and_moved_back_after_a_whole_turn_without() {
        let world = World::new("while :; do :; done");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        uses(world.process(), 2 * LIGHT);
        assert_eq!(world.look(), Some("own"));
        rustix::process::kill_process(world.process(), rustix::process::Signal::STOP).unwrap();
        rustix::process::waitpid(Some(world.process()), rustix::process::WaitOptions::UNTRACED).unwrap();
        let _ = world.look();
        assert_eq!(world.review(Occasion::Turn), None, "it has worked since the last turn");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
    }

    #[test]
    fn many_looks_hide_no_work() {
        let world = World::new("while :; do :; done");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        // As with many calls at once: each look finds that little was used since the one before.
        for _ in 0..5 {
            uses(world.process(), LIGHT / 4);
            world.share.known.lock().unwrap().at_last_look = Used::default();
            let _ = world.review(Occasion::LongCall);
        }
        assert_eq!(world.review(Occasion::Turn), Some("own"), "a turn counts from the turn before");
    }

    #[test]
    fn with_children_what_all_have_used_counts() {
        let world = World::new("exec sleep 60");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        world.has_tasks(3);
        world.all_have_used(700_000);
        assert_eq!(world.look(), Some("own"), "nobody knows how much of it is new");
        assert_eq!(world.review(Occasion::Turn), None);
        world.all_have_used(709_999);
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        world.all_have_used(719_999);
        assert_eq!(world.review(Occasion::Turn), Some("own"));
    }

    #[test]
    fn children_that_come_and_go_between_looks_are_found_out() {
        let world = World::new("exec sleep 60");
        assert_eq!(world.review(Occasion::Turn), Some("common"));
        let later = |micros| {
            world.all_have_used(micros);
            world.share.known.lock().unwrap().looked -= LONG;
            world.review(Occasion::LongCall)
        };
        assert_eq!((later(500_000), later(509_999), later(519_999)), (None, None, Some("own")));
        for turn in 1..=4 * MANY_TURNS {
            // A little more than a light one uses, in each turn.
            world.all_have_used(519_999 + u64::from(turn) * 10_001);
            let _ = world.review(Occasion::Turn);
        }
        assert!(world.share.known.lock().unwrap().is_own, "the last of them asked for all");
    }

    #[test]
    fn the_number_of_a_process_may_be_another_users_or_nobodys() {
        let world = World::new("exec sleep 60");
        world.all_have_used(0);
        let stranger = |process| world.share.read(process, world.uid() + 1, false).unwrap();
        assert!(matches!(stranger(world.process()), Reading::OfAll { is_alone: false, .. }));
        let gone = world.share.read(Pid::from_raw(i32::MAX).unwrap(), world.uid(), false).unwrap();
        assert!(matches!(gone, Reading::OfAll { is_alone: false, .. }));
    }

    #[test]
    fn what_cannot_be_told_is_an_error_and_moves_nobody() {
        let world = World::new("exec sleep 60");
        world.has_tasks(3);
        world.share.review(Occasion::Turn, world.process(), world.uid()).unwrap_err();
        fs::write(world.root.path().join("tasks/pids.current"), "max").unwrap();
        world.share.review(Occasion::Turn, world.process(), world.uid()).unwrap_err();
        assert!(!world.root.path().join("common/cgroup.procs").exists());
    }
}
