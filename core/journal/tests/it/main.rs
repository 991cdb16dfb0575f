//! Journals written, damaged, read and replayed.

mod calls;
mod damage;
mod format;
mod made;
mod replay;
