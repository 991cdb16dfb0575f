//! Processor time of a whole family of processes, dead ones included.
//!
//! A cgroup of its own counts to the nanosecond and misses nothing, as long as the family stays in it. Where a
//! sandbox moves its processes out of it, or there is no such controller, the sum over the process tree is taken
//! instead; that is exact to 10 ms per process and loses processes that were handed to init.

use crate::proc;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const CONTROLLER: &str = "/sys/fs/cgroup/cpuacct";

/// A cgroup that counts processor time, where the host has that controller.
pub struct CpuGroup(Option<PathBuf>);

/// The two counts at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    group: Option<Duration>,
    tree: Duration,
}

impl CpuGroup {
    pub fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(CONTROLLER).join(format!("sluice-bench-{}-{number}", std::process::id()));
        Self(fs::create_dir(&dir).is_ok().then_some(dir))
    }

    /// A command that enters the group before it becomes the program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(dir) = &self.0 else { return Command::new(program) };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(dir.join("cgroup.procs")).arg(program);
        command
    }

    /// Processor time of the processes under `roots`, all of which must have been started in this group.
    pub fn read(&self, roots: &[u32]) -> Reading {
        let pids: Vec<u32> = roots.iter().flat_map(|root| proc::tree(*root)).collect();
        let inside = self.0.as_deref().filter(|dir| pids.iter().all(|pid| is_inside(*pid, dir)));
        let usage = inside.and_then(|dir| fs::read_to_string(dir.join("cpuacct.usage")).ok());
        let nanoseconds = usage.and_then(|text| text.trim().parse().ok());
        Reading { group: nanoseconds.map(Duration::from_nanos), tree: proc::cpu(&pids) }
    }
}

impl Drop for CpuGroup {
    fn drop(&mut self) {
        if let Some(dir) = &self.0 {
            // Fails while a process is left in it; an empty directory left behind does no harm.
            let _ = fs::remove_dir(dir);
        }
    }
}

impl Reading {
    pub const ZERO: Reading = Reading { group: Some(Duration::ZERO), tree: Duration::ZERO };

    /// Processor time used since an earlier reading.
    pub fn since(&self, earlier: &Reading) -> Duration {
        match (self.group, earlier.group) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => self.tree.saturating_sub(earlier.tree),
        }
    }
}

/// A process that is gone again counts as inside: its time stays with the group.
fn is_inside(pid: u32, dir: &Path) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else { return true };
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let line =
        text.lines().find(|line| line.split(':').nth(1).is_some_and(|list| list.split(',').any(|c| c == "cpuacct")));
    line.is_none_or(|line| line.contains(&format!("/{name}")))
}
