//! Reading ahead of what comes next.
//!
//! With many functions most of a request's time is waiting for memory, one place after the other. Who knows the next
//! few requests, as a simulation does, can have the processor fetch what they need at once.

use crate::{Millis, PoolId, State, instances::Place};
use sluice_domain::InstanceId;
use std::{cmp::Reverse, collections::BinaryHeap};

/// At most so many of what is due soon are looked at.
const SOON: usize = 64;

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

    /// The same of an end of a request in an instance.
    #[inline]
    pub fn touch_instance(&self, instance: InstanceId) -> u64 {
        self.instances.slot_of(instance).map_or(0, |slot| self.instances.touch(slot))
    }

    /// The same of what is due up to then.
    #[inline]
    pub fn touch_due(&self, until: Millis) -> u64 {
        let mut read = 0;
        first_of(&self.timers, |Reverse((at, _, index))| {
            let soon = *at <= until;
            if soon && let Some(pool) = self.pools.get(*index as usize).and_then(Option::as_deref) {
                let last = pool.list(Place::Idle).last().map_or(0, |slot| self.instances.touch(slot));
                read ^= pool.armed[0] ^ pool.habits.touch() ^ pool.expected_until ^ pool.usage.on_demand_ms ^ last;
            }
            soon
        });
        read
    }
}

/// The greatest of a heap, in no order, as long as they are wanted.
pub fn first_of<T: Ord>(heap: &BinaryHeap<T>, mut wanted: impl FnMut(&T) -> bool) {
    let all = heap.as_slice();
    let mut open = [0; SOON];
    let mut count = usize::from(!all.is_empty());
    while count > 0 {
        count -= 1;
        let at = open[count];
        if wanted(&all[at]) {
            for child in [2 * at + 1, 2 * at + 2] {
                if child < all.len() && count < SOON {
                    open[count] = child;
                    count += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_is_found_and_nothing_behind_it() {
        let heap: BinaryHeap<Reverse<u32>> = (0..1000).map(|number| Reverse(number * 7919 % 1000)).collect();
        let mut found = Vec::new();
        first_of(&heap, |Reverse(number)| {
            let wanted = *number < 20;
            if wanted {
                found.push(*number);
            }
            wanted
        });
        found.sort_unstable();
        assert_eq!(found, (0..20).collect::<Vec<_>>());
        first_of(&BinaryHeap::<u32>::new(), |_| panic!("there is nothing"));
    }
}
