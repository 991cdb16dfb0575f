//! Reading ahead of what comes next.
//!
//! With many functions most of a request's time is waiting for memory, one place after the other. Who knows the next
//! few requests, as a simulation does, can have the processor fetch what they need at once.

use crate::{PoolId, State, instances::Place};

impl State {
    /// Reads what an arrival in this pool is going to need. The result means nothing; it is there so that the reads
    /// are made.
    #[inline]
    pub fn touch(&self, pool: PoolId) -> u64 {
        let Some(found) = self.find_pool(pool) else { return 0 };
        let function = &self.functions[found.function as usize];
        let idle = found.list(Place::Idle).first().map_or(0, |slot| self.instances.touch(slot));
        found.load.at
            ^ found.armed[0]
            ^ found.spec.memory_mb
            ^ u64::from(found.in_flight)
            ^ found.habits.touch()
            ^ found.expected_until
            ^ found.usage.on_demand_ms
            ^ function.used_mb
            ^ function.mean_busy_ms
            ^ idle
    }
}
