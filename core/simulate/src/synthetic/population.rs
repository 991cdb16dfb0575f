//! What kinds of functions there are, and drawing one.

use super::process::{Process, SESSION_DEVIATION, Source};
use super::rhythm::Rhythm;
use super::*;
use crate::dice::{Dice, exp, ln, power};

/// What calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    Http,
    Queue,
    Event,
    Orchestration,
    Timer,
    Storage,
    Other,
}

pub const TRIGGERS: [Trigger; 7] = [
    Trigger::Http,
    Trigger::Queue,
    Trigger::Event,
    Trigger::Orchestration,
    Trigger::Timer,
    Trigger::Storage,
    Trigger::Other,
];

/// Shares of functions, in the order of `TRIGGERS` (as are the other tables).
pub const TRIGGER_SHARES: [f64; 7] = [55.0, 15.2, 2.2, 6.9, 15.6, 2.8, 2.2];
/// Powers of ten by which a trigger's rates lie above or below the average, so that shares of calls come out near
/// the published ones.
const TRIGGER_RATE_SHIFT: [f64; 7] = [-0.1, 0.35, 1.0, -0.35, 0.0, -0.4, -0.2];

/// Periodic, Poisson, heavy-tailed, sessions.
const PROCESS_MIX: [[f64; 4]; 7] = [
    [0.08, 0.27, 0.25, 0.40],
    [0.08, 0.22, 0.30, 0.40],
    [0.25, 0.35, 0.20, 0.20],
    [0.00, 0.10, 0.25, 0.65],
    [0.00, 0.00, 0.00, 0.00],
    [0.05, 0.20, 0.30, 0.45],
    [0.15, 0.30, 0.30, 0.25],
];
/// The least gap inside a session, in durations: people wait for an answer, queues do not.
const SESSION_OVERLAP: [f64; 7] = [0.5, 0.1, 0.1, 0.2, 1.0, 0.1, 0.2];

/// Minutes between fires of timers, with their shares; then "every n minutes" with any n of 2 to 59.
const TIMER_PERIODS: [(f64, f64); 13] = [
    (1.0, 0.13),
    (2.0, 0.04),
    (5.0, 0.22),
    (10.0, 0.09),
    (15.0, 0.11),
    (20.0, 0.02),
    (30.0, 0.09),
    (60.0, 0.13),
    (120.0, 0.02),
    (240.0, 0.02),
    (360.0, 0.02),
    (720.0, 0.02),
    (1440.0, 0.09),
];
/// How late a timer's calls come: milliseconds, drawn evenly in the logarithm per function.
const TIMER_LATENESS_MS: (f64, f64) = (10.0, 2_000.0);
/// Timers of an hour or less that run in office hours only.
const TIMER_OFFICE: f64 = 0.12;
/// Relative deviation of the gaps of a periodic caller, drawn evenly in the logarithm.
const PERIODIC_SCATTER: (f64, f64) = (0.002, 0.2);
/// Log-deviation of heavy-tailed gaps: a variation of 1.3 to 20.
const HEAVY_DEVIATION: (f64, f64) = (1.0, 2.45);
/// Calls in a session, and the median gap inside it (ms), both drawn evenly in the logarithm per function.
const SESSION_CALLS: (f64, f64) = (2.0, 120.0);
const SESSION_GAP_MS: (f64, f64) = (200.0, 90_000.0);
/// The gap inside a session is at most this part of the average gap.
const SESSION_GAP_SHARE: f64 = 0.3;
/// Constant, mild, strong rhythm.
const RHYTHM_MIX: [f64; 3] = [0.40, 0.30, 0.30];
/// Most users live near the data centre; the others are spread over the day.
const HOME_PHASE: f64 = 0.5;

pub fn draw(seed: u64, index: u32) -> (Function, Source) {
    let mut dice = Dice::new(seed, u64::from(index));
    let kind = dice.pick(&TRIGGER_SHARES);
    let trigger = TRIGGERS[kind];
    let timer = (trigger == Trigger::Timer).then(|| draw_timer(&mut dice));
    let calls_per_day = match timer {
        Some(Process::Timer { period, office, .. }) => DAY_MS as f64 / period * if office { 0.327 } else { 1.0 },
        _ => draw_rate(&mut dice, TRIGGER_RATE_SHIFT[kind]),
    };
    let gap = DAY_MS as f64 / calls_per_day;
    let sigma = dice.between(DURATION_CALL_DEVIATION.0, DURATION_CALL_DEVIATION.1);
    let mean_ms = draw_duration(&mut dice, gap);
    let process = timer.unwrap_or_else(|| draw_process(&mut dice, kind, gap, mean_ms));
    let rhythm = match process {
        Process::Timer { .. } | Process::Periodic { .. } => Rhythm::Constant,
        _ => draw_rhythm(&mut dice),
    };
    let function = Function {
        trigger,
        memory_mb: draw_memory(&mut dice),
        cold_ms: dice
            .log_normal(ln(COLD_MEDIAN_MS), COLD_LOG_DEVIATION)
            .clamp(COLD_LIMITS_MS.0, COLD_LIMITS_MS.1)
            .round() as u32,
        calls_per_day,
        mean_duration_ms: mean_ms,
    };
    // The mean of a log-normal lies above its median by half its variance.
    let source = Source::new(dice, process, rhythm, ln(mean_ms) - sigma * sigma / 2.0, sigma);
    (function, source)
}

