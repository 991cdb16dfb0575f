//! The server with many functions and nothing to do: memory, processor time, and how soon it is back after a restart.

use crate::{
    api::Api,
    functions::{Language, Package},
    lab::Lab,
    proc,
    report::{Line, Pair, Report, Target},
    server::{Blanks, Server},
    stats::ms,
};
use anyhow::Result;
use std::time::{Duration, Instant};

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let data = tempfile::tempdir()?;
    let functions = lab.settings.functions;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let names = Api::open(&server)?.create("idle", functions, &Package::trivial(Language::Python)?)?;
    drop(server);
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        let server = Server::start(lab, data.path(), Blanks::Kept)?;
        ready.push(Pair::alone(ms(server.ready_after)));
        wait_quiet(&server);
        resident.push(Pair::alone(proc::rss_kib(server.pid()) as f64 / 1024.0));
    }
    report.add(
        Line::new(format!("idle.rss-{functions}-functions"), "MiB", "").target(Target::AtMost(60.0)).pairs(resident),
    );
    report.add(Line::new(format!("start.{functions}-functions"), "ms", "").target(Target::AtMost(300.0)).pairs(ready));
    parked(lab, report, data.path(), &names)
}

/// Processor time of the whole tree while every function has an instance and none is called.
fn parked(lab: &Lab, report: &mut Report, data: &std::path::Path, names: &[String]) -> Result<()> {
    let server = Server::start(lab, data, Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    for name in names {
        api.invoke(name)?;
    }
    wait_quiet(&server);
    let mut shares = Vec::new();
    for _ in 0..lab.settings.pairs.min(3) {
        shares.push(Pair::alone(core_share(&server, lab.settings.idle) * 100.0));
    }
    let sandboxes = proc::sandboxes(server.pid()).len();
    let line = Line::new(format!("idle.cpu-{}-parked", names.len()), "% of a core", "");
    report.add(line.target(Target::AtMost(1.0)).pairs(shares).note(format!("{sandboxes} sandboxes were alive")));
    Ok(())
}

/// Waits until a window of half a second uses less than 1 % of a core, but no longer than 20 s: a server that is
/// never quiet is measured as it is.
fn wait_quiet(server: &Server) {
    let started = Instant::now();
    while core_share(server, Duration::from_millis(500)) > 0.01 && started.elapsed() < Duration::from_secs(20) {}
}

fn core_share(server: &Server, window: Duration) -> f64 {
    let before = server.cpu();
    let started = Instant::now();
    std::thread::sleep(window);
    server.cpu().since(&before).as_secs_f64() / started.elapsed().as_secs_f64()
}
