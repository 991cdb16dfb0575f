//! What would have happened: the decisions of `sluice-decide` over recorded or made-up traffic.
//!
//! Pure like the core it drives: text and numbers in, numbers out. No clock, no files, no randomness but seeds.
//! [`synthetic`] makes workloads.

pub mod dice;
pub mod synthetic;

pub use synthetic::Synthetic;

/// One request of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Milliseconds since the workload's start.
    pub at_ms: u64,
    /// Index into the workload's functions.
    pub function: u32,
    /// How long the function's code runs once an instance has the request.
    pub duration_ms: u32,
}
