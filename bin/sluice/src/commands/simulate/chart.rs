//! Runs over time, drawn as SVG by hand: three strips of lines need no library.

use sluice_simulate::{Point, Report};
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const STRIP: f64 = 180.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const GAP: f64 = 50.0;
const TOP: f64 = 40.0;
const COLOURS: [&str; 4] = ["#1f6feb", "#d29922", "#2da44e", "#cf222e"];

/// What a strip shows of a point.
type Value = fn(&Point) -> u64;

/// One picture of all runs: the most requests at once, instances, cold starts and throttles per stretch.
pub fn svg(runs: &[(&str, &Report)]) -> String {
    let strips: [(&str, Value); 4] = [
        ("requests at once", |point| point.concurrency),
        ("instances", |point| point.instances),
        ("cold starts", |point| point.cold_starts),
        ("throttles", |point| point.throttles),
    ];
    let height = TOP + strips.len() as f64 * (STRIP + GAP) + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, (name, _)) in runs.iter().enumerate() {
        let x = LEFT + number as f64 * 300.0;
        let colour = COLOURS[number % COLOURS.len()];
        let _ = writeln!(out, "<rect x=\"{x}\" y=\"12\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        let _ = writeln!(out, "<text x=\"{}\" y=\"22\">{}</text>", x + 18.0, escaped(name));
    }
    for (row, (title, value)) in strips.iter().enumerate() {
        strip(&mut out, runs, title, *value, TOP + row as f64 * (STRIP + GAP));
    }
    out.push_str("</svg>\n");
    out
}

fn strip(out: &mut String, runs: &[(&str, &Report)], title: &str, value: Value, top: f64) {
    let most = runs.iter().flat_map(|(_, report)| &report.timeline).map(value).max().unwrap_or(0).max(1);
    let span = runs.iter().map(|(_, report)| report.span_s).fold(1.0, f64::max);
    let bottom = top + STRIP;
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top - 6.0);
    let frame = WIDTH - LEFT - RIGHT;
    let _ = writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{frame}\" height=\"{STRIP}\" fill=\"none\" stroke=\"#ccc\"/>"
    );
    for share in [0.0, 0.5, 1.0] {
        let y = bottom - share * STRIP;
        let label = (most as f64 * share).round();
        let _ = writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0, y + 4.0);
    }
    let _ =
        writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{span:.0} s</text>", WIDTH - RIGHT, bottom + 16.0);
    for (number, (_, report)) in runs.iter().enumerate() {
        let mut points = String::new();
        for point in &report.timeline {
            let x = LEFT + point.at_s / span * frame;
            let y = bottom - value(point) as f64 / most as f64 * STRIP;
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        let colour = COLOURS[number % COLOURS.len()];
        let _ = writeln!(out, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_a_line_in_every_strip() {
        let timeline = vec![Point { at_s: 1.0, requests: 3, cold_starts: 1, ..Point::default() }];
        let report = Report { span_s: 2.0, timeline, ..Report::default() };
        let drawn = svg(&[("a < b", &report), ("second", &report)]);
        assert_eq!(drawn.matches("<polyline").count(), 8);
        assert!(drawn.contains("a &lt; b") && !drawn.contains("a < b"));
    }
}
