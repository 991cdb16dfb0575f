//! The log of one request as this vendor prints it: the platform's lines around the function's own.

use crate::outcome;
use sluice_domain::{ColdStart, Invocation};
use std::fmt::Write;

/// `LogType: Tail` answers this much of the end.
pub const TAIL_BYTES: usize = 4096;
/// A line of the log is cut here; the returned value can be megabytes.
const LINE_BYTES: usize = 8192;
const MIB: f64 = 1024.0 * 1024.0;

/// The whole log of a request.
pub fn render(invocation: &Invocation) -> String {
    let id = invocation.request_id.as_str();
    let mut out = String::with_capacity(invocation.log.len() + 512);
    line(&mut out, format_args!("START RequestId: {id}"));
    if let Some(cold) = &invocation.cold_start {
        init_report(&mut out, invocation, cold);
    }
    line(&mut out, format_args!("Event RequestId: {id}"));
    out.push_str(&invocation.log);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    if invocation.log_cut.lines > 0 || invocation.log_cut.bytes > 0 {
        let cut = invocation.log_cut;
        let dropped = format_args!("{} lines and {} bytes were dropped", cut.lines, cut.bytes);
        line(&mut out, format_args!("[PLATFORM] the log is over its limits: {dropped}"));
    }
    let message = outcome::return_message(invocation);
    line(&mut out, format_args!("Response RequestId: {id} RetMsg: {}", cut_at(&message, LINE_BYTES)));
    line(&mut out, format_args!("END RequestId: {id}"));
    let (memory, used) = (invocation.memory_mib, invocation.memory_used as f64 / MIB);
    let duration = invocation.duration_ms;
    line(
        &mut out,
        format_args!("Report RequestId: {id} Duration:{duration:.0}ms Memory:{memory}MB MemUsage:{used:.6}MB"),
    );
    out
}

fn init_report(out: &mut String, invocation: &Invocation, cold: &ColdStart) {
    let phases = &cold.phases;
    let (total, code, init) = (phases.total_ms(), phases.mount_ms, phases.init_ms);
    let runtime = phases.queue_ms + phases.sandbox_ms;
    let (memory, used) = (invocation.memory_mib, invocation.memory_used as f64 / MIB);
    line(
        out,
        format_args!(
            "Init Report RequestId: {} Coldstart: {total:.0}ms (PullCode: {code:.0}ms InitRuntime: {runtime:.0}ms \
             InitFunction: {init:.0}ms) Memory: {memory}MB MemUsage: {used:.2}MB",
            invocation.request_id
        ),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// The beginning of a text, cut at a character.
fn cut_at(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last [`TAIL_BYTES`] of a log, cut at a character.
pub fn tail(log: &str) -> &str {
    let mut start = log.len().saturating_sub(TAIL_BYTES);
    while !log.is_char_boundary(start) {
        start += 1;
    }
    &log[start..]
}

#[cfg(test)]
mod tests;
