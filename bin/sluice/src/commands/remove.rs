//! `sluice remove NAME`.

use crate::client::{
    Target,
    output::{self, Format},
};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Name of the function
    name: String,
    #[command(flatten)]
    target: Target,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.target.platform()?.remove(&args.name)?;
    match args.target.output {
        Format::Json => output::json(&json!({ "removed": args.name })),
        Format::Text => println!("{} removed", args.name),
    }
    Ok(ExitCode::SUCCESS)
}
