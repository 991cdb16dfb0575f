//! How many instances of a version are to be kept started: base number, schedule and target tracking as one value
//! that moves with time and load.
//!
//! A [`Plan`] is a provision setting compiled, plus what it remembers. Whoever holds it asks [`Plan::next_due`] when
//! to come back, calls [`Plan::advance`] then with the load seen, and starts or stops instances towards
//! [`Plan::target`]. What is due is decided in the order of time; deciding twice for the same instant changes
//! nothing.
//!
//! The rules and where they are from:
//!
//! * A scheduled action sets an absolute number that holds until the next action fires (spec: SCH-03, SCH-07,
//!   FPC-06). Of two at the same instant the later in the list counts (SCH-04; for FC by C13).
//! * An action with a window counts from its start until just before its end, and its number goes with the window
//!   (FPC-05); the base number is in force again then. So it is with tracking: a closed window leaves nothing.
//! * Tracking asks for `requests in progress / (utilisation x requests an instance takes)` (TGT-02, FPC-09), within
//!   its bounds (TGT-07, FPC-10), at every tick counted from when the setting was made: 10 s for SCF (TGT-04), a
//!   minute for FC (FPC-08). Upwards at once; downwards, SCF to the whole extent, but only 10 minutes after the last
//!   change that tracking made, or at once if it made none (TGT-05, TGT-06); FC by a tenth, and at least one, a tick
//!   (C15).
//! * SCF: tracking excludes base number and schedule (TGT-08). FC: the greater of the two counts, within the bounds
//!   while the tracking window is open (FPC-12, C14). Of several open windows the greatest result counts. The base
//!   number is where tracking starts from, and comes back when its window closes.
//! * The utilisation of both vendors is a share of what the instances can take at once. SCF writes the formula for
//!   instances that take one request each; for others the same share is meant here.

mod compile;
#[cfg(test)]
mod properties;
mod scheduled;
#[cfg(test)]
mod tests;
mod tracked;

use scheduled::Schedule;
use sluice_domain::{Dialect, Error, Field, ProvisionConfig, QuotaProfile, TrackingStep};
use std::fmt;
use tracked::{Pace, Policy};

/// A preview looks at no more instants than this, however many it is asked for.
const PREVIEW_STEPS: usize = 100_000;

/// What the quota profile says about schedules and tracking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRules {
    pub dialect: Dialect,
    /// IANA name of the zone of actions that name none.
    pub zone: String,
    pub tick_s: u32,
    pub in_window_s: u32,
    pub in_step: TrackingStep,
}

/// What the version is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests being answered now.
    pub in_flight: u64,
    /// Mean of the same over the time since the last look, in thousandths.
    pub mean_milli: u64,
    /// Requests that one instance answers at a time.
    pub per_instance: u32,
}

/// The number changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, in milliseconds of the wall clock.
    pub at: i64,
    pub from: u64,
    pub to: u64,
    pub cause: Cause,
}

/// What a plan will do in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The number at its beginning.
    pub target: u64,
    pub changes: Vec<Change>,
    /// Where it was broken off, if there was too much to tell.
    pub truncated_at: Option<i64>,
}

/// Why a number changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A scheduled action fired.
    Scheduled { action: String },
    /// The window of the action whose number was in force has ended.
    ScheduleEnded { action: String },
    /// The window of a tracking policy has begun.
    TrackingBegan { policy: String },
    /// The window of a tracking policy has ended.
    TrackingEnded { policy: String },
    /// More requests than the share that should be in use.
    ScaledOut { policy: String, requests: u64 },
    /// Fewer requests than that.
    ScaledIn { policy: String, requests: u64 },
}

/// A setting that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    pub field: Field,
    pub message: String,
}

/// A provision setting in motion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    base: u64,
    schedule: Schedule,
    policies: Vec<Policy>,
    pace: Pace,
    /// When it was set; ticks are counted from here.
    since: i64,
    /// Everything up to here is decided.
    done: i64,
    target: u64,
    due: Option<i64>,
}

