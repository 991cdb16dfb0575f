//! The command line: which commands there are, and how a failure is shown.

use crate::commands;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The command the server starts itself with, to make sandboxes. `main` dispatches it before parsing.
pub const LAUNCHER: &str = "sandbox-launcher";

/// A function-compute platform in one binary: runs functions written for Tencent SCF and Alibaba FC.
#[derive(Parser)]
#[command(name = "sluice", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the platform on this machine
    Serve(commands::serve::Args),
    /// Create or update a function from a directory or a zip
    Deploy(commands::deploy::Args),
    /// Call a function and print what it returns
    Invoke(commands::invoke::Args),
    /// Print the logs of recent calls
    Logs(commands::logs::Args),
    /// List functions
    List(commands::list::Args),
    /// Show a function
    Get(commands::get::Args),
    /// Delete a function
    Remove(commands::remove::Args),
    /// Watch limits, versions and instances
    Top(commands::top::Args),
    /// List the runtimes this host offers, and what stands in for what
    Runtimes(commands::runtimes::Args),
    /// Decide again what a journal recorded, and fail where a decision differs
    Replay(commands::replay::Args),
    /// Play recorded or made-up traffic under other settings: cold starts, throttles, cost
    Simulate(commands::simulate::Args),
    /// Say what this host can and cannot enforce
    Doctor(commands::doctor::Args),
    /// Print a completion script for a shell
    Completion(commands::completion::Args),
    #[command(name = LAUNCHER, hide = true)]
    Launcher,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => commands::serve::run(args),
        Command::Deploy(args) => commands::deploy::run(args),
        Command::Invoke(args) => commands::invoke::run(args),
        Command::Logs(args) => commands::logs::run(args),
        Command::List(args) => commands::list::run(args),
        Command::Get(args) => commands::get::run(args),
        Command::Remove(args) => commands::remove::run(args),
        Command::Top(args) => commands::top::run(args),
        Command::Runtimes(args) => commands::runtimes::run(args),
        Command::Replay(args) => commands::replay::run(args),
        Command::Simulate(args) => commands::simulate::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Completion(args) => commands::completion::run(args),
        Command::Launcher => unreachable!("main dispatches it"),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
