//! Receipts: why a request was refused or had to wait for a start, for people.

use crate::Engine;
use serde::Serialize;
use sluice_domain::{
    ColdReason, ColdStart, FailureKind, Function, Invocation, Outcome, Refusal, Retry, StartCause, Throttle,
};
use std::fmt::Write;

/// All that is known of why a request went as it did.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub request_id: String,
    pub account: String,
    pub region: String,
    pub dialect: sluice_domain::Dialect,
    pub namespace: String,
    pub function: String,
    pub qualifier: String,
    pub version: String,
    /// `success`, `failure` or `refused`.
    pub outcome: &'static str,
    /// In one sentence.
    pub summary: String,
    pub refusal: Option<Refusal>,
    /// Milliseconds after which a retry can pass; none when it cannot while the limit stands.
    pub retry_after_ms: Option<u64>,
    pub cold_start: Option<ColdStart>,
    pub instance: Option<String>,
}

impl Engine {
    /// Explains one of the recent requests.
    pub fn explain(&self, request_id: &str) -> Option<Explanation> {
        let record = self.record(request_id)?;
        Some(explain(&record))
    }
}

fn explain(record: &Invocation) -> Explanation {
    let refusal = record.failure().and_then(|failure| failure.refusal.as_deref()).cloned();
    let (outcome, said) = match &record.outcome {
        Outcome::Success(_) => ("success", String::new()),
        Outcome::Failure(failure) if matches!(failure.kind, FailureKind::Throttled(_)) => {
            ("refused", failure.message.clone())
        }
        Outcome::Failure(failure) => ("failure", failure.message.clone()),
    };
    let mut summary = match &record.cold_start {
        Some(start) => format!("started an instance: {}", cause(start.cause)),
        None if record.instance.is_some() => "ran on an instance that was there".to_owned(),
        None => "did not run".to_owned(),
    };
    if !said.is_empty() {
        let _ = write!(summary, "; {said}");
    }
    Explanation {
        request_id: record.request_id.to_string(),
        account: record.function.scope.account.to_string(),
        region: record.function.scope.region.to_string(),
        dialect: record.function.dialect,
        namespace: record.function.namespace.clone(),
        function: record.function.name.clone(),
        qualifier: record.qualifier.clone(),
        version: record.version.clone(),
        outcome,
        summary,
        retry_after_ms: refusal.as_ref().and_then(|refusal| refusal.retry.after_ms()),
        refusal,
        cold_start: record.cold_start,
        instance: record.instance.map(|id| id.to_string()),
    }
}

/// Why an instance was started, in words.
pub fn cause(cause: StartCause) -> String {
    match cause.reason {
        ColdReason::FirstCall => "first call of this function".to_owned(),
        ColdReason::NewVersion => "first call of this version".to_owned(),
        ColdReason::ScaledFromZero => "there was no instance left".to_owned(),
        ColdReason::Reclaimed => {
            let seconds = cause.idle_ms.unwrap_or(0) as f64 / 1000.0;
            format!("the last instance was reclaimed after {seconds} s idle")
        }
        ColdReason::Evicted => "the last instance was ended for its memory".to_owned(),
        ColdReason::Crashed => "the last instance died".to_owned(),
        ColdReason::AllBusy => format!("burst: all {} instances were busy", cause.busy),
        ColdReason::Provisioned => "provisioned".to_owned(),
        ColdReason::Expected => "a call was expected".to_owned(),
        ColdReason::StartFailed => "the start before this one failed".to_owned(),
    }
}

/// The receipt of a refusal in headers, by name: which limit, where it stood, when a retry can pass. They are not the
/// vendors'; their clients pass on what they do not know.
pub fn headers(refusal: &Refusal) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-sluice-limit", refusal.throttle.as_str().to_owned()),
        ("x-sluice-limit-value", refusal.limit.to_string()),
        ("x-sluice-limit-used", refusal.used.to_string()),
    ];
    // A name that no header can carry is left out; the record has it.
    let scope = refusal.scope.as_ref().filter(|scope| scope.chars().all(|char| matches!(char, ' '..='~' | '\t')));
    headers.extend(scope.map(|scope| ("x-sluice-limit-scope", scope.clone())));
    headers.extend(refusal.retry.after_s().map(|seconds| ("retry-after", seconds.to_string())));
    headers
}

