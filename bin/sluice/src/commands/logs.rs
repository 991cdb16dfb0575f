//! `sluice logs NAME`.

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
    /// How many calls to show, the newest last
    #[arg(long, default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    target: Target,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut records = args.target.platform()?.logs(&args.name, args.limit)?;
    records.reverse();
    match args.target.output {
        Format::Json => output::json(&json!({ "records": records })),
        Format::Text => {
            for record in records {
                let text = format!("--- {} {}\n{}\n", record.started, record.request_id, record.log.trim_end());
                output::bytes(text.as_bytes());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
