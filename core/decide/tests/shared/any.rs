//! One thing after another, without any plan.

use super::{acts, checked::Checked, naive::Pool, random::Random};
use sluice_decide::{Event, Millis, PoolId, RequestSeq};

/// A world after some random time, and the number of pools it has had.
pub fn lived(seed: u64, acts: &[(u8, u64)], twice: bool) -> (Checked, u32) {
    let mut random = Random::new(seed);
    let mut next_pool = 0;
    let mut world = Checked::new(acts::limits(&mut random));
    world.twice = twice;
    for _ in 0..3 {
        world.open(&mut next_pool, &mut random);
    }
    for (kind, seed) in acts {
        world.act(*kind, &mut next_pool, &mut Random::new(*seed));
    }
    (world, next_pool)
}

impl Checked {
    /// One thing that happens.
    pub fn act(&mut self, kind: u8, next_pool: &mut u32, random: &mut Random) {
        let (starting, busy) = (self.starting(), self.busy());
        match kind {
            0..=5 => {
                let pool = random.below(u64::from(*next_pool).max(1)) as u32;
                let wanted = acts::wanted(random, pool);
                drop(self.arrive(wanted));
            }
            6..=9 if !starting.is_empty() => drop(self.event(Event::Ready { instance: random.one_of(&starting) })),
            10 if !starting.is_empty() => {
                let instance = random.one_of(&starting);
                let event = if random.one_in(4) { Event::Died { instance } } else { Event::StartFailed { instance } };
                self.event(event);
            }
            11..=15 if !busy.is_empty() => {
                let reusable = !random.one_in(6);
                self.done(random.one_of(&busy), random.below(10) as usize, reusable);
            }
            16 => {
                let up: Vec<_> = self.naive.instances.iter().filter(|(_, one)| one.up).map(|(id, _)| *id).collect();
                if !up.is_empty() {
                    self.event(Event::Died { instance: random.one_of(&up) });
                }
            }
            17 => {
                let waiting = self.waiting();
                if !waiting.is_empty() {
                    let (pool, request) = random.one_of(&waiting);
                    self.event(Event::GaveUp { request: RequestSeq(request), pool: PoolId(pool) });
                }
            }
            18 | 19 => self.pass(random),
            _ => drop(self.change(next_pool, random)),
        }
    }

    fn pass(&mut self, random: &mut Random) {
        let by: Millis = random.one_of(&[1, 20, 100, 700, 5000, 60_000]);
        self.advance(self.now() + by);
        self.check_idle();
        // A clock that goes back is one that stands.
        self.event_at(self.now().saturating_sub(random.below(1000)), Event::Tick);
    }

    fn waiting(&self) -> Vec<(u32, u64)> {
        let queued =
            |(index, pool): (&u32, &Pool)| pool.queue.iter().map(|request| (*index, *request)).collect::<Vec<_>>();
        self.naive.pools.iter().flat_map(queued).collect()
    }
}
