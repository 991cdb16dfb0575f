//! A request's way: to an instance that is there, to one that starts, into the queue, or back.
//!
//! Provisioned instances come first, then the most recently used one with room; an instance's concurrency is
//! filled before another is started; a request never goes to another version than it named.

use crate::{
    Command, Millis, PoolId, RequestSeq, RuleId, State, StopReason, Trigger,
    admission::refuse,
    instances::{Instance, Kind, Place},
    pool::{Timer, Waiting},
};
use sluice_domain::{ColdReason, InstanceId, Refusal, Retry, StartCause, Throttle};

/// What an instance that starts is expected to take of the host's memory before the host shows it: a fresh process,
/// not the limit that it may grow to.
const STARTING_MB: u64 = 32;

fn starting_claim(memory_mb: u64) -> u64 {
    memory_mb.min(STARTING_MB)
}

/// A request that looks for an instance.
#[derive(Clone, Copy)]
pub(crate) struct Seeker {
    pub request: RequestSeq,
    pub pool: u32,
    pub rule: Option<RuleId>,
    pub trigger: Trigger,
    pub free_mib: u64,
}

impl State {
    pub(crate) fn arrived(&mut self, now: Millis, seeker: Seeker, out: &mut Vec<Command>) {
        if !self.is_open(PoolId(seeker.pool)) {
            return out.push(Command::Redirect { request: seeker.request });
        }
        let adaptive = self.limits.keep_alive_adaptive;
        let depth = self.limits.queue_depth;
        let pool = self.pool_mut(seeker.pool);
        if adaptive {
            pool.learn_arrival(now);
        }
        if !pool.waiting.is_empty() {
            // Those who came earlier are served earlier. Who has a start under way waits for that, not for room.
            if depth > 0 && (pool.waiting.len() as u64) < depth + u64::from(pool.unbound_starts) {
                return self.enqueue(now, seeker, out);
            }
            let refusal = self.why_waiting(now, seeker);
            return out.push(Command::Refuse { request: seeker.request, refusal });
        }
        if let Err(refusal) = self.find_seat(now, seeker, out) {
            if depth > 0 && refusal.retry != Retry::Never {
                return self.enqueue(now, seeker, out);
            }
            out.push(Command::Refuse { request: seeker.request, refusal });
        }
    }

    /// Gives the request an instance, one that is there or one that starts for it.
    fn find_seat(&mut self, now: Millis, seeker: Seeker, out: &mut Vec<Command>) -> Result<(), Box<Refusal>> {
        if self.seat_now(now, seeker, out)? {
            return Ok(());
        }
        self.admit(seeker.pool, Kind::OnDemand, seeker.rule)?;
        self.start_for(now, seeker, out)
    }

    /// Gives the request an instance that is there or already starts, if one has room.
    pub(crate) fn seat_now(
        &mut self,
        now: Millis,
        seeker: Seeker,
        out: &mut Vec<Command>,
    ) -> Result<bool, Box<Refusal>> {
        let pool = self.pool(seeker.pool);
        if self.functions[pool.function as usize].reserved_mb == Some(0) {
            return self.admit(seeker.pool, Kind::Provisioned, None).map(|()| false);
        }
        if let Some(slot) = pool.list(Place::ProvisionedPartial).first() {
            self.seat(now, seeker.request, slot, out);
            return Ok(true);
        }
        let mut denied = None;
        if let Some(slot) = pool.list(Place::ProvisionedIdle).first() {
            match self.admit(seeker.pool, Kind::Provisioned, None) {
                Ok(()) => {
                    self.charge(now, slot, None);
                    self.seat(now, seeker.request, slot, out);
                    return Ok(true);
                }
                Err(refusal) => denied = Some(refusal),
            }
        }
        if let Some(slot) = self.with_room(Place::Partial, seeker) {
            self.seat(now, seeker.request, slot, out);
            return Ok(true);
        }
        let idle = self.pool(seeker.pool).list(Place::Idle).first();
        if let (Some(slot), None) = (idle, &denied) {
            match self.admit(seeker.pool, Kind::OnDemand, seeker.rule) {
                Ok(()) => {
                    self.idle_mb -= self.pool(seeker.pool).spec.memory_mb;
                    self.charge(now, slot, seeker.rule);
                    self.seat(now, seeker.request, slot, out);
                    return Ok(true);
                }
                Err(refusal) => denied = Some(refusal),
            }
        }
        // An instance that starts is counted already: it takes more whatever is full by now.
        if let Some(slot) = self.with_room(Place::StartingRoom, seeker) {
            self.ride(now, seeker.request, slot);
            out.push(Command::Wait { request: seeker.request });
            return Ok(true);
        }
        denied.map_or(Ok(false), Err)
    }

