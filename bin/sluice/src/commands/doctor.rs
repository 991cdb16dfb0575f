//! `sluice doctor`: what this host can enforce.

use crate::client::output::{self, Format};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = sluice_sandbox::doctor(None);
    let healthy = findings.iter().all(|finding| finding.ok || !finding.required);
    match args.output {
        Format::Json => {
            let list: Vec<Value> = findings
                .iter()
                .map(|f| json!({ "name": f.name, "ok": f.ok, "required": f.required, "detail": f.detail, "remedy": f.remedy }))
                .collect();
            output::json(&json!({ "ok": healthy, "findings": list }));
        }
        Format::Text => {
            let rows = findings.iter().map(|f| {
                let verdict = match (f.ok, f.required) {
                    (true, _) => "ok",
                    (false, true) => "MISSING",
                    (false, false) => "absent",
                };
                let remedy = f.remedy.unwrap_or_default();
                vec![f.name.to_string(), verdict.to_owned(), f.detail.to_string(), remedy.to_string()]
            });
            output::table(&["CHECK", "RESULT", "FOUND", "REMEDY"], rows);
        }
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
