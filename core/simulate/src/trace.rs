//! Recorded workloads, from the text of their files.
//!
//! Three formats: the one of iluvatar-faas' examples (one line per call, and a table of functions), the Azure Functions
//! data set of 2019 (calls per minute, durations and memory as percentiles; a folder per trace), and the one of 2021
//! (one line per call). Files are recognised by their first line, so their names do not matter.
//!
//! A line that cannot be read is an error that names file, line and value; nothing is skipped silently.

mod azure2019;
mod azure2021;
mod iluvatar;
mod table;
#[cfg(test)]
mod tests;

use crate::{Arrival, Subject, Workload};
use azure2019::Minutes;
use std::{fmt, sync::Arc};

/// What a trace does not say.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub memory_mb: u32,
    pub cold_ms: u32,
    pub duration_ms: u32,
    /// Of the times within a minute, where only counts per minute are recorded.
    pub seed: u64,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { memory_mb: 128, cold_ms: 500, duration_ms: 100, seed: 1 }
    }
}

/// One file: what to call it in errors, and what is in it.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// A line that cannot be read, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    pub file: String,
    /// From 1; 0 is the file as a whole.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for TraceError {}

/// A recorded workload; [`Trace::workload`] plays it as often as it is asked.
#[derive(Clone, Debug)]
pub struct Trace {
    functions: Vec<Subject>,
    calls: Calls,
    span_ms: u64,
}

#[derive(Clone, Debug)]
enum Calls {
    Listed(Arc<Vec<Arrival>>),
    Counted(Arc<Minutes>),
}

/// What a file is, by its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    IluvatarCalls,
    IluvatarFunctions,
    Azure2019Calls,
    Azure2019Durations,
    Azure2019Memory,
    Azure2021,
}

impl Kind {
    fn of(file: &File) -> Option<Kind> {
        let first = file.text.lines().next().unwrap_or_default();
        let has = |name: &str| first.split(',').any(|column| column.trim() == name);
        [
            (Kind::IluvatarCalls, "invoke_time_ms"),
            (Kind::IluvatarFunctions, "warm_dur_ms"),
            (Kind::Azure2019Durations, "percentile_Average_50"),
            (Kind::Azure2019Memory, "AverageAllocatedMb"),
            (Kind::Azure2019Calls, "Trigger"),
            (Kind::Azure2021, "end_timestamp"),
        ]
        .into_iter()
        .find_map(|(kind, column)| has(column).then_some(kind))
    }
}

/// Refuses calls of more than one recording: only the days of Azure 2019 are several files.
fn one_recording(files: &[(Kind, File)]) -> Result<(), TraceError> {
    let is_calls = |kind| matches!(kind, Kind::IluvatarCalls | Kind::Azure2019Calls | Kind::Azure2021);
    let mut calls = files.iter().filter(|(kind, _)| is_calls(*kind));
    let Some((first_kind, first)) = calls.next() else { return Ok(()) };
    let other = calls.find(|(kind, _)| *kind != Kind::Azure2019Calls || kind != first_kind);
    let Some((_, other)) = other else { return Ok(()) };
    Err(TraceError {
        file: first.name.to_owned(),
        line: 0,
        message: format!("{} holds calls too, of another recording: name the file that is to be played", other.name),
    })
}

impl Trace {
    /// Reads the files of one trace, in any order. Files of several days of Azure 2019 are days in the order of
    /// their names.
    pub fn read(files: &[File], defaults: Defaults) -> Result<Self, TraceError> {
        let mut files: Vec<(Kind, File)> = files.iter().filter_map(|file| Some((Kind::of(file)?, *file))).collect();
        files.sort_by(|a, b| a.1.name.cmp(b.1.name));
        let all = |wanted: Kind| files.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, file)| *file);
        one_recording(&files)?;
        if let Some(calls) = all(Kind::IluvatarCalls).next() {
            return iluvatar::read(calls, all(Kind::IluvatarFunctions).next(), defaults);
        }
        if let Some(calls) = all(Kind::Azure2021).next() {
            return azure2021::read(calls, defaults);
        }
        let days: Vec<File> = all(Kind::Azure2019Calls).collect();
        if !days.is_empty() {
            let durations: Vec<File> = all(Kind::Azure2019Durations).collect();
            let memory: Vec<File> = all(Kind::Azure2019Memory).collect();
            return azure2019::read(&days, &durations, &memory, defaults);
        }
        Err(TraceError {
            file: "trace".to_owned(),
            line: 0,
            message: "no file of calls among them; their first line would have a column invoke_time_ms (iluvatar), \
                      Trigger (Azure 2019) or end_timestamp (Azure 2021)"
                .to_owned(),
        })
    }

    /// Whether this first line is one of a file of some trace.
    pub fn is_part(file: &File) -> bool {
        Kind::of(file).is_some()
    }

    fn listed(functions: Vec<Subject>, mut calls: Vec<Arrival>, span_ms: u64) -> Self {
        // Stable: calls of one millisecond stay in the order of the file.
        calls.sort_by_key(|call| call.at_ms);
        Self { functions, calls: Calls::Listed(Arc::new(calls)), span_ms }
    }

    pub fn workload(&self) -> Workload {
        let (arrivals, requests): (Box<dyn Iterator<Item = Arrival> + Send>, u64) = match &self.calls {
            Calls::Listed(calls) => {
                let calls = Arc::clone(calls);
                let count = calls.len();
                (Box::new((0..count).map(move |index| calls[index])), count as u64)
            }
            Calls::Counted(minutes) => (Box::new(azure2019::expand(Arc::clone(minutes))), minutes.requests()),
        };
        Workload { functions: self.functions.clone(), arrivals, span_ms: self.span_ms, requests: Some(requests) }
    }
}
