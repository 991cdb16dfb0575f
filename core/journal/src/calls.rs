//! The calls that a journal tells of: what a simulation takes as its trace.
//!
//! A journal has arrivals and ends, but which instance a call ran in is a decision, so the decisions are made again
//! on the way. Beside the calls it gives what else a simulation cannot know: what was set, and how long starts took.

use crate::{Entry, Fault, Opening, Reader, Replay, Step};
use sluice_decide::{Command, Event, Millis, PoolId, PoolSpec, RequestSeq, RuleId, Trigger};
use sluice_domain::{InstanceId, Throttle};
use std::{
    collections::{HashMap, VecDeque},
    io::Read,
    sync::Arc,
};

/// One call of a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Number of the scope, as in [`Invocations::scopes`].
    pub scope: u64,
    /// Number of its arrival among the scope's records, from 1: calls and [`Setting`]s can be put in order by it.
    pub record: u64,
    pub pool: PoolId,
    pub spec: Arc<PoolSpec>,
    pub rule: Option<RuleId>,
    pub trigger: Trigger,
    pub at: Millis,
    pub outcome: Outcome,
}

/// Something that was set: versions opened and retired, reservations, rules, provisions, limits, the wall clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub record: u64,
    pub at: Millis,
    pub event: Event,
}

/// The end of an instance that nobody decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    pub record: u64,
    pub at: Millis,
    /// Its place among the scope's starts.
    pub start: usize,
}

/// The start of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    pub pool: PoolId,
    /// How long it took; none when the journal ended first.
    pub took_ms: Option<Millis>,
    pub failed: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ran {
        /// From arrival until an instance had it.
        waited_ms: Millis,
        duration_ms: Millis,
        /// How long the instance took to come up that was started for it.
        start_ms: Option<Millis>,
        /// Whether the instance could take another call afterwards.
        reusable: bool,
    },
    Refused(Throttle),
    /// The start failed, the caller gave up, or the version went.
    Unserved,
    /// The journal ended before the call did.
    Unended,
}

/// The calls in a journal: within a scope in the order they arrived in, the scopes interleaved as they were recorded.
/// Ends at the journal's end or its first fault.
pub fn invocations<R: Read>(reader: Reader<R>) -> Invocations<R> {
    Invocations {
        reader,
        replay: Replay::default(),
        scopes: HashMap::new(),
        known: VecDeque::new(),
        fault: None,
        over: false,
    }
}

/// See [`invocations`].
pub struct Invocations<R> {
    reader: Reader<R>,
    replay: Replay,
    scopes: HashMap<u64, Scope>,
    known: VecDeque<Call>,
    /// Told after the calls that are known.
    fault: Option<Fault>,
    over: bool,
}

/// Calls of one scope that are not told yet, and what was set in it.
#[derive(Default)]
struct Scope {
    opening: Option<Box<Opening>>,
    records: u64,
    settings: Vec<Setting>,
    starts: Vec<Start>,
    deaths: Vec<Death>,
    specs: HashMap<PoolId, Arc<PoolSpec>>,
    /// In the order of arrival; the first has the number `told`.
    calls: VecDeque<Pending>,
    told: u64,
    /// Which call a request is, until its outcome is known.
    open: HashMap<RequestSeq, u64>,
    /// What each instance runs, the longest first.
    running: HashMap<InstanceId, VecDeque<RequestSeq>>,
    starting: HashMap<InstanceId, Starting>,
    /// Which starts the instances are that came up.
    up: HashMap<InstanceId, usize>,
}

/// An instance that comes up.
struct Starting {
    since: Millis,
    request: Option<RequestSeq>,
    /// Its place among the scope's starts.
    index: usize,
}

struct Pending {
    call: Call,
    /// Where an instance has it: since when, and how long that took to come up.
    running: Option<(Millis, Option<Millis>)>,
    state: Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    NotYet,
    Settled,
    /// It was asked for again under another number, which is told instead.
    Repeated,
}

