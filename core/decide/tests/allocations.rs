//! A warm call costs no allocation, however large the state is.

// An allocator that counts is the only way to see allocations; it hands everything to the system's.
#![allow(unsafe_code)]

use sluice_decide::{Command, Event, Limits, PoolId, PoolSpec, ProvisionId, RequestSeq, State, Trigger, step};
use sluice_domain::{InstanceId, Profile, ProvisionConfig, QuotaProfile};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it is; the count is a plain number of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer is from the system's allocator, as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as for `alloc` and `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const POOLS: u32 = 10_000;
const INSTANCES: u64 = 10;

struct World {
    state: State,
    now: u64,
    out: Vec<Command>,
    next: u64,
}

impl World {
    /// 10,000 pools with ten instances each, some of them provisioned, some that take several requests.
    fn large() -> Self {
        let mut quota = QuotaProfile::named(Profile::Scf128);
        (quota.concurrency_mb, quota.burst_per_min, quota.provisioned_burst_per_min) = (None, None, None);
        let state = State::new(Limits::from(&quota), 1);
        let mut world = Self { state, now: 0, out: Vec::with_capacity(64), next: 0 };
        for pool in 0..POOLS {
            let spec = PoolSpec {
                namespace: format!("n{}", pool % 5),
                function: format!("id {pool}"),
                name: format!("f{pool}"),
                version: "1".to_owned(),
                memory_mb: 128,
                concurrency: if pool % 4 == 0 { 5 } else { 1 },
                replaces: None,
            };
            world.feed(Event::PoolOpened { pool: PoolId(pool), spec });
            if pool % 3 == 0 {
                let (provision, pool) = (ProvisionId(pool), PoolId(pool));
                let config = ProvisionConfig { target: INSTANCES, ..ProvisionConfig::default() };
                world.feed(Event::ProvisionChanged { provision, pool, config, since: 0 });
                world.ready_all();
            } else {
                world.fill(pool);
            }
        }
        assert_eq!(world.state.instance_count() as u64, u64::from(POOLS) * INSTANCES);
        world
    }

    fn fill(&mut self, pool: u32) {
        let each = if pool.is_multiple_of(4) { 5 } else { 1 };
        let mut busy = Vec::new();
        for _ in 0..INSTANCES * each {
            self.arrive(pool);
            busy.extend(self.ready_all());
        }
        for instance in busy {
            self.feed(Event::Done { instance, reusable: true });
        }
    }

    fn feed(&mut self, event: Event) {
        self.out.clear();
        step(&mut self.state, self.now, event, &mut self.out);
    }

    fn arrive(&mut self, pool: u32) {
        self.next += 1;
        let (request, pool) = (RequestSeq(self.next), PoolId(pool));
        self.feed(Event::Arrived { request, pool, rule: None, trigger: Trigger::Http, free_mib: 1 << 40 });
    }

    fn warm(&mut self, pool: u32) -> InstanceId {
        self.arrive(pool);
        match self.out.as_slice() {
            [Command::Dispatch { instance, .. }] => *instance,
            other => panic!("not warm: {other:?}"),
        }
    }

    /// Brings up what was ordered last: the instances that have a request by that, or had one before.
    fn ready_all(&mut self) -> Vec<InstanceId> {
        let mut busy = Vec::new();
        for command in std::mem::take(&mut self.out) {
            match command {
                Command::Start { instance, .. } => {
                    self.feed(Event::Ready { instance });
                    busy.extend(self.out.drain(..).filter_map(|command| match command {
                        Command::Dispatch { instance, .. } => Some(instance),
                        _ => None,
                    }));
                }
                Command::Dispatch { instance, .. } => busy.push(instance),
                _ => {}
            }
        }
        self.out = Vec::with_capacity(64);
        busy
    }
}

#[test]
fn a_warm_call_does_not_allocate() {
    let mut world = World::large();
    for round in 0..3u64 {
        for pool in 0..POOLS {
            world.now += round % 2;
            let instances = [world.warm(pool), world.warm(pool), world.warm(pool)];
            for instance in instances {
                world.feed(Event::Done { instance, reusable: true });
            }
        }
    }
    let before = COUNT.with(Cell::get);
    for call in 0..200_000u32 {
        world.now += u64::from(call % 100 == 0);
        let pool = call.wrapping_mul(2_654_435_761) % POOLS;
        let instances = [world.warm(pool), world.warm(pool)];
        for instance in instances {
            world.feed(Event::Done { instance, reusable: true });
            assert!(world.out.is_empty());
        }
    }
    assert_eq!(COUNT.with(Cell::get) - before, 0, "allocations in 400,000 warm calls");
}