    /// An on-demand instance with a request and room for this one. Where an on-demand limit says how many
    /// instances the calls of an alias may use, those of another alias do not share them.
    fn with_room(&self, place: Place, seeker: Seeker) -> Option<u32> {
        let first = self.pool(seeker.pool).list(place).first()?;
        if self.rules.is_empty() {
            return Some(first);
        }
        let limit = |rule: Option<RuleId>| rule.and_then(|rule| self.rules.get(&rule)).and_then(|rule| rule.limit);
        let own = limit(seeker.rule);
        if own == Some(0) {
            return None;
        }
        let fits = |slot: &u32| {
            let rule = self.instances.get(*slot).rule;
            rule == seeker.rule || (own.is_none() && limit(rule).is_none())
        };
        std::iter::successors(Some(first), |slot| self.instances.older(*slot)).find(fits)
    }

    /// Puts a request into an instance that has room.
    fn seat(&mut self, now: Millis, request: RequestSeq, slot: u32, out: &mut Vec<Command>) {
        let index = self.instances.get(slot).pool;
        self.count_request(now, index);
        let room = self.pool(index).spec.concurrency;
        let instance = self.instances.get_mut(slot);
        instance.frozen = false;
        instance.in_flight += 1;
        let place = match (instance.in_flight < room && !instance.draining, instance.kind) {
            (false, _) => Place::Nowhere,
            (true, Kind::Provisioned) => Place::ProvisionedPartial,
            (true, Kind::OnDemand) => Place::Partial,
        };
        let id = instance.id;
        self.place(slot, place);
        out.push(Command::Dispatch { request, instance: id });
    }

    /// Binds one more request to an instance that is coming up.
    fn ride(&mut self, now: Millis, request: RequestSeq, slot: u32) {
        self.riders.entry(slot).or_default().push(request);
        let index = self.instances.get(slot).pool;
        self.count_request(now, index);
        let room = self.pool(index).spec.concurrency;
        let instance = self.instances.get_mut(slot);
        instance.in_flight += 1;
        if instance.in_flight >= room {
            self.place(slot, Place::Nowhere);
        }
    }

    fn count_request(&mut self, now: Millis, index: u32) {
        let pool = self.pool_mut(index);
        pool.load.advance(now, pool.in_flight);
        pool.in_flight += 1;
    }

    fn start_for(&mut self, now: Millis, seeker: Seeker, out: &mut Vec<Command>) -> Result<(), Box<Refusal>> {
        let pool = self.pool(seeker.pool);
        if self.limits.queue_depth > 0 && pool.unbound_starts as usize > pool.waiting.len() {
            // One starts already that nobody waits for any more.
            self.enqueue_unchecked(now, seeker, out);
            return Ok(());
        }
        self.admit_start(now, seeker.pool, seeker.trigger)?;
        self.make_room(now, seeker.pool, seeker.free_mib, out)?;
        // With a queue, whichever instance is free first serves; otherwise the request has the one it starts.
        let late = self.limits.queue_depth > 0;
        let bound = (!late).then_some(seeker.request);
        let cause = self.cold_cause(seeker.pool);
        let slot = self.start(now, seeker.pool, Kind::OnDemand, bound, cause, out);
        self.charge(now, slot, seeker.rule);
        if late {
            self.pool_mut(seeker.pool).unbound_starts += 1;
            self.enqueue_unchecked(now, seeker, out);
        } else {
            self.count_request(now, seeker.pool);
            self.instances.get_mut(slot).in_flight = 1;
            if self.pool(seeker.pool).spec.concurrency > 1 {
                self.place(slot, Place::StartingRoom);
            }
        }
        Ok(())
    }

