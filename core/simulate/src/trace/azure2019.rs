//! The Azure Functions data set of 2019: three files for each day.
//!
//! Calls are counted per function and minute (`HashOwner,HashApp,HashFunction,Trigger,1,…,1440`); durations (ms) come
//! as percentiles per function, memory (MB) as percentiles per application or, in derived samples, per function.
//! A minute's calls are spread over it by dice with a seed: timers at its start, all others evenly at random. Durations
//! are drawn from the percentiles, in straight lines between them. Only counts are kept in memory, so a day of a
//! billion calls takes as much as one of a million.

use super::{Calls, Defaults, File, Trace, TraceError, table::Row, table::Table};
use crate::{Arrival, Subject, dice::Dice};
use std::{collections::HashMap, sync::Arc};

const MINUTE_MS: u64 = 60_000;
const PERCENTILES: [(f64, &str); 7] = [
    (0.0, "percentile_Average_0"),
    (0.01, "percentile_Average_1"),
    (0.25, "percentile_Average_25"),
    (0.5, "percentile_Average_50"),
    (0.75, "percentile_Average_75"),
    (0.99, "percentile_Average_99"),
    (1.0, "percentile_Average_100"),
];

/// Calls by minute.
#[derive(Debug, Default)]
pub struct Minutes {
    /// Function and number of calls, one minute after the other.
    cells: Vec<(u32, u32)>,
    /// Where each minute begins in `cells`, and where the last one ends.
    begins: Vec<usize>,
    timers: Vec<bool>,
    durations: Vec<[f32; PERCENTILES.len()]>,
    seed: u64,
}

impl Minutes {
    pub fn requests(&self) -> u64 {
        self.cells.iter().map(|(_, count)| u64::from(*count)).sum()
    }
}

/// Owner, application and function.
type Key = (String, String, String);

pub fn read(days: &[File], durations: &[File], memory: &[File], defaults: Defaults) -> Result<Trace, TraceError> {
    let mut index: HashMap<Key, u32> = HashMap::new();
    let mut subjects = Vec::new();
    let mut apps: HashMap<(String, String), Vec<u32>> = HashMap::new();
    let mut minutes = Minutes { seed: defaults.seed, ..Minutes::default() };
    let mut by_minute: Vec<Vec<(u32, u32)>> = Vec::new();
    for file in days {
        let table = Table::new(*file);
        let trigger = table.column("Trigger")?;
        let keys = KeyColumns::new(&table)?;
        let first = by_minute.len();
        let columns: Vec<usize> = minute_columns(&table).collect();
        by_minute.resize(first + columns.len(), Vec::new());
        for row in table.rows() {
            let row = row?;
            let key = keys.of(&row);
            let function = *index.entry(key.clone()).or_insert_with(|| {
                let function = subjects.len() as u32;
                let short: String = key.2.chars().take(12).collect();
                let kind = row.text(trigger);
                subjects.push(Subject {
                    name: short,
                    memory_mb: defaults.memory_mb,
                    cold_ms: defaults.cold_ms,
                    http: kind.eq_ignore_ascii_case("http"),
                });
                minutes.timers.push(kind.eq_ignore_ascii_case("timer"));
                minutes.durations.push([defaults.duration_ms as f32; PERCENTILES.len()]);
                apps.entry((key.0, key.1)).or_default().push(function);
                function
            });
            for (minute, column) in columns.iter().enumerate() {
                let count = row.number(*column, table.names()[*column])? as u32;
                if count > 0 {
                    by_minute[first + minute].push((function, count));
                }
            }
        }
    }
    read_durations(durations, &index, &mut minutes)?;
    read_memory(memory, &index, &apps, &mut subjects)?;
    minutes.begins.push(0);
    let span_ms = by_minute.len() as u64 * MINUTE_MS;
    for cells in by_minute {
        minutes.cells.extend(cells);
        minutes.begins.push(minutes.cells.len());
    }
    Ok(Trace { functions: subjects, calls: Calls::Counted(Arc::new(minutes)), span_ms })
}

/// The columns of a day, whose names are the numbers of its minutes.
fn minute_columns(table: &Table) -> impl Iterator<Item = usize> {
    let is_minute = |name: &&str| name.parse::<u32>().is_ok();
    table.names().iter().enumerate().filter(move |(_, name)| is_minute(name)).map(|(column, _)| column)
}

