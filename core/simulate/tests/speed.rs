//! How fast workloads are made: `cargo test --release -p sluice-simulate --test speed -- --ignored --nocapture`.

use sluice_simulate::Synthetic;
use sluice_simulate::synthetic::Settings;

#[test]
#[ignore = "takes seconds, and means something in a release build only"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn a_hundred_thousand_functions() {
    let mut workload = Synthetic::new(Settings { functions: 100_000, days: 2, seed: 1 });
    let begun = std::time::Instant::now();
    let (mut count, mut sum) = (0u64, 0u64);
    for arrival in workload.by_ref().take(50_000_000) {
        count += 1;
        sum = sum.wrapping_add(arrival.at_ms ^ u64::from(arrival.duration_ms));
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{count} requests in {seconds:.2} s: {:.1} million a second ({sum})", count as f64 / seconds / 1e6);
}
