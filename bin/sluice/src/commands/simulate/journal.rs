//! A journal as a recording: its calls, and everything that was set.

use anyhow::{Context, bail};
use sluice_decide::PoolId;
use sluice_journal::{Call, Fault, Invocations, Outcome, Reader, Start, invocations};
use sluice_simulate::{Recording, recording};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

const BUFFER: usize = 256 << 10;

/// Reads a whole journal. `cold_ms` and `duration_ms` stand where it tells none: for a version that was never started,
/// and for calls that did not run in a version of which none did.
pub fn read(path: &Path, cold_ms: u32, duration_ms: u32, allow_unfinished: bool) -> anyhow::Result<Recording> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let reader = Reader::new(BufReader::with_capacity(BUFFER, file))
        .map_err(|fault| anyhow::anyhow!("{shown}: {}", fault.trouble))?;
    let mut told = invocations(reader);
    let (calls, fault) = calls_of(&mut told);
    match fault {
        Some(fault) if !fault.trouble.is_unfinished() => bail!("{shown}: {fault}"),
        Some(fault) if !allow_unfinished => {
            bail!("{shown}: {fault}; --allow-unfinished accepts what comes before")
        }
        Some(fault) => eprintln!("warning: {shown}: {fault}"),
        None => {}
    }
    if calls.is_empty() {
        bail!("{shown} has no calls");
    }
    Ok(recorded(&told, calls, cold_ms, duration_ms))
}

/// The calls, and what ended the reading if it was not the end.
fn calls_of(told: &mut Invocations<impl Read>) -> (Vec<Call>, Option<Fault>) {
    let mut calls = Vec::new();
    for call in told {
        match call {
            Ok(call) => calls.push(call),
            Err(fault) => return (calls, Some(fault)),
        }
    }
    (calls, None)
}

fn recorded(told: &Invocations<impl Read>, calls: Vec<Call>, cold_ms: u32, duration_ms: u32) -> Recording {
    let (origin_ms, last) = told.covered().unwrap_or_default();
    let means = Means::of(&calls, duration_ms);
    let mut inputs: BTreeMap<u64, Vec<(u64, recording::Input)>> = BTreeMap::new();
    for call in calls {
        let at_ms = call.at.saturating_sub(origin_ms);
        let what = recording::What::Call(played(&call, &means));
        inputs.entry(call.scope).or_default().push((call.record, recording::Input { at_ms, what }));
    }
    let mut numbered: Vec<_> = told.scopes().collect();
    numbered.sort_unstable_by_key(|(number, _)| *number);
    let scopes = numbered.into_iter().map(|(number, opening)| {
        let mut inputs = inputs.remove(&number).unwrap_or_default();
        inputs.extend(told.settings(number).iter().map(|setting| {
            let what = recording::What::Set(Box::new(setting.event.clone()));
            (setting.record, recording::Input { at_ms: setting.at.saturating_sub(origin_ms), what })
        }));
        let nth = nth_of_version(told.starts(number));
        inputs.extend(told.deaths(number).iter().map(|death| {
            let (pool, start) = nth[death.start];
            let what = recording::What::Died { pool, start };
            (death.record, recording::Input { at_ms: death.at.saturating_sub(origin_ms), what })
        }));
        inputs.sort_by_key(|(record, _)| *record);
        let starts = told.starts(number).iter().filter_map(|start| {
            let took_ms = clamped(start.took_ms?);
            Some((start.pool, recording::Start { took_ms, failed: start.failed }))
        });
        recording::Scope {
            limits: opening.limits.clone(),
            inputs: inputs.into_iter().map(|(_, input)| input).collect(),
            starts: starts.collect(),
            cold_ms,
        }
    });
    Recording { scopes: scopes.collect(), origin_ms, span_ms: last.saturating_sub(origin_ms) }
}

/// Of every start, its version and how many that had before.
fn nth_of_version(starts: &[Start]) -> Vec<(PoolId, usize)> {
    let mut counts: HashMap<PoolId, usize> = HashMap::new();
    let nth = |start: &Start| {
        let count = counts.entry(start.pool).or_default();
        *count += 1;
        (start.pool, *count - 1)
    };
    starts.iter().map(nth).collect()
}

fn played(call: &Call, means: &Means) -> recording::Call {
    let (duration_ms, reusable) = match call.outcome {
        Outcome::Ran { duration_ms, reusable, .. } => (clamped(duration_ms), reusable),
        _ => (means.of_version(call.scope, call.pool), true),
    };
    recording::Call { pool: call.pool, rule: call.rule, trigger: call.trigger, duration_ms, reusable }
}

/// How long the calls of each version ran, for those that did not.
struct Means {
    versions: HashMap<(u64, PoolId), (u64, u64)>,
    otherwise: u32,
}

impl Means {
    fn of(calls: &[Call], otherwise: u32) -> Self {
        let mut versions: HashMap<(u64, PoolId), (u64, u64)> = HashMap::new();
        for call in calls {
            if let Outcome::Ran { duration_ms, .. } = call.outcome {
                let (sum, count) = versions.entry((call.scope, call.pool)).or_default();
                *sum += duration_ms;
                *count += 1;
            }
        }
        Self { versions, otherwise }
    }

    fn of_version(&self, scope: u64, pool: PoolId) -> u32 {
        self.versions.get(&(scope, pool)).map_or(self.otherwise, |(sum, count)| clamped(sum / count))
    }
}

fn clamped(millis: u64) -> u32 {
    u32::try_from(millis).unwrap_or(u32::MAX)
}
