//! Two builds of the server, or one build with and without a journal, side by side under the same traffic.
//!
//! A ratio to the bare reference says what a platform costs; whether a change made it dearer is a few per cent, which
//! two runs on different days cannot tell. Here both servers live at the same time, and take turns.

use super::{
    scale,
    warm::{Subject, latencies},
};
use crate::{
    api::Api,
    functions::{Language, Package},
    lab::Lab,
    report::{Line, Pair, Report, Target},
    server::{Blanks, Build, Server},
    stats::us,
};
use anyhow::Result;
use std::time::Duration;
use tempfile::TempDir;

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let baseline = format!("{} without a journal", lab.other.path.display());
    // What a journal may cost, and what any other change may.
    let tolerance = if lab.subject.journal { 0.15 } else { 0.05 };
    for language in [Language::Python, Language::Node] {
        let ours = Side::start(lab, language, &lab.subject)?;
        let theirs = Side::start(lab, language, &lab.other)?;
        let mut rounds = Rounds::default();
        for number in 0..lab.settings.pairs {
            // Who goes second finds the machine as the first left it; neither always does.
            let (ours, theirs) = if number % 2 == 0 {
                let ours = ours.measure(lab)?;
                (ours, theirs.measure(lab)?)
            } else {
                let theirs = theirs.measure(lab)?;
                (ours.measure(lab)?, theirs)
            };
            rounds.push(&ours, &theirs);
        }
        rounds.report(report, language, &baseline, tolerance, lab.settings.connections);
    }
    Ok(())
}

/// A server with a function that has an instance for each connection.
struct Side {
    // Before its directory: the server is stopped first.
    server: Server,
    api: Api,
    name: String,
    _data: TempDir,
}

/// What a half of a pair showed.
struct Measured {
    p50: f64,
    p99: f64,
    cpu_one: f64,
    rate: f64,
    cpu_many: f64,
}

impl Side {
    fn start(lab: &Lab, language: Language, build: &Build) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let server = Server::of(lab, build, data.path(), Blanks::Kept)?;
        let mut api = Api::open(&server)?;
        let name = api.create("warm", 1, &Package::trivial(language)?)?.remove(0);
        scale::fill(&server, &api, &name, lab.settings.connections, scale::hold(language))?;
        Ok(Self { server, api, name, _data: data })
    }

    fn measure(&self, lab: &Lab) -> Result<Measured> {
        let subject = Subject { server: &self.server, api: &self.api, name: &self.name };
        let calls = lab.settings.calls;
        let before = self.server.cpu();
        let one = latencies(&subject.traffic(), calls)?;
        let between = self.server.cpu();
        let many = subject.traffic().sustained(lab.settings.connections, lab.settings.load)?;
        let each = |spent: Duration, calls: usize| us(spent) / calls as f64;
        Ok(Measured {
            p50: us(one.median()),
            p99: us(one.percentile(0.99)),
            cpu_one: each(between.since(&before), calls + calls / 10),
            rate: many.per_second(),
            cpu_many: each(self.server.cpu().since(&between), many.answered),
        })
    }
}

#[derive(Default)]
struct Rounds {
    p50: Vec<Pair>,
    p99: Vec<Pair>,
    cpu_one: Vec<Pair>,
    rate: Vec<Pair>,
    cpu_many: Vec<Pair>,
}

impl Rounds {
    fn push(&mut self, ours: &Measured, theirs: &Measured) {
        self.p50.push(Pair::new(ours.p50, theirs.p50));
        self.p99.push(Pair::new(ours.p99, theirs.p99));
        self.cpu_one.push(Pair::new(ours.cpu_one, theirs.cpu_one));
        self.rate.push(Pair::new(ours.rate, theirs.rate));
        self.cpu_many.push(Pair::new(ours.cpu_many, theirs.cpu_many));
    }

    fn report(self, report: &mut Report, language: Language, baseline: &str, tolerance: f64, connections: usize) {
        let id = format!("compare.{}", language.name());
        let line = |what: &str, unit, pairs| Line::new(format!("{id}.{what}"), unit, baseline).pairs(pairs);
        report.add(line("p50", "us", self.p50).target(Target::RatioAtMost(1.0 + tolerance)));
        report.add(line("p99", "us", self.p99));
        report.add(line("cpu-1", "CPU-us", self.cpu_one));
        let rate = line(&format!("rate-{connections}"), "req/s", self.rate);
        report.add(rate.target(Target::RatioAtLeast(1.0 - tolerance)));
        report.add(line(&format!("cpu-{connections}"), "CPU-us", self.cpu_many));
    }
}
