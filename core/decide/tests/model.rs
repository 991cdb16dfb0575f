//! The limit tree against a naive one: after each of many random events of all kinds both must agree on every sum,
//! and each arrival must have been answered as the naive one says.

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

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn both_say_the_same(seed in any::<u64>(), acts in prop::collection::vec((0..23u8, any::<u64>()), 1..120)) {
        any::lived(seed, &acts, false).0.wind_down();
    }

    #[test]
    fn a_copy_of_the_state_decides_the_same(
        seed in any::<u64>(),
        acts in prop::collection::vec((0..23u8, any::<u64>()), 1..60),
    ) {
        any::lived(seed, &acts, true).0.wind_down();
    }
}
