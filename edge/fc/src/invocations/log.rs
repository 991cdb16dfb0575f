//! The log of one call between the lines that the vendor puts around it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_domain::Invocation;

/// Bytes of log that a caller gets with the answer.
const TAIL_BYTES: usize = 4096;

/// The end of the log, in base64.
pub fn tail(invocation: &Invocation, has_initializer: bool) -> String {
    let whole = whole(invocation, has_initializer);
    let mut start = whole.len().saturating_sub(TAIL_BYTES);
    while !whole.is_char_boundary(start) {
        start += 1;
    }
    STANDARD.encode(&whole[start..])
}

fn whole(invocation: &Invocation, has_initializer: bool) -> String {
    let id = &invocation.request_id;
    let failed = invocation.failure();
    let initialised_now = has_initializer && invocation.cold_start.is_some();
    // Nothing was executed: the instance did not come up.
    let never_ran = initialised_now && failed.is_some() && invocation.duration_ms == 0.0;
    let error = match failed {
        None => "",
        Some(failure) if failure.handled => ", Error: Handled function error",
        Some(_) => ", Error: Unhandled function error",
    };
    let log = invocation.log_tail(TAIL_BYTES);
    let end_of_line = if log.is_empty() || log.ends_with('\n') { "" } else { "\n" };
    if never_ran {
        // The bootstrap marks what it lives to mark.
        let start = if log.contains("FC Initialize Start") {
            String::new()
        } else {
            format!("FC Initialize Start RequestId: {id}\n")
        };
        let end = if log.contains("FC Initialize End") {
            String::new()
        } else {
            format!("FC Initialize End RequestId: {id}{error}\n")
        };
        return format!("{start}{log}{end_of_line}{end}");
    }
    // The bootstrap marks the initializer, because only it knows where that ends.
    let mark = format!("FC Initialize End RequestId: {id}\n");
    let (before, log) = match log.find(&mark) {
        Some(at) => log.split_at(at + mark.len()),
        None => ("", log),
    };
    format!("{before}FC Invoke Start RequestId: {id}\n{log}{end_of_line}FC Invoke End RequestId: {id}{error}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use sluice_domain::{
        ColdReason, ColdStart, Dialect, Failure, FailureKind, FunctionKey, Outcome, Phases, Scope, Timestamp,
    };

    fn invocation(log: &str, cold: bool, duration_ms: f64, outcome: Outcome) -> Invocation {
        let scope = Scope { account: "1".into(), region: "r".into() };
        let cold_start =
            ColdStart { cause: ColdReason::FirstCall.into(), from_blank: false, phases: Phases::default() };
        Invocation {
            request_id: "ID".into(),
            function: FunctionKey { scope, dialect: Dialect::Fc, namespace: "s".into(), name: "f".into() },
            qualifier: "LATEST".into(),
            version: "LATEST".into(),
            memory_mib: 128,
            started: Timestamp(0),
            duration_ms,
            memory_used: 0,
            instance: None,
            cold_start: cold.then_some(cold_start),
            log: log.to_owned(),
            log_cut: Default::default(),
            outcome,
        }
    }

    fn failure() -> Outcome {
        Outcome::Failure(Failure::new(FailureKind::UserException, "no"))
    }

    #[test]
    fn printed_lines_stand_between_the_vendor_s() {
        let ok = || Outcome::Success(Bytes::new());
        // spec: FLO-04
        let warm = invocation("one\ntwo\n", false, 1.0, ok());
        assert_eq!(whole(&warm, true), "FC Invoke Start RequestId: ID\none\ntwo\nFC Invoke End RequestId: ID\n");
        let unended = invocation("one", true, 1.0, ok());
        assert_eq!(whole(&unended, false), "FC Invoke Start RequestId: ID\none\nFC Invoke End RequestId: ID\n");
        let printed = "FC Initialize Start RequestId: ID\nin init\nFC Initialize End RequestId: ID\none\n";
        let cold = whole(&invocation(printed, true, 1.0, ok()), true);
        assert_eq!(
            cold,
            "FC Initialize Start RequestId: ID\nin init\nFC Initialize End RequestId: ID\nFC Invoke Start RequestId: ID\none\nFC Invoke End RequestId: ID\n"
        );
    }

    #[test]
    fn failures_are_marked_where_they_happened() {
        let ran = whole(&invocation("", false, 1.0, failure()), false);
        assert!(ran.ends_with("FC Invoke End RequestId: ID, Error: Unhandled function error\n"));
        let never_ran = whole(&invocation("in init\n", true, 0.0, failure()), true);
        assert_eq!(
            never_ran,
            "FC Initialize Start RequestId: ID\nin init\nFC Initialize End RequestId: ID, Error: Unhandled function error\n"
        );
    }

    #[test]
    fn the_tail_is_the_last_four_kilobytes() {
        let long = invocation(&"é".repeat(5000), false, 1.0, failure());
        let tail = STANDARD.decode(tail(&long, false)).unwrap();
        assert!((TAIL_BYTES - 1..=TAIL_BYTES).contains(&tail.len()), "{}", tail.len());
        assert!(String::from_utf8(tail).unwrap().ends_with("function error\n"));
    }
}
