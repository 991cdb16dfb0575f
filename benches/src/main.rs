//! The bench set: every promise of SPECIFICATION.md that has a number, measured as a ratio in one run.
//!
//! A figure by itself says more about the machine than about Sluice, so each subject is measured interleaved with a
//! baseline that does the same work with nothing of a platform around it (A B A B …). The median of the pairwise
//! ratios is the result; its spread says how far to trust it. Not Criterion: what is measured are processes, sockets
//! and whole process trees, not functions of this code.
#![allow(clippy::disallowed_methods, reason = "a bench reads the real clock and waits in real time")]

mod api;
mod cli;
mod cpu;
mod front;
mod functions;
mod interpreter;
mod lab;
mod load;
mod measure;
mod proc;
mod reference;
mod report;
mod response;
mod server;
mod stats;
mod tc3;
mod wire;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sluice-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
