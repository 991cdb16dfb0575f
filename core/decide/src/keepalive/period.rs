//! Calls that come like clockwork.

use crate::Millis;

/// Even gaps in a row before they count as a rhythm.
const ENOUGH: u8 = 3;
/// The older the rhythm, the less one gap changes it; up to this.
const MEMORY: u32 = 8;
/// Uneven gaps weigh two, even ones take one away; at this many a rhythm is over.
const BROKEN: u8 = 5;
/// What is added to the spread of the gaps, since the next one may be a little later still.
const SLACK_MS: u32 = 300;

/// The mean time from call to call, and how far calls are from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    mean: u32,
    spread: u32,
    even: u8,
    uneven: u8,
}

impl Period {
    pub fn add(&mut self, gap: Millis) {
        let gap = u32::try_from(gap).unwrap_or(u32::MAX / 2).min(u32::MAX / 2);
        if self.even == 0 {
            return *self = Self::begin(gap);
        }
        let off = gap.abs_diff(self.mean);
        if off > (self.spread.saturating_mul(4)).saturating_add(self.mean / 50) {
            self.uneven += 2;
            if self.uneven >= BROKEN || self.even < ENOUGH {
                *self = Self::begin(gap);
            }
            return;
        }
        self.uneven = self.uneven.saturating_sub(1);
        self.even = self.even.saturating_add(1);
        let weight = u32::from(self.even).min(MEMORY);
        self.mean = toward(self.mean, gap, weight);
        self.spread = toward(self.spread, off, weight);
    }

    fn begin(gap: u32) -> Self {
        Self { mean: gap, spread: gap / 20, even: 1, uneven: 0 }
    }

    /// Period, and how far from it nearly all calls are, if there is a rhythm.
    pub fn found(&self) -> Option<(Millis, Millis)> {
        let steady = self.even >= ENOUGH && self.uneven + 1 < BROKEN && self.spread < self.mean / 4;
        let within = Millis::from(self.spread) * 4 + Millis::from(SLACK_MS);
        steady.then_some((Millis::from(self.mean), within))
    }
}

fn toward(from: u32, to: u32, weight: u32) -> u32 {
    if to >= from { from + (to - from) / weight } else { from - (from - to) / weight }
}
