//! Printing results, for people or for programs.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::{io::Write, process};

/// For whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

pub fn json(value: &Value) {
    bytes(format!("{value:#}\n").as_bytes());
}

pub fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled).set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    bytes(text.as_bytes());
}

/// Writes to standard output. A reader that has gone away is no failure.
pub fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        process::exit(0);
    }
}
