//! The `Backend` port without isolation: for hosts that cannot enforce anything, and only when asked for.
//!
//! Functions run as processes of the server's own user, see the whole host, and have no limits but time.

use crate::{
    connection::{Connection, FarEnds},
    descriptors::{self, Claim, start_error},
    free_memory::FreeMemory,
    instance,
    life::{Enclosure, process_exited},
    runtimes::Runtimes,
    start, sys,
};
use async_trait::async_trait;
use sluice_domain::{Dialect, Failure, Family, KnownRuntime, RuntimeStatus};
use sluice_ports::{Assignment, Backend, Blank, CompiledFile, PortError, PortResult, StartError, Started};
use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

pub struct InsecureBackend {
    runtimes: Runtimes,
    directory: PathBuf,
    /// None where the host does not show it.
    free_memory: Option<FreeMemory>,
}

impl InsecureBackend {
    /// Bootstraps are written below `run_dir`.
    pub fn start(run_dir: &Path, bundles: Option<&Path>) -> io::Result<Arc<Self>> {
        let directory = run_dir.join("bootstrap");
        std::fs::create_dir_all(&directory)?;
        for (name, content) in crate::bootstrap::FILES {
            std::fs::write(directory.join(name), content)?;
        }
        Ok(Arc::new(Self { runtimes: Runtimes::discover(bundles), directory, free_memory: FreeMemory::open(0).ok() }))
    }

    fn spawn(&self, spec: &Assignment) -> io::Result<(Child, Connection)> {
        let known = KnownRuntime::find(spec.function.dialect, &spec.config.runtime);
        let (interpreter, _) = known
            .and_then(|known| self.runtimes.choose(known))
            .ok_or_else(|| io::Error::other("the runtime is gone from this host"))?;
        let (connection, FarEnds { control, log }) = Connection::open()?;
        let mut command = Command::new(&interpreter.path);
        match interpreter.family {
            Family::Node => command.arg(self.directory.join("bootstrap.js")),
            _ => command.args(["-I", "-X", "utf8", "-B"]).arg(self.directory.join("bootstrap.py")),
        };
        command
            .current_dir(&spec.code_dir)
            .env_clear()
            .envs(crate::environment::variables(spec))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let number = control.as_raw_fd();
        // SAFETY: between fork and exec only dup2 and prctl are called, which is safe there.
        unsafe {
            command.pre_exec(move || {
                sys::die_with_parent()?;
                sys::place_fd(BorrowedFd::borrow_raw(number).as_fd(), 3)
            });
        }
        Ok((command.spawn()?, connection))
    }
}

/// A process group: all that there is to end.
struct Group {
    child: Mutex<Child>,
    killed: AtomicBool,
    _claim: Claim,
}

impl Enclosure for Group {
    fn kill(&self) {
        // Once it is waited for, its number may be another's.
        if self.killed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut child = self.child.lock().expect("child lock");
        if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = child.wait();
    }

    fn set_frozen(&self, _: bool) {}

    fn memory_peak(&self) -> u64 {
        0
    }

    fn note_oom_kills(&self) {}

    fn cause_of_death(&self) -> Failure {
        process_exited()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[async_trait]
impl Backend for InsecureBackend {
    fn runtimes(&self) -> Vec<RuntimeStatus> {
        self.runtimes.statuses()
    }

    fn blank_pool(&self, _: Dialect, _: &str) -> Option<String> {
        None
    }

    async fn make_blank(&self, pool: &str) -> PortResult<Box<dyn Blank>> {
        Err(PortError::NotFound(format!("pool {pool}: there are no blanks without sandboxes")))
    }

    async fn start(&self, spec: Assignment, _: Option<Box<dyn Blank>>) -> Result<Started, StartError> {
        let claim = Claim::new(descriptors::PROCESS).map_err(start_error)?;
        let began = Instant::now();
        let (child, mut connection) = self.spawn(&spec).map_err(start_error)?;
        let group = Arc::new(Group { child: Mutex::new(child), killed: AtomicBool::new(false), _claim: claim });
        let sandbox = began.elapsed();
        let code_dir = spec.code_dir.display().to_string();
        let initialised = start::initialise(&mut connection, &spec, Some(&code_dir), false, &*group).await?;
        let instance = instance::open(&spec, connection, group);
        Ok(Started {
            instance: instance.map_err(start_error)?,
            sandbox,
            mount: Duration::ZERO,
            init: initialised.took,
            from_blank: false,
            log: initialised.log,
            log_cut: initialised.log_cut,
        })
    }

    async fn compile(&self, _: Dialect, _: &str, _: PathBuf, _: Vec<String>) -> PortResult<Vec<CompiledFile>> {
        Ok(Vec::new())
    }

    fn free_memory_mib(&self) -> u64 {
        self.free_memory.as_ref().map_or(u64::MAX, FreeMemory::mib)
    }

    async fn shutdown(&self) {}
}
