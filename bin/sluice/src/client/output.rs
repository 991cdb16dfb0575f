//! Printing results, for people or for programs.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
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
    let columns: Vec<Column> = header.iter().copied().map(Column::text).collect();
    bytes((table_lines(&columns, rows).join("\n") + "\n").as_bytes());
}

/// A column's title, and where its cells stand.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    title: &'a str,
    right: bool,
}

impl<'a> Column<'a> {
    pub const fn text(title: &'a str) -> Self {
        Self { title, right: false }
    }

    pub const fn number(title: &'a str) -> Self {
        Self { title, right: true }
    }
}

pub fn table_lines(columns: &[Column<'_>], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled).set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(row);
    }
    for (column, described) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        column.set_cell_alignment(if described.right { CellAlignment::Right } else { CellAlignment::Left });
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Writes to standard output. A reader that has gone away is no failure.
pub fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        process::exit(0);
    }
}
