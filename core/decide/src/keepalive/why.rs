//! Why a window is as long as it is, for people.

use crate::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Prints itself as half a sentence: "99 % of 212 gaps were under 4 min 10 s".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Too little is known: the fixed window.
    Unknown { gaps: u32 },
    /// Longer would cost more than it saves.
    Gaps { gaps: u32, percent: u32, under_ms: Millis },
    /// Calls come like clockwork.
    Period { every_ms: Millis, within_ms: Millis },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Why::Unknown { gaps: 0 } => f.write_str("no gap between calls was seen yet"),
            Why::Unknown { gaps: 1 } => f.write_str("only one gap between calls was seen yet"),
            Why::Unknown { gaps } => write!(f, "only {gaps} gaps between calls were seen yet"),
            Why::Gaps { gaps, under_ms: 0, .. } => {
                write!(f, "after {gaps} gaps, the next call is too far away to keep an instance for it")
            }
            Why::Gaps { gaps, percent, under_ms } => {
                write!(f, "{percent} % of {gaps} gaps were under {}", Span(under_ms))
            }
            Why::Period { every_ms, within_ms } => {
                write!(f, "a call comes every {}, give or take {}", Span(every_ms), Span(within_ms))
            }
        }
    }
}

/// The two largest units.
struct Span(Millis);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let (whole, unit, rest, part) = match ms {
            0..1_000 => return write!(f, "{ms} ms"),
            1_000..60_000 => return write!(f, "{}.{} s", ms / 1_000, ms % 1_000 / 100),
            60_000..3_600_000 => (ms / 60_000, "min", ms % 60_000 / 1_000, "s"),
            3_600_000..86_400_000 => (ms / 3_600_000, "h", ms % 3_600_000 / 60_000, "min"),
            _ => (ms / 86_400_000, "d", ms % 86_400_000 / 3_600_000, "h"),
        };
        write!(f, "{whole} {unit}")?;
        if rest > 0 { write!(f, " {rest} {part}") } else { Ok(()) }
    }
}
