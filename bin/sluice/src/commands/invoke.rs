//! `sluice invoke NAME`.

use crate::client::{
    Reply, Target,
    output::{self, Format},
    progress::Progress,
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{fs, io::Read, process::ExitCode};

#[derive(clap::Args)]
pub struct Args {
    /// Name of the function
    name: String,
    /// The event: text, @FILE, or - for standard input
    #[arg(long, short, default_value = "{}", allow_hyphen_values = true)]
    data: String,
    /// Print the end of the log too, on standard error
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    target: Target,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let payload = payload(&args.data)?;
    let platform = args.target.platform()?;
    let progress = Progress::start();
    progress.say(&format!("{} is running", args.name));
    let reply = platform.invoke(&args.name, &payload)?;
    drop(progress);
    match args.target.output {
        Format::Json => output::json(&document(&reply)),
        Format::Text => show(&reply, args.log),
    }
    if reply.failed {
        let hint = if args.log { "" } else { "; --log shows what it printed" };
        eprintln!("error: the function failed (request {}){hint}", reply.request_id);
    }
    Ok(if reply.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn payload(data: &str) -> anyhow::Result<Vec<u8>> {
    if data == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    match data.strip_prefix('@') {
        Some(path) => fs::read(path).with_context(|| format!("cannot read {path}")),
        None => Ok(data.as_bytes().to_vec()),
    }
}

fn show(reply: &Reply, log: bool) {
    if log {
        let end = if reply.log.is_empty() || reply.log.ends_with('\n') { "" } else { "\n" };
        eprint!("{}{end}", reply.log);
    }
    let mut text = reply.output.clone();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    output::bytes(&text);
}

fn document(reply: &Reply) -> Value {
    let text = String::from_utf8_lossy(&reply.output);
    json!({
        "request_id": reply.request_id,
        "failed": reply.failed,
        "output": serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
        "duration_ms": reply.duration_ms,
        "memory_mb": reply.memory_mb,
        "log": reply.log,
    })
}
