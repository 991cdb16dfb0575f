//! The decision core by itself: what a warm arrival and its completion cost with many pools and instances in the state.
//!
//! Each pair is timed alone, because the tail is what matters; reading the clock costs about 25 ns of it. Pools are
//! visited in a scattered order, so that the state does not sit in the processor's caches.

use crate::{
    lab::Lab,
    report::{Line, Pair, Report},
};
use anyhow::{Result, ensure};
use sluice_decide::{Command, Event, Limits, PoolId, PoolSpec, RequestSeq, State, Trigger, step};
use sluice_domain::{InstanceId, Profile, QuotaProfile};
use std::time::Instant;

const POOLS: u32 = 10_000;
const INSTANCES: u32 = 100_000;
const CALLS: usize = 1_000_000;
/// Coprime to the number of pools: visits all of them in an order that no cache follows.
const STRIDE: u32 = 7_919;

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let calls = if lab.settings.quick { CALLS / 20 } else { CALLS };
    let mut medians = Vec::new();
    let mut tails = Vec::new();
    for _ in 0..lab.settings.pairs {
        let mut world = World::full()?;
        let mut nanos: Vec<u64> = (0..calls).map(|call| world.warm_call(call as u32)).collect::<Result<_>>()?;
        nanos.sort_unstable();
        medians.push(Pair::alone(nanos[calls / 2] as f64 / 1000.0));
        tails.push(Pair::alone(nanos[calls * 99 / 100] as f64 / 1000.0));
    }
    let state = format!("{POOLS} pools, {INSTANCES} instances");
    report.add(Line::new("decide.warm.p50", "us", &*state).pairs(medians).note("aim: about 1 us"));
    report.add(Line::new("decide.warm.p99", "us", &*state).pairs(tails).note("aim: 5 us or less"));
    Ok(())
}

struct World {
    state: State,
    now: u64,
    next: u64,
    commands: Vec<Command>,
}

impl World {
    /// All pools open, all instances started and idle.
    fn full() -> Result<Self> {
        let mut limits = Limits::from(&QuotaProfile::named(Profile::Scf128));
        limits.concurrency_mb = Some(u64::MAX);
        limits.burst_per_min = Some(u64::MAX);
        let mut world = Self { state: State::new(limits, 1), now: 1, next: 0, commands: Vec::new() };
        for pool in 0..POOLS {
            let spec = PoolSpec {
                namespace: "default".to_owned(),
                function: format!("function-{pool}"),
                name: format!("function-{pool}"),
                version: "$LATEST".to_owned(),
                memory_mb: 128,
                concurrency: 1,
                replaces: None,
            };
            world.feed(Event::PoolOpened { pool: PoolId(pool), spec });
        }
        let mut busy = Vec::new();
        for number in 0..INSTANCES {
            world.arrive(number % POOLS);
            let [Command::Start { instance, .. }] = world.commands[..] else {
                anyhow::bail!("an instance was not started: {:?}", world.commands);
            };
            world.feed(Event::Ready { instance });
            busy.push(instance);
        }
        busy.into_iter().for_each(|instance| world.feed(Event::Done { instance, reusable: true }));
        ensure!(world.state.instance_count() == INSTANCES as usize, "not all instances are there");
        Ok(world)
    }

    fn feed(&mut self, event: Event) {
        self.commands.clear();
        step(&mut self.state, self.now, event, &mut self.commands);
    }

    fn arrive(&mut self, pool: u32) {
        self.next += 1;
        let request = RequestSeq(self.next);
        let pool = PoolId(pool);
        self.feed(Event::Arrived { request, pool, rule: None, trigger: Trigger::Http, free_mib: 1 << 40 });
    }

    /// Nanoseconds of one arrival and its completion.
    fn warm_call(&mut self, call: u32) -> Result<u64> {
        // Time goes on, a hundred thousand calls a second.
        self.now += u64::from(call.is_multiple_of(100));
        let pool = call.wrapping_mul(STRIDE) % POOLS;
        let begun = Instant::now();
        self.arrive(pool);
        let instance: Option<InstanceId> = match self.commands[..] {
            [Command::Dispatch { instance, .. }] => Some(instance),
            _ => None,
        };
        let Some(instance) = instance else { anyhow::bail!("a warm call was not dispatched: {:?}", self.commands) };
        self.feed(Event::Done { instance, reusable: true });
        Ok(begun.elapsed().as_nanos() as u64)
    }
}
