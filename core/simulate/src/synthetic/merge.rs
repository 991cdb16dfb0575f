//! Streams in time order: a four-way heap of the next time of each.
//!
//! A busy function's next request is soon again, so it sinks only a step or two: the cost follows the rank, not the
//! number of functions.

/// Time in the upper 40 bits, function in the lower 24: comparing keys compares times, ties go by function.
const FUNCTION_BITS: u32 = 24;

pub struct Merge(Vec<u64>);

impl Merge {
    pub fn new(pending: Vec<(u64, u32)>) -> Self {
        let mut keys: Vec<u64> = pending.into_iter().map(|(at, function)| key(at, function)).collect();
        keys.sort_unstable();
        Self(keys)
    }

    #[inline]
    pub fn earliest(&self) -> Option<(u64, u32)> {
        self.0.first().map(|key| (key >> FUNCTION_BITS, (key & ((1 << FUNCTION_BITS) - 1)) as u32))
    }

    /// The earliest stream's next time is `at`.
    #[inline]
    pub fn replace_earliest(&mut self, at: u64) {
        let function = self.0[0] & ((1 << FUNCTION_BITS) - 1);
        self.sink(at << FUNCTION_BITS | function);
    }

    /// The earliest stream has ended.
    pub fn remove_earliest(&mut self) {
        if let Some(last) = self.0.pop()
            && !self.0.is_empty()
        {
            self.sink(last);
        }
    }

    #[inline]
    fn sink(&mut self, key: u64) {
        let heap = &mut self.0[..];
        let mut hole = 0;
        loop {
            let first = 4 * hole + 1;
            let Some(children) = heap.get(first..heap.len().min(first + 4)).filter(|children| !children.is_empty())
            else {
                break;
            };
            let (mut least, mut at) = (children[0], 0);
            for (index, child) in children.iter().enumerate().skip(1) {
                if *child < least {
                    (least, at) = (*child, index);
                }
            }
            if least >= key {
                break;
            }
            heap[hole] = least;
            hole = first + at;
        }
        heap[hole] = key;
    }
}

fn key(at: u64, function: u32) -> u64 {
    assert!(function < 1 << FUNCTION_BITS && at < 1 << (64 - FUNCTION_BITS), "beyond 16 million functions or 34 years");
    at << FUNCTION_BITS | u64::from(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_sorted() {
        let mut merge = Merge::new((0..100).map(|n| (u64::from(n * 37 % 101), n)).collect());
        let mut seen = Vec::new();
        while let Some((at, function)) = merge.earliest() {
            seen.push(at);
            if at < 5000 { merge.replace_earliest(at + 1 + u64::from(function) * 13) } else { merge.remove_earliest() }
        }
        assert!(seen.is_sorted());
        assert!(seen.len() > 1000);
    }
}
