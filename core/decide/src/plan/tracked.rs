//! The tracking part of a plan: a number that goes after the load.

use super::{Cause, Load, PlanRules};
use sluice_domain::TrackingStep;

/// How often tracking looks and how fast it goes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    tick_ms: i64,
    in_window_ms: i64,
    in_step: TrackingStep,
}

/// A tracking policy, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub name: String,
    pub utilization_ppm: u32,
    pub min: u64,
    pub max: u64,
    /// It counts from here …
    pub from: i64,
    /// … until just before here. `i64::MAX` is never.
    pub until: i64,
    /// While its window is open.
    pub open: Option<Tracked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tracked {
    number: u64,
    /// When it last changed the number itself.
    scaled_at: Option<i64>,
}

impl Pace {
    pub(super) fn new(rules: &PlanRules) -> Self {
        Self {
            tick_ms: i64::from(rules.tick_s.max(1)) * 1000,
            in_window_ms: i64::from(rules.in_window_s) * 1000,
            in_step: rules.in_step,
        }
    }

    /// The last tick after `done` and up to `now`.
    pub(super) fn last_tick(&self, since: i64, done: i64, now: i64) -> Option<i64> {
        let passed = now.checked_sub(since)?;
        Some(now - passed % self.tick_ms).filter(|tick| *tick > done)
    }

    /// The first tick after `done` and not before `earliest`.
    pub(super) fn next_tick(&self, since: i64, done: i64, earliest: i64) -> Option<i64> {
        let passed = done.max(earliest.saturating_sub(1)).checked_sub(since)?.max(0);
        since.checked_add((passed / self.tick_ms + 1).checked_mul(self.tick_ms)?)
    }
}

impl Policy {
    /// Opens or closes with its window. It starts from the number in force.
    pub(super) fn turn(&mut self, now: i64, in_force: u64) -> Option<Cause> {
        let policy = self.name.clone();
        match (self.from <= now && now < self.until, &self.open) {
            (true, None) => {
                self.open = Some(Tracked { number: in_force.clamp(self.min, self.max), scaled_at: None });
                Some(Cause::TrackingBegan { policy })
            }
            (false, Some(_)) => {
                self.open = None;
                Some(Cause::TrackingEnded { policy })
            }
            _ => None,
        }
    }

    pub(super) fn next_turn(&self, done: i64) -> Option<i64> {
        [self.from, self.until].into_iter().find(|edge| *edge > done && *edge != i64::MAX)
    }

    /// What it makes of the scheduled number, while its window is open.
    pub(super) fn number(&self, scheduled: u64) -> Option<u64> {
        self.open.as_ref().map(|tracked| tracked.number.max(scheduled).clamp(self.min, self.max))
    }

    /// From when on a tick may move it: with any load, or with this one as long as it lasts.
    pub(super) fn may_move(&self, load: Option<&Load>, pace: &Pace) -> Option<i64> {
        let tracked = self.open.as_ref()?;
        let Some(load) = load else { return Some(i64::MIN) };
        let wanted = self.wanted(load);
        if wanted == tracked.number {
            return None;
        }
        if wanted > tracked.number { Some(i64::MIN) } else { Some(tracked.lowers_from(pace)) }
    }

    /// Looks at the load once.
    pub(super) fn track(&mut self, at: i64, load: &Load, pace: &Pace) -> Option<Cause> {
        let wanted = self.wanted(load);
        let tracked = self.open.as_mut()?;
        let (policy, requests) = (self.name.clone(), load.requests());
        if wanted > tracked.number {
            *tracked = Tracked { number: wanted, scaled_at: Some(at) };
            return Some(Cause::ScaledOut { policy, requests });
        }
        if wanted < tracked.number && tracked.lowers_from(pace) <= at {
            let number = tracked.lowered(wanted, pace);
            *tracked = Tracked { number, scaled_at: Some(at) };
            return Some(Cause::ScaledIn { policy, requests });
        }
        None
    }

    /// `requests / (utilisation x requests an instance takes)`, rounded up, within the bounds.
    fn wanted(&self, load: &Load) -> u64 {
        let share = u128::from(self.utilization_ppm.max(1)) * u128::from(load.per_instance.max(1));
        let instances = (u128::from(load.milli()) * 1000).div_ceil(share);
        u64::try_from(instances).unwrap_or(u64::MAX).clamp(self.min, self.max)
    }
}

impl Tracked {
    fn lowers_from(&self, pace: &Pace) -> i64 {
        self.scaled_at.map_or(i64::MIN, |at| at.saturating_add(pace.in_window_ms))
    }

    fn lowered(&self, wanted: u64, pace: &Pace) -> u64 {
        match pace.in_step {
            TrackingStep::Full => wanted,
            TrackingStep::Gradual => (self.number - (self.number / 10).max(1)).max(wanted),
        }
    }
}

impl Load {
    /// Thousandths of requests at once: those in progress now, or their mean if that is more, so that a burst between
    /// two looks counts.
    fn milli(&self) -> u64 {
        self.in_flight.saturating_mul(1000).max(self.mean_milli)
    }

    /// The same in whole requests, for people.
    pub(super) fn requests(&self) -> u64 {
        self.milli().div_ceil(1000)
    }
}
