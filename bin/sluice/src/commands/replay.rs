//! `sluice replay FILE`: decides again what a journal recorded.

use crate::client::output::{self, Format};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sluice_journal::{Entry, Fault, Header, Reader, Replay, Totals};
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(clap::Args)]
#[command(after_help = "A journal is what `sluice serve --journal FILE` records. See docs/journal.md.")]
pub struct Args {
    /// The journal
    file: PathBuf,
    /// Accept a journal that was cut off, up to its last whole block
    #[arg(long)]
    allow_unfinished: bool,
    /// Form of the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// Files that take longer than a moment.
const LARGE: u64 = 16 << 20;
const BUFFER: usize = 256 << 10;

/// How far it went.
struct Outcome {
    header: Header,
    totals: Totals,
    fault: Option<Fault>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display().to_string();
    let (source, bar) = open(&args.file).with_context(|| format!("cannot open {shown}"))?;
    let outcome = replay(source).map_err(|fault| anyhow::anyhow!("{shown}: {}", fault.trouble))?;
    bar.finish_and_clear();
    let accepted = outcome.fault.as_ref().is_none_or(|fault| args.allow_unfinished && fault.trouble.is_unfinished());
    match args.output {
        Format::Json => output::json(&document(&outcome, accepted)),
        Format::Text if accepted => print(&outcome),
        Format::Text => {}
    }
    match outcome.fault {
        Some(fault) if !accepted => {
            let hint =
                if fault.trouble.is_unfinished() { "; --allow-unfinished accepts what comes before" } else { "" };
            anyhow::bail!("{shown}: {fault}{hint}")
        }
        Some(fault) => eprintln!("warning: {shown}: {fault}"),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> anyhow::Result<(impl Read, ProgressBar)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let bar = if length > LARGE { ProgressBar::new(length) } else { ProgressBar::hidden() };
    let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);
    Ok((BufReader::with_capacity(BUFFER, bar.wrap_read(file)), bar))
}

/// Reads to the end or to the first fault. One in the header leaves nothing to tell of.
fn replay(source: impl Read) -> Result<Outcome, Box<Fault>> {
    let mut reader = Reader::new(source)?;
    let mut replay = Replay::default();
    let fault = decide_all(&mut reader, &mut replay).err();
    Ok(Outcome { header: reader.header().clone(), totals: replay.totals().clone(), fault: fault.map(|fault| *fault) })
}

fn decide_all(reader: &mut Reader<impl Read>, replay: &mut Replay) -> Result<(), Box<Fault>> {
    while let Some(entry) = reader.next() {
        let entry: Entry = entry?;
        replay.apply(&entry, || reader.place())?;
    }
    Ok(())
}

fn document(outcome: &Outcome, accepted: bool) -> Value {
    let Outcome { header, totals, fault } = outcome;
    let fault = fault.as_ref().map(|fault| {
        json!({
            "record": fault.place.record,
            "block": fault.place.block,
            "byte": fault.place.byte,
            "scope": fault.place.scope.as_ref().map(|(number, name)| json!({ "number": number, "name": name })),
            "time_ms": fault.place.time,
            "unfinished": fault.trouble.is_unfinished(),
            "message": fault.trouble.to_string(),
        })
    });
    json!({
        "accepted": accepted,
        "fault": fault,
        "journal": { "format": header.format, "created_ms": header.created, "writer": header.writer },
        "covered_ms": totals.covered(),
        "totals": totals,
    })
}

fn print(outcome: &Outcome) {
    let Outcome { header, totals, .. } = outcome;
    let made = calendar(header.created);
    let from = totals.from.map_or_else(|| "nothing".to_owned(), |from| calendar(from as i64));
    let text = format!(
        "Every decision is the same: {} records of {} scopes.\nWritten by {} from {made}.\nCovers {} from {from}.\n\n",
        totals.records,
        totals.scopes,
        header.writer,
        span(totals.covered()),
    );
    output::bytes(text.as_bytes());
    let document = json!(totals);
    let rows = ["events", "commands", "starts", "refusals"].into_iter().flat_map(|group| {
        let counts = document[group].as_object().cloned().unwrap_or_default();
        counts.into_iter().map(move |(kind, count)| vec![group.to_owned(), kind, count.to_string()])
    });
    output::table(&["WHAT", "KIND", "COUNT"], rows);
}

fn calendar(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| format!("{millis} ms"), |stamp| stamp.to_string())
}

fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{}.{:03} s", seconds, millis % 1000),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