impl<R: Read> Invocations<R> {
    /// The scopes opened so far, with their first limits.
    pub fn scopes(&self) -> impl Iterator<Item = (u64, &Opening)> {
        self.scopes.iter().filter_map(|(number, scope)| Some((*number, scope.opening.as_deref()?)))
    }

    /// What was set in a scope so far, in the order it was recorded in.
    pub fn settings(&self, scope: u64) -> &[Setting] {
        self.scopes.get(&scope).map_or(&[], |scope| &scope.settings)
    }

    /// The starts of a scope so far, in the order they were decided in.
    pub fn starts(&self, scope: u64) -> &[Start] {
        self.scopes.get(&scope).map_or(&[], |scope| &scope.starts)
    }

    /// Instances of a scope that died so far, in the order they were recorded in.
    pub fn deaths(&self, scope: u64) -> &[Death] {
        self.scopes.get(&scope).map_or(&[], |scope| &scope.deaths)
    }

    /// When the first and the last record so far were made.
    pub fn covered(&self) -> Option<(Millis, Millis)> {
        let totals = self.replay.totals();
        totals.from.zip(totals.until)
    }

    #[allow(clippy::result_large_err, reason = "a fault ends the reading; there is at most one")]
    fn read(&mut self) -> Result<bool, Fault> {
        let Some(entry) = self.reader.next() else { return Ok(false) };
        let entry = entry?;
        self.replay.apply(&entry, || self.reader.place()).map_err(|fault| *fault)?;
        match entry {
            Entry::Opening { scope, opening } => self.scopes.entry(scope).or_default().opening = Some(opening),
            Entry::Step { scope, step } => {
                let found = self.scopes.entry(scope).or_default();
                found.step(scope, step, self.replay.commands());
                found.tell(&mut self.known);
            }
            Entry::Closing(_) => return Ok(false),
        }
        Ok(true)
    }

    fn tell_rest(&mut self) {
        let mut numbers: Vec<u64> = self.scopes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let scope = self.scopes.get_mut(&number).expect("its key was there");
            let calls = scope.calls.drain(..).filter(|pending| pending.state != Known::Repeated);
            self.known.extend(calls.map(|pending| pending.call));
        }
    }
}

impl<R: Read> Iterator for Invocations<R> {
    type Item = Result<Call, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(call) = self.known.pop_front() {
                return Some(Ok(call));
            }
            if self.over {
                return self.fault.take().map(Err);
            }
            let more = self.read();
            self.over = !matches!(more, Ok(true));
            if self.over {
                self.tell_rest();
            }
            self.fault = more.err();
        }
    }
}

impl Scope {
    fn step(&mut self, number: u64, step: Step, commands: &[Command]) {
        let now = step.now;
        self.records += 1;
        match step.event {
            Event::Arrived { request, pool, rule, trigger, .. } => {
                if let Some(spec) = self.specs.get(&pool).cloned() {
                    let (record, outcome) = (self.records, Outcome::Unended);
                    let call = Call { scope: number, record, pool, spec, rule, trigger, at: now, outcome };
                    self.arrived(request, call);
                }
            }
            Event::Ready { instance } => self.ready(now, instance),
            Event::StartFailed { instance } => self.start_failed(now, instance),
            Event::Done { instance, reusable } => self.done(now, instance, reusable),
            Event::Died { instance } => {
                self.start_failed(now, instance);
                if let Some(start) = self.up.remove(&instance) {
                    self.deaths.push(Death { record: self.records, at: now, start });
                }
                let had = self.running.remove(&instance).unwrap_or_default();
                had.into_iter().for_each(|request| self.repeated(request));
            }
            Event::GaveUp { request, .. } => self.settle(request, Outcome::Unserved),
            Event::Tick => {}
            event => self.set(now, event),
        }
        for command in commands {
            self.command(now, command);
        }
    }

