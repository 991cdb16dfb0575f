//! What would have happened: the decisions of `sluice-decide` over recorded or made-up traffic.
//!
//! Pure like the core it drives: text and numbers in, numbers out. No clock, no files, no randomness but seeds.
//!
//! - [`synthetic`] makes workloads, [`trace`] reads recorded ones; both end in a [`Workload`]. A server's journal becomes
//!   a [`Recording`], which knows more: limits, settings, versions.
//! - [`run()`] and [`run_recorded`] play one under given limits and count: the same [`step`](sluice_decide::step) that
//!   the server asks decides here too, so what is left to guess is how long starts and calls take.
//! - [`Report`] is what came out.

pub mod dice;
mod held;
pub mod recording;
mod report;
pub mod run;
pub mod synthetic;
pub mod trace;
mod workload;

pub use held::Held;
pub use recording::Recording;
pub use report::{Point, Prices, Report, Waits};
pub use run::{Settings, run, run_recorded};
pub use synthetic::Synthetic;
pub use trace::Trace;
pub use workload::{Arrival, Jitter, Subject, Workload};
