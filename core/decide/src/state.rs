//! What the core remembers: pools, instances, what is in use, and what is due when.

use crate::{
    Limits, Millis,
    instances::{Instances, Place},
    pool::{Function, Namespace, Pool, PoolId, ProvisionId, RuleId, Timer, UNARMED, Window},
    provision::Provision,
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

/// The whole state of one scope.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) limits: Limits,
    pub(crate) now: Millis,
    /// How far the wall clock is ahead of `now`.
    pub(crate) wall_ahead: i64,
    pub(crate) pools: Vec<Option<Box<Pool>>>,
    pub(crate) instances: Instances,
    pub(crate) functions: Vec<Function>,
    pub(crate) function_ids: HashMap<String, u32>,
    pub(crate) free_functions: Vec<u32>,
    /// Functions with a request.
    pub(crate) active: Vec<u32>,
    /// Functions with an elastic start in the latest minute that had one.
    pub(crate) starters: Vec<u32>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) namespace_ids: HashMap<String, u32>,
    pub(crate) rules: HashMap<RuleId, Rule>,
    pub(crate) provisions: HashMap<ProvisionId, Provision>,
    /// MB of requests that have or await an instance; and of these, without functions that have a reservation.
    pub(crate) busy_mb: u64,
    pub(crate) shared_mb: u64,
    /// The sum of all reservations.
    pub(crate) reserved_mb: u64,
    /// The same, with what is used beyond a reservation that was lowered: what the others do not have.
    pub(crate) claimed_mb: u64,
    /// On-demand instances with a request.
    pub(crate) on_demand: u64,
    /// MB of idle on-demand instances: what pressure could free.
    pub(crate) idle_mb: u64,
    /// MB that instances being started are about to take: not yet visible in the host's free memory.
    pub(crate) starting_mb: u64,
    pub(crate) burst: Window,
    pub(crate) provisioned_burst: Window,
    /// Pools that lack provisioned instances because this minute's budget is spent.
    pub(crate) short: BTreeSet<u32>,
    /// Pools with waiting requests.
    pub(crate) queued: BTreeSet<u32>,
    pub(crate) minute_armed: Millis,
    /// Whether refusals name who uses the limit.
    pub(crate) explains: bool,
    /// Requests bound to an instance that starts, beyond the one it is started for.
    pub(crate) riders: HashMap<u32, Vec<crate::RequestSeq>>,
    pub(crate) timers: BinaryHeap<Reverse<(Millis, Timer, u32)>>,
}

/// An on-demand limit and its use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub limit: Option<u64>,
    pub used: u64,
}

impl State {
    /// `scope` sets this state's instance ids apart from those of other states.
    pub fn new(limits: Limits, scope: u64) -> Self {
        Self {
            limits,
            now: 0,
            wall_ahead: 0,
            pools: Vec::new(),
            instances: Instances::new(scope),
            functions: Vec::new(),
            function_ids: HashMap::new(),
            free_functions: Vec::new(),
            active: Vec::new(),
            starters: Vec::new(),
            namespaces: Vec::new(),
            namespace_ids: HashMap::new(),
            rules: HashMap::new(),
            provisions: HashMap::new(),
            busy_mb: 0,
            shared_mb: 0,
            reserved_mb: 0,
            claimed_mb: 0,
            on_demand: 0,
            idle_mb: 0,
            starting_mb: 0,
            burst: Window::default(),
            provisioned_burst: Window::default(),
            short: BTreeSet::new(),
            queued: BTreeSet::new(),
            minute_armed: UNARMED,
            explains: true,
            riders: HashMap::new(),
            timers: BinaryHeap::new(),
        }
    }

    /// With refusals that name the limit only. Who uses it, and when one of them may be done, is for people to read,
    /// and takes a look at every function in use.
    pub fn without_explanations(mut self) -> Self {
        self.explains = false;
        self
    }

