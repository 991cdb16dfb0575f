//! How many blank sandboxes to keep of each runtime.
//!
//! A blank is memory and a little processor time paid ahead so that a start costs under a millisecond. The
//! rule is the plainest that follows demand: keep as many as were needed in the busiest short window of the
//! last minutes, at least a floor for runtimes in use, at most a ceiling and a share of free memory.

use crate::Millis;
use std::collections::{BTreeMap, VecDeque};

/// The window in which starts must be served from blanks alone, because refilling takes about this long.
const WINDOW_MS: Millis = 250;
/// How long a busy window is remembered.
const MEMORY_MS: Millis = 120_000;

/// Settings of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlankPolicy {
    /// Kept of each runtime that this host offers.
    pub floor: u64,
    /// Kept of all runtimes together, at most.
    pub ceiling: u64,
    /// Below this much free memory none are made.
    pub reserve_mib: u64,
}

/// Recent starts of each runtime.
#[derive(Clone, Debug, Default)]
pub struct BlankState {
    starts: BTreeMap<String, Demand>,
}

#[derive(Clone, Debug, Default)]
struct Demand {
    window: Millis,
    in_window: u64,
    /// (window, starts), with starts falling towards the back: the maximum is in front.
    peaks: VecDeque<(Millis, u64)>,
    footprint_mib: u64,
}

impl BlankState {
    /// Makes a runtime known. `footprint_mib` is about what one blank holds.
    pub fn offer(&mut self, runtime: &str, footprint_mib: u64) {
        self.starts.entry(runtime.to_owned()).or_default().footprint_mib = footprint_mib.max(1);
    }

    /// An instance of `runtime` was started.
    pub fn started(&mut self, now: Millis, runtime: &str) {
        let demand = self.starts.entry(runtime.to_owned()).or_default();
        let window = now / WINDOW_MS;
        if demand.window != window {
            demand.window = window;
            demand.in_window = 0;
        }
        demand.in_window += 1;
        while demand.peaks.back().is_some_and(|(_, count)| *count <= demand.in_window) {
            demand.peaks.pop_back();
        }
        demand.peaks.push_back((window, demand.in_window));
    }

    /// How many blanks each runtime should have now.
    pub fn targets(&mut self, now: Millis, policy: &BlankPolicy, free_mib: u64) -> BTreeMap<String, u64> {
        let oldest = (now / WINDOW_MS).saturating_sub(MEMORY_MS / WINDOW_MS);
        let spare = free_mib.saturating_sub(policy.reserve_mib) / 4;
        let mut left = policy.ceiling;
        let mut targets = BTreeMap::new();
        for (runtime, demand) in &mut self.starts {
            while demand.peaks.front().is_some_and(|(window, _)| *window < oldest) {
                demand.peaks.pop_front();
            }
            let peak = demand.peaks.front().map_or(0, |(_, count)| *count);
            let wanted = peak.max(policy.floor);
            let target = wanted.min(left).min(spare / demand.footprint_mib.max(1));
            left -= target;
            targets.insert(runtime.clone(), target);
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> BlankPolicy {
        BlankPolicy { floor: 2, ceiling: 20, reserve_mib: 512 }
    }

    #[test]
    fn a_burst_raises_the_target_and_time_lowers_it() {
        let mut state = BlankState::default();
        state.offer("python", 4);
        assert_eq!(state.targets(0, &policy(), 8192)["python"], 2);
        for _ in 0..9 {
            state.started(1000, "python");
        }
        assert_eq!(state.targets(1100, &policy(), 8192)["python"], 9);
        assert_eq!(state.targets(1000 + MEMORY_MS + 2 * WINDOW_MS, &policy(), 8192)["python"], 2);
    }

    #[test]
    fn targets_keep_to_the_ceiling_and_to_free_memory() {
        let mut state = BlankState::default();
        state.offer("node", 40);
        state.offer("python", 4);
        for _ in 0..100 {
            state.started(0, "python");
            state.started(0, "node");
        }
        let targets = state.targets(10, &policy(), 1 << 20);
        assert_eq!(targets.values().sum::<u64>(), 20);
        assert_eq!(state.targets(10, &policy(), 512).values().sum::<u64>(), 0);
        assert!(state.targets(10, &policy(), 512 + 4 * 80)["node"] <= 2);
    }
}
