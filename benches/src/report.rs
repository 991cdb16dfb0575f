//! The result: lines of pairs, judged against targets, shown as a table and written as JSON.

mod host;
mod line;

use crate::lab::Settings;
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use line::Verdict;
pub use line::{Line, Pair, Target};
use serde_json::json;
use std::path::Path;

pub struct Report {
    settings: serde_json::Value,
    quick: bool,
    lines: Vec<Line>,
}

impl Report {
    pub fn new(settings: &Settings) -> Self {
        Self { settings: json!(settings), quick: settings.quick, lines: Vec::new() }
    }

    /// Adds a line and tells a person who waits that it is there.
    pub fn add(&mut self, line: Line) {
        eprintln!("{}", line.summary());
        self.lines.push(line);
    }

    /// Notes a part that could not be measured; a run with one has not passed.
    pub fn broken(&mut self, part: &str, reason: String) {
        self.add(Line::broken(part, reason));
    }

    /// Whether every target was met and everything could be measured. Short runs are held to the second only.
    pub fn passed(&self) -> bool {
        self.lines.iter().map(Line::verdict).all(|verdict| match verdict {
            Verdict::Pass | Verdict::Reported | Verdict::Skipped => true,
            Verdict::Fail => self.quick,
            Verdict::Broken => false,
        })
    }

    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header(["line", "unit", "subject", "baseline", "ratio", "spread", "target", "verdict"]);
        for line in &self.lines {
            table.add_row(line.row());
        }
        for column in 2..6 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let notes: String = self.lines.iter().filter_map(Line::footnote).map(|note| format!("\n{note}")).collect();
        let warning = if self.quick { "\n--quick: small sizes and short runs; not a result" } else { "" };
        format!("{table}{notes}{warning}")
    }

    pub fn write_json(&self, path: &Path) -> Result<()> {
        let document = json!({
            "measured_at": jiff::Timestamp::now().to_string(),
            "host": host::describe(),
            "settings": self.settings,
            "passed": self.passed(),
            "lines": self.lines.iter().map(Line::json).collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&document).context("writing the result")?;
        std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
    }
}
