//! Tests that name rows.

use super::rows;
use crate::source::Source;
use std::collections::BTreeMap;

/// What the tests of a tree prove.
#[derive(Debug, Default)]
pub struct Proofs {
    /// By row; at most one per file, and a whole proof wins over one in part.
    pub rows: BTreeMap<String, Vec<Proof>>,
    /// Comments that begin like a proof and name no row.
    pub unreadable: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub file: String,
    /// What it is limited to, if it is.
    pub part: Option<String>,
}

impl Proofs {
    pub fn is_done(&self, row: &str) -> bool {
        self.rows.get(row).is_some_and(|proofs| proofs.iter().any(|proof| proof.part.is_none()))
    }

    pub fn is_begun(&self, row: &str) -> bool {
        self.rows.contains_key(row) && !self.is_done(row)
    }

    fn add(&mut self, row: String, proof: Proof) {
        let proofs = self.rows.entry(row).or_default();
        match proofs.iter_mut().find(|known| known.file == proof.file) {
            Some(known) if proof.part.is_none() => *known = proof,
            Some(_) => {}
            None => proofs.push(proof),
        }
    }
}

pub fn find(sources: &[Source]) -> Proofs {
    let mut proofs = Proofs::default();
    for source in sources {
        for (number, line) in source.text.lines().enumerate().skip(first_test_line(source)) {
            let Some(text) = claim(source, line) else { continue };
            match read(text) {
                Some((rows, part)) => rows.into_iter().for_each(|row| {
                    proofs.add(row, Proof { file: source.path.clone(), part: part.clone() });
                }),
                None => proofs.unreadable.push(format!("{}:{}", source.path, number + 1)),
            }
        }
    }
    proofs
}

/// Comments of the product refer to rows too; they prove nothing.
fn first_test_line(source: &Source) -> usize {
    if source.is_test() {
        return 0;
    }
    let mut lines = source.text.lines();
    lines.position(|line| line == "#[cfg(test)]").filter(|_| source.is_rust()).unwrap_or(usize::MAX)
}

/// What follows `spec:` in a comment that says nothing else.
fn claim<'a>(source: &Source, line: &'a str) -> Option<&'a str> {
    let marker = if source.path.ends_with(".py") { "# spec:" } else { "// spec:" };
    line.trim_start().strip_prefix(marker)
}

/// Rows, and what the proof is limited to. A sentence may follow after a full stop.
fn read(text: &str) -> Option<(Vec<String>, Option<String>)> {
    let text = text.trim();
    let end = text.find(" (").unwrap_or(text.len());
    let end = text.find(". ").map_or(end, |stop| stop.min(end));
    let (list, rest) = text.split_at(end);
    let mut found = Vec::new();
    for part in list.trim_end_matches('.').split(',') {
        found.extend(rows::expand(part.trim())?);
    }
    let part = rest.trim().strip_prefix('(').map(|part| part.trim_end_matches(['.', ')']).to_owned());
    Some((found, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Proofs {
        find(&[Source { path: path.into(), text: text.into() }])
    }

    fn proved(path: &str, text: &str) -> Vec<String> {
        of(path, text).rows.into_keys().collect()
    }

    #[test]
    fn comments_in_tests_are_proofs_in_every_language() {
        assert_eq!(
            proved("edge/scf/src/a/tests.rs", "    // spec: QUO-17, FUN-01..02\n"),
            ["FUN-01", "FUN-02", "QUO-17"]
        );
        assert_eq!(proved("tests/e2e/test_a.py", "    # spec: RTM-01\n"), ["RTM-01"]);
        assert_eq!(proved("tests/e2e/node/a.js", "// spec: RTM-01. It is so.\n"), ["RTM-01"]);
    }

    #[test]
    fn comments_in_the_product_are_not() {
        assert!(proved("edge/scf/src/a.rs", "// spec: QUO-17\n#[test]\nfn a() {}\n").is_empty());
        assert_eq!(
            proved("a/src/a.rs", "// spec: QUO-17\n#[cfg(test)]\nmod tests {\n    // spec: QUO-18\n}\n"),
            ["QUO-18"]
        );
        assert!(proved("scripts/a.py", "#[cfg(test)]\n# spec: QUO-17\n").is_empty());
    }

    #[test]
    fn a_remark_makes_it_a_proof_in_part_until_a_whole_one_comes() {
        let part = of("tests/a.rs", "// spec: QUO-05 (in the model)\n");
        assert!(!part.is_done("QUO-05") && part.is_begun("QUO-05"));
        assert_eq!(part.rows["QUO-05"][0].part.as_deref(), Some("in the model"));
        let whole = of("tests/a.rs", "// spec: QUO-05 (in the model)\n// spec: QUO-05\n// spec: QUO-05 (again)\n");
        assert!(whole.is_done("QUO-05") && !whole.is_begun("QUO-05"));
    }

    #[test]
    fn a_claim_without_a_row_is_reported_with_its_place() {
        assert_eq!(of("tests/a.rs", "\n// spec: the quota\n").unreadable, ["tests/a.rs:2"]);
    }
}