/// What a refused caller reads.
pub fn sentence(function: &Function, refusal: &Refusal) -> String {
    let name = &function.key.name;
    let (limit, used) = (refusal.limit, refusal.used);
    let mut text = match refusal.throttle {
        Throttle::Account => {
            format!("Function [ {name} ] concurrency exceeded region unreserved quota {limit} MB ({used} MB in use")
        }
        Throttle::Namespace => {
            format!("Function [ {name} ] concurrency exceeded namespace quota {limit} MB ({used} MB in use")
        }
        Throttle::Reserved => {
            format!("Function [ {name} ] concurrency exceeded reserved quota {limit} MB ({used} MB in use")
        }
        Throttle::Debug => format!("Function [ {name} ] is being debugged and runs on one instance ({used} in use"),
        Throttle::Burst => format!("{limit} new instances per minute are allowed ({used} were started in this one"),
        Throttle::StartInterval => format!("one new instance per {limit} ms is allowed ({used} ms have passed"),
        Throttle::RegionInstances => {
            format!("{limit} on-demand instances are allowed in this region ({used} in use")
        }
        Throttle::FunctionInstances => {
            format!("{limit} on-demand instances are allowed for function '{name}' ({used} in use")
        }
        Throttle::WaitQueue => {
            format!("{limit} requests of function '{name}' may wait for an instance ({used} wait")
        }
        Throttle::HostMemory => format!(
            "{} MiB are needed and the host has {limit} MiB free ({used} MiB of it claimed",
            function.config.memory_mib
        ),
        Throttle::HostFiles => format!("{limit} open files are for instances and one more takes some ({used} claimed"),
    };
    if let Some(most) = refusal.holders.first().filter(|_| refusal.throttle != Throttle::Reserved) {
        let _ = write!(text, ", most by '{}': {}", most.name, most.used);
    }
    text.push(')');
    match refusal.retry {
        Retry::After { after_ms } => {
            let _ = write!(text, "; retry after {after_ms} ms");
        }
        // Nothing is known of how long its holders take.
        Retry::About { after_ms: 0 } => {}
        Retry::About { after_ms } => {
            let _ = write!(text, "; a retry may pass in about {after_ms} ms");
        }
        Retry::Never if limit == 0 => text.push_str("; no retry can pass while the limit is 0"),
        Retry::Never => {
            let memory = function.config.memory_mib;
            let _ = write!(text, "; no retry can pass: one instance takes {memory} MB, and the limit is {limit} MB");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(scope: Option<&str>, retry: Retry) -> Vec<(&'static str, String)> {
        let scope = scope.map(str::to_owned);
        let receipt =
            Refusal { throttle: Throttle::Burst, scope, limit: 300, used: 301, holders: vec![], retry, waited_ms: 0 };
        let mut found = headers(&receipt);
        found.sort();
        found
    }

    #[test]
    fn a_receipt_is_told_in_headers() {
        let pair = |name: &'static str, value: &str| (name, value.to_owned());
        let whole = described(Some("svc"), Retry::After { after_ms: 1001 });
        let expected = [
            pair("retry-after", "2"),
            pair("x-sluice-limit", "burst"),
            pair("x-sluice-limit-scope", "svc"),
            pair("x-sluice-limit-used", "301"),
            pair("x-sluice-limit-value", "300"),
        ];
        assert_eq!(whole, expected);
        let least = described(None, Retry::Never);
        assert_eq!(least, [expected[1].clone(), expected[3].clone(), expected[4].clone()]);
        assert_eq!(described(Some("命名"), Retry::About { after_ms: 0 }), least, "no scope, no time known");
        assert_eq!(described(Some("a\r\nb: c"), Retry::Never), least, "nothing that could end a header");
    }
}
