//! Every decision of Sluice, as pure functions of recorded inputs and an injected clock.
//!
//! [`step()`] is the middle of it: one event in, commands out. The engine feeds events in the order they happened
//! and carries the commands out; it decides nothing itself. There is no clock, no I/O and no randomness here, so
//! any run can be repeated from its events alone.
//!
//! One [`State`] holds one scope: an account in a region, in one dialect. Scopes share nothing.

mod admission;
mod blanks;
mod dispatch;
pub mod estimate;
mod event;
mod instances;
mod keepalive;
mod limits;
pub mod plan;
mod pool;
mod provision;
mod reclaim;
mod route;
pub mod schedule;
mod state;
mod step;
mod touch;
mod view;
mod waiting;

pub use blanks::{BlankPolicy, BlankState};
pub use event::{Command, Event, StopReason, Trigger};
pub use keepalive::{Fixed, Habits, Why, Window};
pub use limits::Limits;
pub use plan::{Load, Plan, PlanError, PlanRules};
pub use pool::{PoolId, PoolSpec, ProvisionId, RuleId, Usage};
pub use route::{WHOLE, route};
pub use schedule::{Timing, Zone};
pub use state::State;
pub use step::step;
pub use touch::first_of;
pub use view::{InstanceView, LimitView, PoolView, ProvisionCount};

use serde::{Deserialize, Serialize};

/// Milliseconds on a clock that never goes back.
pub type Millis = u64;

/// A request, as the engine counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestSeq(pub u64);
