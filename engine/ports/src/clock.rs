//! Time, injected.

use sluice_domain::Timestamp;
use std::time::Duration;

/// Two clocks in one: the calendar, which decisions by date use, and a monotonic one for everything else.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Time since some fixed instant; never goes back.
    fn monotonic(&self) -> Duration;
}
