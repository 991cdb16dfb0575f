//! `sluice deploy DIR|ZIP`.

use crate::client::{
    Deployed, Deployment, Target,
    output::{self, Format},
    package,
    progress::Progress,
};
use anyhow::Context;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(clap::Args)]
pub struct Args {
    /// Directory with the code, or a zip of it
    #[arg(value_name = "DIR|ZIP")]
    path: PathBuf,
    /// Name of the function [default: that of the directory or zip]
    #[arg(long)]
    name: Option<String>,
    /// Runtime id, such as Python3.7 or nodejs12; needed to create a function
    #[arg(long)]
    runtime: Option<String>,
    /// Entry point, file.function [default: index.main_handler for scf, index.handler for fc]
    #[arg(long)]
    handler: Option<String>,
    /// Memory in MB
    #[arg(long, value_name = "MB")]
    memory: Option<u32>,
    /// Limit of one execution
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Environment variable; repeat for more. Given ones replace all that the function has
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    #[command(flatten)]
    target: Target,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let target = args.target;
    let name = args.name.map_or_else(|| name_of(&args.path), Ok)?;
    let platform = target.platform()?;
    let progress = Progress::start();
    progress.say("packing");
    let deployment = Deployment {
        zip: package::read(&args.path)?,
        name,
        runtime: args.runtime,
        handler: args.handler,
        memory_mb: args.memory,
        timeout_s: args.timeout,
        environment: args.env.into_iter().collect(),
    };
    let deployed = platform.deploy(&deployment, &|message| progress.say(message))?;
    let note = note(&target, &deployed.runtime);
    drop(progress);
    show(&target, &deployment, &deployed, note);
    Ok(ExitCode::SUCCESS)
}

fn show(target: &Target, deployment: &Deployment, deployed: &Deployed, note: Option<String>) {
    let action = if deployed.created { "created" } else { "updated" };
    match target.output {
        Format::Json => {
            output::json(
                &json!({ "action": action, "name": deployment.name, "note": note, "function": deployed.description }),
            );
        }
        Format::Text => {
            println!("{} {action}: {}, {}", deployment.name, deployed.runtime, deployed.status);
            if let Some(note) = note {
                println!("note: {note}");
            }
        }
    }
}

/// Says when another version runs than the one that was asked for. Only the native API knows; without its
/// token there is no note.
fn note(target: &Target, runtime: &str) -> Option<String> {
    let status = target.admin().ok()?.runtime(target.dialect, runtime).ok()??;
    let version = status.version.filter(|_| status.stands_in)?;
    Some(format!("{} {version} stands in for {runtime}", status.family.as_str()))
}

fn name_of(path: &Path) -> anyhow::Result<String> {
    let whole = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let name = whole.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
    name.with_context(|| format!("{} gives no name: use --name", path.display()))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("'{text}' has no '=': use NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