    /// Counts and orders a start. Elastic ones use up the budget of the minute.
    pub(crate) fn start(
        &mut self,
        now: Millis,
        index: u32,
        kind: Kind,
        bound: Option<RequestSeq>,
        cause: StartCause,
        out: &mut Vec<Command>,
    ) -> u32 {
        let (slot, id) = self.instances.insert(Instance::new(index, kind, bound, now));
        let pool = self.pool_mut(index);
        pool.alive += 1;
        pool.starting += 1;
        let (memory, function, namespace) = (pool.spec.memory_mb, pool.function, pool.namespace);
        if kind == Kind::OnDemand {
            pool.last_start = Some(now);
            let namespace = &mut self.namespaces[namespace as usize];
            match namespace.burst_limit {
                Some(_) => namespace.burst.count(now),
                None => self.burst.count(now),
            }
            self.count_start(now, function);
        } else {
            self.provisioned_burst.count(now);
            self.pool_mut(index).provisioned += 1;
        }
        self.functions[function as usize].ever_started = true;
        self.starting_mb += starting_claim(memory);
        out.push(Command::Start { instance: id, pool: PoolId(index), request: bound, cause });
        slot
    }

    /// Remembers who has started instances in this minute.
    fn count_start(&mut self, now: Millis, index: u32) {
        let minute = now / 60_000;
        if self.starters.first().is_some_and(|first| self.functions[*first as usize].minute != minute) {
            self.starters.clear();
        }
        let function = &mut self.functions[index as usize];
        if function.minute != minute || function.started == 0 {
            (function.minute, function.started) = (minute, 0);
            self.starters.push(index);
        }
        function.started += 1;
    }

    pub(crate) fn cold_cause(&self, index: u32) -> StartCause {
        let pool = self.pool(index);
        if pool.alive > 0 {
            return StartCause { reason: ColdReason::AllBusy, busy: u64::from(pool.alive), idle_ms: None };
        }
        match pool.gone {
            Some(cause) => cause,
            None if self.functions[pool.function as usize].ever_started => ColdReason::NewVersion.into(),
            None => ColdReason::FirstCall.into(),
        }
    }

    pub(crate) fn ready(&mut self, now: Millis, id: InstanceId, out: &mut Vec<Command>) {
        let Some(slot) = self.instances.slot_of(id).filter(|slot| self.instances.get(*slot).starting) else { return };
        let instance = self.instances.get_mut(slot);
        instance.starting = false;
        let took_ms = now.saturating_sub(std::mem::replace(&mut instance.ready_at, now));
        let (index, kind, draining) = (instance.pool, instance.kind, instance.draining);
        let bound = instance.bound.take();
        let pool = self.pool_mut(index);
        pool.starting -= 1;
        pool.habits.started(took_ms);
        let mut recovered = false;
        if kind == Kind::Provisioned {
            pool.provisioned_ready += u32::from(!draining);
            // One that died at once may do so again: it has to live for a while before it counts as a success.
            recovered = !pool.frail && std::mem::take(&mut pool.failures) > 0;
        }
        if kind == Kind::Provisioned && self.pool(index).frail {
            self.arm(Timer::Retry, index, now + crate::provision::SETTLED_MS);
        }
        let pool = self.pool(index);
        let (memory, room, retired) = (pool.spec.memory_mb, pool.spec.concurrency, pool.retired);
        self.starting_mb = self.starting_mb.saturating_sub(starting_claim(memory));
        if let Some(request) = bound {
            out.push(Command::Dispatch { request, instance: id });
            let riders = self.riders.remove(&slot).unwrap_or_default();
            out.extend(riders.into_iter().map(|request| Command::Dispatch { request, instance: id }));
            let open = self.instances.get(slot).in_flight < room && !draining && !retired;
            self.place(slot, if open { Place::Partial } else { Place::Nowhere });
            return self.serve_waiting(now, out);
        }
        if self.instances.get(slot).charged {
            self.pool_mut(index).unbound_starts -= 1;
            self.discharge(now, slot);
        }
        self.becomes_idle(now, slot, out);
        // Those come first whom it was started for.
        self.serve_pool(now, index, out);
        if recovered && self.pools[index as usize].is_some() {
            // Those that are missing because starts failed need not wait any longer.
            self.reconcile(now, index, out);
        }
        self.serve_waiting(now, out);
    }

