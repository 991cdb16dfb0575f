//! The repository's own source files.

use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Directories with what others wrote or tools made.
const FOREIGN: &[&str] = &["target", "node_modules", "out", "__pycache__", "artifacts", "corpus"];

/// One file.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Name without its suffix.
    pub fn stem(&self) -> &str {
        self.name().split('.').next().unwrap_or_default()
    }

    /// Whether the whole file is test code, which no build of the product contains.
    pub fn is_test(&self) -> bool {
        self.name() == "tests.rs" || self.path.split('/').rev().skip(1).any(|folder| folder == "tests")
    }
}

/// Every file with one of these suffixes, sorted by path.
pub fn find(root: &Path, suffixes: &[&str]) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(root, root, suffixes, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, folder: &Path, suffixes: &[&str], found: &mut Vec<Source>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if name.starts_with('.') || kind.is_dir() && FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &entry.path(), suffixes, found)?;
        } else if kind.is_file() && suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            found.push(read(root, entry.path())?);
        }
    }
    Ok(())
}

fn read(root: &Path, path: PathBuf) -> anyhow::Result<Source> {
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    Ok(Source { path, text })
}