fn read_durations(files: &[File], index: &HashMap<Key, u32>, minutes: &mut Minutes) -> Result<(), TraceError> {
    for file in files {
        let table = Table::new(*file);
        let keys = KeyColumns::new(&table)?;
        let mut columns = [0; PERCENTILES.len()];
        for (column, (_, name)) in columns.iter_mut().zip(PERCENTILES) {
            *column = table.column(name)?;
        }
        for row in table.rows() {
            let row = row?;
            let Some(function) = index.get(&keys.of(&row)) else { continue };
            for ((column, (_, name)), to) in
                columns.iter().zip(PERCENTILES).zip(&mut minutes.durations[*function as usize])
            {
                *to = row.number(*column, name)? as f32;
            }
        }
    }
    Ok(())
}

fn read_memory(
    files: &[File],
    index: &HashMap<Key, u32>,
    apps: &HashMap<(String, String), Vec<u32>>,
    subjects: &mut [Subject],
) -> Result<(), TraceError> {
    for file in files {
        let table = Table::new(*file);
        let (owner, app) = (table.column("HashOwner")?, table.column("HashApp")?);
        let function = table.optional("HashFunction");
        // What an application holds at most is what its functions are set to.
        let name = ["AverageAllocatedMb_pct100", "AverageAllocatedMb"];
        let column = table.optional(name[0]).map_or_else(|| table.column(name[1]), Ok)?;
        for row in table.rows() {
            let row = row?;
            let memory_mb = row.number(column, "AverageAllocatedMb")?.ceil().clamp(1.0, 1e6) as u32;
            let app = (row.text(owner).to_owned(), row.text(app).to_owned());
            let of: Vec<u32> = match function {
                Some(column) => index.get(&(app.0, app.1, row.text(column).to_owned())).copied().into_iter().collect(),
                None => apps.get(&app).cloned().unwrap_or_default(),
            };
            of.into_iter().for_each(|function| subjects[function as usize].memory_mb = memory_mb);
        }
    }
    Ok(())
}

struct KeyColumns(usize, usize, usize);

impl KeyColumns {
    fn new(table: &Table) -> Result<Self, TraceError> {
        Ok(Self(table.column("HashOwner")?, table.column("HashApp")?, table.column("HashFunction")?))
    }
    fn of(&self, row: &Row) -> Key {
        (row.text(self.0).to_owned(), row.text(self.1).to_owned(), row.text(self.2).to_owned())
    }
}

/// The calls in time order, a minute at a time.
pub fn expand(minutes: Arc<Minutes>) -> impl Iterator<Item = Arrival> {
    let mut minute = 0;
    let mut ready: Vec<Arrival> = Vec::new();
    std::iter::from_fn(move || {
        while ready.is_empty() {
            let (from, to) = (*minutes.begins.get(minute)?, *minutes.begins.get(minute + 1)?);
            for (function, count) in &minutes.cells[from..to] {
                let dice = Dice::new(minutes.seed ^ (minute as u64) << 32, u64::from(*function));
                spread(&minutes, minute as u64, (*function, *count), dice, &mut ready);
            }
            // Latest first, so that the next one is taken from the end.
            ready.sort_unstable_by_key(|call| std::cmp::Reverse((call.at_ms, call.function, call.duration_ms)));
            minute += 1;
        }
        ready.pop()
    })
}

fn spread(minutes: &Minutes, minute: u64, (function, count): (u32, u32), mut dice: Dice, into: &mut Vec<Arrival>) {
    let timer = minutes.timers[function as usize];
    for call in 0..count {
        let offset = if timer {
            u64::from(call) * MINUTE_MS / u64::from(count)
        } else {
            (dice.unit() * MINUTE_MS as f64) as u64
        };
        let duration_ms = drawn(&minutes.durations[function as usize], dice.unit());
        into.push(Arrival { at_ms: minute * MINUTE_MS + offset, function, duration_ms });
    }
}

fn drawn(points: &[f32; PERCENTILES.len()], share: f64) -> u32 {
    let above = PERCENTILES.iter().position(|(percentile, _)| share < *percentile).unwrap_or(PERCENTILES.len() - 1);
    let above = above.max(1);
    let (low, high) = (PERCENTILES[above - 1].0, PERCENTILES[above].0);
    let (from, to) = (f64::from(points[above - 1]), f64::from(points[above]));
    (from + (to - from) * (share - low) / (high - low)).clamp(1.0, 1e9) as u32
}