    /// An instance without a request: kept, or ended if nobody wants it any more.
    fn becomes_idle(&mut self, now: Millis, slot: u32, out: &mut Vec<Command>) {
        let instance = self.instances.get_mut(slot);
        instance.idle_since = now;
        let (index, kind, draining) = (instance.pool, instance.kind, instance.draining);
        let pool = self.pool(index);
        if pool.retired || draining {
            let reason = if pool.retired { StopReason::Retired } else { StopReason::Released };
            return self.end(now, slot, reason, out);
        }
        match kind {
            Kind::Provisioned => self.place(slot, Place::ProvisionedIdle),
            Kind::OnDemand => {
                self.idle_mb += self.pool(index).spec.memory_mb;
                self.place(slot, Place::Idle);
                self.arm_expiry(now, index);
            }
        }
        if let Some(after) = self.limits.freeze_after_ms {
            self.arm(Timer::Freeze, index, now + after);
        }
    }

    pub(crate) fn start_failed(&mut self, now: Millis, id: InstanceId, out: &mut Vec<Command>) {
        let Some(slot) = self.instances.slot_of(id).filter(|slot| self.instances.get(*slot).starting) else { return };
        let instance = self.instances.get(slot);
        let (index, charged, bound) = (instance.pool, instance.charged, instance.bound.is_some());
        let wanted = instance.kind == Kind::Provisioned && !instance.draining;
        for request in self.riders.remove(&slot).unwrap_or_default() {
            out.push(Command::Fail { request, instance: id });
        }
        if charged && !bound {
            let pool = self.pool_mut(index);
            pool.unbound_starts -= 1;
            // Someone has to hear of it: the one who has waited longest.
            if let Some(waiting) = pool.waiting.pop_front() {
                out.push(Command::Fail { request: waiting.request, instance: id });
            }
        }
        self.forget(now, slot, ColdReason::StartFailed.into());
        if wanted {
            self.provisioned_start_failed(now, index);
        }
        self.after_loss(now, index, out);
    }

    pub(crate) fn done(&mut self, now: Millis, id: InstanceId, reusable: bool, out: &mut Vec<Command>) {
        let Some(slot) = self.instances.slot_of(id) else { return };
        let instance = self.instances.get_mut(slot);
        if instance.starting || instance.in_flight == 0 {
            return;
        }
        let index = instance.pool;
        if !reusable {
            return self.lost(now, slot, out);
        }
        instance.in_flight -= 1;
        instance.served = true;
        let (left, kind, draining) = (instance.in_flight, instance.kind, instance.draining);
        let adaptive = self.limits.keep_alive_adaptive;
        let pool = self.pool_mut(index);
        pool.load.advance(now, pool.in_flight);
        pool.in_flight -= 1;
        if adaptive {
            pool.learn_end(now, 1);
        }
        if left == 0 {
            self.discharge(now, slot);
            self.becomes_idle(now, slot, out);
        } else if !draining && !self.pool(index).retired {
            self.place(slot, if kind == Kind::Provisioned { Place::ProvisionedPartial } else { Place::Partial });
        }
        self.serve_waiting(now, out);
    }

    pub(crate) fn died(&mut self, now: Millis, id: InstanceId, out: &mut Vec<Command>) {
        let Some(slot) = self.instances.slot_of(id) else { return };
        if self.instances.get(slot).starting {
            return self.start_failed(now, id, out);
        }
        self.lost(now, slot, out);
    }

    /// An instance is gone or must go, with whatever ran in it.
    fn lost(&mut self, now: Millis, slot: u32, out: &mut Vec<Command>) {
        let Instance { pool: index, kind, draining, ready_at, served, in_flight, .. } = *self.instances.get(slot);
        self.end_because(now, slot, StopReason::Unusable, ColdReason::Crashed.into(), out);
        if kind == Kind::Provisioned && !draining && !served && in_flight == 0 {
            self.provisioned_died_unused(now, index, now.saturating_sub(ready_at));
        }
        self.after_loss(now, index, out);
    }

    fn after_loss(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        if self.pools[index as usize].is_some() {
            self.reconcile(now, index, out);
        }
        self.serve_waiting(now, out);
    }

