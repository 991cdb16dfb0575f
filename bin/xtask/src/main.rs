//! Rules of this repository that no other tool checks, and documents that are made from its sources.
//!
//! `cargo xtask tidy` checks the layers, sizes and habits; `cargo xtask coverage` writes down which rows of the
//! specification have a test. Both read text only: they need no build of what they look at.

mod coverage;
mod source;
mod tidy;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the layer rule, module docs, names and sizes
    Tidy,
    /// Write docs/coverage.md: which rows of the specification have a test that names them
    Coverage {
        /// Change nothing; fail when the document is not what the tests say
        #[arg(long)]
        check: bool,
    },
    /// Write docs/spec-rows.txt from a feature table in Markdown
    SpecRows {
        /// The table: rows like `| 1 | QUO-01 | … |`
        table: PathBuf,
    },
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let result = root.canonicalize().context("cannot find the repository").and_then(|root| run(&root));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well; what is not has been printed.
fn run(root: &Path) -> anyhow::Result<bool> {
    match Cli::parse().command {
        Command::Tidy => tidy::run(root),
        Command::Coverage { check } => coverage::run(root, check),
        Command::SpecRows { table } => coverage::write_rows(root, &table).map(|()| true),
    }
}
