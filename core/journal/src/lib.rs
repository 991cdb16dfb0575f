//! Journals: every input of the decision core, in a file that the decisions can be made from again.
//!
//! What a journal holds is inputs. Of what was decided it holds a [`fingerprint()`] per event, so that a replay can tell
//! whether it decided the same, but never needs to be told what to decide.
//!
//! A file is a [`Header`], then blocks: the opening of a scope with its first limits, steps of one scope, and at last
//! an end, or a mark that says why the rest is missing. Every byte is under a checksum and every block has a number, so
//! that nothing can be changed or left out unseen. `docs/journal.md` describes the bytes.
//!
//! Pure: bytes in, values out. Files, threads and progress bars are the binary's.

mod block;
mod calls;
mod fault;
mod fingerprint;
mod reader;
mod record;
mod replay;
mod varint;

pub use block::{Block, Closing, Header, MAGIC, Opening, Writer};
pub use calls::{Call, Death, Invocations, Outcome, Setting, Start, invocations};
pub use fault::{Fault, Place, Trouble};
pub use fingerprint::fingerprint;
pub use reader::{Entry, Reader};
pub use record::{Decoder, Encoder, Step};
pub use replay::{Replay, Totals};

/// Rises with every change of what the bytes mean, which a change of [`sluice_decide::Event`] is too.
pub const FORMAT: u16 = 1;
