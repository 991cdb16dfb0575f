//! What is sent: events of one kilobyte, and the law by which functions are picked.

use serde_json::json;

/// How many different requests are signed ahead and sent in turn.
pub const DIFFERENT: usize = 256;

/// An event of 1 KB that differs from the others of its run.
pub fn event(number: usize) -> String {
    let filler: String = (0..960).map(|at| char::from(b'a' + ((at * 7 + number) % 26) as u8)).collect();
    json!({"number": number, "kind": "bench", "filler": filler}).to_string()
}

/// Picks 0..n where the k-th is picked in proportion to 1/k. Seeded, so each run sends the same.
pub struct Zipf {
    /// Share of picks at or below each rank.
    cumulative: Vec<f64>,
    state: u64,
}

impl Zipf {
    pub fn new(n: usize, seed: u64) -> Self {
        let total: f64 = (1..=n).map(|rank| 1.0 / rank as f64).sum();
        let mut sum = 0.0;
        let share = |rank: usize| {
            sum += 1.0 / rank as f64 / total;
            sum
        };
        Self { cumulative: (1..=n).map(share).collect(), state: seed | 1 }
    }

    pub fn pick(&mut self) -> usize {
        // xorshift64: even enough, and no dependency.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let point = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
        self.cumulative.partition_point(|share| *share < point).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_a_kilobyte_and_differ() {
        assert!((950..=1100).contains(&event(3).len()));
        assert_ne!(event(1), event(2));
    }

    #[test]
    fn ranks_follow_the_law() {
        let mut zipf = Zipf::new(100, 42);
        let mut counts = [0_u32; 100];
        (0..100_000).for_each(|_| counts[zipf.pick()] += 1);
        let first = f64::from(counts[0]);
        assert!((1.8..2.2).contains(&(first / f64::from(counts[1]))), "{counts:?}");
        assert!((8.5..11.5).contains(&(first / f64::from(counts[9]))), "{counts:?}");
    }
}