impl PlanRules {
    pub fn new(dialect: Dialect, quota: &QuotaProfile) -> Self {
        Self {
            dialect,
            zone: quota.schedule_tz.clone(),
            tick_s: quota.tracking_tick_s,
            in_window_s: quota.tracking_in_window_s,
            in_step: quota.tracking_in_step,
        }
    }
}

impl Plan {
    /// Compiles a setting that was made at `since` and is looked at from `now`, which is later after a restart.
    ///
    /// Actions that fired from `since` to `now`, both included, hold. Tracking starts at `now` from `before`, the
    /// number in force until now, as if it had never scaled: what it did before a restart is not kept.
    pub fn new(
        config: &ProvisionConfig,
        rules: &PlanRules,
        since: i64,
        now: i64,
        before: u64,
    ) -> Result<Plan, PlanError> {
        let compiled = compile::compile(config, rules)?;
        let mut plan = Plan {
            base: config.target,
            schedule: Schedule::new(compiled.actions, since),
            policies: compiled.policies,
            pace: Pace::new(rules),
            since,
            done: now.max(since),
            target: before,
            due: None,
        };
        plan.schedule.settle(plan.done);
        let in_force = before.max(plan.schedule.number().unwrap_or(plan.base));
        for policy in &mut plan.policies {
            policy.turn(plan.done, in_force);
        }
        plan.target = plan.combined();
        plan.due = plan.next_due_under(None);
        Ok(plan)
    }

    /// Takes over other rules of the profile for the same setting. Unlike a new plan it keeps what tracking did, so
    /// that a waiting scale-in goes on waiting. Nothing changes on an error.
    pub fn follow_rules(&mut self, config: &ProvisionConfig, rules: &PlanRules, now: i64) -> Result<(), PlanError> {
        let mut plan = Plan::new(config, rules, self.since, now.max(self.done), self.target)?;
        plan.keep_tracking(self);
        *self = plan;
        Ok(())
    }

    /// Goes on with what another plan tracked, where a policy stayed the same, so that a waiting scale-in goes on
    /// waiting.
    pub(crate) fn keep_tracking(&mut self, old: &Plan) {
        for policy in &mut self.policies {
            let same =
                |old: &&Policy| Policy { open: None, ..(*old).clone() } == Policy { open: None, ..policy.clone() };
            if let Some(old) = old.policies.iter().find(same)
                && policy.open.is_some()
                && old.open.is_some()
            {
                policy.open.clone_from(&old.open);
            }
        }
        self.target = self.combined();
        self.due = self.next_due_under(None);
    }

    /// The number of instances to keep.
    pub fn target(&self) -> u64 {
        self.target
    }

    /// The next instant at which [`Self::advance`] may change something.
    pub fn next_due(&self) -> Option<i64> {
        self.due
    }

    /// Decides everything due up to `now`, in the order of time, and tells what came of it. Of several changes the
    /// last one is told, from the number before them all.
    ///
    /// Of ticks that were missed only the last one counts: the load is known as it is now, not as it was then.
    pub fn advance(&mut self, now: i64, load: Load) -> Option<Change> {
        if now <= self.done {
            return None;
        }
        let from = self.target;
        let mut last = None;
        if let Some(tick) = self.pace.last_tick(self.since, self.done, now) {
            self.pass(tick, &mut last);
            self.track(tick, &load, &mut last);
        }
        self.pass(now, &mut last);
        self.due = self.next_due_under(None);
        let (at, cause) = last.filter(|_| self.target != from)?;
        Some(Change { at, from, to: self.target, cause })
    }

