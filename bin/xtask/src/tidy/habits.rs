//! Habits of STYLE that a line of text can show.

use crate::source::Source;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "types", "util", "utils"];
/// A module longer than this opens with its purpose.
const UNDOCUMENTED_LINES: usize = 100;

/// A test that counts allocations has to be an allocator, which is unsafe to be.
const COUNTS_ALLOCATIONS: &str = "core/decide/tests/allocations.rs";

pub fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|source| source.is_rust()).flat_map(faults).collect()
}

fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut say = |what: &str| faults.push(format!("{}: {what}", source.path));
    if source.name() == "mod.rs" {
        say("name the file after its module, beside the folder");
    }
    if let Some(name) = empty_name(source) {
        say(&format!("'{name}' says nothing: things live with the noun they belong to"));
    }
    if needs_purpose(source) && !source.text.starts_with("//!") {
        say("open with `//!`: what it is for, why it is so");
    }
    let may = source.path.starts_with("adapters/sandbox/") || source.path == COUNTS_ALLOCATIONS;
    if !may && source.text.lines().any(allows_unsafe) {
        say("unsafe code belongs into adapters/sandbox");
    }
    faults
}

fn empty_name(source: &Source) -> Option<&str> {
    let folders = source.path.split('/').rev().skip(1);
    folders.chain([source.stem()]).find(|name| EMPTY_NAMES.contains(name))
}

/// Tests are explained by what they test, so only roots and long modules of the product need it.
fn needs_purpose(source: &Source) -> bool {
    let is_root = ["/src/lib.rs", "/src/main.rs"].iter().any(|root| source.path.ends_with(root));
    is_root || !source.is_test() && source.text.lines().count() > UNDOCUMENTED_LINES
}

fn allows_unsafe(line: &str) -> bool {
    let code = line.trim_start();
    // Spelt in two halves, so that this file does not find itself.
    let allowed = concat!("allow(un", "safe_code");
    code.starts_with("#") && code.contains(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&[Source { path: path.into(), text: text.into() }])
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        assert_eq!(of("edge/scf/src/utils.rs", "").len(), 1);
        assert_eq!(of("edge/common/src/table.rs", "").len(), 1);
        assert_eq!(of("edge/scf/src/actions/mod.rs", "").len(), 1);
        assert!(of("edge/scf/src/common_names.rs", "").is_empty());
    }

    #[test]
    fn roots_and_long_modules_say_what_they_are_for() {
        let long = "fn a() {}\n".repeat(101);
        assert_eq!(of("edge/scf/src/lib.rs", "mod a;\n").len(), 1);
        assert!(of("edge/scf/src/lib.rs", "//! The dialect.\nmod a;\n").is_empty());
        assert_eq!(of("edge/scf/src/a.rs", &long).len(), 1);
        assert!(of("edge/scf/src/a/tests.rs", &long).is_empty());
        assert!(of("edge/scf/src/a.rs", "fn a() {}\n").is_empty());
    }

    #[test]
    fn unsafe_code_has_one_home() {
        let text = concat!("#![allow(un", "safe_code)]\n");
        assert_eq!(of("edge/scf/src/a.rs", text).len(), 1);
        assert!(of("adapters/sandbox/src/a.rs", text).is_empty());
    }
}
