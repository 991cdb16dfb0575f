//! What reviewers would otherwise have to remember.
//!
//! The layer rule and the habits fail a build. Sizes are looked at twice: a list of what deserves a hard look is
//! printed and changes nothing, and only what is beyond any excuse fails.

mod habits;
mod layers;
mod sizes;

use crate::source;
use std::path::Path;

/// Whether nothing is wrong.
pub fn run(root: &Path) -> anyhow::Result<bool> {
    let sources = source::find(root, &[".rs", ".py", ".js"])?;
    let mut faults = layers::check(root)?;
    faults.extend(habits::check(&sources));
    let outliers = sizes::measure(&sources);
    faults.extend(outliers.iter().filter(|outlier| outlier.is_beyond()).map(|outlier| format!("{outlier}: split it")));
    if !outliers.is_empty() {
        println!("tidy: worth a hard look (files over {} lines, functions over {}):", sizes::FILE, sizes::FUNCTION);
        outliers.iter().for_each(|outlier| println!("  {outlier}"));
    }
    faults.iter().for_each(|fault| eprintln!("tidy: {fault}"));
    println!("tidy: {} files, {} faults, {} outliers", sources.len(), faults.len(), outliers.len());
    Ok(faults.is_empty())
}
