//! What holds whatever happens.

#[path = "shared/acts.rs"]
mod acts;
#[path = "shared/any.rs"]
mod any;
#[path = "shared/checked.rs"]
mod checked;
#[path = "shared/naive.rs"]
mod naive;
#[path = "shared/random.rs"]
mod random;

use any::lived;
use checked::Phase;
use proptest::prelude::*;
use random::Random;
use sluice_decide::{Command, Event, PoolId};

fn acts() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0..23u8, any::<u64>()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is due is done by one tick; a second one at the same time finds nothing.
    #[test]
    fn a_second_tick_changes_nothing(seed in any::<u64>(), acts in acts(), pause in 0..100_000u64) {
        let (mut world, _) = lived(seed, &acts, false);
        world.event_at(world.now() + pause, Event::Tick);
        let before = format!("{:?}", world.state);
        prop_assert_eq!(world.event(Event::Tick), []);
        prop_assert_eq!(format!("{:?}", world.state), before);
        prop_assert!(world.state.next_due().is_none_or(|due| due > world.now()), "a tick is due that was just had");
    }

    /// Settings that are given once more change nothing.
    #[test]
    fn the_same_settings_again_change_nothing(seed in any::<u64>(), acts in acts()) {
        let (mut world, next_pool) = lived(seed, &acts, false);
        world.event(Event::Tick);
        let again: Vec<Event> = [Event::LimitsChanged(Box::new(world.state.limits().clone()))]
            .into_iter()
            .chain(world.naive.pools.iter().map(|(pool, found)| {
                Event::PoolOpened { pool: PoolId(*pool), spec: found.spec.clone() }
            }))
            .chain(world.naive.pools.iter().filter(|(_, found)| found.retired).map(|(pool, _)| {
                Event::PoolRetired { pool: PoolId(*pool) }
            }))
            .chain(world.naive.functions.iter().map(|(function, (reserved_mb, debug))| {
                Event::FunctionChanged { function: function.clone(), reserved_mb: *reserved_mb, debug: *debug }
            }))
            .chain(world.naive.rules.iter().map(|(rule, instances)| {
                Event::RuleChanged { rule: *rule, instances: Some(*instances) }
            }))
            .collect();
        let instances = world.state.instance_count();
        for event in again {
            let out = world.event(event.clone());
            prop_assert_eq!(out, [], "{:?}", event);
        }
        prop_assert_eq!(world.state.instance_count(), instances);
        prop_assert!(next_pool > 0);
    }

    /// Nothing is lost: after the last request is done and idle instances are gone, every counter is at 0 and
    /// nothing more is due; then everything that fitted at first fits again.
    #[test]
    fn no_capacity_is_lost(seed in any::<u64>(), acts in acts()) {
        let (mut world, mut next_pool) = lived(seed, &acts, false);
        world.wind_down();
        let mut random = Random::new(seed ^ 1);
        for function in 0..4 {
            world.event(Event::FunctionRemoved { function: format!("id-{function}") });
        }
        world.advance(world.now() + 60_000);
        let mut limits = acts::limits(&mut random);
        limits.concurrency_mb = Some(1024);
        (limits.instances, limits.burst_per_min, limits.queue_depth) = (None, None, 0);
        (limits.start_interval_http_ms, limits.start_interval_other_ms) = (None, None);
        limits.namespace_mb.clear();
        limits.namespace_burst_per_min.clear();
        world.event(Event::LimitsChanged(Box::new(limits)));
        let pool = next_pool;
        world.open(&mut next_pool, &mut random);
        let (memory, each) = (world.naive.spec(pool).memory_mb, u64::from(world.naive.spec(pool).concurrency));
        for _ in 0..1024 / memory * each {
            let wanted = naive::Wanted { rule: None, free_mib: acts::PLENTY, ..acts::wanted(&mut random, pool) };
            let out = world.arrive(wanted);
            prop_assert!(!matches!(out.as_slice(), [Command::Refuse { .. }]), "{:?}", out);
        }
        prop_assert_eq!(world.state.busy_mb(), 1024 / memory * memory);
    }

    /// Everything may be closed at any time; then not even pools are left.
    #[test]
    fn closing_leaves_nothing(seed in any::<u64>(), acts in acts()) {
        let (mut world, _) = lived(seed, &acts, false);
        for pool in world.open_pools() {
            world.event(Event::PoolRetired { pool: PoolId(pool) });
        }
        let waits = |(_, phase): &(naive::Wanted, Phase)| matches!(phase, Phase::Waiting { .. });
        prop_assert!(!world.requests.values().any(waits), "one waits for what is gone");
        world.wind_down();
        prop_assert!(world.state.pools().is_empty());
    }
}
