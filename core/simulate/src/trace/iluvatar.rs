//! `func_name,invoke_time_ms`, and beside it `func_name,cold_dur_ms,warm_dur_ms,mem_mb,mean_iat`.

use super::{Defaults, File, Trace, TraceError, table::Table};
use crate::{Arrival, Subject};
use std::collections::HashMap;

pub fn read(calls: File, functions: Option<File>, defaults: Defaults) -> Result<Trace, TraceError> {
    let mut subjects = Vec::new();
    let mut durations = Vec::new();
    let mut index: HashMap<String, u32> = HashMap::new();
    let named = |name: &str| Subject {
        name: name.to_owned(),
        memory_mb: defaults.memory_mb,
        cold_ms: defaults.cold_ms,
        http: true,
    };
    if let Some(file) = functions {
        let table = Table::new(file);
        let (name, memory) = (table.column("func_name")?, table.column("mem_mb")?);
        let (cold, warm) = (table.column("cold_dur_ms")?, table.column("warm_dur_ms")?);
        for row in table.rows() {
            let row = row?;
            let warm_ms = row.millis(warm, "warm_dur_ms", 1.0)?;
            // A cold call's duration is the start's and its own.
            let cold_ms = row.millis(cold, "cold_dur_ms", 1.0)?.saturating_sub(warm_ms);
            let memory_mb = row.number(memory, "mem_mb")?.ceil().max(1.0) as u32;
            index.insert(row.text(name).to_owned(), subjects.len() as u32);
            subjects.push(Subject { memory_mb, cold_ms: cold_ms as u32, ..named(row.text(name)) });
            durations.push(warm_ms.max(1) as u32);
        }
    }
    let table = Table::new(calls);
    let (name, time) = (table.column("func_name")?, table.column("invoke_time_ms")?);
    let mut arrivals = Vec::new();
    for row in table.rows() {
        let row = row?;
        let at_ms = row.millis(time, "invoke_time_ms", 1.0)?;
        let function = match index.get(row.text(name)) {
            Some(function) => *function,
            None if functions.is_some() => {
                return Err(row.error(format!("the table of functions has no '{}'", row.text(name))));
            }
            None => {
                index.insert(row.text(name).to_owned(), subjects.len() as u32);
                subjects.push(named(row.text(name)));
                durations.push(defaults.duration_ms);
                subjects.len() as u32 - 1
            }
        };
        arrivals.push(Arrival { at_ms, function, duration_ms: durations[function as usize] });
    }
    let span_ms = arrivals.iter().map(|call| call.at_ms + 1).max().unwrap_or(0);
    Ok(Trace::listed(subjects, arrivals, span_ms))
}
