//! Why a request was refused: the limit, who holds it, and when a retry can pass.

use crate::Throttle;
use serde::{Deserialize, Serialize};

/// Which limit a request ran into, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub throttle: Throttle,
    /// What the limit is on: a namespace, a function, or nothing for the whole region.
    pub scope: Option<String>,
    /// The limit's value, in its own unit.
    pub limit: u64,
    /// What was in use at that instant, in the same unit.
    pub used: u64,
    /// Who used most of it, at most [`Refusal::HOLDERS`] of them, most first.
    pub holders: Vec<Holder>,
    pub retry: Retry,
    /// How long the request had waited in a queue.
    pub waited_ms: u64,
}

impl Refusal {
    pub const HOLDERS: usize = 5;

    /// Of a limit on the whole region that nobody is named for; a limit of nothing lets nothing pass, however late.
    pub fn new(throttle: Throttle, limit: u64, used: u64) -> Self {
        let retry = if limit == 0 { Retry::Never } else { Retry::About { after_ms: 0 } };
        Self { throttle, scope: None, limit, used, holders: Vec::new(), retry, waited_ms: 0 }
    }
}

/// A function, or a version of one, and its share of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub name: String,
    pub used: u64,
}

/// When a retry can pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Not before this time has passed.
    After { after_ms: u64 },
    /// When one of the holders is done, which takes about this long by their recent mean.
    About { after_ms: u64 },
    /// Not while the limit is what it is.
    Never,
}

impl Retry {
    pub fn after_ms(self) -> Option<u64> {
        match self {
            Retry::After { after_ms } | Retry::About { after_ms } => Some(after_ms),
            Retry::Never => None,
        }
    }

    /// The same in whole seconds, rounded up; none when nothing is known.
    pub fn after_s(self) -> Option<u64> {
        self.after_ms().filter(|ms| *ms > 0).map(|ms| ms.div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::Retry;

    #[test]
    fn seconds_are_whole_and_never_too_early() {
        let seconds = |after_ms| Retry::After { after_ms }.after_s();
        assert_eq!((seconds(1), seconds(1000), seconds(1001)), (Some(1), Some(1), Some(2)));
        assert_eq!(Retry::About { after_ms: 59_999 }.after_s(), Some(60));
        assert_eq!((Retry::About { after_ms: 0 }.after_s(), Retry::Never.after_s()), (None, None));
    }
}
