//! `sluice get NAME`.

use crate::client::{
    Target,
    output::{self, Format},
};
use serde_json::Value;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Name of the function
    name: String,
    #[command(flatten)]
    target: Target,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let function = args.target.platform()?.get(&args.name)?;
    match (args.target.output, &function) {
        (Format::Text, Value::Object(fields)) => {
            let rows = fields
                .iter()
                .filter(|(_, value)| !is_empty(value))
                .map(|(name, value)| vec![name.clone(), plain(value)]);
            output::table(&["FIELD", "VALUE"], rows);
        }
        _ => output::json(&function),
    }
    Ok(ExitCode::SUCCESS)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
