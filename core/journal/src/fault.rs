//! What can be wrong with a journal, and where.

use crate::FORMAT;
use sluice_decide::Millis;
use std::{fmt, io};

/// Why a journal was read no further.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {trouble}")]
pub struct Fault {
    pub place: Place,
    #[source]
    pub trouble: Trouble,
}

/// A place in a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Where the block begins in the file.
    pub byte: u64,
    /// Number of the block, from 0.
    pub block: u64,
    /// Number of the record, from 1: the one that is wrong, or the first that could not be read.
    pub record: u64,
    /// The scope's number and name, where they are known.
    pub scope: Option<(u64, String)>,
    /// The time of the record; before it is read, the last one's.
    pub time: Option<Millis>,
}

/// What is wrong there.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("this is not a journal of Sluice")]
    NotAJournal,
    #[error("the journal's header is damaged")]
    Header,
    #[error("the journal has format {0}, and this build reads format {FORMAT}: use the version that wrote it")]
    Format(u16),
    #[error("cannot read: {0}")]
    Unreadable(#[source] io::Error),
    #[error("the head of the block is damaged")]
    Head,
    #[error("the block, of {0} records, is damaged")]
    Damaged(u32),
    #[error("block {found} stands where block {expected} is due")]
    Misplaced { expected: u64, found: u64 },
    #[error("the record cannot be read: {0}")]
    Record(&'static str),
    #[error("the scope was {0}")]
    Scope(&'static str),
    #[error("the end says that there are {0} records before it")]
    Count(u64),
    #[error("{0} bytes or more follow the end")]
    Trailing(usize),
    #[error("the journal is cut off: the last block is not whole")]
    Cut,
    #[error("the journal is cut off: it has no end")]
    Unfinished,
    #[error("the journal is incomplete from here: {0}")]
    Lost(String),
    #[error("the decision differs. Event: {event}. Recorded: {expected}. Now: {actual}")]
    Difference { event: String, expected: String, actual: String },
}

impl Trouble {
    /// Whether what comes before is whole and only the rest is missing.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Trouble::Cut | Trouble::Unfinished | Trouble::Lost(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} (block {} at byte {}", self.record, self.block, self.byte)?;
        if let Some((number, name)) = &self.scope {
            write!(f, ", scope {number}")?;
            if !name.is_empty() {
                write!(f, " {name}")?;
            }
        }
        if let Some(time) = self.time {
            write!(f, ", {}", calendar(time))?;
        }
        f.write_str(")")
    }
}

/// The core's clock runs near that of the calendar.
fn calendar(time: Millis) -> String {
    let stamp = i64::try_from(time).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    stamp.map_or_else(|| format!("{time} ms"), |stamp| stamp.to_string())
}
