//! What will happen: ends of calls and of starts, by time.

use sluice_decide::{Millis, first_of};
use sluice_domain::InstanceId;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::{BuildHasherDefault, Hasher},
};

#[derive(Clone, Copy, Debug)]
pub enum Happening {
    Done {
        instance: InstanceId,
        flight: u32,
    },
    Ready {
        instance: InstanceId,
    },
    /// A start, for this flight.
    Failed {
        instance: InstanceId,
        flight: u32,
    },
}

pub const NO_FLIGHT: u32 = u32::MAX;

/// Time in the upper 40 bits, place in `slots` in the lower 24.
const SLOT_BITS: u32 = 24;

#[derive(Default)]
pub struct Pending {
    due: BinaryHeap<Reverse<u64>>,
    slots: Vec<Happening>,
    free: Vec<u32>,
    /// Pools of instances that are there.
    owners: HashMap<InstanceId, u32, BuildHasherDefault<Spread>>,
}

impl Pending {
    #[inline]
    pub fn next_at(&self) -> Option<Millis> {
        self.due.peek().map(|Reverse(key)| key >> SLOT_BITS)
    }

    #[inline]
    pub fn add(&mut self, at: Millis, happening: Happening) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = happening;
                slot
            }
            None => {
                self.slots.push(happening);
                self.slots.len() as u32 - 1
            }
        };
        assert!(slot < 1 << SLOT_BITS, "more than 16 million requests at once");
        self.due.push(Reverse(at << SLOT_BITS | u64::from(slot)));
    }

    #[inline]
    pub fn take(&mut self) -> Option<Happening> {
        let Reverse(key) = self.due.pop()?;
        let slot = slot_of(key);
        self.free.push(slot);
        Some(self.slots[slot as usize])
    }

    /// Those that happen up to then, in no order and perhaps not all of them.
    #[inline]
    pub fn soon(&self, until: Millis, mut look: impl FnMut(Happening)) {
        first_of(&self.due, |Reverse(key)| {
            let soon = key >> SLOT_BITS <= until;
            if soon {
                look(self.slots[slot_of(*key) as usize]);
            }
            soon
        });
    }

    pub fn own(&mut self, instance: InstanceId, pool: u32) {
        self.owners.insert(instance, pool);
    }

    pub fn disown(&mut self, instance: InstanceId) -> Option<u32> {
        self.owners.remove(&instance)
    }
}

fn slot_of(key: u64) -> u32 {
    (key & ((1 << SLOT_BITS) - 1)) as u32
}

/// Ids are counted up, so spreading them is all a hash has to do.
#[derive(Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}
