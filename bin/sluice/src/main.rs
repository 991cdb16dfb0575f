//! `sluice`: the platform and its command line in one binary.

mod cli;
mod client;
mod commands;
mod credentials;
mod serve;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The launcher makes sandboxes by forking, so it must run before anything starts a thread.
    if std::env::args_os().nth(1).is_some_and(|command| command == cli::LAUNCHER) {
        sluice_sandbox::launcher_main()
    }
    cli::run()
}
