//! The document.

use super::{
    proofs::{Proof, Proofs},
    rows::{Group, split},
};
use std::{collections::BTreeMap, fmt::Write};

const HEAD: &str = "\
# Coverage of the specification

Made by `cargo xtask coverage` from comments in tests; do not edit. A row is **done** when a test that asserts its rule
names it, and **in part** when every test that names it says what it is limited to. Rows are those of the feature table,
whose ids the tests, commits and issues use.
";

/// One line: how much of everything is done.
pub fn summary(groups: &[Group], proofs: &Proofs) -> String {
    let all: u32 = groups.iter().map(|group| group.rows).sum();
    let count = |test: &dyn Fn(&str) -> bool| groups.iter().flat_map(Group::ids).filter(|row| test(row)).count();
    let (done, begun) = (count(&|row| proofs.is_done(row)), count(&|row| proofs.is_begun(row)));
    format!("{done} of {all} rows done, {begun} in part")
}

pub fn render(groups: &[Group], proofs: &Proofs, later: &BTreeMap<String, String>) -> String {
    let mut page = format!("{HEAD}\n{}.\n\n", summary(groups, proofs));
    write_overview(&mut page, groups, proofs);
    write_proofs(&mut page, "Done", groups, proofs, &|row| proofs.is_done(row));
    write_proofs(&mut page, "In part", groups, proofs, &|row| proofs.is_begun(row));
    write_missing(&mut page, groups, proofs, later);
    page
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes any text");
    page.push('\n');
}

fn write_overview(page: &mut String, groups: &[Group], proofs: &Proofs) {
    page.push_str("| Group | | Rows | Done | In part |\n|---|---|---:|---:|---:|\n");
    for group in groups {
        let done = group.ids().filter(|row| proofs.is_done(row)).count();
        let begun = group.ids().filter(|row| proofs.is_begun(row)).count();
        line(page, format_args!("| {} | {} | {} | {done} | {begun} |", group.id, group.title, group.rows));
    }
}

fn write_proofs(page: &mut String, title: &str, groups: &[Group], proofs: &Proofs, wanted: &dyn Fn(&str) -> bool) {
    let rows: Vec<String> = groups.iter().flat_map(Group::ids).filter(|row| wanted(row)).collect();
    if rows.is_empty() {
        return;
    }
    line(page, format_args!("\n## {title}\n\n| Row | Proved by |\n|---|---|"));
    for row in rows {
        let places: Vec<String> = proofs.rows[&row].iter().map(place).collect();
        line(page, format_args!("| {row} | {} |", places.join(", ")));
    }
}

fn place(proof: &Proof) -> String {
    let link = format!("[{0}](../{0})", proof.file);
    proof.part.as_ref().map_or(link.clone(), |part| format!("{link} ({part})"))
}

fn write_missing(page: &mut String, groups: &[Group], proofs: &Proofs, later: &BTreeMap<String, String>) {
    page.push_str("\n## Not yet\n\n");
    for group in groups {
        let rows: Vec<String> = group.ids().filter(|row| !proofs.rows.contains_key(row)).collect();
        if !rows.is_empty() {
            line(page, format_args!("- {}: {}", group.title, ranges(&rows).join(", ")));
        }
    }
    if !later.is_empty() {
        page.push_str("\n### Why not yet\n\n| Row | |\n|---|---|\n");
        let rows = groups.iter().flat_map(Group::ids).filter_map(|row| Some((later.get(&row)?, row)));
        rows.for_each(|(why, row)| line(page, format_args!("| {row} | {why} |")));
    }
}

/// Rows that follow each other as one range.
fn ranges(rows: &[String]) -> Vec<String> {
    let mut ranges: Vec<(&str, u32, u32)> = Vec::new();
    for (group, number) in rows.iter().filter_map(|row| split(row)) {
        match ranges.last_mut() {
            Some((known, _, last)) if *known == group && *last + 1 == number => *last = number,
            _ => ranges.push((group, number, number)),
        }
    }
    let show = |(group, first, last): (&str, u32, u32)| {
        let end = if first == last { String::new() } else { format!("..{last:02}") };
        format!("{}{end}", super::rows::id(group, first))
    };
    ranges.into_iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{coverage::proofs, source::Source};

    #[test]
    fn every_row_stands_in_exactly_one_list() {
        let groups = [Group { id: "QUO".into(), title: "Limits".into(), rows: 6 }];
        let text = "// spec: QUO-02\n// spec: QUO-03 (in the model)\n".to_owned();
        let proofs = proofs::find(&[Source { path: "tests/a.rs".into(), text }]);
        let later = BTreeMap::from([("QUO-06".to_owned(), "there are no layers yet".to_owned())]);
        let page = render(&groups, &proofs, &later);
        assert!(page.contains("1 of 6 rows done, 1 in part."), "{page}");
        assert!(page.contains("| QUO-02 | [tests/a.rs](../tests/a.rs) |"), "{page}");
        assert!(page.contains("| QUO-03 | [tests/a.rs](../tests/a.rs) (in the model) |"), "{page}");
        assert!(page.contains("- Limits: QUO-01, QUO-04..06\n"), "{page}");
        assert!(page.contains("| QUO-06 | there are no layers yet |"), "{page}");
    }
}
