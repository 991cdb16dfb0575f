//! How far apart runs of the same traffic come out: a limit lets chance decide who is refused.

use serde::Serialize;
use sluice_simulate::Report;
use std::fmt;

/// The least and the most that a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Range {
    least: f64,
    most: f64,
}

impl Range {
    fn of(reports: &[Report], value: impl Fn(&Report) -> f64) -> Self {
        let all = || reports.iter().map(&value);
        Self { least: all().fold(f64::INFINITY, f64::min), most: all().fold(f64::NEG_INFINITY, f64::max) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} to {:.0}", self.least, self.most)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    runs: usize,
    cold_starts: Range,
    throttles: Range,
    busy_instance_s: Range,
    idle_instance_s: Range,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, cold_starts, throttles, busy_instance_s, idle_instance_s } = self;
        write!(
            f,
            "{runs} runs: cold starts {cold_starts}, throttles {throttles}, instance time {busy_instance_s} s busy and \
             {idle_instance_s} s idle; above is the one in the middle by throttles, then by cold starts"
        )
    }
}

/// The run in the middle, and how far apart they all are if there is more than one.
pub fn of(mut reports: Vec<Report>) -> (Report, Option<Spread>) {
    reports.sort_by_key(|report| (report.throttles, report.cold_starts));
    let spread = (reports.len() > 1).then(|| Spread {
        runs: reports.len(),
        cold_starts: Range::of(&reports, |report| report.cold_starts as f64),
        throttles: Range::of(&reports, |report| report.throttles as f64),
        busy_instance_s: Range::of(&reports, |report| report.busy_instance_s),
        idle_instance_s: Range::of(&reports, |report| report.idle_instance_s),
    });
    (reports.swap_remove(reports.len() / 2), spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_is_shown_between_the_others() {
        let run = |throttles, busy_instance_s| Report { throttles, busy_instance_s, ..Report::default() };
        let (shown, spread) = of(vec![run(9, 2.0), run(3, 4.0), run(5, 3.0)]);
        let spread = spread.unwrap();
        assert_eq!((shown.throttles, spread.runs), (5, 3));
        assert_eq!(spread.throttles, Range { least: 3.0, most: 9.0 });
        assert_eq!(spread.busy_instance_s, Range { least: 2.0, most: 4.0 });
        assert_eq!(of(vec![run(1, 1.0)]), (run(1, 1.0), None));
    }
}
