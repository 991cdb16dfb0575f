//! `sluice list`.

use crate::client::{
    Target,
    output::{self, Format},
};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let functions = args.target.platform()?.list()?;
    match args.target.output {
        Format::Json => output::json(&json!({ "functions": functions })),
        Format::Text if functions.is_empty() => eprintln!("no functions here; `sluice deploy` makes one"),
        Format::Text => {
            let rows = functions.into_iter().map(|f| vec![f.name, f.runtime, f.status, f.modified, f.description]);
            output::table(&["NAME", "RUNTIME", "STATUS", "MODIFIED", "DESCRIPTION"], rows);
        }
    }
    Ok(ExitCode::SUCCESS)
}
