//! What all measurements share: sizes, the server's path, the output directory.

use crate::server::Build;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// How much of everything.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub quick: bool,
    pub pairs: usize,
    /// Cold starts per pair.
    pub cold_starts: usize,
    /// Length of the sustained cold-start run.
    pub sustained: Duration,
    /// Instances of the scale-out and of the memory measurement.
    pub instances: usize,
    /// Calls per half of a latency pair.
    pub calls: usize,
    /// Length of a throughput half.
    pub load: Duration,
    /// Connections, and instances, of the throughput measurement.
    pub connections: usize,
    /// Functions of the measurements with many functions.
    pub functions: usize,
    /// How long an idle server is watched.
    pub idle: Duration,
}

impl Settings {
    pub fn new(quick: bool, pairs: Option<usize>) -> Self {
        let full = Self {
            quick,
            pairs: pairs.unwrap_or(5),
            cold_starts: 100,
            sustained: Duration::from_secs(60),
            instances: 100,
            calls: 5_000,
            load: Duration::from_secs(5),
            connections: 64,
            functions: 1_000,
            idle: Duration::from_secs(10),
        };
        if !quick {
            return full;
        }
        Self {
            pairs: pairs.unwrap_or(2),
            cold_starts: 10,
            sustained: Duration::from_secs(5),
            instances: 20,
            calls: 500,
            load: Duration::from_secs(1),
            connections: 8,
            functions: 50,
            idle: Duration::from_secs(2),
            ..full
        }
    }
}

/// Which servers a run starts.
#[derive(Args)]
pub struct Servers {
    /// The server to measure; by default the `sluice` beside this program
    #[arg(long, global = true)]
    server: Option<PathBuf>,
    /// Let the measured server write a journal
    #[arg(long, global = true)]
    journal: bool,
    /// The server that `compare` measures against, as built from another commit; by default the measured one, without
    /// a journal
    #[arg(long, global = true)]
    with: Option<PathBuf>,
}

/// The place a run happens in.
pub struct Lab {
    pub settings: Settings,
    /// What is measured.
    pub subject: Build,
    /// What `compare` measures it against.
    pub other: Build,
    pub out: PathBuf,
}

impl Lab {
    pub fn open(settings: Settings, servers: Servers, out: PathBuf) -> Result<Self> {
        let own = std::env::current_exe().context("finding this program")?;
        let subject = servers.server.unwrap_or_else(|| own.with_file_name("sluice"));
        let other = servers.with.unwrap_or_else(|| subject.clone());
        for server in [&subject, &other] {
            ensure!(
                server.is_file(),
                "no server at {}; build it with `cargo build --release -p sluice`, or name one with --server",
                server.display()
            );
        }
        std::fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        let out = out.canonicalize().with_context(|| format!("resolving {}", out.display()))?;
        let subject = Build { path: subject, journal: servers.journal };
        let other = Build { path: other, journal: false };
        Ok(Self { settings, subject, other, out })
    }

    /// How many things the machine can do at once.
    pub fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, Into::into)
    }
}
