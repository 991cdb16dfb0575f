//! Whole lives from seeds: load that comes and goes, starts that fail or hang, instances that die, clocks that jump,
//! settings that change meanwhile. What is checked after each event is in `shared/checks.rs`.
//!
//! `SLUICE_SIMULATIONS` is the number of lives, `SLUICE_SEED` the only one to run.

#[path = "shared/acts.rs"]
mod acts;
#[path = "shared/checked.rs"]
mod checked;
#[path = "shared/naive.rs"]
mod naive;
#[path = "shared/random.rs"]
mod random;

use checked::{Checked, Phase};
use random::Random;
use sluice_decide::{Command, Event, Millis, PoolId, RequestSeq};
use sluice_domain::InstanceId;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::atomic::{AtomicU64, Ordering},
};

const LIVES: u64 = 10_000;
const END: Millis = 300_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Call,
    Up(InstanceId),
    DoesNotComeUp(InstanceId),
    Ends(InstanceId),
    Crashes(InstanceId),
    Dies,
    Change,
    ClockGoesBack,
    GivesUp(u64),
}

struct Life {
    world: Checked,
    random: Random,
    next_pool: u32,
    ahead: BinaryHeap<Reverse<(Millis, u64, Happening)>>,
    order: u64,
    /// Mean time between calls, and the longest a call takes.
    pause: Millis,
    duration: Millis,
    faults: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut world = Checked::new(acts::limits(&mut random));
        // Now and then each event is decided twice.
        world.twice = random.one_in(50);
        let (pause, duration) = (random.one_of(&[300, 2000, 8000]), random.one_of(&[50, 3000, 20_000]));
        let faults = random.one_of(&[3, 10, 1000]);
        let mut life =
            Self { world, random, next_pool: 0, ahead: BinaryHeap::new(), order: 0, pause, duration, faults };
        for _ in 0..=life.random.below(4) {
            life.world.open(&mut life.next_pool, &mut life.random);
        }
        life.plan(0, Happening::Call);
        life.plan(0, Happening::Change);
        life.plan(0, Happening::Dies);
        life.plan(0, Happening::ClockGoesBack);
        life
    }

    fn plan(&mut self, within: Millis, happening: Happening) {
        let at = self.world.now() + 1 + if within == 0 { 0 } else { self.random.below(within) };
        self.order += 1;
        self.ahead.push(Reverse((at, self.order, happening)));
    }

    fn run(mut self) {
        let mut calls = 40 + self.random.below(80);
        while let Some(Reverse((at, _, happening))) = self.ahead.pop() {
            if at > END || calls == 0 {
                break;
            }
            calls -= u64::from(happening == Happening::Call);
            let late = self.world.advance(at);
            self.carry_out(&late);
            self.world.check_idle();
            let out = self.happens(happening);
            self.carry_out(&out);
        }
        self.world.wind_down();
    }

    fn happens(&mut self, happening: Happening) -> Vec<Command> {
        let (pause, random) = (self.pause, &mut self.random);
        match happening {
            Happening::Call => {
                let pool = random.below(u64::from(self.next_pool)) as u32;
                let wanted = acts::wanted(random, pool);
                // Calls come alone and in bursts.
                let within = if random.one_in(3) { pause * 4 } else { pause / 20 };
                self.plan(within, Happening::Call);
                self.world.arrive(wanted)
            }
            Happening::Up(instance) if self.coming(instance) => self.world.event(Event::Ready { instance }),
            Happening::DoesNotComeUp(instance) if self.coming(instance) => {
                self.world.event(Event::StartFailed { instance })
            }
            Happening::Ends(instance) if self.runs(instance) => {
                let which = self.random.below(10) as usize;
                self.world.done(instance, which, true)
            }
            Happening::Crashes(instance) if self.runs(instance) => self.world.done(instance, 0, false),
            Happening::Dies => {
                let all: Vec<InstanceId> = self.world.naive.instances.keys().copied().collect();
                self.plan(self.pause * self.faults, Happening::Dies);
                if all.is_empty() {
                    return Vec::new();
                }
                self.world.event(Event::Died { instance: self.random.one_of(&all) })
            }
            Happening::Change => {
                self.plan(pause * 10, Happening::Change);
                self.world.change(&mut self.next_pool, &mut self.random)
            }
            Happening::ClockGoesBack => {
                self.plan(pause * 20, Happening::ClockGoesBack);
                let back = self.random.below(5000);
                self.world.event_at(self.world.now().saturating_sub(back), Event::Tick)
            }
            Happening::GivesUp(request) => {
                let Some((wanted, Phase::Waiting { .. })) = self.world.requests.get(&request) else {
                    return Vec::new();
                };
                let pool = PoolId(wanted.pool);
                self.world.event(Event::GaveUp { request: RequestSeq(request), pool })
            }
            _ => Vec::new(),
        }
    }

    fn coming(&self, instance: InstanceId) -> bool {
        self.world.naive.instances.get(&instance).is_some_and(|found| !found.up)
    }

    fn runs(&self, instance: InstanceId) -> bool {
        self.world.naive.instances.get(&instance).is_some_and(|found| !found.requests.is_empty())
    }

    fn carry_out(&mut self, commands: &[Command]) {
        for command in commands {
            match command {
                Command::Start { instance, .. } => {
                    let fails = self.random.one_in(self.faults);
                    // Some hang for long.
                    let within = self.random.one_of(&[200, 200, 2000, 60_000]);
                    let end = if fails { Happening::DoesNotComeUp(*instance) } else { Happening::Up(*instance) };
                    self.plan(within, end);
                }
                Command::Dispatch { instance, .. } => {
                    let crashes = self.random.one_in(self.faults * 3);
                    let end = if crashes { Happening::Crashes(*instance) } else { Happening::Ends(*instance) };
                    self.plan(self.duration, end);
                }
                Command::Wait { request } if self.random.one_in(10) => {
                    self.plan(self.pause, Happening::GivesUp(request.0));
                }
                _ => {}
            }
        }
    }
}

/// Says which life it was when one fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was SLUICE_SEED={}", self.0);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn live(seed: u64) {
    let named = Named(seed);
    Life::new(seed).run();
    drop(named);
}

#[test]
fn lives() {
    if let Some(seed) = number("SLUICE_SEED") {
        return live(seed);
    }
    let lives = number("SLUICE_SIMULATIONS").unwrap_or(LIVES);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= lives {
                        break;
                    }
                    live(seed);
                }
            });
        }
    });
}
