//! When one function is called, and for how long each call runs.

use super::DURATION_MAX_MS;
use super::rhythm::Rhythm;
use crate::dice::Dice;

/// Nobody waits for a first call that is a thousand days away.
const FIRST_WITHIN_MS: f64 = 1000.0 * super::DAY_MS as f64;

/// The law of a function's gaps. Times are milliseconds.
#[derive(Clone, Copy, Debug)]
pub enum Process {
    /// A cron line: every `period`, each time late by up to a few `lateness`; in office hours only if `office`.
    Timer { period: f64, phase: f64, lateness: f64, office: bool },
    /// A device or a probe that calls every so often, by its own clock.
    Periodic { period: f64, scatter: f64 },
    /// Calls that know nothing of each other.
    Poisson { mean: f64 },
    /// Log-normal gaps.
    Heavy { mu: f64, sigma: f64 },
    /// Sessions at independent times, of a geometric number of calls with log-normal gaps.
    Sessions { between: f64, more: f64, mu: f64 },
}

/// Log-deviation of gaps inside a session.
pub const SESSION_DEVIATION: f64 = 1.0;
/// Hours of the day and days of the week in which an office timer runs.
const OFFICE_HOURS: std::ops::Range<u64> = 8..19;
const OFFICE_DAYS: u64 = 5;

/// One function's calls. `Copy` and about a hundred bytes: there are as many as functions.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    dice: Dice,
    at: f64,
    process: Process,
    rhythm: Rhythm,
    duration_mu: f64,
    duration_sigma: f64,
}

impl Source {
    pub fn new(dice: Dice, process: Process, rhythm: Rhythm, duration_mu: f64, duration_sigma: f64) -> Self {
        let mut source = Self { dice, at: -1.0, process, rhythm, duration_mu, duration_sigma };
        source.at = source.first();
        source
    }

    /// When the next call comes.
    #[inline]
    pub fn at(&self) -> u64 {
        self.at as u64
    }

    /// On to the call after it. Time never goes back.
    #[inline]
    pub fn advance(&mut self) {
        self.at = match self.process {
            Process::Timer { period, phase, lateness, office } => self.fire(period, phase, lateness, office),
            Process::Periodic { period, scatter } => {
                self.at + (period * (1.0 + scatter * self.dice.normal())).max(0.1 * period)
            }
            Process::Poisson { mean } => self.later(mean),
            Process::Heavy { mu, sigma } => {
                let gap = self.dice.log_normal(mu, sigma);
                self.rhythm.after(self.at, gap)
            }
            Process::Sessions { between, more, mu } => {
                if self.dice.chance(more) {
                    self.at + self.dice.log_normal(mu, SESSION_DEVIATION)
                } else {
                    self.later(between)
                }
            }
        };
    }

    /// The recording starts somewhere inside a gap, and more likely inside a long one.
    fn first(&mut self) -> f64 {
        let gap = match self.process {
            Process::Timer { period, phase, lateness, office } => return self.fire(period, phase, lateness, office),
            Process::Periodic { period, .. } => self.dice.unit() * period,
            Process::Poisson { mean } => self.dice.exponential(mean),
            Process::Heavy { mu, sigma } => self.dice.unit() * self.dice.log_normal(mu + sigma * sigma, sigma),
            Process::Sessions { between, .. } => self.dice.exponential(between),
        };
        self.rhythm.after(0.0, gap.min(FIRST_WITHIN_MS))
    }

    #[inline]
    fn later(&mut self, mean: f64) -> f64 {
        let gap = self.dice.exponential(mean);
        self.rhythm.after(self.at, gap)
    }

    #[inline]
    pub fn duration(&mut self) -> u32 {
        self.dice.log_normal(self.duration_mu, self.duration_sigma).clamp(1.0, DURATION_MAX_MS) as u32
    }

    /// The next time of a cron line: always after the last one, whatever the lateness was.
    fn fire(&mut self, period: f64, phase: f64, lateness: f64, office: bool) -> f64 {
        let mut turn = ((self.at - phase) / period + 1.0).max(0.0) as u64;
        while office && !in_office(turn as f64 * period + phase) {
            turn += 1;
        }
        let late = (lateness * self.dice.normal().abs()).min(0.4 * period);
        turn as f64 * period + phase + late
    }
}

fn in_office(at: f64) -> bool {
    let hour = at as u64 / 3_600_000;
    OFFICE_HOURS.contains(&(hour % 24)) && hour / 24 % 7 < OFFICE_DAYS
}
