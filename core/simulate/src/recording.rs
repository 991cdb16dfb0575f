//! A server's own traffic, with everything that was set while it ran.
//!
//! Unlike a [`Workload`](crate::Workload) it needs no quota profile: it brings the limits it was recorded under, and
//! every version, reservation, rule, provision and schedule at its time. Times are milliseconds since the recording's
//! start; `origin_ms` carries them over to the clock of the decisions, whose minutes and schedules depend on it.

use sluice_decide::{Event, Limits, Millis, PoolId, RuleId, Trigger};

/// What a journal tells, in a form that can be played.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub scopes: Vec<Scope>,
    /// The core's clock at the start.
    pub origin_ms: Millis,
    pub span_ms: Millis,
}

/// An account in a region and a dialect. Scopes share nothing but the host.
#[derive(Clone, Debug)]
pub struct Scope {
    /// At its beginning.
    pub limits: Limits,
    /// In the order of the record, which is the order of time.
    pub inputs: Vec<Input>,
    /// Of instances, in the order they were started in.
    pub starts: Vec<(PoolId, Start)>,
    /// Of starts beyond those in versions that had none.
    pub cold_ms: u32,
}

/// Something from outside.
#[derive(Clone, Debug)]
pub struct Input {
    pub at_ms: Millis,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// Any event that is not of a call or of an instance.
    Set(Box<Event>),
    /// An instance died: of this version, the one that was started as the so-many-th, from 0.
    Died {
        pool: PoolId,
        start: usize,
    },
    Call(Call),
}

/// A call, as the caller made it and as long as its code ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub pool: PoolId,
    pub rule: Option<RuleId>,
    pub trigger: Trigger,
    pub duration_ms: u32,
    /// Whether its instance could take another one afterwards.
    pub reusable: bool,
}

/// How a start went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    pub took_ms: u32,
    pub failed: bool,
}

impl Recording {
    /// How many calls there are.
    pub fn calls(&self) -> u64 {
        let calls = |scope: &Scope| scope.inputs.iter().filter(|input| matches!(input.what, What::Call(_))).count();
        self.scopes.iter().map(|scope| calls(scope) as u64).sum()
    }

    /// With one start time for all instances.
    pub fn all_cold(&mut self, cold_ms: u32) {
        for scope in &mut self.scopes {
            scope.starts.clear();
            scope.cold_ms = cold_ms;
        }
    }
}
