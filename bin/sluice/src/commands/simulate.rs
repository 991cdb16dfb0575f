//! `sluice simulate`: what other settings would have done with recorded or made-up traffic.

mod ahead;
mod chart;
mod journal;
mod source;
mod spread;

use crate::client::output::{self, Format};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use sluice_domain::{Profile, QuotaProfile};
use sluice_simulate::{Held, Report, Settings};
use source::{Extent, Progress};
use spread::Spread;
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  sluice simulate --trace traces/ --set burst_per_min=100\n  \
                        sluice simulate --synthetic --functions 10000 --days 2 --compare keep_alive_adaptive=false\n  \
                        sluice simulate --trace run.journal --set burst_per_min=100 --chart run.svg\n\n\
                        See docs/simulate.md.")]
pub struct Args {
    #[command(flatten)]
    source: source::Traffic,
    /// Quota profile to play under, such as scf-64 or fc [default: what a journal recorded, otherwise scf-128]
    #[arg(long)]
    profile: Option<String>,
    /// Set a key of the profile; repeat for more. `null` takes a limit away
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Play once more with these keys set as well, and show both
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    compare: Vec<String>,
    /// `fixed:SECONDS`, or `adaptive` [default: that of the profile]
    #[arg(long, value_name = "POLICY")]
    keep_alive: Option<String>,
    /// Requests that one instance takes at a time [default: what a journal recorded, otherwise 1]
    #[arg(long)]
    concurrency: Option<u32>,
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
    /// Of several runs, the one in the middle.
    report: Report,
    spread: Option<Spread>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let base = Rules::of(&args)?;
    let mut all = vec![(base.name(&args).to_owned(), base.clone())];
    if !args.compare.is_empty() {
        all.push((args.compare.join(" "), base.with(&args.compare)?));
    }
    let source = args.source.open()?;
    if !source.has_limits() {
        all[0].0 = "as set".to_owned();
    }
    let mut played = Vec::new();
    for (name, rules) in all {
        let settings = Settings {
            held: rules.held,
            concurrency: args.concurrency,
            host_mb: args.host_mb,
            ..Settings::new(rules.quota)
        };
        let reports = (0..args.source.runs).map(|draw| {
            let bar = Bar::new();
            let report = source.play(&args.source, &settings, draw, |extent, progress| bar.show(extent, progress));
            bar.0.finish_and_clear();
            report
        });
        let (report, spread) = spread::of(reports.collect());
        played.push(Played { name, report, spread });
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

/// A quota profile, and how much of it was asked for: that holds against what a journal recorded.
#[derive(Clone)]
struct Rules {
    quota: QuotaProfile,
    held: Held,
}

impl Rules {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let held = if args.profile.is_some() { Held::All } else { Held::Keys(Default::default()) };
        let name = args.profile.as_deref().unwrap_or("scf-128");
        let profile: Profile = serde_json::from_value(json!(name)).with_context(|| format!("profile '{name}'"))?;
        let rules = Self { quota: QuotaProfile::named(profile), held }.with(&args.set)?;
        match args.keep_alive.as_deref() {
            None => Ok(rules),
            Some("adaptive") => rules.with(&["keep_alive_adaptive=true".to_owned()]),
            Some(text) => match text.strip_prefix("fixed:").and_then(|seconds| seconds.parse::<u32>().ok()) {
                Some(seconds) => {
                    rules.with(&["keep_alive_adaptive=false".to_owned(), format!("keep_alive_s={seconds}")])
                }
                None => bail!("keep-alive '{text}' is unknown: use adaptive or fixed:SECONDS"),
            },
        }
    }

    fn with(&self, changes: &[String]) -> anyhow::Result<Self> {
        let mut patch = Map::new();
        for change in changes {
            let (key, value) = change
                .split_once('=')
                .with_context(|| format!("'{change}' is not KEY=VALUE, such as burst_per_min=100"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            patch.insert(key.to_owned(), value);
        }
        let quota = self.quota.patched(&patch).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut held = self.held.clone();
        if patch.contains_key("profile") {
            held = Held::All;
        }
        if let Held::Keys(keys) = &mut held {
            keys.extend(patch.into_iter().map(|(key, _)| key));
        }
        Ok(Self { quota, held })
    }

    /// For the first of the runs of a journal.
    fn name(&self, args: &Args) -> &'static str {
        let nothing = self.held == Held::Keys(Default::default()) && args.concurrency.is_none();
        if nothing { "as recorded" } else { "as set" }
    }
}

/// How far a run is, by whatever is known of its length.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = "{bar:40} {percent} %, {msg}, {elapsed}";
        let bar = ProgressBar::new(1);
        Self(bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn show(&self, extent: Extent, progress: Progress) {
        let (position, length) = match extent {
            Extent::Requests(all) => (progress.requests, all),
            Extent::Millis(all) => (progress.at_ms, all),
        };
        self.0.set_length(length.max(1));
        self.0.set_position(position);
        let rate = progress.requests as f64 / self.0.elapsed().as_secs_f64().max(0.001);
        self.0.set_message(format!("{} requests, {rate:.0}/s", progress.requests));
    }
}

fn document(played: &[Played]) -> Value {
    let one = |one: &Played| {
        let mut document = json!({ "rules": one.name, "report": one.report });
        if let Some(spread) = &one.spread {
            document["spread"] = json!(spread);
        }
        document
    };
    json!({ "runs": played.iter().map(one).collect::<Vec<Value>>() })
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
        if let Some(spread) = &one.spread {
            println!("{}: {spread}", one.name);
        }
        if one.report.failures > 0 {
            println!("{}: failed: {}", one.name, one.report.failures);
        }
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
