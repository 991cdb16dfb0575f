//! The only place that reads the system's clocks for the platform.

use sluice_domain::Timestamp;
use sluice_ports::Clock;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Real time.
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    #[allow(clippy::disallowed_methods)] // what the ban protects everything else from
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(since_epoch.as_millis() as i64)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Time that starts at the real now and then moves only when it is told to.
pub struct VirtualClock {
    real: SystemClock,
    start: Timestamp,
    advanced_ms: AtomicU64,
}

impl VirtualClock {
    pub fn new() -> Self {
        let real = SystemClock::new();
        Self { start: real.now(), real, advanced_ms: AtomicU64::new(0) }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.start.plus_millis(self.advanced_ms.load(Ordering::SeqCst) as i64)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.advanced_ms.load(Ordering::SeqCst))
    }
    fn is_virtual(&self) -> bool {
        true
    }
    fn advance(&self, by: Duration) {
        self.advanced_ms.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
    fn real_now(&self) -> Timestamp {
        self.real.now()
    }
    fn stopwatch(&self) -> Duration {
        self.real.monotonic()
    }
}
