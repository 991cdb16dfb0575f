//! Admission, dispatch and reclaim.

use crate::{
    Command, Event, Millis, PoolId, PoolSpec, Refusal, RequestSeq, State, StopReason,
    state::{Due, Instance, InstanceState, Pool},
};
use sluice_domain::{ColdReason, InstanceId, Throttle};

/// Applies one event and says what follows from it.
pub fn step(state: &mut State, now: Millis, event: Event) -> Vec<Command> {
    match event {
        Event::PoolOpened { pool, spec } => open(state, pool, spec),
        Event::PoolRetired { pool } => retire(state, pool),
        Event::Arrived { request, pool, free_mib } => arrived(state, now, request, pool, free_mib),
        Event::Ready { instance } => ready(state, instance),
        Event::StartFailed { instance } => start_failed(state, instance),
        Event::Done { instance, reusable } => done(state, now, instance, reusable),
        Event::Died { instance } => died(state, instance),
        Event::LimitsChanged(limits) => {
            state.limits = limits;
            requeue_expiry(state);
            Vec::new()
        }
        Event::Tick => tick(state, now),
    }
}

fn open(state: &mut State, pool: PoolId, spec: PoolSpec) -> Vec<Command> {
    state.pools.entry(pool).or_insert_with(|| Pool {
        spec,
        idle: Vec::new(),
        alive: 0,
        ever_started: false,
        last_died: false,
        retired: false,
    });
    Vec::new()
}

fn retire(state: &mut State, id: PoolId) -> Vec<Command> {
    let Some(pool) = state.pools.get_mut(&id) else { return Vec::new() };
    pool.retired = true;
    let idle = std::mem::take(&mut pool.idle);
    let commands =
        idle.iter().map(|instance| Command::Stop { instance: *instance, reason: StopReason::Retired }).collect();
    for instance in idle {
        forget(state, instance);
    }
    drop_pool_if_empty(state, id);
    commands
}

fn arrived(state: &mut State, now: Millis, request: RequestSeq, id: PoolId, free_mib: u64) -> Vec<Command> {
    let Some(pool) = state.pools.get(&id) else {
        debug_assert!(false, "a request for a pool that was never opened");
        return Vec::new();
    };
    if let Err(refusal) = admit(state, &pool.spec) {
        return vec![Command::Refuse { request, refusal }];
    }
    if let Some(instance) = state.pools.get_mut(&id).and_then(|pool| pool.idle.pop()) {
        occupy(state, id);
        if let Some(found) = state.instances.get_mut(&instance) {
            found.state = InstanceState::Busy;
            found.frozen = false;
        }
        return vec![Command::Dispatch { request, instance }];
    }
    start(state, now, request, id, free_mib)
}

/// The limit chain: scope, then namespace. Only what a request itself takes is counted, so idle instances of
/// one function never keep another from running.
fn admit(state: &State, spec: &PoolSpec) -> Result<(), Refusal> {
    let refuse = |throttle, limit, used| Err(Refusal { throttle, limit, used, retry_after_ms: None });
    if let Some(limit) = state.limits.concurrency_mb.filter(|limit| state.busy_mb + spec.memory_mb > *limit) {
        return refuse(Throttle::Account, limit, state.busy_mb);
    }
    if let Some(limit) = state.limits.namespace_mb.get(&spec.namespace) {
        let used = state.namespace_busy_mb.get(&spec.namespace).copied().unwrap_or(0);
        if used + spec.memory_mb > *limit {
            return refuse(Throttle::Namespace, *limit, used);
        }
    }
    match state.limits.instances {
        Some(limit) if state.busy_instances >= limit => refuse(Throttle::RegionInstances, limit, state.busy_instances),
        _ => Ok(()),
    }
}

fn start(state: &mut State, now: Millis, request: RequestSeq, id: PoolId, free_mib: u64) -> Vec<Command> {
    let minute = now / 60_000;
    if state.burst.minute != minute {
        state.burst = crate::state::Burst { minute, started: 0 };
    }
    if let Some(limit) = state.limits.burst_per_min.filter(|limit| state.burst.started >= *limit) {
        let refusal = Refusal {
            throttle: Throttle::Burst,
            limit,
            used: state.burst.started,
            retry_after_ms: Some((minute + 1) * 60_000 - now),
        };
        return vec![Command::Refuse { request, refusal }];
    }
    let memory = state.pools[&id].spec.memory_mb;
    let mut commands = Vec::new();
    let claimed = state.starting_mb.min(free_mib);
    if free_mib - claimed < memory {
        commands = evict(state, memory - (free_mib - claimed), id);
        if commands.is_empty() {
            let refusal =
                Refusal { throttle: Throttle::HostMemory, limit: free_mib, used: claimed, retry_after_ms: None };
            return vec![Command::Refuse { request, refusal }];
        }
    }
    let instance = InstanceId(state.next_instance);
    state.next_instance += 1;
    state.burst.started += 1;
    state.starting_mb += memory;
    occupy(state, id);
    commands.push(Command::Start { instance, pool: id, request, reason: cold_reason(&state.pools[&id]) });
    if let Some(pool) = state.pools.get_mut(&id) {
        pool.alive += 1;
        pool.ever_started = true;
        pool.last_died = false;
    }
    let starting = InstanceState::Starting { request };
    state.instances.insert(
        instance,
        Instance {
            pool: id,
            state: starting,
            idle_since: now,
            frozen: false,
            in_freeze_queue: false,
            in_expiry_queue: false,
        },
    );
    commands
}

