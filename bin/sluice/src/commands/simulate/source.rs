//! Where the traffic comes from: files, a journal, or the generator.

use super::{ahead::made_ahead, journal};
use anyhow::{Context, bail};
use sluice_simulate::{Jitter, Recording, Report, Settings, Trace, Workload, run, run_recorded, synthetic, trace};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

#[derive(clap::Args)]
pub struct Traffic {
    /// A trace: a journal of `sluice serve --journal`, or a file or directory in the form of iluvatar or of the Azure
    /// data of 2019 or 2021
    #[arg(long, value_name = "PATH", required_unless_present = "synthetic", conflicts_with = "synthetic")]
    trace: Option<PathBuf>,
    /// Make the traffic up, like that of a large cloud
    #[arg(long)]
    synthetic: bool,
    /// Functions of made-up traffic
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    functions: u32,
    /// Days of made-up traffic
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Seed of made-up traffic, and of times within a minute where a trace has only counts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the first so many requests
    #[arg(long)]
    requests: Option<u64>,
    /// Memory of functions of which a trace does not tell it
    #[arg(long, value_name = "MB", default_value_t = 128)]
    memory_mb: u32,
    /// Time to start an instance where a trace does not tell it
    #[arg(long, value_name = "MS", default_value_t = 500)]
    cold_ms: u32,
    /// The same for all functions, whatever a trace tells
    #[arg(long, value_name = "MS")]
    all_cold_ms: Option<u32>,
    /// Time of calls of which a trace does not tell it
    #[arg(long, value_name = "MS", default_value_t = 100)]
    duration_ms: u32,
    /// Let each call come up to so much later, drawn from the seed: traces and networks are no more exact than that
    #[arg(long, value_name = "MS", default_value_t = 0)]
    jitter_ms: u32,
    /// Time for which the platform keeps an instance busy besides a call's own, in the mean
    #[arg(long, value_name = "US", default_value_t = 0)]
    overhead_us: u32,
    /// Play so many times, each with draws of its own, to see how much chance is in the result
    #[arg(long, default_value_t = 1, requires = "jitter_ms", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Accept a journal that was cut off, as one of a server that was killed is, up to its last whole block
    #[arg(long)]
    allow_unfinished: bool,
}

/// Traffic that can be played more than once.
pub enum Source {
    Made(synthetic::Settings),
    Recorded(Trace),
    Journal(Recording),
}

/// How far a run is.
#[derive(Clone, Copy)]
pub struct Progress {
    pub requests: u64,
    /// Of the time to be played.
    pub at_ms: u64,
}

/// What a run has before it. Made-up traffic is known by its time only, unless requests are capped.
#[derive(Clone, Copy)]
pub enum Extent {
    Requests(u64),
    Millis(u64),
}

impl Traffic {
    fn jitter(&self) -> Jitter {
        Jitter { late_ms: self.jitter_ms, longer_us: self.overhead_us }
    }

    pub fn open(&self) -> anyhow::Result<Source> {
        let Some(path) = &self.trace else {
            return Ok(Source::Made(synthetic::Settings {
                functions: self.functions,
                days: self.days,
                seed: self.seed,
            }));
        };
        if is_journal(path)? {
            if self.jitter() != Jitter::default() {
                bail!(
                    "--jitter-ms and --overhead-us are for traces: a journal says when calls came and how long they took"
                );
            }
            let mut recording = journal::read(path, self.cold_ms, self.duration_ms, self.allow_unfinished)?;
            if let Some(cold_ms) = self.all_cold_ms {
                recording.all_cold(cold_ms);
            }
            return Ok(Source::Journal(recording));
        }
        let files = texts(path)?;
        let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
        let files: Vec<trace::File> =
            names.iter().zip(&files).map(|(name, (_, text))| trace::File { name, text }).collect();
        let defaults = trace::Defaults {
            memory_mb: self.memory_mb,
            cold_ms: self.cold_ms,
            duration_ms: self.duration_ms,
            seed: self.seed,
        };
        Ok(Source::Recorded(Trace::read(&files, defaults)?))
    }
}

impl Source {
    /// Whether it brings limits of its own.
    pub fn has_limits(&self) -> bool {
        matches!(self, Source::Journal(_))
    }

    /// Plays it once, with the so-many-th draws; `progress` hears what there is to do, and then how far it went.
    pub fn play(
        &self,
        args: &Traffic,
        settings: &Settings,
        draw: u32,
        mut progress: impl FnMut(Extent, Progress),
    ) -> Report {
        match self {
            Source::Made(made) => {
                let workload = made_ahead(shaped(Workload::synthetic(*made), args, draw));
                // A cap may lie beyond what comes in the time.
                let extent = args.requests.map_or(Extent::Millis(workload.span_ms), Extent::Requests);
                run(workload, settings, |requests, at_ms| progress(extent, Progress { requests, at_ms }))
            }
            Source::Recorded(trace) => {
                let workload = shaped(trace.workload(), args, draw);
                let extent = workload.requests.map_or(Extent::Millis(workload.span_ms), Extent::Requests);
                run(workload, settings, |requests, at_ms| progress(extent, Progress { requests, at_ms }))
            }
            Source::Journal(recording) => {
                let calls = recording.calls();
                let extent = Extent::Requests(args.requests.map_or(calls, |limit| limit.min(calls)));
                let heard = |requests, at_ms| progress(extent, Progress { requests, at_ms });
                run_recorded(recording, settings, args.requests, heard)
            }
        }
    }
}

/// With what the flags say about all traffic.
fn shaped(mut workload: Workload, args: &Traffic, draw: u32) -> Workload {
    if let Some(cold_ms) = args.all_cold_ms {
        workload.functions.iter_mut().for_each(|function| function.cold_ms = cold_ms);
    }
    if let Some(limit) = args.requests {
        workload = workload.capped(limit);
    }
    match args.jitter() {
        none if none == Jitter::default() => workload,
        jitter => workload.jittered(jitter, args.seed.wrapping_add(u64::from(draw))),
    }
}

fn is_journal(path: &Path) -> anyhow::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    let mut start = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    file.take(sluice_journal::MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start == sluice_journal::MAGIC)
}

/// The files of a trace. A single file brings those beside it that belong to the same trace.
fn texts(path: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let (folder, single) = match path.is_dir() {
        true => (path, None),
        false => (path.parent().unwrap_or(Path::new(".")), Some(path)),
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let is_table = path.extension().is_some_and(|extension| extension == "csv");
        if is_table && single.is_none_or(|single| single == path || belongs(single, &path)) {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.push((path, text));
        }
    }
    if found.is_empty() {
        bail!("{} holds no .csv file", path.display());
    }
    found.sort();
    Ok(found)
}

/// Whether a table describes the functions whose calls are in another: all of iluvatar's and Azure 2019's do, and
/// Azure 2021 has one file only.
fn belongs(calls: &Path, other: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let (calls, other) = (name(calls), name(other));
    let describes = ["metadata", "duration", "memory"].iter().any(|word| other.contains(word));
    describes && !calls.contains("2021")
}
