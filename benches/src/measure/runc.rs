//! `runc run` of an interpreter with nothing to do: what a cold start costs that begins with an OCI container.

use crate::{functions::Language, interpreter::Interpreter};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A bundle whose root file system is this host's, read-only.
pub struct Runc {
    bundle: TempDir,
}

impl Runc {
    /// Writes the bundle and tries it once, so that a host that cannot run it says so here.
    pub fn prepare(interpreter: &Interpreter) -> Result<Self> {
        ensure!(interpreter.language == Language::Python, "runc is measured with Python only");
        let bundle = tempfile::tempdir()?;
        let output = Command::new("runc").arg("spec").current_dir(bundle.path()).output();
        let output = output.context("skipped: runc is not installed")?;
        ensure!(output.status.success(), "skipped: runc spec: {}", String::from_utf8_lossy(&output.stderr));
        let path = bundle.path().join("config.json");
        let spec = serde_json::from_slice(&std::fs::read(&path)?).context("runc spec printed no JSON")?;
        std::fs::create_dir(bundle.path().join("rootfs"))?;
        std::fs::write(&path, configure(spec, interpreter).to_string())?;
        let runc = Self { bundle };
        runc.start().context("skipped")?;
        Ok(runc)
    }

    pub fn start(&self) -> Result<Duration> {
        let name = format!("sluice-bench-{}", std::process::id());
        let started = Instant::now();
        let output = Command::new("runc")
            .args(["run", "--bundle"])
            .arg(self.bundle.path())
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .context("starting runc")?;
        let taken = started.elapsed();
        ensure!(output.status.success(), "runc run: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(taken)
    }
}

/// The specification of `runc spec` with this host's directories, a memory limit, and the interpreter to run.
fn configure(mut spec: Value, interpreter: &Interpreter) -> Value {
    let [flag, code] = interpreter.language.nothing();
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!([interpreter.path, flag, code]);
    spec["root"] = json!({"path": "rootfs", "readonly": false});
    spec["linux"]["resources"]["memory"] = json!({"limit": 128 << 20});
    spec["linux"]["resources"]["pids"] = json!({"limit": 1024});
    if let Some(mounts) = spec["mounts"].as_array_mut() {
        for dir in ["/usr", "/bin", "/lib", "/lib64", "/etc"] {
            if std::path::Path::new(dir).exists() {
                let options = ["rbind", "ro"];
                mounts.insert(0, json!({"destination": dir, "source": dir, "type": "bind", "options": options}));
            }
        }
    }
    spec
}
