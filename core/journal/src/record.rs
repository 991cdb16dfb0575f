//! One step of one scope in a few bytes.
//!
//! A byte says which event it is, with a few of its values as flags; then comes the time since the last step, the
//! event's numbers as differences from what they were last, and the commands' fingerprint if there were any. What
//! happens seldom is written by its serde form. A warm request's two steps take about 16 bytes together.

use crate::{fingerprint, varint};
use sluice_decide::{Command, Event, Millis, PoolId, RequestSeq, RuleId, Trigger};
use sluice_domain::InstanceId;

const ARRIVED: u8 = 1;
const DONE: u8 = 2;
const READY: u8 = 3;
const TICK: u8 = 4;
const START_FAILED: u8 = 5;
const DIED: u8 = 6;
const GAVE_UP: u8 = 7;
const OTHER: u8 = 8;
const KIND: u8 = 0x1f;
/// Commands followed, and their fingerprint stands at the end.
const COMMANDS: u8 = 0x20;
/// Of an arrival: it has a rule; it came in another way than by HTTP. Of an end: the instance can be used again.
const RULE: u8 = 0x40;
const NOT_HTTP: u8 = 0x80;
const REUSABLE: u8 = 0x40;

/// What happened, when, and what was decided then.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub now: Millis,
    pub event: Event,
    pub commands: Option<u32>,
}

/// The last values, which the next ones are near to.
#[derive(Clone, Debug)]
struct Last {
    now: Millis,
    request: u64,
    free_mib: u64,
    /// The top bits of the scope's instance ids.
    scope: u64,
}

/// Parts of an instance id, lowest first: which of the instances there are at once, how many there were before it,
/// and the scope. Another split would only take more room.
const SLOT_BITS: u32 = 22;
const SCOPE_SHIFT: u32 = 52;

impl Last {
    fn of(scope: u64) -> Self {
        Self { now: 0, request: 0, free_mib: 0, scope: scope & (u64::MAX >> SCOPE_SHIFT) }
    }

    fn put_instance(&self, out: &mut Vec<u8>, id: InstanceId) {
        let slot = id.0 & ((1 << SLOT_BITS) - 1);
        let serial = (id.0 & ((1 << SCOPE_SHIFT) - 1)) >> SLOT_BITS;
        let scope = id.0 >> SCOPE_SHIFT;
        let foreign = scope != self.scope;
        varint::put(out, slot << 1 | u64::from(foreign));
        varint::put(out, serial);
        if foreign {
            varint::put(out, scope);
        }
    }

    fn take_instance(&self, input: &mut &[u8]) -> Option<InstanceId> {
        let first = varint::take(input)?;
        let serial = varint::take(input)?;
        let scope = if first & 1 == 0 { self.scope } else { varint::take(input)? };
        let slot = first >> 1;
        let fits =
            slot >> SLOT_BITS == 0 && serial >> (SCOPE_SHIFT - SLOT_BITS) == 0 && scope >> (64 - SCOPE_SHIFT) == 0;
        fits.then_some(InstanceId(scope << SCOPE_SHIFT | serial << SLOT_BITS | slot))
    }
}

/// Writes the steps of one scope. Its buffer is used again and again.
#[derive(Clone, Debug)]
pub struct Encoder {
    last: Last,
    record: Vec<u8>,
}

impl Encoder {
    pub fn new(scope: u64) -> Self {
        Self { last: Last::of(scope), record: Vec::with_capacity(64) }
    }

