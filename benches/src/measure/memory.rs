//! What an idle isolated Python instance weighs, against a process of its own with the same modules loaded.
//!
//! Proportional set size, so a page that n processes share counts for a n-th in each. An instance is every process of
//! its PID namespace. Sandboxes without code (blanks) are not counted; the template's share of the shared pages is not
//! either, as it is the same for one instance and for ten thousand, but is printed beside.

use super::scale;
use crate::{
    api::Api,
    functions::{Language, Package},
    interpreter::{Interpreter, with_modules},
    lab::Lab,
    proc,
    report::{Line, Pair, Report, Target},
    server::{self, Blanks, Server},
};
use anyhow::{Context, Result, ensure};
use std::{
    io::{BufRead, BufReader},
    process::Child,
};

/// Where SCF code is mounted: what tells an instance from a blank.
const CODE_DIR: &str = "/var/user";

struct Weight {
    /// KiB per instance.
    instance: f64,
    /// KiB of everything else that the server keeps running.
    rest: f64,
    modules: Vec<String>,
    interpreter: Interpreter,
}

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let count = lab.settings.instances;
    let (mut pairs, mut rest, mut modules) = (Vec::new(), Vec::new(), 0);
    for _ in 0..lab.settings.pairs {
        let subject = instances(lab, count)?;
        let baseline = separate(&subject, count)?;
        pairs.push(Pair::new(subject.instance, baseline));
        rest.push(Pair::alone(subject.rest / 1024.0));
        modules = subject.modules.len();
    }
    let id = format!("memory.python.idle-instance-{count}");
    let baseline = format!("{count} processes that loaded the same {modules} modules");
    report.add(Line::new(id, "KiB PSS", baseline).target(Target::RatioAtMost(0.25)).pairs(pairs));
    report.add(Line::new("memory.python.all-but-instances", "MiB PSS", "").pairs(rest));
    Ok(())
}

fn instances(lab: &Lab, count: usize) -> Result<Weight> {
    let data = tempfile::tempdir()?;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    let interpreter = Interpreter::new(api.interpreter(Language::Python.runtime())?, Language::Python)?;
    let lister = api.create("modules", 1, &Package::modules()?)?;
    let modules = api.result(&lister[0])?.1;
    let modules = serde_json::from_value(modules).context("the function did not list its modules")?;
    api.delete(&lister)?;
    let name = api.create("idle", 1, &Package::trivial(Language::Python)?)?.remove(0);
    scale::fill(&server, &api, &name, count, scale::hold(Language::Python))?;
    // Blanks being made and the lister being removed would count as something they are not.
    api.wait_blanks(Language::Python.name())?;

    let sandboxes = proc::sandboxes(server.pid());
    let mut with_code: Vec<f64> = Vec::new();
    for pids in sandboxes.values().filter(|pids| pids.iter().any(|pid| proc::has_mount(*pid, CODE_DIR))) {
        with_code.push(pids.iter().map(|pid| proc::pss_kib(*pid) as f64).sum());
    }
    ensure!(with_code.len() >= count, "{} sandboxes with code instead of {count}", with_code.len());
    let total: f64 = with_code.iter().sum();
    let all: f64 = proc::tree(server.pid()).iter().map(|pid| proc::pss_kib(*pid) as f64).sum();
    Ok(Weight { instance: total / with_code.len() as f64, rest: all - total, modules, interpreter })
}

/// Mean proportional set size of `count` separately started processes.
fn separate(subject: &Weight, count: usize) -> Result<f64> {
    let mut processes: Vec<Child> = Vec::new();
    let measured = (|| {
        for _ in 0..count {
            let child = with_modules(&subject.interpreter.path, &subject.modules).spawn()?;
            processes.push(child);
        }
        for process in &mut processes {
            let output = process.stdout.take().context("a process without output")?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line)?;
            ensure!(line == "loaded\n", "a process with the same modules said {line:?}");
        }
        Ok(processes.iter().map(|process| proc::pss_kib(process.id()) as f64).sum::<f64>() / count as f64)
    })();
    processes.iter_mut().for_each(server::stop);
    measured
}