    /// Ends an instance for a reason that leaves the next start to the usual causes.
    pub(crate) fn end(&mut self, now: Millis, slot: u32, reason: StopReason, out: &mut Vec<Command>) {
        let instance = self.instances.get(slot);
        let idle_ms = now.saturating_sub(instance.idle_since);
        let gone = match reason {
            StopReason::Idle { .. } => StartCause { reason: ColdReason::Reclaimed, busy: 0, idle_ms: Some(idle_ms) },
            StopReason::MemoryPressure => ColdReason::Evicted.into(),
            StopReason::Unusable => ColdReason::Crashed.into(),
            StopReason::Retired | StopReason::Released => ColdReason::ScaledFromZero.into(),
        };
        self.end_because(now, slot, reason, gone, out);
    }

    fn end_because(&mut self, now: Millis, slot: u32, reason: StopReason, gone: StartCause, out: &mut Vec<Command>) {
        out.push(Command::Stop { instance: self.instances.get(slot).id, reason });
        self.forget(now, slot, gone);
    }

    /// Takes an instance and all it counts for out of the state.
    pub(crate) fn forget(&mut self, now: Millis, slot: u32, gone: StartCause) {
        let instance = self.instances.get(slot);
        let (index, kind, starting, draining) = (instance.pool, instance.kind, instance.starting, instance.draining);
        let (in_flight, was_idle) = (instance.in_flight, instance.place == Place::Idle);
        self.discharge(now, slot);
        self.place(slot, Place::Nowhere);
        let usage = self.instances.get(slot).usage(now);
        self.instances.remove(slot);
        let adaptive = self.limits.keep_alive_adaptive;
        let pool = self.pool_mut(index);
        let memory = pool.spec.memory_mb;
        pool.alive -= 1;
        pool.gone = Some(gone);
        pool.usage.add(usage);
        if starting {
            pool.starting -= 1;
        }
        if in_flight > 0 {
            pool.load.advance(now, pool.in_flight);
            pool.in_flight -= in_flight;
            if adaptive {
                pool.learn_end(now, in_flight);
            }
        }
        if kind == Kind::Provisioned && !draining {
            pool.provisioned -= 1;
            pool.provisioned_ready -= u32::from(!starting);
        }
        let empty = pool.retired && pool.alive == 0;
        if starting {
            self.starting_mb = self.starting_mb.saturating_sub(starting_claim(memory));
        }
        if was_idle {
            self.idle_mb -= memory;
        }
        if empty {
            self.drop_pool(index);
        }
    }

    fn enqueue(&mut self, now: Millis, seeker: Seeker, out: &mut Vec<Command>) {
        self.enqueue_unchecked(now, seeker, out);
        self.serve_pool(now, seeker.pool, out);
    }

    fn enqueue_unchecked(&mut self, now: Millis, seeker: Seeker, out: &mut Vec<Command>) {
        let until = now.saturating_add(self.limits.queue_ms);
        let Seeker { request, pool, rule, trigger, free_mib } = seeker;
        self.pool_mut(pool).waiting.push_back(Waiting { request, rule, trigger, free_mib, since: now, until });
        self.queued.insert(pool);
        self.arm(Timer::Waiting, pool, until);
        out.push(Command::Wait { request });
    }

    /// What keeps a request waiting, in the words of a refusal.
    pub(crate) fn why_waiting(&self, now: Millis, seeker: Seeker) -> Box<Refusal> {
        let denied = self.admit(seeker.pool, Kind::OnDemand, seeker.rule);
        let denied = denied.and_then(|()| self.admit_start(now, seeker.pool, seeker.trigger));
        match denied {
            Err(refusal) => refusal,
            // The queue itself is full, or what is awaited is still starting.
            Ok(()) => {
                let pool = self.pool(seeker.pool);
                let function = &self.functions[pool.function as usize];
                let mut refusal = refuse(Throttle::WaitQueue, self.limits.queue_depth, pool.waiting.len() as u64);
                refusal.scope = Some(function.name.clone());
                self.estimate_retry(&mut refusal, function.mean_busy_ms, function.busy);
                refusal
            }
        }
    }
}