    /// What happens after `from` and up to `until` if no request comes: at most `limit` changes, and none of the time
    /// that is already decided. It looks at 100,000 instants in that interval at most.
    pub fn preview(&self, from: i64, until: i64, limit: usize) -> Preview {
        let idle = Load { per_instance: 1, ..Load::default() };
        let mut ahead = self.clone();
        // Tracking goes down step by step, so that the way to `from` counts; once it has nothing left to do, only the
        // last fire of each action does.
        for _ in 0..PREVIEW_STEPS {
            let turn = [ahead.next_tick(Some(&idle)), ahead.next_turn()].into_iter().flatten().min();
            let Some(due) = turn.filter(|due| *due <= from) else { break };
            ahead.advance(due, idle);
        }
        ahead.advance(from, idle);
        let mut preview = Preview { target: ahead.target, changes: Vec::new(), truncated_at: None };
        for step in 0.. {
            let Some(due) = ahead.next_due_under(Some(&idle)).filter(|due| *due <= until) else { break };
            if step == PREVIEW_STEPS || preview.changes.len() == limit {
                preview.truncated_at = Some(ahead.done);
                break;
            }
            preview.changes.extend(ahead.advance(due, idle));
        }
        preview
    }

    /// Everything up to an instant but ticks.
    fn pass(&mut self, until: i64, last: &mut Option<(i64, Cause)>) {
        while let Some(edge) = self.next_turn().filter(|edge| *edge <= until) {
            self.follow_schedule(edge, last);
            self.turn_windows(edge, last);
            self.done = edge;
        }
        self.follow_schedule(until, last);
        self.done = until;
    }

    fn follow_schedule(&mut self, now: i64, last: &mut Option<(i64, Cause)>) {
        if let Some((at, cause)) = self.schedule.settle(now) {
            self.take_over(at, cause, last);
        }
    }

    fn turn_windows(&mut self, at: i64, last: &mut Option<(i64, Cause)>) {
        // What is in force now is what every window that opens starts from, also if another one closes.
        let in_force = self.target;
        for place in 0..self.policies.len() {
            if let Some(cause) = self.policies[place].turn(at, in_force) {
                self.take_over(at, cause, last);
            }
        }
    }

    fn track(&mut self, at: i64, load: &Load, last: &mut Option<(i64, Cause)>) {
        for place in 0..self.policies.len() {
            if let Some(cause) = self.policies[place].track(at, load, &self.pace) {
                self.take_over(at, cause, last);
            }
        }
    }

    /// Brings the target up to date and remembers what moved it.
    fn take_over(&mut self, at: i64, cause: Cause, last: &mut Option<(i64, Cause)>) {
        let target = self.combined();
        if target != self.target {
            self.target = target;
            *last = Some((at, cause));
        }
    }

    fn combined(&self) -> u64 {
        let scheduled = self.schedule.number();
        // The base number is where tracking starts from, not what it may not go below: for that there is a minimum.
        let tracked = self.policies.iter().filter_map(|policy| policy.number(scheduled.unwrap_or(0))).max();
        tracked.or(scheduled).unwrap_or(self.base)
    }

    /// When something may change next: under any load, or under this one as long as it lasts.
    fn next_due_under(&self, load: Option<&Load>) -> Option<i64> {
        [self.schedule.next_due(), self.next_turn(), self.next_tick(load)].into_iter().flatten().min()
    }

    fn next_tick(&self, load: Option<&Load>) -> Option<i64> {
        let may_move = |policy: &Policy| policy.may_move(load, &self.pace);
        let earliest = self.policies.iter().filter_map(may_move).min()?;
        self.pace.next_tick(self.since, self.done, earliest)
    }

    fn next_turn(&self) -> Option<i64> {
        self.policies.iter().filter_map(|policy| policy.next_turn(self.done)).min()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Scheduled { action } => write!(f, "scheduled action '{action}'"),
            Cause::ScheduleEnded { action } => write!(f, "the window of scheduled action '{action}' ended"),
            Cause::TrackingBegan { policy } => write!(f, "the window of tracking policy '{policy}' began"),
            Cause::TrackingEnded { policy } => write!(f, "the window of tracking policy '{policy}' ended"),
            Cause::ScaledOut { policy, requests } => {
                write!(f, "tracking policy '{policy}' scaled out for {requests} concurrent requests")
            }
            Cause::ScaledIn { policy, requests } => {
                write!(f, "tracking policy '{policy}' scaled in for {requests} concurrent requests")
            }
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PlanError {}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Error::invalid(error.field, error.message)
    }
}