fn cold_reason(pool: &Pool) -> ColdReason {
    match pool {
        pool if !pool.ever_started => ColdReason::FirstCall,
        pool if pool.alive > 0 => ColdReason::AllBusy,
        pool if pool.last_died => ColdReason::Crashed,
        _ => ColdReason::ScaledFromZero,
    }
}

/// Ends idle instances, least recently used first, until about `wanted_mb` should be free. What an idle
/// instance really holds is not known here; its full limit is counted, which errs on the side of few.
fn evict(state: &mut State, wanted_mb: u64, keep: PoolId) -> Vec<Command> {
    let mut idle: Vec<(Millis, InstanceId)> = state
        .instances
        .iter()
        .filter(|(_, found)| found.state == InstanceState::Idle && found.pool != keep)
        .map(|(id, found)| (found.idle_since, *id))
        .collect();
    idle.sort_unstable();
    let mut chosen = Vec::new();
    let mut freed = 0;
    for (_, instance) in idle {
        if freed >= wanted_mb {
            break;
        }
        let pool = state.instances[&instance].pool;
        freed += state.pools.get(&pool).map_or(0, |pool| pool.spec.memory_mb);
        chosen.push(instance);
    }
    if freed < wanted_mb {
        return Vec::new();
    }
    let stop = |instance| Command::Stop { instance, reason: StopReason::MemoryPressure };
    chosen.iter().for_each(|instance| remove_idle(state, *instance));
    chosen.into_iter().map(stop).collect()
}

fn ready(state: &mut State, instance: InstanceId) -> Vec<Command> {
    let Some(found) = state.instances.get_mut(&instance) else { return Vec::new() };
    let InstanceState::Starting { request } = found.state else { return Vec::new() };
    found.state = InstanceState::Busy;
    let pool = found.pool;
    let memory = state.pools.get(&pool).map_or(0, |pool| pool.spec.memory_mb);
    state.starting_mb = state.starting_mb.saturating_sub(memory);
    vec![Command::Dispatch { request, instance }]
}

fn start_failed(state: &mut State, instance: InstanceId) -> Vec<Command> {
    let Some(found) = state.instances.get(&instance) else { return Vec::new() };
    if matches!(found.state, InstanceState::Starting { .. }) {
        let pool = found.pool;
        let memory = state.pools.get(&pool).map_or(0, |pool| pool.spec.memory_mb);
        state.starting_mb = state.starting_mb.saturating_sub(memory);
        release(state, pool);
        mark_died(state, pool);
        forget(state, instance);
        drop_pool_if_empty(state, pool);
    }
    Vec::new()
}

fn done(state: &mut State, now: Millis, instance: InstanceId, reusable: bool) -> Vec<Command> {
    let Some(found) = state.instances.get_mut(&instance) else { return Vec::new() };
    if found.state != InstanceState::Busy {
        return Vec::new();
    }
    let id = found.pool;
    release(state, id);
    let retired = state.pools.get(&id).is_none_or(|pool| pool.retired);
    if !reusable || retired {
        if !reusable {
            mark_died(state, id);
        }
        forget(state, instance);
        drop_pool_if_empty(state, id);
        let reason = if reusable { StopReason::Retired } else { StopReason::Unusable };
        return vec![Command::Stop { instance, reason }];
    }
    if let Some(found) = state.instances.get_mut(&instance) {
        found.state = InstanceState::Idle;
        found.idle_since = now;
    }
    if let Some(pool) = state.pools.get_mut(&id) {
        pool.idle.push(instance);
    }
    enqueue(state, instance);
    Vec::new()
}

fn died(state: &mut State, instance: InstanceId) -> Vec<Command> {
    let Some(found) = state.instances.get(&instance) else { return Vec::new() };
    let pool = found.pool;
    match found.state {
        InstanceState::Idle => {
            remove_idle(state, instance);
            mark_died(state, pool);
        }
        InstanceState::Busy => {
            release(state, pool);
            mark_died(state, pool);
            forget(state, instance);
        }
        InstanceState::Starting { .. } => return start_failed(state, instance),
    }
    drop_pool_if_empty(state, pool);
    vec![Command::Stop { instance, reason: StopReason::Unusable }]
}

