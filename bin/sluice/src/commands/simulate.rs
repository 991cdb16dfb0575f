//! `sluice simulate`: what other settings would have done with recorded or made-up traffic.

mod chart;
mod source;

use crate::client::output::{self, Format};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use sluice_domain::{Profile, QuotaProfile};
use sluice_simulate::{Report, Settings, run as play};
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  sluice simulate --trace traces/ --set burst_per_min=100\n  \
                        sluice simulate --synthetic --functions 10000 --days 2 --compare keep_alive_adaptive=false\n  \
                        sluice simulate --trace run.journal --chart run.svg")]
pub struct Args {
    #[command(flatten)]
    source: source::Traffic,
    /// Quota profile to play under: scf-128, scf-64, cloudbase-personal, cloudbase-enterprise, fc
    #[arg(long, default_value = "scf-128")]
    profile: String,
    /// Set a key of the profile; repeat for more. `null` takes a limit away
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Play once more with these keys set as well, and show both
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    compare: Vec<String>,
    /// `fixed:SECONDS`, or `adaptive` [default: that of the profile]
    #[arg(long, value_name = "POLICY")]
    keep_alive: Option<String>,
    /// Requests that one instance takes at a time
    #[arg(long, default_value_t = 1)]
    concurrency: u32,
    /// Memory of the host in MB; without it there is as much as is needed
    #[arg(long, value_name = "MB")]
    host_mb: Option<u64>,
    /// Draw concurrency, cold starts and throttles over time into this SVG file
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// One set of rules and what came of it.
struct Played {
    name: String,
    report: Report,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let base = quota(&args)?;
    let mut rules = vec![("as set".to_owned(), base.clone())];
    if !args.compare.is_empty() {
        rules.push((args.compare.join(" "), patched(&base, &args.compare)?));
    }
    let mut played = Vec::new();
    for (name, quota) in rules {
        let settings = Settings { concurrency: args.concurrency, host_mb: args.host_mb, ..Settings::new(quota) };
        let workload = source.workload(&args.source);
        let bar = progress(workload.requests);
        let report = play(workload, &settings, |requests, _| bar.set_position(requests));
        bar.finish_and_clear();
        played.push(Played { name, report });
    }
    if let Some(path) = &args.chart {
        let runs: Vec<(&str, &Report)> = played.iter().map(|one| (one.name.as_str(), &one.report)).collect();
        fs::write(path, chart::svg(&runs)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match args.output {
        Format::Json => output::json(&document(&played)),
        Format::Text => print(&played),
    }
    Ok(ExitCode::SUCCESS)
}

fn quota(args: &Args) -> anyhow::Result<QuotaProfile> {
    let profile: Profile = serde_json::from_value(json!(args.profile)).with_context(|| {
        format!(
            "unknown profile '{}': use scf-128, scf-64, cloudbase-personal, cloudbase-enterprise or fc",
            args.profile
        )
    })?;
    let base = patched(&QuotaProfile::named(profile), &args.set)?;
    match args.keep_alive.as_deref() {
        None => Ok(base),
        Some("adaptive") => patched(&base, &["keep_alive_adaptive=true".to_owned()]),
        Some(text) => match text.strip_prefix("fixed:").and_then(|seconds| seconds.parse::<u32>().ok()) {
            Some(seconds) => {
                patched(&base, &["keep_alive_adaptive=false".to_owned(), format!("keep_alive_s={seconds}")])
            }
            None => bail!("keep-alive '{text}' is unknown: use adaptive or fixed:SECONDS"),
        },
    }
}

fn patched(base: &QuotaProfile, changes: &[String]) -> anyhow::Result<QuotaProfile> {
    let mut patch = Map::new();
    for change in changes {
        let (key, value) = change
            .split_once('=')
            .with_context(|| format!("'{change}' is not KEY=VALUE, such as burst_per_min=100"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        patch.insert(key.to_owned(), value);
    }
    base.patched(&patch).map_err(|error| anyhow::anyhow!("{error}"))
}

fn progress(requests: Option<u64>) -> ProgressBar {
    let bar = match requests {
        Some(requests) => ProgressBar::new(requests),
        None => ProgressBar::new_spinner(),
    };
    let style = "{bar:40} {human_pos} requests, {per_sec}, {elapsed}";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn document(played: &[Played]) -> Value {
    let runs: Vec<Value> = played.iter().map(|one| json!({ "rules": one.name, "report": one.report })).collect();
    json!({ "runs": runs })
}

fn print(played: &[Played]) {
    let mut header = vec!["".to_owned()];
    header.extend(played.iter().map(|one| one.name.clone()));
    let rows = lines(&played[0].report);
    let all: Vec<Vec<(String, String)>> = played.iter().map(|one| lines(&one.report)).collect();
    let table = rows.iter().enumerate().map(|(row, (label, _))| {
        let mut cells = vec![label.clone()];
        cells.extend(all.iter().map(|run| run.get(row).map(|(_, value)| value.clone()).unwrap_or_default()));
        cells
    });
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    output::table(&header, table);
    for one in played {
        let reasons = |of: &std::collections::BTreeMap<String, u64>| {
            of.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        println!("{}: cold starts: {}", one.name, reasons(&one.report.cold_starts_by_reason));
        if one.report.throttles > 0 {
            println!("{}: throttles: {}", one.name, reasons(&one.report.throttles_by_limit));
        }
    }
}

fn lines(report: &Report) -> Vec<(String, String)> {
    let share = |part: u64| 100.0 * part as f64 / report.requests.max(1) as f64;
    let line = |label: &str, value: String| (label.to_owned(), value);
    vec![
        line("functions", report.functions.to_string()),
        line("span", format!("{:.0} s", report.span_s)),
        line("requests", report.requests.to_string()),
        line("cold starts", format!("{} ({:.2} %)", report.cold_starts, share(report.cold_starts))),
        line("starts ahead", report.starts_ahead.to_string()),
        line("throttles", format!("{} ({:.2} %)", report.throttles, share(report.throttles))),
        line("wait p50", format!("{} ms", report.waits.p50_ms)),
        line("wait p95", format!("{} ms", report.waits.p95_ms)),
        line("wait p99", format!("{} ms", report.waits.p99_ms)),
        line("instance time busy", format!("{:.0} s", report.busy_instance_s)),
        line("instance time idle", format!("{:.0} s", report.idle_instance_s)),
        line("memory time busy", format!("{:.0} GB-s", report.busy_gb_s)),
        line("memory time idle", format!("{:.0} GB-s", report.idle_gb_s)),
        line("most instances", report.peak_instances.to_string()),
        line("most requests at once", report.peak_concurrency.to_string()),
        line("cost", format!("{:.2} {}", report.cost, report.currency)),
    ]
}
