//! The command line: which measurements to run, how many pairs, where the result goes.

use crate::{
    front,
    lab::{Lab, Servers, Settings},
    measure,
    report::Report,
};
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "sluice-bench", about = "Measures Sluice against baselines in the same run")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
struct Options {
    /// Pairs of subject and baseline per line; fewer than five is not a result
    #[arg(long, global = true)]
    pairs: Option<usize>,
    /// Small sizes and short runs, to see that everything works; not a result
    #[arg(long, global = true)]
    quick: bool,
    #[command(flatten)]
    servers: Servers,
    /// Directory for the JSON result, the servers' log and installed peers
    #[arg(long, global = true, default_value = "out")]
    out: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// First calls of functions that have no instance
    Cold,
    /// From no instance to a hundred
    Scale,
    /// Calls of functions that have instances
    Warm,
    /// The part of `warm` with many functions
    Zipf,
    /// Two builds, or one with and without a journal, side by side under warm calls
    Compare,
    /// Memory, idle processor time, start of the server
    Memory,
    /// The decision core by itself
    Decide,
    /// Everything but the peers
    All,
    /// Other function servers from their registries, beside Sluice
    Peers,
    /// The reference's HTTP front (started by the bench itself)
    #[command(hide = true)]
    Front(front::FrontArgs),
}

const COLD: &[(&str, measure::Part)] = &[("cold", measure::cold::run), ("sustained", measure::sustained::run)];
const SCALE: &[(&str, measure::Part)] = &[("scale", measure::scale::run), ("minute", measure::minute::run)];
const DECIDE: &[(&str, measure::Part)] = &[("decide", measure::decide::run)];
const WARM: &[(&str, measure::Part)] = &[("warm", measure::warm::run), ("zipf", measure::zipf::run)];
const ZIPF: &[(&str, measure::Part)] = &[("zipf", measure::zipf::run)];
const COMPARE: &[(&str, measure::Part)] = &[("compare", measure::compare::run)];
const MEMORY: &[(&str, measure::Part)] = &[("memory", measure::memory::run), ("idle", measure::idle::run)];

/// Runs what was asked for. False when a target was missed.
pub fn run() -> Result<bool> {
    let cli = Cli::parse();
    let (result, parts): (_, &[(&str, measure::Part)]) = match cli.command {
        Command::Front(args) => return front::run(&args).map(|()| true),
        Command::Cold => ("bench-cold.json", COLD),
        Command::Scale => ("bench-scale.json", SCALE),
        Command::Warm => ("bench-warm.json", WARM),
        Command::Zipf => ("bench-zipf.json", ZIPF),
        Command::Compare => ("bench-compare.json", COMPARE),
        Command::Memory => ("bench-memory.json", MEMORY),
        Command::Decide => ("bench-decide.json", DECIDE),
        Command::Peers => ("bench-peers.json", &[("peers", measure::peers::run)]),
        Command::All => ("bench.json", &[COLD, SCALE, WARM, MEMORY, DECIDE].concat()),
    };
    let settings = Settings::new(cli.options.quick, cli.options.pairs);
    let lab = Lab::open(settings, cli.options.servers, cli.options.out)?;
    let mut report = Report::new(&lab.settings);
    for (name, part) in parts {
        // A part that breaks must not take the lines already measured with it.
        if let Err(error) = part(&lab, &mut report) {
            report.broken(name, format!("{error:#}"));
        }
    }
    println!("{}", report.table());
    let path = lab.out.join(result);
    report.write_json(&path)?;
    println!("written to {}", path.display());
    Ok(report.passed())
}
