//! REF-PY, REF-NODE and the echo reference: the bare front with its workers, as processes.

use crate::{
    cpu::{CpuGroup, Reading},
    functions::Language,
    interpreter::Interpreter,
    response::Expect,
    server,
};
use anyhow::{Context, Result, ensure};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// What every good answer holds.
pub const SUCCESS: Expect = &[b"\"ok\""];

/// A front and its workers.
pub struct Reference {
    /// Front first. It is stopped last, so that no worker loses its socket while it lives.
    processes: Vec<Child>,
    group: CpuGroup,
    pub address: SocketAddr,
    dir: TempDir,
}

impl Reference {
    /// Workers that run the measured function.
    pub fn of(interpreter: &Interpreter, workers: usize) -> Result<Self> {
        Self::with(interpreter, workers, "serve", Duration::ZERO)
    }

    /// The same workers, each called by its number as the path.
    pub fn of_many(interpreter: &Interpreter, workers: usize) -> Result<Self> {
        Self::start(interpreter, workers, &["--by-path"], "serve", Duration::ZERO)
    }

    /// The same workers without the function: they answer the same bytes always, and spend `price` of processor time
    /// on nothing for each.
    pub fn echo(interpreter: &Interpreter, workers: usize, price: Duration) -> Result<Self> {
        Self::with(interpreter, workers, "echo", price)
    }

    /// Workers that run the measured function and write down what it takes: for [`Reference::handler_time`].
    pub fn timed(interpreter: &Interpreter, workers: usize) -> Result<Self> {
        Self::with(interpreter, workers, "time", Duration::ZERO)
    }

    /// Processor time of parsing, handler and serialising per request, over all requests so far.
    pub fn handler_time(&self) -> Result<Duration> {
        let (mut spent, mut frames) = (0, 0);
        for entry in std::fs::read_dir(self.dir.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "times") {
                let text = std::fs::read_to_string(&path)?;
                let mut numbers = text.split_whitespace().map(str::parse::<u64>);
                if let (Some(Ok(nanoseconds)), Some(Ok(count))) = (numbers.next(), numbers.next()) {
                    spent += nanoseconds;
                    frames += count;
                }
            }
        }
        ensure!(frames > 0, "no worker wrote down what its handler took");
        Ok(Duration::from_nanos(spent / frames))
    }

    fn with(interpreter: &Interpreter, workers: usize, mode: &str, price: Duration) -> Result<Self> {
        Self::start(interpreter, workers, &[], mode, price)
    }

    fn start(
        interpreter: &Interpreter,
        workers: usize,
        front_args: &[&str],
        mode: &str,
        price: Duration,
    ) -> Result<Self> {
        let dir = worker_dir(interpreter.language)?;
        let script = dir.path().join(interpreter.language.worker().0);
        let group = CpuGroup::create();
        let socket = dir.path().join("workers.sock");
        let mut front = group.command(std::env::current_exe()?);
        front.args(["front", "--workers", &workers.to_string(), "--socket"]).arg(&socket).args(front_args);
        front.stdout(Stdio::piped());
        let mut front = front.spawn().context("starting the reference front")?;
        let ready = front.stdout.take().context("the front has no standard output")?;
        let mut processes = vec![front];
        while !socket.exists() {
            ensure!(matches!(processes[0].try_wait(), Ok(None)), "the reference front ended at once");
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..workers {
            let mut worker = group.command(&interpreter.path);
            worker.arg(&script).arg(mode).arg(&socket).arg(price.as_nanos().to_string());
            processes.push(worker.stdin(Stdio::null()).spawn().context("starting a worker")?);
        }
        let mut line = String::new();
        BufReader::new(ready).read_line(&mut line)?;
        let address = line.trim().strip_prefix("ready ").and_then(|text| text.parse().ok());
        let address = address.with_context(|| format!("the reference front said {line:?}"))?;
        Ok(Self { processes, group, address, dir })
    }

    /// Processor time of the front and its workers.
    pub fn cpu(&self) -> Reading {
        self.group.read(&self.processes.iter().map(Child::id).collect::<Vec<_>>())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        self.processes.iter_mut().rev().for_each(server::stop);
    }
}

/// A directory with the worker and the measured function.
fn worker_dir(language: Language) -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    for (name, text) in [language.worker(), language.source()] {
        std::fs::write(dir.path().join(name), text)?;
    }
    Ok(dir)
}
