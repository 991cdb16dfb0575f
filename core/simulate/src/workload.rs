//! Functions and their requests, wherever they come from.

use crate::{Synthetic, dice::Dice, synthetic};
use std::{cmp::Reverse, collections::BinaryHeap, iter::Peekable};

/// One request of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Milliseconds since the workload's start.
    pub at_ms: u64,
    /// Index into the workload's functions.
    pub function: u32,
    /// How long the function's code runs once an instance has the request.
    pub duration_ms: u32,
}

/// One function of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    pub name: String,
    /// What it needs; a run rounds it up to what its quota profile offers.
    pub memory_mb: u32,
    /// From a cold request to the start of its handler.
    pub cold_ms: u32,
    /// Called by HTTP; some limits ask.
    pub http: bool,
}

/// Requests in time order, and the functions they are for.
pub struct Workload {
    pub functions: Vec<Subject>,
    pub arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
    /// How long it was recorded; idle instances are counted up to then.
    pub span_ms: u64,
    /// How many requests there are, where that is known before they are made.
    pub requests: Option<u64>,
}

impl Workload {
    pub fn synthetic(settings: synthetic::Settings) -> Self {
        let made = Synthetic::new(settings);
        let subject = |(index, function): (usize, &synthetic::Function)| Subject {
            name: format!("f{index}"),
            memory_mb: function.memory_mb,
            cold_ms: function.cold_ms,
            http: function.trigger == synthetic::Trigger::Http,
        };
        let functions = made.functions().iter().enumerate().map(subject).collect();
        let span_ms = u64::from(settings.days) * synthetic::DAY_MS;
        Self { functions, arrivals: Box::new(made), span_ms, requests: None }
    }

    /// Only the first `limit` requests.
    pub fn capped(mut self, limit: u64) -> Self {
        self.requests = Some(self.requests.map_or(limit, |known| known.min(limit)));
        self.arrivals = Box::new(self.arrivals.take(usize::try_from(limit).unwrap_or(usize::MAX)));
        self
    }
    /// As good a record of the same traffic as the one given.
    pub fn jittered(mut self, jitter: Jitter, seed: u64) -> Self {
        let arrivals = std::mem::replace(&mut self.arrivals, Box::new(std::iter::empty()));
        let jittered = Jittered {
            arrivals: arrivals.peekable(),
            dice: Dice::new(seed, 0),
            jitter,
            end_ms: self.span_ms,
            late: BinaryHeap::new(),
            drawn: 0,
        };
        self.arrivals = Box::new(jittered);
        self
    }
}

/// How far what happens is from what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    /// Each request comes up to so much later.
    pub late_ms: u32,
    /// Each keeps its instance for so much longer, in the mean: whole milliseconds are drawn.
    pub longer_us: u32,
}

struct Jittered {
    arrivals: Peekable<Box<dyn Iterator<Item = Arrival> + Send>>,
    dice: Dice,
    jitter: Jitter,
    /// Nothing is put off beyond this.
    end_ms: u64,
    /// Time and number of those that were drawn already; those of the same time keep their order.
    late: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    drawn: u64,
}

impl Iterator for Jittered {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let Jitter { late_ms, longer_us } = self.jitter;
        while let Some(next) = self.arrivals.peek()
            && self.late.peek().is_none_or(|Reverse((at, ..))| next.at_ms <= *at)
        {
            let Arrival { at_ms, function, duration_ms } = *next;
            let late = at_ms + self.dice.next() % (u64::from(late_ms) + 1);
            let longer = longer_us / 1000 + u32::from(self.dice.next() % 1000 < u64::from(longer_us % 1000));
            let duration_ms = duration_ms.saturating_add(longer);
            self.late.push(Reverse((late.min(self.end_ms.max(at_ms)), self.drawn, function, duration_ms)));
            self.drawn += 1;
            self.arrivals.next();
        }
        let Reverse((at_ms, _, function, duration_ms)) = self.late.pop()?;
        Some(Arrival { at_ms, function, duration_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Workload {
        Workload::synthetic(synthetic::Settings { functions: 40, days: 1, seed: 9 }).capped(20_000)
    }

    fn jittered(late_ms: u32, longer_us: u32, seed: u64) -> Vec<Arrival> {
        made().jittered(Jitter { late_ms, longer_us }, seed).arrivals.collect()
    }

    #[test]
    fn what_keeps_instances_longer_is_right_in_the_mean() {
        let sum = |all: &[Arrival]| all.iter().map(|arrival| u64::from(arrival.duration_ms)).sum::<u64>();
        let before: Vec<Arrival> = made().arrivals.collect();
        let longer = (sum(&jittered(0, 1_250, 3)) - sum(&before)) as f64 / before.len() as f64;
        assert!((1.23..1.27).contains(&longer), "{longer}");
        assert_eq!(sum(&jittered(0, 2_000, 3)) - sum(&before), 2 * before.len() as u64);
    }

    #[test]
    fn jitter_puts_off_a_little_and_loses_nothing() {
        let before: Vec<Arrival> = made().arrivals.collect();
        let after = jittered(50, 0, 3);
        assert_ne!(before, after);
        assert!(after.is_sorted_by_key(|arrival| arrival.at_ms));
        let sum = |all: &[Arrival]| all.iter().map(|arrival| arrival.at_ms).sum::<u64>() as f64 / all.len() as f64;
        let mean = sum(&after) - sum(&before);
        assert!((24.0..26.0).contains(&mean), "{mean}");
        let calls = |all: &[Arrival]| {
            let mut calls: Vec<_> = all.iter().map(|arrival| (arrival.function, arrival.duration_ms)).collect();
            calls.sort_unstable();
            calls
        };
        assert_eq!(calls(&before), calls(&after));
        assert_eq!(after, jittered(50, 0, 3), "the same draws give the same");
        assert_ne!(after, jittered(50, 0, 4));
        assert_eq!(before, jittered(0, 0, 3));
    }
}
