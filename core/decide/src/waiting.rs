//! The queue of each pool, off unless the profile has a depth: who waits, for how long, and who is next.

use crate::{
    Command, Millis, State,
    dispatch::Seeker,
    pool::{Timer, Waiting},
};
use sluice_domain::Retry;

impl Waiting {
    fn seeker(&self, pool: u32) -> Seeker {
        Seeker { request: self.request, pool, rule: self.rule, trigger: self.trigger, free_mib: self.free_mib }
    }
}

impl State {
    /// Something became free: gives it to those who wait, each pool in its own order.
    pub(crate) fn serve_waiting(&mut self, now: Millis, out: &mut Vec<Command>) {
        if self.queued.is_empty() {
            return;
        }
        for pool in self.queued.iter().copied().collect::<Vec<_>>() {
            self.serve_pool(now, pool, out);
        }
    }

    pub(crate) fn serve_pool(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        while let Some(pool) = self.pools[index as usize].as_deref() {
            let Some(first) = pool.waiting.front().copied() else { break };
            let (starts, waiting) = (u64::from(pool.unbound_starts), pool.waiting.len() as u64);
            match self.seat_now(now, first.seeker(index), out) {
                Ok(true) => {
                    self.pool_mut(index).waiting.pop_front();
                    continue;
                }
                Ok(false) => {}
                Err(_) => return,
            }
            // One start for each who waits and has none under way.
            if starts >= waiting || !self.start_unbound(now, index, first, out) {
                return;
            }
        }
        self.queued.remove(&index);
    }

    fn start_unbound(&mut self, now: Millis, index: u32, first: Waiting, out: &mut Vec<Command>) -> bool {
        use crate::instances::Kind;
        let allowed = self.admit(index, Kind::OnDemand, first.rule);
        let allowed = allowed.and_then(|()| self.admit_start(now, index, first.trigger));
        if let Err(refusal) = allowed.and_then(|()| self.make_room(now, index, first.free_mib, out)) {
            // What only time gives back, nobody's end will tell of.
            if let Retry::After { after_ms } = refusal.retry {
                self.arm(Timer::Waiting, index, now + after_ms);
            }
            return false;
        }
        let cause = self.cold_cause(index);
        let slot = self.start(now, index, Kind::OnDemand, None, cause, out);
        self.charge(now, slot, first.rule);
        self.pool_mut(index).unbound_starts += 1;
        true
    }

    /// Refuses one that waits.
    pub(crate) fn gave_up(&mut self, now: Millis, request: crate::RequestSeq, index: u32, out: &mut Vec<Command>) {
        let Some(pool) = self.pools.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(place) = pool.waiting.iter().position(|waiting| waiting.request == request) else { return };
        let Some(waiting) = pool.waiting.remove(place) else { return };
        let mut refusal = self.why_waiting(now, waiting.seeker(index));
        refusal.waited_ms = now - waiting.since;
        out.push(Command::Refuse { request, refusal });
        self.serve_pool(now, index, out);
    }

    /// Refuses those whose time is up, and tries the others, for some of whom another limit counts.
    pub(crate) fn waiting_due(&mut self, now: Millis, index: u32, out: &mut Vec<Command>) {
        self.serve_pool(now, index, out);
        let mut place = 0;
        while let Some(next) = self.pool(index).waiting.get(place).copied() {
            // The time to wait may have been changed meanwhile: who came later may have to go earlier.
            if next.until > now {
                self.arm(Timer::Waiting, index, next.until);
                place += 1;
                continue;
            }
            let mut refusal = self.why_waiting(now, next.seeker(index));
            refusal.waited_ms = now - next.since;
            self.pool_mut(index).waiting.remove(place);
            out.push(Command::Refuse { request: next.request, refusal });
        }
        self.serve_pool(now, index, out);
    }
}
