//! How long the gaps were: a histogram whose bins grow with the gap, and what to keep by it.

use super::Price;
use crate::Millis;

/// A probability of one.
pub const WHOLE: u64 = 1 << 16;
/// Under a second, then two bins for each doubling up to 36 hours, then everything longer.
const BINS: usize = 36;
/// Where a bin begins, in milliseconds.
const BEGINS: [u32; BINS] = begins();
/// A bin forgets half of what it saw when it saw this many: habits change.
const FORGET_AT: u8 = 250;
/// Without any gap seen, a gap that lasted to the start of a bin ends in it with one chance in ten; that weighs as
/// much as half a gap seen. In parts of `1 / PRIOR_PARTS` gaps.
const PRIOR_ENDED: u64 = 1;
const PRIOR_REACHED: u64 = 10;
const PRIOR_PARTS: u64 = 20;

const fn begins() -> [u32; BINS] {
    let mut begins = [0; BINS];
    let mut bin = 1;
    while bin < BINS {
        let doubled = 1000u64 << ((bin - 1) / 2);
        // √2 ≈ 1.41421356
        begins[bin] = if bin % 2 == 1 { doubled as u32 } else { (doubled * 141_421_356 / 100_000_000) as u32 };
        bin += 1;
    }
    begins
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Gaps {
    /// Gaps that lasted to a bin's start, and gaps that ended in it.
    reached: [u8; BINS],
    ended: [u8; BINS],
    seen: u32,
}

impl Default for Gaps {
    fn default() -> Self {
        Self { reached: [0; BINS], ended: [0; BINS], seen: 0 }
    }
}

/// What is worth its memory.
pub struct Choice {
    pub keep_ms: Millis,
    /// Of the gaps, those that are over by then.
    pub percent: u32,
    /// From when to when to have an instance again.
    pub again: Option<(Millis, Millis)>,
}

impl Gaps {
    pub fn seen(&self) -> u32 {
        self.seen
    }

    /// Gaps of a second or more, of late.
    pub fn long(&self) -> u32 {
        self.reached[1].into()
    }

    pub fn add(&mut self, gap: Millis) {
        let bin = bin_of(gap);
        for (reached, ended) in self.reached[..=bin].iter_mut().zip(&mut self.ended) {
            if *reached == FORGET_AT {
                *reached /= 2;
                *ended /= 2;
            }
            *reached += 1;
        }
        self.ended[bin] += 1;
        self.seen = self.seen.saturating_add(1);
    }

    /// Of gaps that last to the start of a bin, the part that ends in it.
    fn ends_in(&self, bin: usize) -> u64 {
        let (ended, reached) = (u64::from(self.ended[bin]), u64::from(self.reached[bin]));
        (ended * PRIOR_PARTS + PRIOR_ENDED) * WHOLE / (reached * PRIOR_PARTS + PRIOR_REACHED)
    }

    /// The window from the start of a gap that saves most for its price, and the later one that does, if any.
    pub fn choose(&self, price: Price, start: Millis) -> Choice {
        let (mut value, mut lasting) = ([0i64; BINS], [0u64; BINS]);
        let mut lasts = WHOLE;
        for bin in 0..BINS - 1 {
            let ends = self.ends_in(bin);
            let width = Millis::from(BEGINS[bin + 1] - BEGINS[bin]);
            // A call somewhere in the bin ends the keeping; on average in its middle.
            let kept = price.of(width).min(1 << 40) * (WHOLE - ends / 2) / WHOLE;
            value[bin] = (lasts as i64) * (ends as i64 - kept as i64) / WHOLE as i64;
            lasting[bin] = lasts;
            lasts = lasts * (WHOLE - ends) / WHOLE;
        }
        lasting[BINS - 1] = lasts;
        let end = best_prefix(&value);
        let keep_ms = Millis::from(BEGINS[end]);
        let again = best_later(&value, end, lasting[end], price.of(start * 3 / 2).min(1 << 40))
            .map(|(from, to)| (Millis::from(BEGINS[from]).saturating_sub(start), Millis::from(BEGINS[to])))
            .filter(|(from, _)| *from > keep_ms + 2 * start);
        Choice { keep_ms, percent: (100 - lasting[end] * 100 / WHOLE) as u32, again }
    }
}

/// The number of bins to keep through.
fn best_prefix(value: &[i64; BINS]) -> usize {
    let (mut sum, mut best, mut end) = (0, 0, 0);
    for (bin, value) in value[..BINS - 1].iter().enumerate() {
        sum += value;
        if sum > best {
            (best, end) = (sum, bin + 1);
        }
    }
    end
}

/// The run of bins from `from` on that is worth most, above what starting costs those gaps that last so long.
fn best_later(value: &[i64; BINS], from: usize, lasting: u64, start_price: u64) -> Option<(usize, usize)> {
    let (mut sum, mut begin) = (0, from);
    let mut best = (lasting * start_price / WHOLE) as i64;
    let mut found = None;
    for (bin, value) in value[..BINS - 1].iter().enumerate().skip(from) {
        if sum <= 0 {
            (sum, begin) = (0, bin);
        }
        sum += value;
        if sum > best {
            best = sum;
            found = Some((begin, bin + 1));
        }
    }
    found
}

fn bin_of(gap: Millis) -> usize {
    if gap < 1000 {
        return 0;
    }
    let octave = (gap / 1000).ilog2() as usize;
    let bin = 2 * octave + 1;
    if bin >= BINS - 1 {
        return BINS - 1;
    }
    bin + usize::from(gap >= Millis::from(BEGINS[bin + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_what_begins_in_them() {
        for (bin, begin) in BEGINS.iter().enumerate() {
            assert_eq!(bin_of(Millis::from(*begin)), bin);
            if bin > 0 {
                assert_eq!(bin_of(Millis::from(*begin) - 1), bin - 1);
            }
        }
        assert_eq!(bin_of(Millis::MAX / 2), BINS - 1);
        assert!(BEGINS.is_sorted());
        assert!((131_000_000..132_000_000).contains(&BEGINS[BINS - 1]));
    }

    #[test]
    fn counts_never_overflow_and_ended_stays_below_reached() {
        let mut gaps = Gaps::default();
        for n in 0..10_000u64 {
            gaps.add(n * n % 400_000);
            assert!(gaps.ended.iter().zip(&gaps.reached).all(|(ended, reached)| ended <= reached));
        }
    }
}
