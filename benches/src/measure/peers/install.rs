//! Gets a peer from its registry into the output directory, once.

use super::peer::Kind;
use crate::{interpreter::Interpreter, lab::Lab};
use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// An installed peer.
pub struct Program {
    pub path: PathBuf,
}

pub fn install(lab: &Lab, kind: Kind, interpreter: &Interpreter) -> Result<Program> {
    let dir = lab.out.join("peers");
    std::fs::create_dir_all(&dir)?;
    let path = match kind {
        Kind::FunctionsFrameworkPython => python(&dir, interpreter, "functions-framework", "functions-framework")?,
        Kind::Uwsgi => python(&dir, interpreter, "uwsgi", "uwsgi")?,
        Kind::FunctionsFrameworkNode => node(&dir, "@google-cloud/functions-framework", "functions-framework")?,
        Kind::Workerd => node(&dir, "workerd", "workerd")?,
    };
    Ok(Program { path })
}

/// A package from PyPI in a virtual environment of the very interpreter that Sluice uses, or of `python3` where that
/// one cannot make environments (Debian keeps the module apart).
fn python(dir: &Path, interpreter: &Interpreter, package: &str, program: &str) -> Result<PathBuf> {
    let environment = dir.join("python");
    let path = environment.join("bin").join(program);
    if path.exists() {
        return Ok(path);
    }
    if !environment.join("bin/pip").exists() {
        let make = |python: &Path| run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment));
        make(&interpreter.path).or_else(|_| make(Path::new("python3"))).context("making a virtual environment")?;
    }
    run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", package]))?;
    Ok(path)
}

/// A package from npm.
fn node(dir: &Path, package: &str, program: &str) -> Result<PathBuf> {
    let path = dir.join("node/node_modules/.bin").join(program);
    if !path.exists() {
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(dir.join("node"))
            .arg(package))?;
    }
    Ok(path)
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {program}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    ensure!(output.status.success(), "{program} failed: {}", last.into_iter().rev().collect::<Vec<_>>().join(" "));
    Ok(())
}
