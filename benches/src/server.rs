//! The server under measurement: started on a free port with a data directory of its own, stopped at the end.

use crate::{
    cpu::{CpuGroup, Reading},
    lab::Lab,
    tc3::Signer,
};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

pub const REGION: &str = "ap-guangzhou";
pub const ADMIN_TOKEN: &str = "bench-admin-token";
const KEY_ID: &str = "AKIDbench0000000000000000000000000000";
const SECRET: &str = "bench0secret000000000000000000000";
const READY_LINE: &str = "sluice ready on http://";

/// Whether blank sandboxes are kept ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blanks {
    Kept,
    None,
}

/// A server program, and whether it writes down what it decides from.
#[derive(Clone, Debug)]
pub struct Build {
    pub path: PathBuf,
    pub journal: bool,
}

pub struct Server {
    child: Child,
    group: CpuGroup,
    pub address: SocketAddr,
    /// From the start of the process to its ready line.
    pub ready_after: Duration,
}

impl Server {
    pub fn start(lab: &Lab, data: &Path, blanks: Blanks) -> Result<Self> {
        Self::of(lab, &lab.subject, data, blanks)
    }

    pub fn of(lab: &Lab, build: &Build, data: &Path, blanks: Blanks) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(lab.out.join("bench-server.log"))?;
        let group = CpuGroup::create();
        let mut command = group.command(&build.path);
        command.args(["serve", "--listen", "127.0.0.1:0", "--region", REGION, "--data-dir"]).arg(data);
        if blanks == Blanks::None {
            command.args(["--blanks-max", "0"]);
        }
        if build.journal {
            command.arg("--journal").arg(data.join("bench.journal"));
        }
        command
            .env("SLUICE_ACCOUNT_ID", "1250000000")
            .env("SLUICE_ACCESS_KEY_ID", KEY_ID)
            .env("SLUICE_ACCESS_KEY_SECRET", SECRET)
            .env("SLUICE_ADMIN_TOKEN", ADMIN_TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("starting {}", build.path.display()))?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        match wait_ready(stdout) {
            Ok(address) => Ok(Self { child, group, address, ready_after: started.elapsed() }),
            Err(error) => {
                stop(&mut child);
                Err(error.context(format!("see {}", lab.out.join("bench-server.log").display())))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of the server and everything it started.
    pub fn cpu(&self) -> Reading {
        self.group.read(&[self.pid()])
    }

    pub fn signer(&self) -> Signer {
        Signer { key_id: KEY_ID, secret: SECRET, region: REGION, address: self.address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Reads the address from the ready line, then keeps the pipe empty in the background.
fn wait_ready(stdout: ChildStdout) -> Result<SocketAddr> {
    let (found, wait) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.trim().strip_prefix(READY_LINE) {
                // The receiver is gone only when nobody waits any more.
                let _ = found.send(address.trim_end_matches('/').to_owned());
            }
        }
    });
    match wait.recv_timeout(Duration::from_secs(30)) {
        Ok(address) => address.parse().with_context(|| format!("the ready line names {address:?}, not an address")),
        Err(mpsc::RecvTimeoutError::Timeout) => bail!("the server printed no `{READY_LINE}…` within 30 s"),
        Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the server ended before it was ready"),
    }
}

/// Asks a process to end; insists after ten seconds.
pub fn stop(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
    }
    let asked = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if asked.elapsed() > Duration::from_secs(10) {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
