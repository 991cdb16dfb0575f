//! Time, injected.

use sluice_domain::Timestamp;
use std::time::Duration;

/// Two clocks in one: the calendar, which decisions by date use, and a monotonic one for everything else. Both may be
/// virtual; the real ones stay within reach for what must not follow.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Time since some fixed instant; never goes back.
    fn monotonic(&self) -> Duration;
    /// Whether it stands still until it is told to move.
    fn is_virtual(&self) -> bool {
        false
    }
    /// Moves a virtual clock; does nothing to a real one.
    fn advance(&self, _by: Duration) {}
    /// The calendar, never virtual: signatures and tokens are good or bad by it.
    fn real_now(&self) -> Timestamp {
        self.now()
    }
    /// The monotonic clock, never virtual: how long something took.
    fn stopwatch(&self) -> Duration {
        self.monotonic()
    }
}
