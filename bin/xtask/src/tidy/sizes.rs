//! How long files and functions are.
//!
//! Functions are found by their indentation, which rustfmt guarantees: one begins at a line with `fn` and ends
//! at the first closing brace in the same column.

use crate::source::Source;
use std::fmt;

/// Lines above which a file, and a function, is listed.
pub const FILE: usize = 500;
pub const FUNCTION: usize = 60;
/// Lines above which it fails.
const FILE_BEYOND: usize = 800;
const FUNCTION_BEYOND: usize = 150;

/// Something long.
pub struct Outlier {
    place: String,
    lines: usize,
    beyond: usize,
}

impl Outlier {
    pub fn is_beyond(&self) -> bool {
        self.lines > self.beyond
    }
}

impl fmt::Display for Outlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has {} lines", self.place, self.lines)
    }
}

pub fn measure(sources: &[Source]) -> Vec<Outlier> {
    let mut outliers = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        if lines > FILE {
            outliers.push(Outlier { place: source.path.clone(), lines, beyond: FILE_BEYOND });
        }
        if source.is_rust() {
            let long = functions(&source.text).into_iter().filter(|found| found.1 > FUNCTION);
            outliers.extend(long.map(|(name, lines)| Outlier {
                place: format!("{}: fn {name}", source.path),
                lines,
                beyond: FUNCTION_BEYOND,
            }));
        }
    }
    outliers
}

/// Name and length of every function with a body.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let ends = |line: &str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}'));
        let without_body =
            |line: &str| line.strip_prefix(indent).is_some_and(|rest| !rest.starts_with(' ') && rest.ends_with(';'));
        let one_line = line.trim_end().ends_with(['}', ';']);
        let rest = lines[start + 1..].iter().position(|line| ends(line) || without_body(line));
        if let Some(rest) = rest.filter(|_| !one_line) {
            found.push((name.to_owned(), rest + 2));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    loop {
        let (word, rest) = words.split_once(' ')?;
        match word {
            "fn" => return rest.split(['(', '<']).next(),
            "pub" | "async" | "const" | "unsafe" | "extern" | "\"C\"" => words = rest,
            _ if word.starts_with("pub(") => words = rest,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_signature_to_closing_brace() {
        let text = "impl A {\n    pub(crate) async fn long<T>(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n\n    fn short() {}\n}\ntrait B {\n    fn none(\n        a: u8,\n    );\n}\nfn last() {\n    if a {\n    }\n}\n";
        assert_eq!(functions(text), [("long".into(), 5), ("none".into(), 3), ("last".into(), 4)]);
    }

    #[test]
    fn only_what_is_beyond_any_excuse_fails() {
        let file = |lines: usize| Source { path: "a.rs".into(), text: "\n".repeat(lines) };
        assert!(measure(&[file(FILE)]).is_empty());
        let outliers = measure(&[file(FILE + 1), file(FILE_BEYOND + 1)]);
        assert_eq!(outliers.iter().map(Outlier::is_beyond).collect::<Vec<_>>(), [false, true]);
    }
}