    /// When [`crate::Event::Tick`] is wanted next, if at all. It may come early; it is never late.
    pub fn next_due(&self) -> Option<Millis> {
        self.timers.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(crate) fn pool(&self, index: u32) -> &Pool {
        self.pools[index as usize].as_deref().expect("a pool that is open")
    }

    pub(crate) fn pool_mut(&mut self, index: u32) -> &mut Pool {
        self.pools[index as usize].as_deref_mut().expect("a pool that is open")
    }

    pub(crate) fn find_pool(&self, id: PoolId) -> Option<&Pool> {
        self.pools.get(id.0 as usize).and_then(Option::as_deref)
    }

    /// Sets a pool's timer unless it is set to go off earlier.
    pub(crate) fn arm(&mut self, timer: Timer, pool: u32, at: Millis) {
        let armed = &mut self.pools[pool as usize].as_deref_mut().expect("a pool that is open").armed[timer as usize];
        if at < *armed {
            *armed = at;
            self.timers.push(Reverse((at, timer, pool)));
        }
    }

    pub(crate) fn arm_plan(&mut self, provision: ProvisionId, at: Millis) {
        let Some(found) = self.provisions.get_mut(&provision) else { return };
        if at < found.armed {
            found.armed = at;
            self.timers.push(Reverse((at, Timer::Plan, provision.0)));
        }
    }

    pub(crate) fn arm_minute(&mut self, now: Millis) {
        let at = now + crate::pool::until_next_minute(now);
        if at < self.minute_armed {
            self.minute_armed = at;
            self.timers.push(Reverse((at, Timer::Minute, 0)));
        }
    }

    /// Takes the next timer that is due. A timer that was set to an earlier time meanwhile is passed over.
    pub(crate) fn take_due(&mut self, now: Millis) -> Option<(Timer, u32)> {
        loop {
            let Reverse((at, timer, index)) = *self.timers.peek()?;
            if at > now {
                return None;
            }
            self.timers.pop();
            let armed = match timer {
                Timer::Plan => match self.provisions.get_mut(&ProvisionId(index)) {
                    Some(found) => &mut found.armed,
                    None => continue,
                },
                Timer::Minute => &mut self.minute_armed,
                _ => match self.pools.get_mut(index as usize).and_then(Option::as_deref_mut) {
                    Some(pool) => &mut pool.armed[timer as usize],
                    None => continue,
                },
            };
            if *armed == at {
                *armed = UNARMED;
                return Some((timer, index));
            }
        }
    }

    pub(crate) fn place(&mut self, slot: u32, place: Place) {
        let pool = self.instances.get(slot).pool;
        let lists = &mut self.pools[pool as usize].as_deref_mut().expect("a pool that is open").lists;
        self.instances.move_to(lists, slot, place);
    }

    pub(crate) fn function_of(&self, pool: u32) -> &Function {
        &self.functions[self.pool(pool).function as usize]
    }

    /// The index of a function, made if it is new.
    pub(crate) fn function_index(&mut self, id: &str) -> u32 {
        if let Some(found) = self.function_ids.get(id) {
            return *found;
        }
        let new = Function { id: id.to_owned(), ..Function::default() };
        let index = match self.free_functions.pop() {
            Some(free) => {
                self.functions[free as usize] = new;
                free
            }
            None => {
                self.functions.push(new);
                self.functions.len() as u32 - 1
            }
        };
        self.function_ids.insert(id.to_owned(), index);
        index
    }

    /// Forgets a function that has nothing left.
    pub(crate) fn drop_function(&mut self, index: u32) {
        let function = &self.functions[index as usize];
        let set = function.reserved_mb.is_some() || function.debug;
        if function.pools.is_empty() && !set && function.busy == 0 {
            let id = function.id.clone();
            if self.function_ids.get(&id) == Some(&index) {
                self.function_ids.remove(&id);
                self.functions[index as usize] = Function::default();
                self.starters.retain(|other| *other != index);
                self.free_functions.push(index);
            }
        }
    }

    pub(crate) fn namespace_index(&mut self, name: &str) -> u32 {
        if let Some(found) = self.namespace_ids.get(name) {
            return *found;
        }
        let index = self.namespaces.len() as u32;
        self.namespaces.push(Namespace {
            name: name.to_owned(),
            limit_mb: self.limits.namespace_mb.get(name).copied(),
            burst_limit: self.limits.namespace_burst_per_min.get(name).copied(),
            ..Namespace::default()
        });
        self.namespace_ids.insert(name.to_owned(), index);
        index
    }
}
