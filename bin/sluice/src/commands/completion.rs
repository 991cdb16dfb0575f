//! `sluice completion SHELL`.

use crate::cli::Cli;
use clap::CommandFactory;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    shell: clap_complete::Shell,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    clap_complete::generate(args.shell, &mut Cli::command(), "sluice", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
