//! Which interpreters this host has, and what stands in for what.
//!
//! Found, not bundled: runtime bundles first, then `/usr/bin`, then PATH with links resolved. Never a shim: a
//! script that chooses an interpreter costs more than the interpreter's own start.

use sluice_domain::{Dialect, Family, KNOWN_RUNTIMES, KnownRuntime, RuntimeStatus};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// An interpreter on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    pub family: Family,
    pub path: PathBuf,
    /// As it prints it.
    pub version: String,
    pub number: (u16, u16),
}

/// Everything that was found, best first within a family.
#[derive(Clone, Debug, Default)]
pub struct Runtimes {
    found: Vec<Interpreter>,
}

/// Families that have a bootstrap. Adding a language starts here.
const OFFERED: &[Family] = &[Family::Python, Family::Node];

impl Runtimes {
    /// Looks in `bundles` (a directory of `NAME/bin/…`) and on the host.
    pub fn discover(bundles: Option<&Path>) -> Self {
        let mut found = Vec::new();
        for path in candidates(bundles) {
            let Some(interpreter) = examine(&path) else { continue };
            if !found.iter().any(|known: &Interpreter| known.path == interpreter.path) {
                found.push(interpreter);
            }
        }
        Self { found }
    }

    /// The interpreter for a vendor's runtime id, and whether it is of another version than the id names.
    /// Any newer version of the family stands in: for Node any newer major, for Python any newer 3.y.
    pub fn choose(&self, known: &KnownRuntime) -> Option<(&Interpreter, bool)> {
        let exact = |found: &&Interpreter| match known.family {
            Family::Python => found.number == known.version,
            _ => found.number.0 == known.version.0,
        };
        let of_family = || self.found.iter().filter(|found| found.family == known.family);
        if let Some(found) = of_family().find(exact) {
            return Some((found, false));
        }
        let newer = of_family().filter(|found| found.number >= known.version);
        // Of several stand-ins the first found: the places are searched in order of preference.
        newer.into_iter().next().map(|found| (found, true))
    }

    pub fn status(&self, known: &KnownRuntime) -> RuntimeStatus {
        let chosen = self.choose(known).filter(|_| OFFERED.contains(&known.family));
        RuntimeStatus {
            dialect: known.dialect,
            id: known.id.to_owned(),
            family: known.family,
            interpreter: chosen.map(|(found, _)| found.path.display().to_string()),
            version: chosen.map(|(found, _)| found.version.clone()),
            stands_in: chosen.is_some_and(|(_, stands_in)| stands_in),
            reason: if chosen.is_some() { None } else { Some(missing(known)) },
        }
    }

    pub fn statuses(&self) -> Vec<RuntimeStatus> {
        KNOWN_RUNTIMES.iter().map(|known| self.status(known)).collect()
    }

    /// Paths that vendors' documents name, and the interpreters behind them (spec: RTM-02, RTM-03).
    pub fn vendor_paths(&self) -> Vec<(String, String)> {
        let mut paths = BTreeMap::new();
        for (vendor, id) in VENDOR_PATHS {
            let known = KnownRuntime::find(Dialect::Scf, id);
            if let Some((found, _)) = known.and_then(|known| self.choose(known)) {
                paths.insert((*vendor).to_owned(), found.path.display().to_string());
            }
        }
        paths.into_iter().collect()
    }

    /// Directories outside `/usr` that the chosen interpreters live in.
    pub fn prefixes(&self) -> Vec<PathBuf> {
        let mut prefixes: Vec<PathBuf> = Vec::new();
        for found in &self.found {
            let Some(prefix) = found.path.parent().and_then(Path::parent) else { continue };
            if !prefix.starts_with("/usr") && prefix != Path::new("/") && !prefixes.contains(&prefix.to_owned()) {
                prefixes.push(prefix.to_owned());
            }
        }
        prefixes
    }
}

const VENDOR_PATHS: &[(&str, &str)] = &[
    ("/var/lang/node16/bin/node", "Nodejs16.13"),
    ("/var/lang/node14/bin/node", "Nodejs14.18"),
    ("/var/lang/node12/bin/node", "Nodejs12.16"),
    ("/var/lang/node10/bin/node", "Nodejs10.15"),
    ("/var/lang/python37/bin/python3", "Python3.7"),
    ("/var/lang/python3/bin/python3", "Python3.6"),
    ("/var/lang/python2/bin/python", "Python2.7"),
];

