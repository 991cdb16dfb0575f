//! The catalog in SQLite: one file, nothing to install, durable when a write returns.
//!
//! There is one write connection behind a mutex, so that writers queue in order instead of failing with
//! "busy", and a small pool for reads, which write-ahead logging lets run beside a writer. Queries are plain
//! text with bound values and need no database to compile. Statements are never logged: documents hold the
//! environment variables of functions.

mod catalog;
mod fault;
mod open;

pub use catalog::SqliteCatalog;
