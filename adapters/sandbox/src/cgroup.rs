//! Control groups, v1 and v2 alike.
//!
//! A [`Hierarchy`] knows where each controller is mounted; a [`Group`] is one sandbox's directory in each of
//! them. On a v2 host all is one directory; on a v1 or hybrid host memory, cpu and pids are three, and
//! freezing uses the v2 tree if there is one, because frozen v2 processes can still be killed.

use crate::{
    opened::Opened,
    share::{Paths, Share},
    tasks::Tasks,
};
use std::{
    fs, io,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Where this host's controllers are.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    memory: PathBuf,
    cpu: PathBuf,
    pids: PathBuf,
    freeze: Option<(PathBuf, Freezer)>,
    is_v2: bool,
    /// Where the v2 tree is mounted, and with which options.
    unified: Option<(PathBuf, String)>,
    /// Directory of this server in each tree: carries the data directory's tag.
    name: String,
}

/// Memory of an instance that has the weight of an ordinary process.
const ORDINARY_MIB: u64 = 128;
/// Linux 6.0 and newer.
const FAVOUR_MOVES: &str = "favordynmods";
/// Options of the v2 tree as a whole.
const TREE_OPTIONS: &[&str] =
    &["nsdelegate", "memory_localevents", "memory_recursiveprot", "memory_hugetlb_accounting", "pids_localevents"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freezer {
    V1,
    V2,
}

/// One sandbox's group.
#[derive(Debug)]
pub struct Group {
    directories: Vec<PathBuf>,
    memory: PathBuf,
    cpu: PathBuf,
    freeze: Option<(PathBuf, Freezer)>,
    is_v2: bool,
    tasks: Arc<Tasks>,
    share: Option<Arc<Share>>,
    size_mib: AtomicU64,
    peak: Opened,
    events: Opened,
    state: Opened,
}

impl Hierarchy {
    /// Reads the mount table. `name` is the directory to work in, below each controller's root.
    pub fn find(name: &str) -> io::Result<Self> {
        Self::from_mounts(&fs::read_to_string("/proc/self/mounts")?, name)
    }

    fn from_mounts(mounts: &str, name: &str) -> io::Result<Self> {
        let mut v2 = None;
        let mut v1: Vec<(String, PathBuf)> = Vec::new();
        for line in mounts.lines() {
            let mut fields = line.split(' ');
            let (Some(_), Some(at), Some(kind), Some(options)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            match kind {
                "cgroup2" if v2.is_none() => v2 = Some((PathBuf::from(at), options.to_owned())),
                "cgroup" => v1.extend(options.split(',').map(|option| (option.to_owned(), PathBuf::from(at)))),
                _ => {}
            }
        }
        let tree = v2.clone();
        let v2 = v2.map(|(root, _)| root);
        let find = |controller: &str| v1.iter().find(|(name, _)| name == controller).map(|(_, at)| at.clone());
        if let (Some(memory), Some(cpu), Some(pids)) = (find("memory"), find("cpu"), find("pids")) {
            let unified = v2.filter(|root| root.join("cgroup.procs").exists()).map(|root| (root, Freezer::V2));
            let freeze = unified.or_else(|| find("freezer").map(|root| (root, Freezer::V1)));
            return Ok(Self { memory, cpu, pids, freeze, is_v2: false, unified: tree, name: name.to_owned() });
        }
        let root =
            v2.ok_or_else(|| io::Error::other("neither cgroup v1 with memory, cpu and pids nor cgroup v2 is mounted"))?;
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        for wanted in ["memory", "cpu", "pids"] {
            if !controllers.split_whitespace().any(|found| found == wanted) {
                return Err(io::Error::other(format!("cgroup v2 at {} lacks the {wanted} controller", root.display())));
            }
        }
        let freeze = Some((root.clone(), Freezer::V2));
        Ok(Self {
            memory: root.clone(),
            cpu: root.clone(),
            pids: root,
            freeze,
            is_v2: true,
            unified: tree,
            name: name.to_owned(),
        })
    }

    pub fn describe(&self) -> String {
        let freezer = match self.freeze {
            Some((_, Freezer::V2)) => "v2 freezer",
            Some((_, Freezer::V1)) => "v1 freezer",
            None => "no freezer",
        };
        format!("cgroup {} with {freezer}", if self.is_v2 { "v2" } else { "v1" })
    }

    fn roots(&self) -> Vec<PathBuf> {
        let mut roots = vec![self.memory.clone(), self.cpu.clone(), self.pids.clone()];
        roots.extend(self.freeze.iter().map(|(root, _)| root.clone()));
        roots.sort();
        roots.dedup();
        roots
    }

    /// Makes this server's directory in each tree.
    pub fn prepare(&self) -> io::Result<()> {
        if let Err(error) = self.favour_moves() {
            tracing::debug!(%error, "moving processes between control groups will be slow");
        }
        for root in self.roots() {
            make_directory(&root.join(&self.name))?;
        }
        if self.is_v2 {
            let enable = "+memory +cpu +pids";
            fs::write(self.memory.join("cgroup.subtree_control"), enable)?;
            fs::write(self.memory.join(&self.name).join("cgroup.subtree_control"), enable)?;
        }
        // All sandboxes together get, where others want the processors too, what one process would get on each of
        // them. The kernel's default is what one process gets, spread over all of them.
        let processors = thread::available_parallelism().map_or(1, NonZero::get) as u64;
        set_weight(&self.cpu.join(&self.name), self.is_v2, processors, 1)
    }

    /// By default the kernel makes forks cheap and moving a process into a group dear: the first move after a
    /// pause waits for every processor, which takes about ten milliseconds. Every start of a sandbox is a move, so
    /// the host is told to favour those. Options that are set already are kept.
    fn favour_moves(&self) -> io::Result<()> {
        let Some((root, options)) = &self.unified else { return Ok(()) };
        if options.split(',').any(|option| option == FAVOUR_MOVES) {
            return Ok(());
        }
        let context = rustix::mount::fspick(rustix::fs::CWD, root, rustix::mount::FsPickFlags::FSPICK_CLOEXEC)?;
        let kept = options.split(',').filter(|option| TREE_OPTIONS.contains(option));
        for option in kept.chain([FAVOUR_MOVES]) {
            rustix::mount::fsconfig_set_flag(&context, option)?;
        }
        Ok(rustix::mount::fsconfig_reconfigure(&context)?)
    }

    /// Kills what is left of an earlier run in this server's directory and removes it.
    pub fn sweep(&self) -> io::Result<()> {
        for root in self.roots() {
            let ours = root.join(&self.name);
            let Ok(entries) = fs::read_dir(&ours) else { continue };
            for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
                let directory = entry.path();
                let _ = fs::write(directory.join("cgroup.freeze"), "0");
                let _ = fs::write(directory.join("freezer.state"), "THAWED");
                remove_group_directory(&directory, true);
            }
        }
        // Last, because those that share one group for processor time are in groups of their own for the rest.
        for root in self.roots() {
            remove_group_directory(&root.join(&self.name), true);
        }
        Ok(())
    }

    /// Makes a group with the limits every sandbox has from birth.
    pub fn create(&self, id: &str, memory_mib: u64, max_tasks: u64) -> io::Result<Group> {
        let at = |root: &Path| root.join(&self.name).join(id);
        let mut directories: Vec<PathBuf> = self.roots().iter().map(|root| at(root)).collect();
        directories.dedup();
        for directory in &directories {
            make_directory(directory)?;
        }
        let tasks = Arc::new(Tasks::new(at(&self.pids)));
        let group = Group {
            memory: at(&self.memory),
            cpu: at(&self.cpu),
            freeze: self.freeze.as_ref().map(|(root, kind)| (at(root), *kind)),
            directories,
            is_v2: self.is_v2,
            share: self.share(id, &tasks),
            tasks,
            size_mib: AtomicU64::new(0),
            peak: Opened::default(),
            events: Opened::default(),
            state: Opened::default(),
        };
        fs::write(at(&self.pids).join("pids.max"), max_tasks.to_string())?;
        group.set_size(memory_mib)?;
        Ok(group)
    }

    /// Only where processor time has a tree to itself: moving between groups would leave the memory behind, and the
    /// other limits. And only with the v2 tree beside it, which counts what is used.
    fn share(&self, id: &str, tasks: &Arc<Tasks>) -> Option<Arc<Share>> {
        let is_apart = self.cpu != self.memory && self.cpu != self.pids;
        let Some((freeze, Freezer::V2)) = self.freeze.as_ref().filter(|_| is_apart) else { return None };
        let at = |root: &Path| root.join(&self.name).join(id);
        let paths = Paths {
            common: self.cpu.join(&self.name),
            own: at(&self.cpu),
            members: at(&self.memory),
            used: at(freeze),
        };
        Some(Arc::new(Share::new(paths, tasks.clone())))
    }
}

impl Group {
    /// Limits memory, and gives processor time in proportion to it.
    pub fn set_size(&self, memory_mib: u64) -> io::Result<()> {
        if self.size_mib.swap(0, Ordering::Relaxed) != memory_mib {
            self.write_size(memory_mib)?;
        }
        self.size_mib.store(memory_mib, Ordering::Relaxed);
        Ok(())
    }

    fn write_size(&self, memory_mib: u64) -> io::Result<()> {
        let bytes = (memory_mib << 20).to_string();
        if self.is_v2 {
            fs::write(self.memory.join("memory.max"), bytes)?;
            let _ = fs::write(self.memory.join("memory.swap.max"), "0");
            let _ = fs::write(self.memory.join("memory.oom.group"), "1");
        } else {
            // Present only where swap is accounted. It may never be the smaller of the two: before raising the
            // other it has to be raised, and after lowering it, lowered.
            let with_swap = || fs::write(self.memory.join("memory.memsw.limit_in_bytes"), &bytes);
            let _ = with_swap();
            fs::write(self.memory.join("memory.limit_in_bytes"), &bytes)?;
            let _ = with_swap();
        }
        set_weight(&self.cpu, self.is_v2, memory_mib, ORDINARY_MIB)
    }

    /// Open files that a process writes "0" to in order to join. Opened by us, so that it needs no rights.
    pub fn doors(&self) -> io::Result<Vec<fs::File>> {
        let open = |directory: &PathBuf| fs::OpenOptions::new().write(true).open(directory.join("cgroup.procs"));
        self.directories.iter().map(open).collect()
    }

    /// How often the kernel killed a process of the group for want of memory.
    pub fn oom_kills(&self) -> u64 {
        let file = if self.is_v2 { "memory.events" } else { "memory.oom_control" };
        let mut text = [0u8; 512];
        let text = self.events.read(&mut text, || self.memory.join(file));
        let count = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse().ok();
        text.lines().find_map(count).unwrap_or(0)
    }

    /// The most memory the group ever held, in bytes.
    pub fn memory_peak(&self) -> u64 {
        let file = if self.is_v2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        let mut text = [0u8; 24];
        self.peak.read(&mut text, || self.memory.join(file)).trim().parse().unwrap_or(0)
    }

    /// Reads what is counted once, so that its files are open when a call is waited for.
    pub fn open_counters(&self) {
        self.oom_kills();
        self.memory_peak();
    }

    pub fn set_frozen(&self, frozen: bool) -> io::Result<()> {
        let Some((directory, kind)) = &self.freeze else { return Ok(()) };
        let (file, state) = match (kind, frozen) {
            (Freezer::V2, true) => ("cgroup.freeze", "1"),
            (Freezer::V2, false) => ("cgroup.freeze", "0"),
            (Freezer::V1, true) => ("freezer.state", "FROZEN"),
            (Freezer::V1, false) => ("freezer.state", "THAWED"),
        };
        self.state.write(state, || directory.join(file))
    }

    pub fn tasks(&self) -> Arc<Tasks> {
        self.tasks.clone()
    }

    /// To be reviewed now and then, if that means anything on this host.
    pub fn share(&self) -> Option<Arc<Share>> {
        self.share.clone()
    }

    /// Whether a frozen group must be thawed before a kill reaches it.
    pub fn must_thaw_to_kill(&self) -> bool {
        matches!(self.freeze, Some((_, Freezer::V1)))
    }

    /// Removes the group. Its processes must be gone.
    pub fn remove(&self) {
        for directory in &self.directories {
            remove_group_directory(directory, false);
        }
    }
}

/// Weighs the group in `directory` against its siblings: as much as `times / per` ordinary processes.
fn set_weight(directory: &Path, is_v2: bool, times: u64, per: u64) -> io::Result<()> {
    let (file, ordinary, allowed) =
        if is_v2 { ("cpu.weight", 100, 1..=10_000) } else { ("cpu.shares", 1024, 2..=262_144) };
    let weight = (times * ordinary / per).clamp(*allowed.start(), *allowed.end());
    fs::write(directory.join(file), weight.to_string())
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        Ok(()) => Ok(()),
    }
}

