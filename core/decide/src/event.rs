//! What comes in and what goes out.

use crate::{Limits, Millis, PoolId, PoolSpec, ProvisionId, RequestSeq, RuleId};
use serde::{Deserialize, Serialize};
use sluice_domain::{InstanceId, ProvisionConfig, Refusal, StartCause};

/// Something that happened. Order is the order of arrival at the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A version may now be called. Opening twice changes nothing.
    PoolOpened { pool: PoolId, spec: PoolSpec },
    /// No new request will name this pool: its idle instances go, busy ones go when they are done.
    PoolRetired { pool: PoolId },
    /// Settings of a function, all versions together.
    FunctionChanged { function: String, reserved_mb: Option<u64>, debug: bool },
    /// The function is gone; what it reserved is free again.
    FunctionRemoved { function: String },
    /// The most on-demand instances for calls that name this rule; none takes the rule away.
    RuleChanged { rule: RuleId, instances: Option<u64> },
    /// A number of instances is to be kept started. `since` is when the user said so, on the wall clock.
    ProvisionChanged { provision: ProvisionId, pool: PoolId, config: ProvisionConfig, since: i64 },
    /// Not any more: they go as they become idle.
    ProvisionRemoved { provision: ProvisionId },
    /// The quota profile changed.
    LimitsChanged(Box<Limits>),
    /// The wall clock is this far ahead of the clock that events carry. Schedules go by the wall.
    WallClock { ahead_ms: i64 },
    /// A request wants an instance. `free_mib` is the host's free memory at this moment.
    Arrived { request: RequestSeq, pool: PoolId, rule: Option<RuleId>, trigger: Trigger, free_mib: u64 },
    /// A started instance can serve.
    Ready { instance: InstanceId },
    /// It did not come up. The request it was started for has been answered.
    StartFailed { instance: InstanceId },
    /// A request ended. `reusable` is false when the instance is gone or must go.
    Done { instance: InstanceId, reusable: bool },
    /// An idle instance was found dead.
    Died { instance: InstanceId },
    /// A waiting request has waited long enough on a clock of its own.
    GaveUp { request: RequestSeq, pool: PoolId },
    /// Time passed: see [`crate::State::next_due`].
    Tick,
}

/// What called, as far as limits differ by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Trigger {
    #[default]
    Http,
    Other,
}

/// Something to be done, with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    Dispatch {
        request: RequestSeq,
        instance: InstanceId,
    },
    /// Bring up `instance`, then report `Ready` or `StartFailed`. Without a request it is started ahead of one.
    Start {
        instance: InstanceId,
        pool: PoolId,
        request: Option<RequestSeq>,
        cause: StartCause,
    },
    /// The request stays until another command names it.
    Wait {
        request: RequestSeq,
    },
    Refuse {
        request: RequestSeq,
        refusal: Box<Refusal>,
    },
    /// The version that it waited for is gone: the name it called may lead to another one now.
    Redirect {
        request: RequestSeq,
    },
    /// The start of `instance`, on which the request waited, failed.
    Fail {
        request: RequestSeq,
        instance: InstanceId,
    },
    Stop {
        instance: InstanceId,
        reason: StopReason,
    },
    /// Take processor time from an idle instance until it is dispatched to.
    Freeze {
        instance: InstanceId,
    },
}

/// Why an instance is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// Idle for longer than it is kept.
    Idle { idle_ms: Millis },
    /// Its version was replaced or deleted.
    Retired,
    /// Its memory is wanted for another instance.
    MemoryPressure,
    /// It cannot serve another request.
    Unusable,
    /// Fewer provisioned instances are wanted.
    Released,
}