fn draw_rate(dice: &mut Dice, shift: f64) -> f64 {
    let share = dice.unit();
    let above = RATE_QUANTILES.iter().position(|(quantile, _)| share <= *quantile).unwrap_or(1).max(1);
    let ((low, from), (high, to)) = (RATE_QUANTILES[above - 1], RATE_QUANTILES[above]);
    let log = from + (to - from) * (share - low) / (high - low);
    let (least, most) = (RATE_QUANTILES[0].1, RATE_QUANTILES[RATE_QUANTILES.len() - 1].1);
    exp((log + shift).clamp(least, most) * std::f64::consts::LN_10)
}

fn draw_duration(dice: &mut Dice, gap: f64) -> f64 {
    let most = (MEAN_CONCURRENCY_MAX * gap).min(DURATION_MAX_MS / 2.0);
    (1000.0 * dice.log_normal(DURATION_LOG_MEAN, DURATION_LOG_DEVIATION)).clamp(1.0, most.max(1.0))
}

fn draw_memory(dice: &mut Dice) -> u32 {
    let (c, k, lambda) = MEMORY_BURR;
    let average = lambda * power(power(1.0 - dice.unit(), -1.0 / k) - 1.0, 1.0 / c);
    let (median, of, steepness) = MEMORY_MAX;
    (median * power(average / of, steepness)).clamp(MEMORY_LIMITS_MB.0, MEMORY_LIMITS_MB.1).round() as u32
}

fn draw_timer(dice: &mut Dice) -> Process {
    let minute = 60_000.0;
    let mut share = dice.unit();
    let common = TIMER_PERIODS.iter().find(|(_, weight)| {
        share -= weight;
        share < 0.0
    });
    let minutes = common.map_or_else(|| dice.between(2.0, 60.0).floor(), |(minutes, _)| *minutes);
    let period = minutes * minute;
    // Cron lines fire at the start of a minute.
    let phase = (dice.unit() * minutes).floor() * minute;
    let lateness = dice.log_between(TIMER_LATENESS_MS.0, TIMER_LATENESS_MS.1);
    let office = minutes <= 60.0 && dice.chance(TIMER_OFFICE);
    Process::Timer { period, phase, lateness, office }
}

fn draw_process(dice: &mut Dice, kind: usize, gap: f64, duration: f64) -> Process {
    match dice.pick(&PROCESS_MIX[kind]) {
        0 => Process::Periodic { period: gap, scatter: dice.log_between(PERIODIC_SCATTER.0, PERIODIC_SCATTER.1) },
        1 => Process::Poisson { mean: gap },
        2 => {
            let sigma = dice.between(HEAVY_DEVIATION.0, HEAVY_DEVIATION.1);
            Process::Heavy { mu: ln(gap) - sigma * sigma / 2.0, sigma }
        }
        _ => {
            let calls = dice.log_between(SESSION_CALLS.0, SESSION_CALLS.1);
            let drawn = dice.log_between(SESSION_GAP_MS.0, SESSION_GAP_MS.1);
            let spread = exp(SESSION_DEVIATION * SESSION_DEVIATION / 2.0);
            let inner = drawn.max(SESSION_OVERLAP[kind] * duration).min(SESSION_GAP_SHARE * gap / spread);
            Process::Sessions {
                between: calls * gap - (calls - 1.0) * inner * spread,
                more: 1.0 - 1.0 / calls,
                mu: ln(inner),
            }
        }
    }
}

fn draw_rhythm(dice: &mut Dice) -> Rhythm {
    let kind = dice.pick(&RHYTHM_MIX);
    let phase = if dice.chance(HOME_PHASE) { 0 } else { dice.between(0.0, 24.0) as u8 };
    match kind {
        0 => Rhythm::Constant,
        1 => Rhythm::Mild { phase },
        _ => Rhythm::Strong { phase },
    }
}