    fn set(&mut self, at: Millis, event: Event) {
        match &event {
            Event::PoolOpened { pool, spec } => {
                self.specs.entry(*pool).or_insert_with(|| Arc::new(spec.clone()));
            }
            Event::PoolRetired { pool } => {
                self.specs.remove(pool);
            }
            _ => {}
        }
        self.settings.push(Setting { record: self.records, at, event });
    }

    fn arrived(&mut self, request: RequestSeq, call: Call) {
        self.open.insert(request, self.told + self.calls.len() as u64);
        self.calls.push_back(Pending { call, running: None, state: Known::NotYet });
    }

    fn command(&mut self, now: Millis, command: &Command) {
        match command {
            Command::Start { instance, pool, request, .. } => {
                let starting = Starting { since: now, request: *request, index: self.starts.len() };
                self.starting.insert(*instance, starting);
                self.starts.push(Start { pool: *pool, took_ms: None, failed: false });
            }
            Command::Stop { instance, .. } => {
                self.up.remove(instance);
            }
            Command::Dispatch { request, instance } => self.dispatched(now, *request, *instance),
            Command::Refuse { request, refusal } => self.settle(*request, Outcome::Refused(refusal.throttle)),
            Command::Redirect { request } => self.repeated(*request),
            Command::Fail { request, .. } => self.settle(*request, Outcome::Unserved),
            _ => {}
        }
    }

    fn ready(&mut self, now: Millis, instance: InstanceId) {
        let Some(Starting { since, request, index }) = self.starting.remove(&instance) else { return };
        let took_ms = now.saturating_sub(since);
        self.starts[index].took_ms = Some(took_ms);
        self.up.insert(instance, index);
        if let Some(pending) = request.and_then(|request| self.pending(request)) {
            pending.running = Some((now, Some(took_ms)));
        }
    }

    fn start_failed(&mut self, now: Millis, instance: InstanceId) {
        let Some(Starting { since, request, index }) = self.starting.remove(&instance) else { return };
        let start = &mut self.starts[index];
        (start.took_ms, start.failed) = (Some(now.saturating_sub(since)), true);
        if let Some(request) = request {
            self.settle(request, Outcome::Unserved);
        }
    }

    fn dispatched(&mut self, now: Millis, request: RequestSeq, instance: InstanceId) {
        self.running.entry(instance).or_default().push_back(request);
        if let Some(pending) = self.pending(request) {
            pending.running = Some((now, pending.running.and_then(|(_, took)| took)));
        }
    }

    /// Ends do not say whose they are; in an instance with several calls the oldest is taken.
    fn done(&mut self, now: Millis, instance: InstanceId, reusable: bool) {
        let Some(queue) = self.running.get_mut(&instance) else { return };
        let request = queue.pop_front();
        if queue.is_empty() {
            self.running.remove(&instance);
        }
        let Some(request) = request else { return };
        let Some(pending) = self.pending(request) else { return };
        let Some((since, start_ms)) = pending.running else { return };
        let waited_ms = since.saturating_sub(pending.call.at);
        let duration_ms = now.saturating_sub(since);
        self.settle(request, Outcome::Ran { waited_ms, duration_ms, start_ms, reusable });
    }

    fn pending(&mut self, request: RequestSeq) -> Option<&mut Pending> {
        let index = self.open.get(&request)?.checked_sub(self.told)?;
        self.calls.get_mut(index as usize)
    }

    fn settle(&mut self, request: RequestSeq, outcome: Outcome) {
        if let Some(pending) = self.pending(request) {
            pending.call.outcome = outcome;
            pending.state = Known::Settled;
            self.open.remove(&request);
        }
    }

    fn repeated(&mut self, request: RequestSeq) {
        if let Some(pending) = self.pending(request) {
            pending.state = Known::Repeated;
            self.open.remove(&request);
        }
    }

    /// Hands on what is known and has nothing unknown before it.
    fn tell(&mut self, known: &mut VecDeque<Call>) {
        while let Some(first) = self.calls.pop_front_if(|pending| pending.state != Known::NotYet) {
            self.told += 1;
            if first.state == Known::Settled {
                known.push_back(first.call);
            }
        }
    }
}
