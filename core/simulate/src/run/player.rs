//! One scope of the platform, and what stands in for the world around it.

use super::{
    count::Count,
    ledger::Ledger,
    pending::{Happening, NO_FLIGHT, Pending},
};
use crate::{Arrival, recording::Start};
use sluice_decide::{Command, Event, Millis, PoolId, RequestSeq, RuleId, State, Trigger, Usage, step};
use sluice_domain::InstanceId;
use std::collections::VecDeque;

/// What all scopes share: the host, and the counting.
pub struct World {
    pub count: Count,
    host_mb: Option<u64>,
    alive_mb: u64,
}

impl World {
    pub fn new(count: Count, host_mb: Option<u64>) -> Self {
        Self { count, host_mb, alive_mb: 0 }
    }

    fn free_mib(&self) -> u64 {
        self.host_mb.map_or(u64::MAX / 2, |host| host.saturating_sub(self.alive_mb))
    }
}

/// What a run knows of a version.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    pub memory_mb: u64,
    /// Of starts that nothing else is known of.
    pub cold_ms: u32,
}

/// A request, and how long its code runs once an instance has it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub pool: PoolId,
    pub rule: Option<RuleId>,
    pub trigger: Trigger,
    pub duration_ms: u32,
    pub reusable: bool,
}

/// A request that has not ended.
#[derive(Clone, Copy, Debug)]
struct Flight {
    arrived: Millis,
    pool: PoolId,
    duration_ms: u32,
    reusable: bool,
}

/// Times are those of the run; the decisions' clock is `origin` ahead.
pub struct Player {
    origin: Millis,
    facts: Vec<Facts>,
    /// Of each version, the starts that are still to come.
    starts: Vec<VecDeque<Start>>,
    state: State,
    out: Vec<Command>,
    pending: Pending,
    flights: Vec<Flight>,
    free_flights: Vec<u32>,
    ledger: Option<Ledger>,
}

impl Player {
    pub fn new(state: State, origin: Millis) -> Self {
        Self {
            origin,
            facts: Vec::new(),
            starts: Vec::new(),
            state,
            out: Vec::new(),
            pending: Pending::default(),
            flights: Vec::new(),
            free_flights: Vec::new(),
            ledger: None,
        }
    }

    /// With a reckoning of its own: the state forgets the time of what was deleted.
    pub fn with_ledger(mut self) -> Self {
        self.ledger = Some(Ledger::default());
        self
    }

    pub fn know(&mut self, pool: PoolId, facts: Facts) {
        let index = pool.0 as usize;
        if self.facts.len() <= index {
            self.facts.resize(index + 1, Facts::default());
        }
        self.facts[index] = facts;
    }

    /// One more start that a version is going to have.
    pub fn will_start(&mut self, pool: PoolId, start: Start) {
        let index = pool.0 as usize;
        if self.starts.len() <= index {
            self.starts.resize_with(index + 1, VecDeque::new);
        }
        self.starts[index].push_back(start);
    }

    /// The mean time of the starts that a version is still going to have.
    pub fn mean_start_ms(&self, pool: PoolId) -> Option<u32> {
        let starts = self.starts.get(pool.0 as usize)?;
        let came = starts.iter().filter(|start| !start.failed).map(|start| u64::from(start.took_ms));
        let (sum, count) = came.fold((0, 0), |(sum, count), took| (sum + took, count + 1));
        Some(sum.checked_div(count)? as u32)
    }

    /// When something happens next, without anything from outside.
    pub fn next_at(&self) -> Option<Millis> {
        let due = self.state.next_due().map(|due| due.saturating_sub(self.origin));
        self.pending.next_at().into_iter().chain(due).min()
    }

    /// Has the processor fetch what these are going to need.
    #[inline]
    pub fn touch(&self, batch: &[Arrival]) {
        let mut read = batch.iter().fold(0, |read, arrival| read ^ self.state.touch(PoolId(arrival.function)));
        let until = batch.last().map_or(0, |arrival| arrival.at_ms);
        self.pending.soon(until, |happening| {
            if let Happening::Done { instance, flight } = happening {
                read ^= self.state.touch_instance(instance) ^ self.state.touch(self.flights[flight as usize].pool);
            }
        });
        read ^= self.state.touch_due(self.origin + until);
        std::hint::black_box(read);
    }

    /// All that happens up to and including this time.
    #[inline]
    pub fn until(&mut self, time: Millis, world: &mut World) {
        loop {
            let due = self.state.next_due().map_or(Millis::MAX, |due| due.saturating_sub(self.origin));
            match self.pending.next_at() {
                Some(at) if at <= time && at <= due => self.happen(at, world),
                _ if due <= time => self.set(due, Event::Tick, world),
                _ => return,
            }
        }
    }

    /// Something that is not of a request or an instance.
    pub fn set(&mut self, now: Millis, event: Event, world: &mut World) {
        step(&mut self.state, self.origin + now, event, &mut self.out);
        self.carry_out(now, world);
    }

    /// The so-many-th instance of a version is found dead, if it is still there.
    pub fn die(&mut self, now: Millis, pool: PoolId, start: usize, world: &mut World) {
        if let Some(instance) = self.ledger.as_ref().and_then(|ledger| ledger.nth(pool, start)) {
            self.set(now, Event::Died { instance }, world);
        }
    }

