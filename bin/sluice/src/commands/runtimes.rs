//! `sluice runtimes`: what this host runs, without asking a server.

use crate::client::output::{self, Format};
use serde_json::json;
use sluice_domain::{Dialect, RuntimeStatus};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Only the runtimes of one dialect
    #[arg(long)]
    dialect: Option<Dialect>,
    /// Also those that this host cannot run, and why
    #[arg(long)]
    all: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let wanted = |status: &RuntimeStatus| {
        args.dialect.is_none_or(|dialect| dialect == status.dialect) && (args.all || status.interpreter.is_some())
    };
    let found: Vec<RuntimeStatus> = sluice_sandbox::discover_runtimes(None).into_iter().filter(wanted).collect();
    match args.output {
        Format::Json => output::json(&json!({ "runtimes": found })),
        Format::Text if found.is_empty() => {
            println!("This host can run no runtime. `sluice runtimes --all` says what to install.");
        }
        Format::Text => output::table(&["DIALECT", "RUNTIME", "RUNS", "INTERPRETER", "NOTE"], found.iter().map(row)),
    }
    Ok(ExitCode::SUCCESS)
}

fn row(status: &RuntimeStatus) -> Vec<String> {
    let version = status.version.clone().unwrap_or_else(|| "-".to_owned());
    let note = match (&status.reason, status.stands_in) {
        (Some(reason), _) => reason.clone(),
        (None, true) => format!("{version} stands in for {}", status.id),
        (None, false) => String::new(),
    };
    let interpreter = status.interpreter.clone().unwrap_or_else(|| "-".to_owned());
    vec![status.dialect.to_string(), status.id.clone(), version, interpreter, note]
}