/// Tries for a moment: a group is busy until the kernel has put its last process away.
fn remove_group_directory(directory: &Path, kill: bool) {
    for _ in 0..200 {
        match fs::remove_dir(directory) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                if kill {
                    kill_all(directory);
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(directory = %directory.display(), %error, "could not remove a cgroup");
                return;
            }
            _ => return,
        }
    }
    tracing::warn!(directory = %directory.display(), "a cgroup stayed busy");
}

fn kill_all(directory: &Path) {
    let processes = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse::<i32>().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0
cgroup /sys/fs/cgroup/freezer cgroup rw,relatime,freezer 0 0";

    #[test]
    fn v1_controllers_are_found_where_they_are_mounted() {
        let found = Hierarchy::from_mounts(HYBRID, "sluice-x").unwrap();
        assert!(!found.is_v2);
        assert_eq!(found.memory, Path::new("/sys/fs/cgroup/memory"));
        assert_eq!(found.freeze.as_ref().unwrap().1, Freezer::V1);
    }

    #[test]
    fn v2_needs_its_controllers() {
        let root = std::env::temp_dir().join(format!("sluice-cgroup-test-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let mounts = format!("cgroup2 {} cgroup2 rw 0 0", root.display());
        fs::write(root.join("cgroup.controllers"), "cpuset cpu io memory hugetlb pids").unwrap();
        let found = Hierarchy::from_mounts(&mounts, "sluice-x").unwrap();
        assert!(found.is_v2);
        found.prepare().unwrap();
        let processors = thread::available_parallelism().unwrap().get();
        assert_eq!(fs::read_to_string(root.join("sluice-x/cpu.weight")).unwrap(), (100 * processors).to_string());
        let group = {
            // A plain directory stands for the tree: files appear when they are written.
            found.create("a", 256, 1024).unwrap()
        };
        let read = |file: &str| fs::read_to_string(root.join("sluice-x/a").join(file)).unwrap();
        assert_eq!(
            (read("memory.max"), read("cpu.weight"), read("pids.max")),
            ("268435456".into(), "200".into(), "1024".into())
        );
        let limit = root.join("sluice-x/a/memory.max");
        fs::write(&limit, "as it was").unwrap();
        group.set_size(256).unwrap();
        assert_eq!(read("memory.max"), "as it was", "a size that it has is not written again");
        group.set_size(128).unwrap();
        assert_eq!((read("memory.max"), read("cpu.weight")), ("134217728".into(), "100".into()));
        group.set_size(256).unwrap();
        assert_eq!(read("memory.max"), "268435456");
        fs::write(root.join("sluice-x/a/cgroup.freeze"), "0").unwrap();
        group.set_frozen(true).unwrap();
        assert_eq!(read("cgroup.freeze"), "1");
        fs::write(root.join("sluice-x/a/memory.events"), "low 0\noom 2\noom_kill 1\n").unwrap();
        assert_eq!(group.oom_kills(), 1);
        fs::write(root.join("cgroup.controllers"), "cpu").unwrap();
        assert!(Hierarchy::from_mounts(&mounts, "x").is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
