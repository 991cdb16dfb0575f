//! The baseline of every start: the interpreter that the runtime itself uses, with nothing to do.

use crate::{functions::Language, proc};
use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// Wall and processor time of a number of starts.
pub struct Starts {
    pub wall: Duration,
    pub cpu: Duration,
    pub count: usize,
}

#[derive(Clone, Debug)]
pub struct Interpreter {
    pub path: PathBuf,
    pub language: Language,
}

impl Interpreter {
    /// A script in its place would make the baseline slower than it is, so it is refused.
    pub fn new(path: PathBuf, language: Language) -> Result<Self> {
        let binary = path.canonicalize().with_context(|| format!("no interpreter at {}", path.display()))?;
        let head = std::fs::read(&binary).with_context(|| format!("reading {}", binary.display()))?;
        ensure!(head.starts_with(b"\x7fELF"), "{} is not a program but a script (a shim?)", binary.display());
        Ok(Self { path, language })
    }

    /// Starts it with nothing to do and waits for its end.
    pub fn start(&self) -> Result<Duration> {
        self.run(&self.language.nothing())
    }

    fn run(&self, arguments: &[&str]) -> Result<Duration> {
        let started = Instant::now();
        // Without a directory, uid or hook to set, the standard library uses posix_spawn, which does not copy this process.
        // With the caller's environment it would not always be nothing: NODE_EXTRA_CA_CERTS alone makes Node.js read
        // certificates, which takes three times as long as the start.
        let status = Command::new(&self.path)
            .args(arguments)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("starting {}", self.path.display()))?;
        ensure!(status.success(), "{} {arguments:?} ended with {status}", self.path.display());
        Ok(started.elapsed())
    }

    /// Starts it `count` times, `at_once` at a time.
    pub fn many(&self, arguments: &[&str], count: usize, at_once: usize) -> Result<Starts> {
        self.repeat(arguments, at_once, |number, _| number < count)
    }

    /// Starts it over and over for a time, `at_once` at a time.
    pub fn sustained(&self, length: Duration, at_once: usize) -> Result<Starts> {
        self.repeat(&self.language.nothing(), at_once, |_, elapsed| elapsed < length)
    }

    fn repeat(
        &self,
        arguments: &[&str],
        at_once: usize,
        go_on: impl Fn(usize, Duration) -> bool + Sync,
    ) -> Result<Starts> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let cpu_before = proc::waited_for();
        let started = Instant::now();
        std::thread::scope(|scope| {
            let worker = || -> Result<()> {
                while go_on(next.fetch_add(1, Ordering::Relaxed), started.elapsed()) {
                    self.run(arguments)?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            };
            let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a starter does not panic"))
        })?;
        let wall = started.elapsed();
        Ok(Starts { wall, cpu: proc::waited_for().saturating_sub(cpu_before), count: done.into_inner() })
    }
}

/// A process with the given modules loaded that waits until its input closes.
pub fn with_modules(python: &Path, modules: &[String]) -> Command {
    let script = format!(
        "import sys\nfor name in {:?}.split():\n    try: __import__(name)\n    except Exception: pass\n\
         sys.stdout.write('loaded\\n'); sys.stdout.flush(); sys.stdin.read()",
        modules.join(" ")
    );
    let mut command = Command::new(python);
    command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