/// Puts a newly idle instance into the queues it is not in yet. One that was used since it was queued is
/// queued again, with its new time, when its turn comes.
fn enqueue(state: &mut State, instance: InstanceId) {
    let (freeze_after, keep_alive) = (state.limits.freeze_after_ms, state.limits.keep_alive_ms);
    let Some(found) = state.instances.get_mut(&instance) else { return };
    if !std::mem::replace(&mut found.in_freeze_queue, true) {
        state.freeze_due.push_back(Due { at: found.idle_since + freeze_after, instance });
    }
    if !std::mem::replace(&mut found.in_expiry_queue, true) {
        state.expiry_due.push_back(Due { at: found.idle_since + keep_alive, instance });
    }
}

fn tick(state: &mut State, now: Millis) -> Vec<Command> {
    let mut commands = Vec::new();
    while let Some(due) = state.freeze_due.front().copied().filter(|due| due.at <= now) {
        state.freeze_due.pop_front();
        let after = state.limits.freeze_after_ms;
        let Some(found) = state.instances.get_mut(&due.instance) else { continue };
        found.in_freeze_queue = false;
        if found.state != InstanceState::Idle || found.frozen {
            continue;
        }
        if found.idle_since + after <= now {
            found.frozen = true;
            commands.push(Command::Freeze { instance: due.instance });
        } else {
            found.in_freeze_queue = true;
            insert_due(&mut state.freeze_due, Due { at: found.idle_since + after, instance: due.instance });
        }
    }
    while let Some(due) = state.expiry_due.front().copied().filter(|due| due.at <= now) {
        state.expiry_due.pop_front();
        let keep = state.limits.keep_alive_ms;
        let Some(found) = state.instances.get_mut(&due.instance) else { continue };
        found.in_expiry_queue = false;
        if found.state != InstanceState::Idle {
            continue;
        }
        if found.idle_since + keep <= now {
            remove_idle(state, due.instance);
            commands.push(Command::Stop { instance: due.instance, reason: StopReason::Idle });
        } else {
            found.in_expiry_queue = true;
            insert_due(&mut state.expiry_due, Due { at: found.idle_since + keep, instance: due.instance });
        }
    }
    commands
}

/// Keeps the queue ordered. Nearly always this is the back.
fn insert_due(queue: &mut std::collections::VecDeque<Due>, due: Due) {
    let place = queue.partition_point(|queued| queued.at <= due.at);
    queue.insert(place, due);
}

/// A changed keep-alive moves every deadline.
fn requeue_expiry(state: &mut State) {
    let keep = state.limits.keep_alive_ms;
    for due in &mut state.expiry_due {
        if let Some(found) = state.instances.get(&due.instance) {
            due.at = found.idle_since + keep;
        }
    }
    state.expiry_due.make_contiguous().sort_by_key(|due| due.at);
}

fn occupy(state: &mut State, id: PoolId) {
    let Some(pool) = state.pools.get(&id) else { return };
    state.busy_mb += pool.spec.memory_mb;
    state.busy_instances += 1;
    match state.namespace_busy_mb.get_mut(&pool.spec.namespace) {
        Some(used) => *used += pool.spec.memory_mb,
        None => {
            state.namespace_busy_mb.insert(pool.spec.namespace.clone(), pool.spec.memory_mb);
        }
    }
}

fn release(state: &mut State, id: PoolId) {
    let Some(pool) = state.pools.get(&id) else { return };
    state.busy_mb -= pool.spec.memory_mb;
    state.busy_instances -= 1;
    if let Some(used) = state.namespace_busy_mb.get_mut(&pool.spec.namespace) {
        *used -= pool.spec.memory_mb;
    }
}

fn mark_died(state: &mut State, id: PoolId) {
    if let Some(pool) = state.pools.get_mut(&id) {
        pool.last_died = true;
    }
}

fn remove_idle(state: &mut State, instance: InstanceId) {
    let Some(found) = state.instances.get(&instance) else { return };
    if let Some(pool) = state.pools.get_mut(&found.pool) {
        pool.idle.retain(|idle| *idle != instance);
    }
    forget(state, instance);
}

fn forget(state: &mut State, instance: InstanceId) {
    let Some(found) = state.instances.remove(&instance) else { return };
    if let Some(pool) = state.pools.get_mut(&found.pool) {
        pool.alive -= 1;
    }
}

fn drop_pool_if_empty(state: &mut State, id: PoolId) {
    if state.pools.get(&id).is_some_and(|pool| pool.retired && pool.alive == 0) {
        state.pools.remove(&id);
    }
}

#[cfg(test)]
mod tests;
