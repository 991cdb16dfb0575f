//! The listener in front of every dialect, and the native API beside them.
//!
//! An HTTP/1.1 accept loop of our own rather than a framework's: a warm call spends its whole budget in a few
//! microseconds, so a request goes from the parser through one linear scan of [`Route`]s to its handler. What
//! protects the server sits here once for all dialects, and before any signature is looked at: bodies are
//! collected under a cap and a shared byte budget, slow clients are cut, connections are counted and drained.
//!
//! The native part ([`admin`]) is small and rarely called, and uses a router for convenience. No dialect is
//! known here: the binary hands their handlers in as routes.

pub mod admin;
mod body;
mod budget;
mod connection;
mod counters;
mod drain;
mod front;
mod limits;
mod listener;
mod refusal;
mod rhythm;
mod watch;

pub use counters::Counters;
pub use drain::{Drain, DrainSwitch};
pub use front::{BoxFuture, Front, Handler, Route};
pub use limits::Limits;
pub use listener::{bind, serve};
pub use refusal::{Refusal, native_error, native_refusal};
