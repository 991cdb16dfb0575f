//! What comes in and what goes out.

use crate::{Limits, PoolId, PoolSpec, RequestSeq};
use sluice_domain::{ColdReason, InstanceId, Throttle};

/// Something that happened. Order is the order of arrival at the state.
#[derive(Clone, Debug)]
pub enum Event {
    /// A revision may now be called. Opening twice changes nothing.
    PoolOpened { pool: PoolId, spec: PoolSpec },
    /// No new request will name this pool: its idle instances go, busy ones go when they are done.
    PoolRetired { pool: PoolId },
    /// A request wants an instance. `free_mib` is the host's free memory at this moment.
    Arrived { request: RequestSeq, pool: PoolId, free_mib: u64 },
    /// A started instance can serve; it serves the request it was started for.
    Ready { instance: InstanceId },
    /// It did not come up. Its request has been answered.
    StartFailed { instance: InstanceId },
    /// A request ended. `reusable` is false when the instance is gone or must go.
    Done { instance: InstanceId, reusable: bool },
    /// An idle instance was found dead.
    Died { instance: InstanceId },
    /// The quota profile changed.
    LimitsChanged(Limits),
    /// Time passed: see [`crate::State::next_due`].
    Tick,
}

/// Something to be done, with its reason.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Dispatch {
        request: RequestSeq,
        instance: InstanceId,
    },
    /// Bring up `instance`, then report `Ready` or `StartFailed`.
    Start {
        instance: InstanceId,
        pool: PoolId,
        request: RequestSeq,
        reason: ColdReason,
    },
    Refuse {
        request: RequestSeq,
        refusal: Refusal,
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

/// Which limit a request ran into, and where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub throttle: Throttle,
    /// The limit's value, in its own unit.
    pub limit: u64,
    /// What was in use at that instant, in the same unit.
    pub used: u64,
    /// Milliseconds until a retry can pass, where that is known.
    pub retry_after_ms: Option<u64>,
}

/// Why an instance is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Idle for longer than it is kept.
    Idle,
    /// Its revision was replaced or deleted.
    Retired,
    /// Its memory is wanted for another instance.
    MemoryPressure,
    /// It cannot serve another request.
    Unusable,
}
