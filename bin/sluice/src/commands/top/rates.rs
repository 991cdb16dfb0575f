//! How fast the server's counters rise.

use super::Look;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::Duration};

/// What is shown, and the counter that it is of.
pub const SHOWN: [(&str, &str); 4] = [
    ("calls", "invocations_total"),
    ("cold starts", "cold_starts_total"),
    ("throttles", "throttles_total"),
    ("errors", "errors_total"),
];

/// Per second, by counter.
pub struct Rates(BTreeMap<&'static str, f64>);

impl Rates {
    pub fn between(before: &Look, now: &Look) -> Self {
        Self::over(&before.moment.counters, &now.moment.counters, now.at.duration_since(before.at))
    }

    /// A counter that fell was of a server that has started again since: then all of it is new.
    fn over(before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>, time: Duration) -> Self {
        let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
        let rate = |counter: &'static str| {
            let (before, now) = (before.get(counter).copied().unwrap_or(0.0), *now.get(counter)?);
            Some((counter, if now >= before { now - before } else { now } / seconds))
        };
        Self(SHOWN.iter().filter_map(|(_, counter)| rate(counter)).collect())
    }

    pub fn of(&self, counter: &str) -> Option<f64> {
        self.0.get(counter).copied()
    }

    /// `throttles_total` is `throttles_per_s` here.
    pub fn json(&self) -> Value {
        let pairs = self.0.iter().map(|(counter, rate)| (counter.replace("_total", "_per_s"), json!(rate)));
        Value::Object(pairs.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn rates_are_differences_over_time() {
        let before = counters(&[("invocations_total", 10.0), ("throttles_total", 50.0), ("errors_total", 1.0)]);
        let now = counters(&[("invocations_total", 15.0), ("throttles_total", 4.0), ("cold_starts_total", 1.0)]);
        let rates = Rates::over(&before, &now, Duration::from_millis(500));
        assert_eq!(rates.of("invocations_total"), Some(10.0));
        assert_eq!(rates.of("throttles_total"), Some(8.0), "the server has started again");
        assert_eq!(rates.of("cold_starts_total"), Some(2.0));
        assert_eq!(rates.of("errors_total"), None, "the server does not count them");
        let shown = json!({ "invocations_per_s": 10.0, "throttles_per_s": 8.0, "cold_starts_per_s": 2.0 });
        assert_eq!(rates.json(), shown);
    }
}
