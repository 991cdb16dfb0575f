//! One line of the result.

use crate::stats::median;
use serde::Serialize;
use serde_json::{Value, json};

/// Subject and baseline, measured next to each other.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pair {
    pub subject: f64,
    pub baseline: Option<f64>,
}

impl Pair {
    pub fn new(subject: f64, baseline: f64) -> Self {
        Self { subject, baseline: Some(baseline) }
    }

    /// A value with nothing to compare it to.
    pub fn alone(subject: f64) -> Self {
        Self { subject, baseline: None }
    }

    fn ratio(&self) -> Option<f64> {
        self.baseline.map(|baseline| self.subject / baseline)
    }
}

/// What a line has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// An aim in the line's unit.
    AtMost(f64),
    /// Shown beside the others.
    Reported,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    Reported,
    Skipped,
    Broken,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub id: String,
    pub unit: &'static str,
    pub baseline: String,
    pub pairs: Vec<Pair>,
    pub target: Target,
    /// Why it was not measured, or what a reader must know.
    pub note: Option<String>,
    broken: bool,
}

impl Line {
    pub fn new(id: impl Into<String>, unit: &'static str, baseline: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            unit,
            baseline: baseline.into(),
            pairs: Vec::new(),
            target: Target::Reported,
            note: None,
            broken: false,
        }
    }

    pub fn target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    pub fn pairs(self, pairs: Vec<Pair>) -> Self {
        Self { pairs, ..self }
    }

    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// A part of the run that failed.
    pub fn broken(part: &str, reason: String) -> Self {
        Self { broken: true, ..Self::new(part, "", "").note(reason) }
    }

    fn subject_median(&self) -> Option<f64> {
        median(&self.pairs.iter().map(|pair| pair.subject).collect::<Vec<_>>())
    }

    fn baseline_median(&self) -> Option<f64> {
        median(&self.pairs.iter().filter_map(|pair| pair.baseline).collect::<Vec<_>>())
    }

    fn ratios(&self) -> Vec<f64> {
        self.pairs.iter().filter_map(Pair::ratio).collect()
    }

    pub fn verdict(&self) -> Verdict {
        let ratio = median(&self.ratios());
        let met = match (self.target, ratio, self.subject_median()) {
            _ if self.broken => return Verdict::Broken,
            (_, _, None) => return Verdict::Skipped,
            (Target::Reported, ..) => return Verdict::Reported,
            (Target::RatioAtMost(limit), Some(ratio), _) => ratio <= limit,
            (Target::RatioAtLeast(limit), Some(ratio), _) => ratio >= limit,
            (Target::AtMost(limit), _, Some(subject)) => subject <= limit,
            // A ratio was asked for and there is none: not a number, not a pass.
            (_, None, _) => false,
        };
        if met { Verdict::Pass } else { Verdict::Fail }
    }

    pub fn row(&self) -> [String; 8] {
        let ratios = self.ratios();
        let least = ratios.iter().copied().reduce(f64::min);
        let most = ratios.iter().copied().reduce(f64::max);
        let spread = least.zip(most).map_or(String::new(), |(least, most)| format!("{least:.3} … {most:.3}"));
        [
            self.id.clone(),
            self.unit.to_owned(),
            show(self.subject_median()),
            show(self.baseline_median()),
            median(&ratios).map_or(String::new(), |ratio| format!("{ratio:.3}")),
            spread,
            self.target_text(),
            format!("{:?}", self.verdict()).to_lowercase(),
        ]
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::RatioAtMost(limit) => format!("<= {limit} x"),
            Target::RatioAtLeast(limit) => format!(">= {limit} x"),
            Target::AtMost(limit) => format!("<= {limit} {}", self.unit),
            Target::Reported => String::new(),
        }
    }

    pub fn summary(&self) -> String {
        let [id, unit, subject, baseline, ratio, spread, target, verdict] = self.row();
        let note = self.note.as_deref().unwrap_or_default();
        format!("{verdict:>8}  {id}: {subject} {unit} | {baseline} | {ratio} ({spread}) {target} {note}")
    }

    pub fn footnote(&self) -> Option<String> {
        self.note.as_ref().map(|note| format!("{}: {note}", self.id))
    }

    pub fn json(&self) -> Value {
        let ratios = self.ratios();
        json!({
            "id": self.id,
            "unit": self.unit,
            "baseline_is": self.baseline,
            "subject": self.subject_median(),
            "baseline": self.baseline_median(),
            "ratio": median(&ratios),
            "ratio_min": ratios.iter().copied().reduce(f64::min),
            "ratio_max": ratios.iter().copied().reduce(f64::max),
            "target": self.target_text(),
            "verdict": self.verdict(),
            "pairs": self.pairs,
            "note": self.note,
        })
    }
}

/// Three significant digits or so.
fn show(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(target: Target, pairs: &[(f64, f64)]) -> Line {
        let pairs = pairs.iter().map(|(subject, baseline)| Pair::new(*subject, *baseline)).collect();
        Line::new("x", "ms", "y").target(target).pairs(pairs)
    }

    #[test]
    fn the_median_of_the_pairwise_ratios_decides() {
        // One bad pair of three changes the spread, not the verdict.
        let pairs = [(1.0, 10.0), (1.0, 10.0), (30.0, 10.0)];
        assert_eq!(line(Target::RatioAtMost(0.15), &pairs).verdict(), Verdict::Pass);
        assert_eq!(line(Target::RatioAtMost(0.05), &pairs).verdict(), Verdict::Fail);
        assert_eq!(line(Target::RatioAtLeast(0.2), &pairs).verdict(), Verdict::Fail);
    }

    #[test]
    fn what_is_no_number_does_not_pass() {
        assert_eq!(line(Target::RatioAtMost(1.0), &[(0.0, 0.0)]).verdict(), Verdict::Fail);
        let alone = Line::new("x", "ms", "").target(Target::RatioAtMost(1.0)).pairs(vec![Pair::alone(1.0)]);
        assert_eq!(alone.verdict(), Verdict::Fail);
        assert_eq!(line(Target::RatioAtMost(1.0), &[]).verdict(), Verdict::Skipped);
        assert_eq!(Line::broken("x", "no".into()).verdict(), Verdict::Broken);
    }
}
