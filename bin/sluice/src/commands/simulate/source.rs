//! Where the traffic comes from: files, a journal, or the generator.

use anyhow::{Context, bail};
use sluice_journal::{Outcome, Reader, invocations};
use sluice_simulate::{Arrival, Subject, Trace, Workload, synthetic, trace};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufReader, Read},
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
}

/// Traffic that can be played more than once.
pub enum Source {
    Made(synthetic::Settings),
    Recorded(Trace),
    Journal(Vec<Subject>, Vec<Arrival>, u64),
}

impl Traffic {
    pub fn open(&self) -> anyhow::Result<Source> {
        let Some(path) = &self.trace else {
            return Ok(Source::Made(synthetic::Settings {
                functions: self.functions,
                days: self.days,
                seed: self.seed,
            }));
        };
        if is_journal(path)? {
            return self.journal(path);
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

    /// A journal's calls. What was refused has no duration: it gets the mean of its version's, or the given one.
    fn journal(&self, path: &Path) -> anyhow::Result<Source> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
        let reader =
            Reader::new(BufReader::new(file)).map_err(|fault| anyhow::anyhow!("{shown}: {}", fault.trouble))?;
        let mut functions: Vec<(Subject, u64, u64)> = Vec::new();
        let mut known: HashMap<(u64, u32), u32> = HashMap::new();
        let mut calls: Vec<(u64, u32, Option<u64>)> = Vec::new();
        let mut first = None;
        let mut last = 0;
        for call in invocations(reader) {
            let call = call.map_err(|fault| anyhow::anyhow!("{shown}: {fault}"))?;
            let start = *first.get_or_insert(call.at);
            let index = *known.entry((call.scope, call.pool.0)).or_insert_with(|| {
                let name = format!("{}:{}", call.spec.name, call.spec.version);
                let memory_mb = call.spec.memory_mb as u32;
                functions.push((Subject { name, memory_mb, cold_ms: self.cold_ms, http: true }, 0, 0));
                functions.len() as u32 - 1
            });
            let at = call.at.saturating_sub(start);
            last = last.max(at);
            let duration = match call.outcome {
                Outcome::Ran { duration_ms, start_ms, .. } => {
                    let (subject, total, count) = &mut functions[index as usize];
                    if let Some(start_ms) = start_ms {
                        subject.cold_ms = start_ms as u32;
                    }
                    *total += duration_ms;
                    *count += 1;
                    Some(duration_ms)
                }
                _ => None,
            };
            calls.push((at, index, duration));
        }
        if calls.is_empty() {
            bail!("{shown} has no calls");
        }
        let mean = |index: u32| match functions[index as usize] {
            (_, total, count) if count > 0 => total / count,
            _ => u64::from(self.duration_ms),
        };
        let mut arrivals: Vec<Arrival> = calls
            .iter()
            .map(|(at_ms, function, duration)| Arrival {
                at_ms: *at_ms,
                function: *function,
                duration_ms: duration.unwrap_or_else(|| mean(*function)) as u32,
            })
            .collect();
        arrivals.sort_by_key(|arrival| arrival.at_ms);
        Ok(Source::Journal(functions.into_iter().map(|(subject, ..)| subject).collect(), arrivals, last + 1))
    }
}

impl Source {
    pub fn workload(&self, args: &Traffic) -> Workload {
        let mut workload = match self {
            Source::Made(settings) => Workload::synthetic(*settings),
            Source::Recorded(trace) => trace.workload(),
            Source::Journal(functions, arrivals, span_ms) => Workload {
                functions: functions.clone(),
                requests: Some(arrivals.len() as u64),
                arrivals: Box::new(arrivals.clone().into_iter()),
                span_ms: *span_ms,
            },
        };
        if let Some(cold_ms) = args.all_cold_ms {
            workload.functions.iter_mut().for_each(|function| function.cold_ms = cold_ms);
        }
        match args.requests {
            Some(limit) => workload.capped(limit),
            None => workload,
        }
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
