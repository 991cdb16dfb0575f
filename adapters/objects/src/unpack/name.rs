//! Which names of entries are acceptable, and how they are shown in messages.

/// Longest part that Linux file systems take.
const PART_BYTES: usize = 255;
/// Half of the longest path of a system call, so that the rest is left for where the package lies.
const NAME_BYTES: usize = 2048;
/// Trees are removed with one open directory per level.
const DEPTH: usize = 128;

/// The parts of a name below the package's root, or what is wrong with it. Empty parts and `.` are dropped, so
/// the root itself has none. A backslash is an ordinary character, as it is to the code that will open the
/// file, but what would lead out where it separates is refused too.
pub(crate) fn parts(name: &str) -> Result<Vec<&str>, String> {
    if name.is_empty() {
        return Err("its name is empty".to_owned());
    }
    if name.len() > NAME_BYTES {
        return Err(format!("its name has {} bytes, more than {NAME_BYTES}", name.len()));
    }
    if name.contains('\0') {
        return Err("its name holds a NUL byte".to_owned());
    }
    if name.starts_with(['/', '\\']) || has_drive(name) {
        return Err("its name is absolute; names must be relative to the package's root".to_owned());
    }
    if name.split(['/', '\\']).any(|part| part == "..") {
        return Err("its name has a '..' part".to_owned());
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if let Some(long) = parts.iter().find(|part| part.len() > PART_BYTES) {
        return Err(format!("a part of its name has {} bytes, more than {PART_BYTES}", long.len()));
    }
    if parts.len() > DEPTH {
        return Err(format!("it lies {} levels deep, more than {DEPTH}", parts.len()));
    }
    Ok(parts)
}

fn has_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A foreign name, safe to print and not too long.
pub(crate) fn quoted(name: &str) -> String {
    const SHOWN: usize = 100;
    let mut shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("'{shown}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_are_split() {
        assert_eq!(parts("a").unwrap(), ["a"]);
        assert_eq!(parts("./a//b/./c/").unwrap(), ["a", "b", "c"]);
        assert_eq!(parts("...").unwrap(), ["..."]);
        assert_eq!(parts("a\\b").unwrap(), ["a\\b"]);
        assert!(parts("./").unwrap().is_empty());
        assert!(parts(&"a/".repeat(DEPTH)).is_ok());
        assert!(parts(&"a".repeat(PART_BYTES)).is_ok());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "a".repeat(PART_BYTES + 1);
        let deep = "a/".repeat(DEPTH + 1);
        let huge = "a/".repeat(NAME_BYTES);
        let absolute = ["/etc/passwd", "//x", "\\x", "\\\\host\\share", "C:\\x", "c:/x", "C:x"];
        let upward = ["..", "../x", "a/..", "a/../b", "..\\x", "a\\..\\..\\b", "a/..\\b"];
        let rest = ["", "a\0b", &long, &deep, &huge];
        for name in absolute.iter().chain(&upward).chain(&rest) {
            assert!(parts(name).is_err(), "{name:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn accepted_names_stay_below_the_root(name in r"[a./\\:\x00é]{0,12}") {
            for part in parts(&name).unwrap_or_default() {
                prop_assert!(!part.is_empty() && part != "." && part != "..");
                prop_assert!(!part.contains(['/', '\0']));
            }
        }

        #[test]
        fn quoted_names_are_one_short_line(name in any::<String>()) {
            let shown = quoted(&name);
            prop_assert!(!shown.contains(char::is_control));
            prop_assert!(shown.len() < 1200);
        }
    }
}