    /// Begins a record.
    pub fn event(&mut self, now: Millis, event: &Event) {
        self.record.clear();
        let head = match event {
            Event::Arrived { rule, trigger, .. } => {
                ARRIVED | flag(rule.is_some(), RULE) | flag(*trigger == Trigger::Other, NOT_HTTP)
            }
            Event::Done { reusable, .. } => DONE | flag(*reusable, REUSABLE),
            Event::Ready { .. } => READY,
            Event::Tick => TICK,
            Event::StartFailed { .. } => START_FAILED,
            Event::Died { .. } => DIED,
            Event::GaveUp { .. } => GAVE_UP,
            _ => OTHER,
        };
        self.record.push(head);
        varint::put_change(&mut self.record, self.last.now, now);
        self.last.now = now;
        match event {
            Event::Arrived { request, pool, rule, free_mib, .. } => {
                self.put_request(*request);
                varint::put(&mut self.record, u64::from(pool.0));
                varint::put_change(&mut self.record, self.last.free_mib, *free_mib);
                self.last.free_mib = *free_mib;
                if let Some(rule) = rule {
                    varint::put(&mut self.record, u64::from(rule.0));
                }
            }
            Event::Done { instance, .. }
            | Event::Ready { instance }
            | Event::StartFailed { instance }
            | Event::Died { instance } => self.last.put_instance(&mut self.record, *instance),
            Event::Tick => {}
            Event::GaveUp { request, pool } => {
                self.put_request(*request);
                varint::put(&mut self.record, u64::from(pool.0));
            }
            other => {
                let record = std::mem::take(&mut self.record);
                self.record = postcard::to_extend(other, record).expect("events are plain data");
            }
        }
    }

    /// Ends the record, which is returned.
    pub fn commands(&mut self, commands: &[Command]) -> &[u8] {
        if let (Some(print), Some(head)) = (fingerprint(commands), self.record.first_mut()) {
            *head |= COMMANDS;
            self.record.extend_from_slice(&print.to_le_bytes());
        }
        &self.record
    }

    fn put_request(&mut self, request: RequestSeq) {
        varint::put_change(&mut self.record, self.last.request, request.0);
        self.last.request = request.0;
    }
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

/// Reads the steps of one scope, in the order they were written in.
#[derive(Clone, Debug)]
pub struct Decoder {
    last: Last,
}

impl Decoder {
    pub fn new(scope: u64) -> Self {
        Self { last: Last::of(scope) }
    }

    /// Takes a step off the front. None when there is no whole one.
    pub fn step(&mut self, input: &mut &[u8]) -> Option<Step> {
        let (&head, rest) = input.split_first()?;
        *input = rest;
        let now = varint::take_change(input, self.last.now)?;
        self.last.now = now;
        let event = self.event(head, input)?;
        let commands = if head & COMMANDS == 0 {
            None
        } else {
            let (print, rest) = input.split_first_chunk()?;
            *input = rest;
            Some(u32::from_le_bytes(*print))
        };
        Some(Step { now, event, commands })
    }

    fn event(&mut self, head: u8, input: &mut &[u8]) -> Option<Event> {
        let flags = head & !(KIND | COMMANDS);
        let known = match head & KIND {
            ARRIVED => RULE | NOT_HTTP,
            DONE => REUSABLE,
            _ => 0,
        };
        if flags & !known != 0 {
            return None;
        }
        Some(match head & KIND {
            ARRIVED => self.arrived(flags, input)?,
            DONE => Event::Done { instance: self.last.take_instance(input)?, reusable: flags & REUSABLE != 0 },
            READY => Event::Ready { instance: self.last.take_instance(input)? },
            TICK => Event::Tick,
            START_FAILED => Event::StartFailed { instance: self.last.take_instance(input)? },
            DIED => Event::Died { instance: self.last.take_instance(input)? },
            GAVE_UP => Event::GaveUp { request: self.take_request(input)?, pool: PoolId(take_u32(input)?) },
            OTHER => {
                let (event, rest) = postcard::take_from_bytes(input).ok()?;
                *input = rest;
                event
            }
            _ => return None,
        })
    }

    fn arrived(&mut self, flags: u8, input: &mut &[u8]) -> Option<Event> {
        let request = self.take_request(input)?;
        let pool = PoolId(take_u32(input)?);
        let free_mib = varint::take_change(input, self.last.free_mib)?;
        self.last.free_mib = free_mib;
        let rule = if flags & RULE == 0 { None } else { Some(RuleId(take_u32(input)?)) };
        let trigger = if flags & NOT_HTTP == 0 { Trigger::Http } else { Trigger::Other };
        Some(Event::Arrived { request, pool, rule, trigger, free_mib })
    }

    fn take_request(&mut self, input: &mut &[u8]) -> Option<RequestSeq> {
        self.last.request = varint::take_change(input, self.last.request)?;
        Some(RequestSeq(self.last.request))
    }
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    varint::take(input)?.try_into().ok()
}
