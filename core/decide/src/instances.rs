//! All instances of a scope in one dense table, and the lists they stand in.
//!
//! An instance stands in at most one list, through links in its own slot, so that moving it costs no search and
//! no allocation. An id holds its slot, so finding an instance by its id is one read.

use crate::{Millis, RequestSeq, RuleId, Usage};
use sluice_domain::InstanceId;

pub(crate) const NONE: u32 = u32::MAX;

const SLOT_BITS: u32 = 22;
const SCOPE_SHIFT: u32 = 52;
const SERIALS: u64 = 1 << (SCOPE_SHIFT - SLOT_BITS);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Started because a request came, or was expected; reclaimed when idle.
    OnDemand,
    /// Kept by the user's setting.
    Provisioned,
}

/// The lists of a pool. Front is the most recently used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    ProvisionedPartial,
    ProvisionedIdle,
    Partial,
    Idle,
    /// Coming up, with room for more requests than the one it is started for.
    StartingRoom,
    Nowhere,
}

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub id: InstanceId,
    pub pool: u32,
    pub kind: Kind,
    pub place: Place,
    pub starting: bool,
    pub frozen: bool,
    /// It takes no further request and ends when it is idle.
    pub draining: bool,
    /// A request ended well in it.
    pub served: bool,
    /// Its MB are counted as in use.
    pub charged: bool,
    /// It is counted as an on-demand instance in use.
    pub counted: bool,
    /// The on-demand limit it is counted under.
    pub rule: Option<RuleId>,
    /// Requests in it, or waiting for it to start.
    pub in_flight: u32,
    prev: u32,
    next: u32,
    /// The request it is started for.
    pub bound: Option<RequestSeq>,
    pub busy_since: Millis,
    pub idle_since: Millis,
    pub ready_at: Millis,
    /// Milliseconds with a request, overlapping ones counted once.
    pub busy_ms: Millis,
    /// Started ahead of an expected call: kept until then, whatever the window.
    pub keep_until: Millis,
}

impl Instance {
    pub fn new(pool: u32, kind: Kind, bound: Option<RequestSeq>, now: Millis) -> Self {
        Self {
            id: InstanceId(0),
            pool,
            kind,
            place: Place::Nowhere,
            starting: true,
            frozen: false,
            draining: false,
            served: false,
            charged: false,
            counted: false,
            rule: None,
            in_flight: 0,
            prev: NONE,
            next: NONE,
            bound,
            busy_since: now,
            idle_since: now,
            ready_at: now,
            busy_ms: 0,
            keep_until: 0,
        }
    }
    /// Its time so far.
    pub fn usage(&self, now: Millis) -> Usage {
        if self.starting {
            return Usage::default();
        }
        let alive = now.saturating_sub(self.ready_at);
        let running = if self.charged { now.saturating_sub(self.busy_since.max(self.ready_at)) } else { 0 };
        let busy = self.busy_ms + running;
        match self.kind {
            Kind::Provisioned => Usage { provisioned_ms: alive, provisioned_busy_ms: busy, ..Usage::default() },
            Kind::OnDemand => Usage { on_demand_ms: alive, on_demand_busy_ms: busy, ..Usage::default() },
        }
    }
    pub fn is_idle(&self) -> bool {
        !self.starting && self.in_flight == 0
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub head: u32,
    pub tail: u32,
    pub len: u32,
}

impl List {
    pub const EMPTY: List = List { head: NONE, tail: NONE, len: 0 };
    pub fn first(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }
    pub fn last(&self) -> Option<u32> {
        (self.tail != NONE).then_some(self.tail)
    }
}

/// A pool's lists, by [`Place`].
pub(crate) type Lists = [List; 5];

#[derive(Clone, Debug, Default)]
pub(crate) struct Instances {
    slots: Vec<Option<Instance>>,
    free: Vec<u32>,
    scope: u64,
    serial: u64,
}

impl Instances {
    /// `scope` sets the ids of this table apart from those of others.
    pub fn new(scope: u64) -> Self {
        Self { scope: scope << SCOPE_SHIFT, ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn insert(&mut self, mut instance: Instance) -> (u32, InstanceId) {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        self.serial = (self.serial + 1) % SERIALS;
        instance.id = InstanceId(self.scope | self.serial << SLOT_BITS | u64::from(slot));
        let id = instance.id;
        if slot as usize == self.slots.len() {
            self.slots.push(Some(instance));
        } else {
            self.slots[slot as usize] = Some(instance);
        }
        (slot, id)
    }

    pub fn slot_of(&self, id: InstanceId) -> Option<u32> {
        let slot = (id.0 & ((1 << SLOT_BITS) - 1)) as u32;
        let found = self.slots.get(slot as usize)?.as_ref()?;
        (found.id == id).then_some(slot)
    }

    pub fn get(&self, slot: u32) -> &Instance {
        self.slots[slot as usize].as_ref().expect("a slot in use")
    }

    pub fn get_mut(&mut self, slot: u32) -> &mut Instance {
        self.slots[slot as usize].as_mut().expect("a slot in use")
    }

    /// See [`State::touch`](crate::State::touch).
    #[inline]
    pub fn touch(&self, slot: u32) -> u64 {
        self.slots[slot as usize].as_ref().map_or(0, |instance| instance.id.0 ^ instance.keep_until ^ instance.busy_ms)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Instance)> {
        self.slots.iter().enumerate().filter_map(|(slot, found)| Some((slot as u32, found.as_ref()?)))
    }

    /// Takes an instance out; it must stand in no list.
    pub fn remove(&mut self, slot: u32) -> Instance {
        self.free.push(slot);
        self.slots[slot as usize].take().expect("a slot in use")
    }

    /// Puts an instance to the front of a list, out of the one it is in.
    pub fn move_to(&mut self, lists: &mut Lists, slot: u32, place: Place) {
        self.take_out(lists, slot);
        if place == Place::Nowhere {
            return;
        }
        let list = &mut lists[place as usize];
        let old = list.head;
        {
            let instance = self.get_mut(slot);
            instance.place = place;
            instance.next = old;
            instance.prev = NONE;
        }
        if old == NONE {
            list.tail = slot;
        } else {
            self.get_mut(old).prev = slot;
        }
        list.head = slot;
        list.len += 1;
    }

    pub fn take_out(&mut self, lists: &mut Lists, slot: u32) {
        let (place, prev, next) = {
            let instance = self.get_mut(slot);
            let was = (instance.place, instance.prev, instance.next);
            (instance.place, instance.prev, instance.next) = (Place::Nowhere, NONE, NONE);
            was
        };
        if place == Place::Nowhere {
            return;
        }
        let list = &mut lists[place as usize];
        list.len -= 1;
        match prev {
            NONE => list.head = next,
            prev => self.get_mut(prev).next = next,
        }
        match next {
            NONE => list.tail = prev,
            next => self.get_mut(next).prev = prev,
        }
    }

    /// The one used before this one, in the same list.
    pub fn older(&self, slot: u32) -> Option<u32> {
        let next = self.get(slot).next;
        (next != NONE).then_some(next)
    }

    pub fn newer(&self, slot: u32) -> Option<u32> {
        let prev = self.get(slot).prev;
        (prev != NONE).then_some(prev)
    }
}
