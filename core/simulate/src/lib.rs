//! What would have happened: the decisions of `sluice-decide` over recorded or made-up traffic.
//!
//! Pure like the core it drives: text and numbers in, numbers out. No clock, no files, no randomness but seeds.
//!
//! - [`synthetic`] makes workloads, [`trace`] reads recorded ones; both end in a [`Workload`].
//! - [`run()`] plays one against a quota profile and counts: the same [`step`](sluice_decide::step) that the server
//!   asks decides here too, so what is left to guess is how long starts and calls take.
//! - [`Report`] is what came out.

pub mod dice;
mod report;
pub mod run;
pub mod synthetic;
pub mod trace;
mod workload;

pub use report::{Point, Prices, Report, Waits};
pub use run::{Settings, run};
pub use synthetic::Synthetic;
pub use trace::Trace;
pub use workload::{Arrival, Subject, Workload};