    #[inline]
    fn happen(&mut self, now: Millis, world: &mut World) {
        let Some(happening) = self.pending.take() else { return };
        let event = match happening {
            Happening::Done { instance, flight } => {
                self.free_flights.push(flight);
                world.count.ended();
                if let Some(ledger) = &mut self.ledger {
                    ledger.done(now, instance);
                }
                Event::Done { instance, reusable: self.flights[flight as usize].reusable }
            }
            Happening::Ready { instance } => {
                if let Some(ledger) = &mut self.ledger {
                    ledger.ready(now, instance);
                }
                Event::Ready { instance }
            }
            Happening::Failed { instance, flight } => {
                self.start_failed(instance, flight, world);
                Event::StartFailed { instance }
            }
        };
        step(&mut self.state, self.origin + now, event, &mut self.out);
        self.carry_out(now, world);
    }

    #[inline]
    pub fn arrive(&mut self, now: Millis, request: Request, world: &mut World) {
        let Request { pool, rule, trigger, duration_ms, reusable } = request;
        let flight = Flight { arrived: now, pool, duration_ms, reusable };
        let slot = match self.free_flights.pop() {
            Some(slot) => {
                self.flights[slot as usize] = flight;
                slot
            }
            None => {
                self.flights.push(flight);
                self.flights.len() as u32 - 1
            }
        };
        world.count.arrived(now);
        let request = RequestSeq(u64::from(slot));
        let event = Event::Arrived { request, pool, rule, trigger, free_mib: world.free_mib() };
        step(&mut self.state, self.origin + now, event, &mut self.out);
        self.carry_out(now, world);
    }

    #[inline]
    fn carry_out(&mut self, now: Millis, world: &mut World) {
        if self.out.is_empty() {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        for command in out.drain(..) {
            match command {
                Command::Dispatch { request, instance } => self.dispatch(now, request, instance, world),
                other => self.obey(now, other, world),
            }
        }
        self.out = out;
    }

    #[inline]
    fn dispatch(&mut self, now: Millis, request: RequestSeq, instance: InstanceId, world: &mut World) {
        let slot = request.0 as u32;
        let flight = self.flights[slot as usize];
        world.count.dispatched(now - flight.arrived);
        if let Some(ledger) = &mut self.ledger {
            ledger.dispatched(now, instance);
        }
        self.pending.add(now + Millis::from(flight.duration_ms), Happening::Done { instance, flight: slot });
    }

    fn obey(&mut self, now: Millis, command: Command, world: &mut World) {
        match command {
            Command::Start { instance, pool, request, cause } => {
                let facts = self.facts[pool.0 as usize];
                let start = self.next_start(pool, facts);
                let took_ms = Millis::from(start.took_ms);
                world.count.started(&cause, request.is_some(), facts.memory_mb * took_ms);
                world.alive_mb += facts.memory_mb;
                self.pending.own(instance, pool.0);
                if let Some(ledger) = &mut self.ledger {
                    ledger.started(instance, pool, facts.memory_mb, &cause);
                }
                let flight = request.map_or(NO_FLIGHT, |request| request.0 as u32);
                let happening =
                    if start.failed { Happening::Failed { instance, flight } } else { Happening::Ready { instance } };
                self.pending.add(now + took_ms, happening);
            }
            Command::Refuse { request, refusal } => {
                world.count.refused(refusal.throttle);
                self.free_flights.push(request.0 as u32);
            }
            Command::Redirect { request } | Command::Fail { request, .. } => {
                world.count.failed();
                self.free_flights.push(request.0 as u32);
            }
            Command::Stop { instance, .. } => {
                self.gone(instance, world);
                if let Some(ledger) = &mut self.ledger {
                    ledger.stopped(now, instance);
                }
            }
            Command::Dispatch { .. } | Command::Wait { .. } | Command::Freeze { .. } => {}
        }
    }

    fn next_start(&mut self, pool: PoolId, facts: Facts) -> Start {
        let recorded = self.starts.get_mut(pool.0 as usize).and_then(VecDeque::pop_front);
        recorded.unwrap_or(Start { took_ms: facts.cold_ms, failed: false })
    }

    /// The server answers the request itself that such a start was for.
    fn start_failed(&mut self, instance: InstanceId, flight: u32, world: &mut World) {
        self.gone(instance, world);
        if let Some(ledger) = &mut self.ledger {
            ledger.failed(instance);
        }
        if flight != NO_FLIGHT {
            world.count.failed();
            self.free_flights.push(flight);
        }
    }

    fn gone(&mut self, instance: InstanceId, world: &mut World) {
        if let Some(pool) = self.pending.disown(instance) {
            world.alive_mb -= self.facts[pool as usize].memory_mb;
            world.count.stopped();
        }
    }

    /// Instance time so far, with the memory that it is of.
    pub fn usage_at(&self, now: Millis) -> Vec<(u64, Usage)> {
        match &self.ledger {
            Some(ledger) => ledger.usage_at(now),
            None => {
                let all = self.state.usage_at(self.origin + now);
                all.into_iter().map(|(spec, usage)| (spec.memory_mb, usage)).collect()
            }
        }
    }
}
