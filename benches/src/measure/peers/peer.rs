//! How each peer is given the function, started, and known to be up.

use super::install::Program;
use crate::{
    functions::Language,
    load::Traffic,
    measure::warm::{latencies, reference_traffic},
    server,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    FunctionsFrameworkPython,
    FunctionsFrameworkNode,
    Workerd,
    Uwsgi,
}

impl Kind {
    pub const ALL: [Kind; 4] =
        [Kind::FunctionsFrameworkPython, Kind::FunctionsFrameworkNode, Kind::Workerd, Kind::Uwsgi];

    pub fn name(self) -> &'static str {
        match self {
            Kind::FunctionsFrameworkPython => "functions-framework-python",
            Kind::FunctionsFrameworkNode => "functions-framework-node",
            Kind::Workerd => "workerd",
            Kind::Uwsgi => "uwsgi",
        }
    }

    pub fn language(self) -> Language {
        match self {
            Kind::FunctionsFrameworkPython | Kind::Uwsgi => Language::Python,
            Kind::FunctionsFrameworkNode | Kind::Workerd => Language::Node,
        }
    }

    /// Writes the function as this peer wants it.
    fn lay_out(self, dir: &Path, address: SocketAddr) -> Result<()> {
        let (name, source) = self.language().source();
        let write = |name: &str, text: &str| fs::write(dir.join(name), text).context("writing a peer's files");
        match self {
            Kind::FunctionsFrameworkPython => {
                write(name, source)?;
                write("main.py", include_str!("../../../peers/functions_framework.py"))
            }
            Kind::Uwsgi => {
                write(name, source)?;
                write("wsgi.py", include_str!("../../../peers/wsgi.py"))
            }
            Kind::FunctionsFrameworkNode => {
                write("handler.js", source)?;
                write("index.js", include_str!("../../../peers/functions-framework.js"))
            }
            Kind::Workerd => {
                let rest = include_str!("../../../peers/workerd.mjs");
                write("worker.mjs", &format!("const exports = {{}};\n{source}\n{rest}"))?;
                let config = include_str!("../../../peers/workerd.capnp");
                write("workerd.capnp", &config.replace("PORT", &address.port().to_string()))
            }
        }
    }

    fn command(self, program: &Program, address: SocketAddr, connections: usize) -> Command {
        let mut command = Command::new(&program.path);
        match self {
            Kind::FunctionsFrameworkPython => {
                command.args(["--target=handle", "--host=127.0.0.1"]).arg(format!("--port={}", address.port()))
            }
            Kind::FunctionsFrameworkNode => {
                command.arg("--target=handle").arg(format!("--port={}", address.port())).env("HOST", "127.0.0.1")
            }
            Kind::Workerd => command.args(["serve", "workerd.capnp"]),
            // Each of its processes serves one connection at a time, so it gets one per connection.
            Kind::Uwsgi => command
                .args(["--master", "--wsgi-file", "wsgi.py", "--disable-logging", "--die-on-term"])
                .args(["--processes", &connections.to_string(), "--http11-socket", &address.to_string()]),
        };
        command
    }
}

/// A peer that answers.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    /// From the start of its process to its first good answer.
    pub answered_after: Duration,
    _dir: TempDir,
}

impl Running {
    pub fn start(kind: Kind, program: &Program, connections: usize) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        kind.lay_out(dir.path(), address)?;
        let mut command = kind.command(program, address, connections);
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("starting {}", program.path.display()))?;
        let mut running = Self { child, address, answered_after: Duration::ZERO, _dir: dir };
        let one = Traffic {
            requests: Arc::new(vec![reference_traffic(address).requests[0].clone()]),
            ..reference_traffic(address)
        };
        while let Err(error) = latencies(&one, 1) {
            ensure!(matches!(running.child.try_wait(), Ok(None)), "{} ended at once", kind.name());
            ensure!(started.elapsed() < Duration::from_secs(30), "{} does not answer: {error:#}", kind.name());
            std::thread::sleep(Duration::from_millis(1));
        }
        running.answered_after = started.elapsed();
        Ok(running)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        server::stop(&mut self.child);
    }
}
