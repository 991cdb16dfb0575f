//! A seeded generator of workloads that look like a public cloud's.
//!
//! Sources. Shahrad et al., "Serverless in the Wild: Characterizing and Optimizing the Serverless Workload at a Large
//! Cloud Provider", USENIX ATC 2020 (below: *Wild*), and the description of the data set published with it
//! (AzurePublicDataset, "Azure Functions Trace 2019"). What they say, and where it stands here:
//!
//! | published | here |
//! |---|---|
//! | rates over eight orders of magnitude; 45 % of applications called at most hourly, 81 % at most every minute on average (*Wild* §3.3, figure 5) | `RATE_QUANTILES` |
//! | triggers: HTTP 55 %, queue 15.2 %, event 2.2 %, orchestration 6.9 %, timer 15.6 %, storage 2.8 %, others 2.2 % of functions; 35.9, 33.5, 24.7, 2.3, 2.0, 0.7, 1.0 % of calls (figure 2) | `population::TRIGGER_SHARES`, `TRIGGER_RATE_SHIFT` |
//! | half of the platform's load is constant, the rest follows day and week (figure 4) | `rhythm` |
//! | gaps: variation near 0 for timers and for about a tenth of applications without timers, near 1 for many, above 1 for about 40 % (figure 6) | `population::PROCESS_MIX` |
//! | average duration log-normal with log-mean -0.38 (s), log-deviation 2.36; half under 1 s on average, 90 % of maxima under 60 s (figure 7) | `DURATION_LOG_MEAN`, `DURATION_LOG_DEVIATION` |
//! | average memory Burr XII, c 11.652, k 0.221, λ 107.083; half of the maxima under 170 MB, 90 % under 400 MB (figure 8) | `MEMORY_BURR`, `MEMORY_MAX` |
//!
//! What they do not say, and is assumed here: the times within a burst, the periods of timers (common cron lines),
//! the share of timers that run in office hours only, cold start times (log-normal, median 600 ms), that a function
//! with a high rate is short enough to need no more than 50 instances on average, and that a function is an
//! application of its own. Calls of timers are a smaller share than published, because the heaviest others are not cut.
//!
//! The parameters are frozen: policies are judged by workloads drawn with them, so they must not be fitted to the
//! policies. A test holds the stream of one seed to its fingerprint.

mod merge;
mod population;
mod process;
mod rhythm;
#[cfg(test)]
mod tests;

use crate::Arrival;
use merge::Merge;
use process::Source;

pub use population::Trigger;

/// Milliseconds of a day.
pub const DAY_MS: u64 = 86_400_000;

/// Share of functions (of those without a timer) whose average number of calls a day is below ten to the power of
/// the second number; logarithms of rates are interpolated between.
pub const RATE_QUANTILES: [(f64, f64); 9] = [
    (0.0, -1.0),
    (0.15, 0.0),
    (0.45, 1.380_211),
    (0.81, 3.158_362),
    (0.93, 4.0),
    (0.98, 4.698_97),
    (0.998, 5.477_121),
    (0.9995, 6.0),
    (1.0, 7.0),
];

/// Of a function's average duration in seconds.
pub const DURATION_LOG_MEAN: f64 = -0.38;
pub const DURATION_LOG_DEVIATION: f64 = 2.36;
/// How much single calls of a function scatter: log-deviation, drawn evenly per function.
pub const DURATION_CALL_DEVIATION: (f64, f64) = (0.05, 0.7);
/// The longest call, as most clouds limit it.
pub const DURATION_MAX_MS: f64 = 900_000.0;
/// A function's rate times its average duration stays below this.
pub const MEAN_CONCURRENCY_MAX: f64 = 50.0;

/// c, k and λ (MB) of the average memory.
pub const MEMORY_BURR: (f64, f64, f64) = (11.652, 0.221, 107.083);
/// From average to maximum: `170 MB · (average / 139.6 MB)^1.36` carries the median and the 90th percentile over.
pub const MEMORY_MAX: (f64, f64, f64) = (170.0, 139.6, 1.36);
pub const MEMORY_LIMITS_MB: (f64, f64) = (16.0, 3072.0);

/// Of the time from a cold request to the first line of its handler, in milliseconds.
pub const COLD_MEDIAN_MS: f64 = 600.0;
pub const COLD_LOG_DEVIATION: f64 = 0.8;
pub const COLD_LIMITS_MS: (f64, f64) = (50.0, 30_000.0);

/// What a workload is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub functions: u32,
    /// The first day is a Monday.
    pub days: u32,
    pub seed: u64,
}

/// One function of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub trigger: Trigger,
    pub memory_mb: u32,
    /// From a cold request to the start of its handler.
    pub cold_ms: u32,
    /// The mean that its calls were drawn around.
    pub calls_per_day: f64,
    pub mean_duration_ms: f64,
}

/// A workload: its functions, and an iterator over its requests in time order.
///
/// Holds about a hundred bytes per function, however many requests there are.
pub struct Synthetic {
    functions: Vec<Function>,
    sources: Vec<Source>,
    merge: Merge,
    horizon_ms: u64,
}

impl Synthetic {
    pub fn new(settings: Settings) -> Self {
        let horizon_ms = u64::from(settings.days) * DAY_MS;
        let mut functions = Vec::with_capacity(settings.functions as usize);
        let mut sources = Vec::with_capacity(settings.functions as usize);
        let mut first = Vec::new();
        for index in 0..settings.functions {
            let (function, source) = population::draw(settings.seed, index);
            if source.at() < horizon_ms {
                first.push((source.at(), index));
            }
            functions.push(function);
            sources.push(source);
        }
        Self { functions, sources, merge: Merge::new(first), horizon_ms }
    }

    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The same requests function by function: `take` gets each function with its calls in time order.
    pub fn each_function(mut self, mut take: impl FnMut(u32, &Function, &mut dyn Iterator<Item = Arrival>)) {
        for (index, (function, source)) in self.functions.iter().zip(&mut self.sources).enumerate() {
            let mut calls = std::iter::from_fn(|| {
                let at_ms = Some(source.at()).filter(|at| *at < self.horizon_ms)?;
                let duration_ms = source.duration();
                source.advance();
                Some(Arrival { at_ms, function: index as u32, duration_ms })
            });
            take(index as u32, function, &mut calls);
        }
    }
}

impl Iterator for Synthetic {
    type Item = Arrival;

    #[inline]
    fn next(&mut self) -> Option<Arrival> {
        let (at_ms, function) = self.merge.earliest()?;
        let source = &mut self.sources[function as usize];
        let duration_ms = source.duration();
        source.advance();
        if source.at() < self.horizon_ms {
            self.merge.replace_earliest(source.at());
        } else {
            self.merge.remove_earliest();
        }
        Some(Arrival { at_ms, function, duration_ms })
    }
}
