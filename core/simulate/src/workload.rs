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
    /// Each request up to `most_ms` later, drawn from the seed: as good a record of the same traffic as the one given.
    pub fn jittered(mut self, most_ms: u32, seed: u64) -> Self {
        let arrivals = std::mem::replace(&mut self.arrivals, Box::new(std::iter::empty()));
        let jitter = Jitter {
            arrivals: arrivals.peekable(),
            dice: Dice::new(seed, 0),
            most_ms,
            end_ms: self.span_ms,
            late: BinaryHeap::new(),
            drawn: 0,
        };
        self.arrivals = Box::new(jitter);
        self
    }
}

struct Jitter {
    arrivals: Peekable<Box<dyn Iterator<Item = Arrival> + Send>>,
    dice: Dice,
    most_ms: u32,
    /// Nothing is put off beyond this.
    end_ms: u64,
    /// Time and number of those that were drawn already; those of the same time keep their order.
    late: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    drawn: u64,
}

impl Iterator for Jitter {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        while let Some(next) = self.arrivals.peek()
            && self.late.peek().is_none_or(|Reverse((at, ..))| next.at_ms <= *at)
        {
            let Arrival { at_ms, function, duration_ms } = *next;
            let late = at_ms + self.dice.next() % (u64::from(self.most_ms) + 1);
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

    #[test]
    fn jitter_puts_off_a_little_and_loses_nothing() {
        let before: Vec<Arrival> = made().arrivals.collect();
        let after: Vec<Arrival> = made().jittered(50, 3).arrivals.collect();
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
        assert_eq!(after, made().jittered(50, 3).arrivals.collect::<Vec<_>>(), "the same draws give the same");
        assert_ne!(after, made().jittered(50, 4).arrivals.collect::<Vec<_>>());
        assert_eq!(before, made().jittered(0, 3).arrivals.collect::<Vec<_>>());
    }
}
