//! Plays a recording: the same calls at the same times, and every setting when it was made.

use super::{Count, Facts, InstanceTime, PROGRESS_EVERY, Player, Report, Request, Settings, State, World};
use crate::recording::{Call, Input, Recording, Scope, What};
use sluice_decide::{Event, Millis};
use std::collections::HashSet;

/// Plays the first `limit` calls of a recording, or all. `progress` is told, now and then, how many there were.
pub fn run_recorded(
    recording: &Recording,
    settings: &Settings,
    limit: Option<u64>,
    mut progress: impl FnMut(u64, Millis),
) -> Report {
    let mut world = World::new(Count::new(recording.span_ms, settings.points), settings.host_mb);
    let mut players: Vec<Player> = (1..)
        .zip(&recording.scopes)
        .map(|(number, scope)| player(number, scope, recording.origin_ms, settings))
        .collect();
    let limit = limit.unwrap_or(u64::MAX);
    let mut end = recording.span_ms;
    let mut functions = HashSet::new();
    for (number, input) in in_order(&recording.scopes) {
        advance(&mut players, input.at_ms, &mut world);
        let player = &mut players[number];
        match &input.what {
            What::Set(event) => {
                if let Event::PoolOpened { spec, .. } = &**event {
                    functions.insert((number, spec.function.as_str()));
                }
                set(player, input.at_ms, event, &recording.scopes[number], settings, &mut world);
            }
            What::Died { pool, start } => player.die(input.at_ms, *pool, *start, &mut world),
            What::Call(call) => player.arrive(input.at_ms, request(call), &mut world),
        }
        let seen = world.count.requests;
        if seen.is_multiple_of(PROGRESS_EVERY) {
            progress(seen, input.at_ms);
        }
        if seen >= limit {
            end = input.at_ms;
            break;
        }
    }
    advance(&mut players, end, &mut world);
    progress(world.count.requests, end);
    let time = InstanceTime::of(players.iter().flat_map(|player| player.usage_at(end)));
    time.report(world.count.report(end), functions.len() as u64, &settings.prices)
}

fn player(number: u64, scope: &Scope, origin: Millis, settings: &Settings) -> Player {
    let limits = settings.held.over(&scope.limits, &settings.quota);
    let mut player = Player::new(State::new(limits, number).without_explanations(), origin).with_ledger();
    scope.starts.iter().for_each(|(pool, start)| player.will_start(*pool, *start));
    player
}

fn request(call: &Call) -> Request {
    let Call { pool, rule, trigger, duration_ms, reusable } = *call;
    Request { pool, rule, trigger, duration_ms, reusable }
}

/// Makes a setting as it was made, but for what is to hold instead.
fn set(player: &mut Player, now: Millis, event: &Event, scope: &Scope, settings: &Settings, world: &mut World) {
    let event = match event {
        Event::PoolOpened { pool, spec } => {
            let cold_ms = player.mean_start_ms(*pool).unwrap_or(scope.cold_ms);
            player.know(*pool, Facts { memory_mb: spec.memory_mb, cold_ms });
            let mut spec = spec.clone();
            spec.concurrency = settings.concurrency.unwrap_or(spec.concurrency).max(1);
            Event::PoolOpened { pool: *pool, spec }
        }
        Event::LimitsChanged(limits) => Event::LimitsChanged(Box::new(settings.held.over(limits, &settings.quota))),
        other => other.clone(),
    };
    player.set(now, event, world);
}

/// Lets time pass in all scopes, in the order in which things happen there.
fn advance(players: &mut [Player], time: Millis, world: &mut World) {
    if let [only] = players {
        return only.until(time, world);
    }
    loop {
        let next = players.iter().enumerate().filter_map(|(number, player)| Some((player.next_at()?, number))).min();
        match next {
            Some((at, number)) if at <= time => players[number].until(at, world),
            _ => return,
        }
    }
}

/// The inputs of all scopes by time; of one scope in the order they were recorded in.
fn in_order(scopes: &[Scope]) -> impl Iterator<Item = (usize, &Input)> {
    let mut rest: Vec<_> = scopes.iter().map(|scope| scope.inputs.iter().peekable()).collect();
    std::iter::from_fn(move || {
        let next = |(number, inputs): (usize, &mut std::iter::Peekable<std::slice::Iter<Input>>)| {
            Some((inputs.peek()?.at_ms, number))
        };
        let (_, number) = rest.iter_mut().enumerate().filter_map(next).min()?;
        rest[number].next().map(|input| (number, input))
    })
}

#[cfg(test)]
mod tests;