fn missing(known: &KnownRuntime) -> String {
    match known.family {
        Family::Python => "no Python 3 was found: install the package python3".to_owned(),
        Family::Node => "no Node.js was found: install the package nodejs".to_owned(),
        Family::Python2 => {
            "Python 2 has no bootstrap in this build, and a newer Python cannot stand in for it".to_owned()
        }
        family => format!("{} functions have no bootstrap in this build", family.as_str()),
    }
}

fn candidates(bundles: Option<&Path>) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    if let Some(entries) = bundles.and_then(|bundles| fs::read_dir(bundles).ok()) {
        directories.extend(entries.flatten().map(|entry| entry.path().join("bin")));
        directories.sort();
    }
    directories.push(PathBuf::from("/usr/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    directories.extend(std::env::split_paths(&path));
    directories.iter().flat_map(|directory| interpreters_in(directory)).collect()
}

fn interpreters_in(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.retain(|name| {
        let python = name.strip_prefix("python3").is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix('.').is_some_and(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()))
        });
        python || name == "node" || name == "nodejs"
    });
    names.sort();
    names.iter().filter_map(|name| fs::canonicalize(directory.join(name)).ok()).collect()
}

/// What an executable says it is; none for scripts and for what does not answer.
fn examine(path: &Path) -> Option<Interpreter> {
    let metadata = fs::metadata(path).ok()?;
    let mut magic = [0u8; 4];
    std::io::Read::read_exact(&mut fs::File::open(path).ok()?, &mut magic).ok()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 || &magic != b"\x7fELF" {
        return None;
    }
    let name = path.file_name()?.to_string_lossy().into_owned();
    let family = if name.starts_with("python") { Family::Python } else { Family::Node };
    let output = Command::new(path).arg("--version").env_clear().output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.trim().trim_start_matches("Python ").trim_start_matches('v').to_owned();
    let mut parts = version.split('.').map(|part| part.parse::<u16>());
    let number = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some(Interpreter { family, path: path.to_owned(), version, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(versions: &[(Family, &str, (u16, u16))]) -> Runtimes {
        let found = versions
            .iter()
            .map(|(family, path, number)| Interpreter {
                family: *family,
                path: path.into(),
                version: format!("{}.{}.1", number.0, number.1),
                number: *number,
            })
            .collect();
        Runtimes { found }
    }

    #[test]
    fn a_newer_version_of_the_family_stands_in_and_an_exact_one_is_preferred() {
        let runtimes =
            with(&[(Family::Python, "/usr/bin/python3.11", (3, 11)), (Family::Node, "/usr/bin/node", (20, 2))]);
        let status = |dialect, id| runtimes.status(KnownRuntime::find(dialect, id).unwrap());
        // spec: RTM-02, RTM-03
        let python = status(Dialect::Scf, "Python3.6");
        assert_eq!((python.interpreter.as_deref(), python.stands_in), (Some("/usr/bin/python3.11"), true));
        assert_eq!(status(Dialect::Scf, "Nodejs12.16").interpreter.as_deref(), Some("/usr/bin/node"));
        // Never 2 to 3.
        assert!(status(Dialect::Scf, "Python2.7").reason.unwrap().contains("Python 2"));
        assert!(status(Dialect::Fc, "php7.2").interpreter.is_none());
        let both =
            with(&[(Family::Python, "/usr/bin/python3.11", (3, 11)), (Family::Python, "/opt/python3.10", (3, 10))]);
        let chosen = both.choose(KnownRuntime::find(Dialect::Scf, "Python3.10").unwrap()).unwrap();
        assert_eq!((chosen.0.path.to_str().unwrap(), chosen.1), ("/opt/python3.10", false));
    }

    #[test]
    fn vendors_paths_lead_to_the_interpreter_chosen() {
        let runtimes = with(&[(Family::Node, "/usr/bin/node", (20, 2))]);
        assert!(runtimes.vendor_paths().contains(&("/var/lang/node12/bin/node".into(), "/usr/bin/node".into())));
        assert!(!runtimes.vendor_paths().iter().any(|(vendor, _)| vendor.contains("python")));
    }
}
