//! Every decision of Sluice, as pure functions of recorded inputs and an injected clock.
//!
//! [`step()`] is the middle of it: `step(&mut State, now, Event) -> Vec<Command>`. The engine feeds events in the
//! order they happened and carries the commands out; it decides nothing itself. There is no clock, no I/O and
//! no randomness here, so any run can be repeated from its events alone.
//!
//! One [`State`] holds one scope: an account in a region, in one dialect. Scopes share nothing.

mod blanks;
mod event;
mod limits;
mod state;
mod step;

pub use blanks::{BlankPolicy, BlankState};
pub use event::{Command, Event, Refusal, StopReason};
pub use limits::Limits;
pub use state::{InstanceState, PoolId, PoolSpec, PoolView, State};
pub use step::step;

/// Milliseconds on a clock that never goes back.
pub type Millis = u64;

/// A request, as the engine counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestSeq(pub u64);
