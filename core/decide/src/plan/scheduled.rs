//! The scheduled part of a plan: which action's number is in force.

use super::Cause;
use crate::schedule::{Timing, Zone};

/// An action, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub name: String,
    pub timing: Timing,
    pub zone: Zone,
    pub target: u64,
    /// It counts from here …
    pub from: i64,
    /// … until just before here. `i64::MAX` is never.
    pub until: i64,
    /// When it fires next, after what is settled.
    pub next: Option<i64>,
}

/// The actions of a plan in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    actions: Vec<Action>,
    /// The action that fired last, while its window is open.
    holder: Option<usize>,
}

impl Action {
    fn fire_after(&self, instant: i64) -> Option<i64> {
        let after = instant.max(self.from.saturating_sub(1));
        self.timing.next_after(after, &self.zone).filter(|at| *at < self.until)
    }

    /// The last fire up to `now` among those not yet settled.
    fn last_fire(&self, now: i64) -> Option<i64> {
        let next = self.next.filter(|next| *next <= now)?;
        self.timing.last_until(now.min(self.until - 1), next, &self.zone)
    }
}

impl Schedule {
    /// Nothing has fired before `since`.
    pub(super) fn new(mut actions: Vec<Action>, since: i64) -> Self {
        for action in &mut actions {
            action.next = action.fire_after(since.saturating_sub(1));
        }
        Self { actions, holder: None }
    }

    /// The number in force by schedule.
    pub(super) fn number(&self) -> Option<u64> {
        self.holder.map(|place| self.actions[place].target)
    }

    /// When another action fires, or the window of the one in force ends. That this one fires again changes
    /// nothing, so nobody need come for it.
    pub(super) fn next_due(&self) -> Option<i64> {
        let others = self.actions.iter().enumerate().filter(|(place, _)| Some(*place) != self.holder);
        let fire = others.filter_map(|(_, action)| action.next).min();
        let end = self.holder.map(|place| self.actions[place].until).filter(|until| *until != i64::MAX);
        [fire, end].into_iter().flatten().min()
    }

    /// Everything up to `now`, and the last thing that happened. Only the last fire of each action can count, so
    /// the cost does not grow with the time that has passed.
    pub(super) fn settle(&mut self, now: i64) -> Option<(i64, Cause)> {
        let fires = self.actions.iter().enumerate();
        let last = fires.filter_map(|(place, action)| Some((action.last_fire(now)?, place))).max();
        for action in &mut self.actions {
            if action.next.is_some_and(|next| next <= now) {
                action.next = action.fire_after(now);
            }
        }
        if let Some((_, place)) = last {
            self.holder = Some(place);
        }
        let holder = self.holder?;
        let Action { name, until, .. } = &self.actions[holder];
        if *until <= now {
            self.holder = None;
            return Some((*until, Cause::ScheduleEnded { action: name.clone() }));
        }
        last.map(|(at, _)| (at, Cause::Scheduled { action: name.clone() }))
    }
}
