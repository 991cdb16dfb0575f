//! `app,func,end_timestamp,duration`, times in seconds: one line per call, when it ended and how long it took.

use super::{Defaults, File, Trace, TraceError, table::Table};
use crate::{Arrival, Subject};
use std::collections::HashMap;

pub fn read(calls: File, defaults: Defaults) -> Result<Trace, TraceError> {
    let table = Table::new(calls);
    let (app, func) = (table.column("app")?, table.column("func")?);
    let (end, duration) = (table.column("end_timestamp")?, table.column("duration")?);
    let mut index: HashMap<(String, String), u32> = HashMap::new();
    let mut subjects = Vec::new();
    let mut arrivals = Vec::new();
    for row in table.rows() {
        let row = row?;
        let ended = row.millis(end, "end_timestamp", 1000.0)?;
        let lasted = row.millis(duration, "duration", 1000.0)?;
        // A function's name says nothing outside its app.
        let key = (row.text(app).to_owned(), row.text(func).to_owned());
        let function = *index.entry(key).or_insert_with(|| {
            let short = |id: &str| id.chars().take(8).collect::<String>();
            subjects.push(Subject {
                name: format!("{}-{}", short(row.text(app)), short(row.text(func))),
                memory_mb: defaults.memory_mb,
                cold_ms: defaults.cold_ms,
                http: false,
            });
            subjects.len() as u32 - 1
        });
        let duration_ms = u32::try_from(lasted.max(1)).unwrap_or(u32::MAX);
        // What ended before its duration was over had begun before the recording.
        arrivals.push(Arrival { at_ms: ended.saturating_sub(lasted), function, duration_ms });
    }
    let span_ms = arrivals.iter().map(|call| call.at_ms + u64::from(call.duration_ms)).max().unwrap_or(0);
    Ok(Trace::listed(subjects, arrivals, span_ms))
}
