//! Comma-separated values with a line of names, as all of these traces are: no quotes, no commas in values.

use super::{File, TraceError};
use std::str::FromStr;

pub struct Table<'a> {
    file: File<'a>,
    names: Vec<&'a str>,
}

/// One line, by its number.
pub struct Row<'a> {
    file: &'a str,
    pub line: usize,
    pub values: Vec<&'a str>,
}

impl<'a> Table<'a> {
    pub fn new(file: File<'a>) -> Self {
        let names = file.text.lines().next().unwrap_or_default().split(',').map(str::trim).collect();
        Self { file, names }
    }

    /// Where a column stands.
    pub fn column(&self, name: &str) -> Result<usize, TraceError> {
        self.optional(name).ok_or_else(|| TraceError {
            file: self.file.name.to_owned(),
            line: 1,
            message: format!("no column {name}; the columns are {}", shortened(&self.names.join(", "))),
        })
    }

    pub fn optional(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| *other == name)
    }

    pub fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// The lines behind the first; empty ones are passed over.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'a>, TraceError>> + use<'a, '_> {
        let lines = self.file.text.lines().enumerate().skip(1).filter(|(_, text)| !text.trim().is_empty());
        lines.map(|(index, text)| {
            let row = Row { file: self.file.name, line: index + 1, values: text.split(',').map(str::trim).collect() };
            if row.values.len() < self.names.len() {
                let (found, wanted) = (row.values.len(), self.names.len());
                return Err(row.error(format!("{found} values where the first line names {wanted} columns")));
            }
            Ok(row)
        })
    }
}

impl Row<'_> {
    pub fn error(&self, message: String) -> TraceError {
        TraceError { file: self.file.to_owned(), line: self.line, message }
    }

    pub fn text(&self, column: usize) -> &str {
        self.values[column]
    }

    /// A number that is not negative. Whole numbers are often written as 12.0 in these files.
    pub fn number(&self, column: usize, name: &str) -> Result<f64, TraceError> {
        let text = self.values[column];
        match f64::from_str(text) {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
            _ => Err(self.error(format!("{name} '{}' is not a number from 0 on", shortened(text)))),
        }
    }

    /// A time: a number that also fits what times are counted in, about thirty years.
    pub fn millis(&self, column: usize, name: &str, unit_ms: f64) -> Result<u64, TraceError> {
        const MOST_MS: f64 = 1e12;
        let millis = self.number(column, name)? * unit_ms;
        if millis > MOST_MS {
            return Err(self.error(format!("{name} '{}' is too far away", shortened(self.values[column]))));
        }
        Ok(millis.round() as u64)
    }
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
