//! Which rows of the specification are done, as the tests say.
//!
//! A row is done when a test names it in a comment, `// spec: QUO-17` or `# spec: QUO-17`, beside the assertion
//! that proves it. A remark in parentheses, as in `// spec: QUO-05 (in the model)`, makes it a proof in part.
//! Nothing is kept by hand but the list of rows (`docs/spec-rows.txt`) and the reasons for what comes later
//! (`docs/spec-later.txt`), so the document cannot promise more than the tests do.

mod page;
mod proofs;
mod rows;

use crate::source;
use anyhow::Context;
use std::{collections::BTreeMap, fs, path::Path};

const PAGE: &str = "docs/coverage.md";
const ROWS: &str = "docs/spec-rows.txt";
const LATER: &str = "docs/spec-later.txt";

/// Writes the document, or checks that it is up to date. Whether all is well.
pub fn run(root: &Path, check: bool) -> anyhow::Result<bool> {
    let groups = rows::parse(&read(root, ROWS)?).with_context(|| format!("{ROWS} is not a list of rows"))?;
    let later =
        rows::parse_remarks(&read(root, LATER)?).with_context(|| format!("{LATER} is not a list of remarks"))?;
    let proofs = proofs::find(&source::find(root, &[".rs", ".py", ".js", ".mjs"])?);
    let faults = faults(&groups, &proofs, &later);
    faults.iter().for_each(|fault| eprintln!("coverage: {fault}"));
    let page = page::render(&groups, &proofs, &later);
    let path = root.join(PAGE);
    let is_current = fs::read_to_string(&path).is_ok_and(|text| text == page);
    if !is_current && check {
        eprintln!("coverage: {PAGE} is not what the tests say: run `cargo xtask coverage` and commit it");
    } else if !is_current {
        fs::write(&path, &page).with_context(|| format!("cannot write {PAGE}"))?;
    }
    println!("coverage: {}", page::summary(&groups, &proofs));
    Ok(faults.is_empty() && (is_current || !check))
}

/// Makes the list of rows from a feature table; titles that are there already stay.
pub fn write_rows(root: &Path, table: &Path) -> anyhow::Result<()> {
    let table = fs::read_to_string(table).with_context(|| format!("cannot read {}", table.display()))?;
    let titles = fs::read_to_string(root.join(ROWS)).ok().map(|text| rows::parse(&text)).transpose()?;
    let groups = rows::from_table(&table, &titles.unwrap_or_default())?;
    fs::write(root.join(ROWS), rows::render(&groups)).with_context(|| format!("cannot write {ROWS}"))?;
    println!("coverage: {} rows in {} groups", groups.iter().map(|group| group.rows).sum::<u32>(), groups.len());
    Ok(())
}

fn read(root: &Path, path: &str) -> anyhow::Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// Rows that nobody knows, and excuses for what is done.
fn faults(groups: &[rows::Group], proofs: &proofs::Proofs, later: &BTreeMap<String, String>) -> Vec<String> {
    let known = |row: &str| groups.iter().any(|group| group.contains(row));
    let mut faults = Vec::new();
    for (row, found) in &proofs.rows {
        if !known(row) {
            faults.push(format!("{row}, named in {}, is no row of {ROWS}", found[0].file));
        }
    }
    faults.extend(proofs.unreadable.iter().map(|place| format!("{place}: name rows as in `spec: QUO-17, QUO-18`")));
    for row in later.keys() {
        if !known(row) {
            faults.push(format!("{row} in {LATER} is no row of {ROWS}"));
        } else if proofs.is_done(row) {
            faults.push(format!("{row} is done: take it out of {LATER}"));
        }
    }
    faults
}
