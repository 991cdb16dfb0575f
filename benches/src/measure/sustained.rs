//! How many cold starts a second the host keeps up for a minute, and what each costs in processor time.
//!
//! Instances are ended as soon as they are idle, and the functions are called in turn, so each is cold again when its
//! turn comes. Answers of processes that were still warm are counted apart.

use crate::{
    api::Api,
    functions::{Language, Package},
    interpreter::Interpreter,
    lab::Lab,
    report::{Line, Pair, Report},
    server::{Blanks, Server},
    stats::ms,
};
use anyhow::{Context, Result};
use serde_json::json;
use std::time::{Duration, Instant};

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let many = (lab.settings.functions / 5).max(50);
    measure(lab, report, "sustained.python", &Package::trivial(Language::Python)?, many)?;
    measure(lab, report, "sustained.node", &Package::trivial(Language::Node)?, many)?;
    // Fewer, because each is 5 MB to deploy.
    measure(lab, report, "sustained.python.package-5mb", &Package::large(Language::Python)?, many / 5)
}

/// Calls answered by fresh processes and by others.
#[derive(Clone, Copy, Default)]
struct Count {
    cold: u64,
    warm: u64,
}

fn measure(lab: &Lab, report: &mut Report, id: &str, package: &Package, functions: usize) -> Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    api.patch_quota(&json!({"keep_alive_s": 0}))?;
    let interpreter = Interpreter::new(api.interpreter(package.language.runtime())?, package.language)?;
    let names = api.create("sustained", functions, package)?;
    let length = lab.settings.sustained;
    let around = length / 6;
    let before = interpreter.sustained(around, lab.cores())?;
    let cpu_before = server.cpu();
    let started = Instant::now();
    let count = all_cores(lab, &server, &names, length)?;
    let wall = started.elapsed();
    let cpu = server.cpu().since(&cpu_before);
    let after = interpreter.sustained(around, lab.cores())?;

    let baseline_rate = (before.count + after.count) as f64 / (before.wall + after.wall).as_secs_f64();
    let baseline_cpu = ms(before.cpu + after.cpu) / (before.count + after.count) as f64;
    let starts = (count.cold as f64).max(1.0);
    let rate = Pair::new(count.cold as f64 / wall.as_secs_f64(), baseline_rate);
    let baseline =
        format!("{} {}, {} at a time", interpreter.path.display(), package.language.nothing().join(" "), lab.cores());
    let note = format!("over {} s; {} cold answers, {} warm", wall.as_secs(), count.cold, count.warm);
    report.add(Line::new(id, "starts/s", &*baseline).pairs(vec![rate]).note(note));
    let cpu = Pair::new(ms(cpu) / starts, baseline_cpu);
    report.add(Line::new(format!("{id}.cpu"), "CPU-ms", baseline).pairs(vec![cpu]));
    Ok(())
}

/// One client per core, each with its own share of the functions.
fn all_cores(lab: &Lab, server: &Server, names: &[String], length: Duration) -> Result<Count> {
    let share = names.len().div_ceil(lab.cores());
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            names.chunks(share).map(|names| scope.spawn(move || client(server, names, length))).collect();
        clients.into_iter().try_fold(Count::default(), |sum, client| {
            let count = client.join().expect("a client does not panic")?;
            Ok(Count { cold: sum.cold + count.cold, warm: sum.warm + count.warm })
        })
    })
}

fn client(server: &Server, names: &[String], length: Duration) -> Result<Count> {
    let mut api = Api::connect(server)?;
    let mut count = Count::default();
    let started = Instant::now();
    for name in names.iter().cycle() {
        if started.elapsed() >= length {
            break;
        }
        let called = api.invoke(name).with_context(|| format!("after {} cold starts", count.cold))?;
        if called.call == 1 {
            count.cold += 1;
        } else {
            count.warm += 1;
        }
    }
    Ok(count)
}
