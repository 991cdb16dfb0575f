//! Other function servers from their registries, running the same function, beside Sluice.
//!
//! Neither has isolation between functions, signatures or limits, so this is not a contest of equals; it tells a
//! reader where Sluice stands among things that they may know. Reported, without targets.

mod install;
mod peer;

use super::warm::{Subject, latencies, reference_traffic};
use crate::{
    api::Api,
    functions::{Language, Package},
    interpreter::Interpreter,
    lab::Lab,
    measure::scale,
    proc,
    report::{Line, Pair, Report},
    server::{Blanks, Server},
    stats::{ms, us},
};
use anyhow::Result;
use peer::{Kind, Running};
use std::time::Duration;

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    for kind in Kind::ALL {
        if let Err(error) = measure(lab, report, kind) {
            report.add(Line::new(format!("peer.{}", kind.name()), "", "").note(format!("skipped: {error:#}")));
        }
    }
    Ok(())
}

fn measure(lab: &Lab, report: &mut Report, kind: Kind) -> Result<()> {
    let data = tempfile::tempdir()?;
    let language: Language = kind.language();
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    let interpreter = Interpreter::new(api.interpreter(language.runtime())?, language)?;
    let program = install::install(lab, kind, &interpreter)?;
    let cold = cold(lab, &mut api, kind, &program)?;
    let name = api.create("peer", 1, &Package::trivial(language)?)?.remove(0);
    scale::fill(&server, &api, &name, lab.settings.connections, scale::hold(language))?;
    let subject = Subject { server: &server, api: &api, name: &name };
    let peer = Running::start(kind, &program, lab.settings.connections)?;
    let (mut p50, mut p99, mut rate) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        let ours = latencies(&subject.traffic(), lab.settings.calls)?;
        let theirs = latencies(&reference_traffic(peer.address), lab.settings.calls)?;
        p50.push(Pair::new(us(ours.median()), us(theirs.median())));
        p99.push(Pair::new(us(ours.percentile(0.99)), us(theirs.percentile(0.99))));
        let ours = subject.traffic().sustained(lab.settings.connections, lab.settings.load)?;
        let theirs = reference_traffic(peer.address).sustained(lab.settings.connections, lab.settings.load)?;
        rate.push(Pair::new(ours.per_second(), theirs.per_second()));
    }
    let resident = proc::tree(peer.pid()).iter().map(|pid| proc::rss_kib(*pid) as f64).sum::<f64>() / 1024.0;
    let id = format!("peer.{}", kind.name());
    let baseline = kind.name();
    report.add(Line::new(format!("{id}.cold"), "ms", baseline).pairs(cold));
    report.add(Line::new(format!("{id}.p50"), "us", baseline).pairs(p50));
    report.add(Line::new(format!("{id}.p99"), "us", baseline).pairs(p99));
    let line = Line::new(format!("{id}.rate-{}", lab.settings.connections), "req/s", baseline).pairs(rate);
    report.add(line.note(format!("{resident:.0} MiB resident in all its processes")));
    Ok(())
}

/// First call of a new function, against the start of the peer until it answers.
fn cold(lab: &Lab, api: &mut Api, kind: Kind, program: &install::Program) -> Result<Vec<Pair>> {
    let language = kind.language();
    let names = api.create("first", lab.settings.pairs + 1, &Package::trivial(language)?)?;
    let mut pairs = Vec::new();
    for name in &names {
        api.wait_blanks(language.name())?;
        let ours = api.invoke(name)?.first_byte;
        let theirs: Duration = Running::start(kind, program, 1)?.answered_after;
        pairs.push(Pair::new(ms(ours), ms(theirs)));
    }
    // The first call ever made of a server pays for things that no later one does.
    pairs.remove(0);
    Ok(pairs)
}
