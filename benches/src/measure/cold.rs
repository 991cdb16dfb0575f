//! The first call of a function, against the start of the interpreter it runs in with nothing to do.
//!
//! Every sample is a function that was never called before, so nothing of it can be warm; the answer itself says how
//! many calls its process has served, and anything but the first is an error. With blanks, each start waits until the
//! pool is full again, so that a start is measured and not the making of the next blank.

use super::runc;
use crate::{
    api::Api,
    functions::{Language, Package},
    interpreter::Interpreter,
    lab::Lab,
    proc,
    report::{Line, Pair, Report, Target},
    server::{Blanks, Server},
    stats::{Latencies, ms},
};
use anyhow::{Result, ensure};

/// One kind of cold start.
struct Case {
    id: &'static str,
    package: Package,
    blanks: Blanks,
    /// One in how many of the usual number of starts, for packages that take long to deploy.
    thinned: usize,
    target: Target,
    tail_target: Target,
}

/// Samples of one pair.
#[derive(Default)]
struct Round {
    subject: Latencies,
    baseline: Latencies,
    runc: Latencies,
    subject_cpu_ms: f64,
    baseline_cpu_ms: f64,
}

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let cases = [
        Case {
            id: "cold.python.blank",
            package: Package::trivial(Language::Python)?,
            blanks: Blanks::Kept,
            thinned: 1,
            target: Target::RatioAtMost(0.15),
            tail_target: Target::RatioAtMost(1.5),
        },
        Case {
            id: "cold.node.blank",
            package: Package::trivial(Language::Node)?,
            blanks: Blanks::Kept,
            thinned: 1,
            target: Target::RatioAtMost(0.06),
            tail_target: Target::RatioAtMost(1.5),
        },
        Case {
            id: "cold.python.template",
            package: Package::trivial(Language::Python)?,
            blanks: Blanks::None,
            thinned: 1,
            target: Target::RatioAtMost(0.5),
            tail_target: Target::RatioAtMost(1.5),
        },
        Case {
            id: "cold.python.blank.package-5mb",
            package: Package::large(Language::Python)?,
            blanks: Blanks::Kept,
            thinned: 5,
            target: Target::Reported,
            tail_target: Target::Reported,
        },
    ];
    cases.iter().try_for_each(|case| case.measure(lab, report))
}

impl Case {
    fn measure(&self, lab: &Lab, report: &mut Report) -> Result<()> {
        let data = tempfile::tempdir()?;
        let server = Server::start(lab, data.path(), self.blanks)?;
        let mut api = Api::open(&server)?;
        let interpreter = Interpreter::new(api.interpreter(self.language().runtime())?, self.language())?;
        // The first call ever pays for things that no later one does (a template, the demand that fills the pool).
        let first = api.create("first", 1, &self.package)?;
        api.invoke(&first[0])?;
        let runc = runc::Runc::prepare(&interpreter);
        let mut rounds = Vec::new();
        for number in 0..lab.settings.pairs {
            rounds.push(self.round(lab, &server, &mut api, &interpreter, runc.as_ref().ok(), number)?);
        }
        self.add_lines(report, &interpreter, &rounds, runc.err().map(|error| format!("{error:#}")));
        Ok(())
    }

    fn round(
        &self,
        lab: &Lab,
        server: &Server,
        api: &mut Api,
        interpreter: &Interpreter,
        runc: Option<&runc::Runc>,
        number: usize,
    ) -> Result<Round> {
        let names = api.create(&format!("cold{number}x"), self.starts(lab), &self.package)?;
        let mut round = Round::default();
        for name in &names {
            self.settle(api)?;
            let called = api.invoke(name)?;
            ensure!(
                called.call == 1,
                "{name} was called for the first time, yet its process says call {}",
                called.call
            );
            round.subject.push(called.first_byte);
            self.settle(api)?;
            round.baseline.push(interpreter.start()?);
        }
        if let Some(runc) = runc {
            for _ in 0..names.len().div_ceil(5) {
                round.runc.push(runc.start()?);
            }
        }
        api.delete(&names)?;
        self.cpu(lab, server, api, interpreter, &mut round)?;
        Ok(round)
    }

    /// Processor time per start: back to back, without the polling that waits for blanks, until the pool is full
    /// again, so that every blank taken is also a blank made.
    fn cpu(
        &self,
        lab: &Lab,
        server: &Server,
        api: &mut Api,
        interpreter: &Interpreter,
        round: &mut Round,
    ) -> Result<()> {
        let count = self.starts(lab).div_ceil(2);
        let names = api.create("cpu", count, &self.package)?;
        self.settle(api)?;
        let before = server.cpu();
        for name in &names {
            api.invoke(name)?;
        }
        self.settle(api)?;
        round.subject_cpu_ms = ms(server.cpu().since(&before)) / count as f64;
        let before = proc::waited_for();
        for _ in 0..count {
            interpreter.start()?;
        }
        round.baseline_cpu_ms = ms(proc::waited_for().saturating_sub(before)) / count as f64;
        api.delete(&names)
    }

    fn settle(&self, api: &mut Api) -> Result<()> {
        match self.blanks {
            Blanks::Kept => api.wait_blanks(self.language().name()),
            Blanks::None => Ok(()),
        }
    }

    fn starts(&self, lab: &Lab) -> usize {
        lab.settings.cold_starts.div_ceil(self.thinned)
    }

    fn language(&self) -> Language {
        self.package.language
    }

    fn add_lines(&self, report: &mut Report, interpreter: &Interpreter, rounds: &[Round], no_runc: Option<String>) {
        let id = self.id;
        let nothing = format!("{} {}", interpreter.path.display(), self.language().nothing().join(" "));
        let pairs = |pair: &dyn Fn(&Round) -> Pair| rounds.iter().map(pair).collect::<Vec<_>>();
        let medians = pairs(&|round| Pair::new(ms(round.subject.median()), ms(round.baseline.median())));
        let tails = pairs(&|round| Pair::new(round.subject.tail(), round.baseline.tail()));
        let cpu = pairs(&|round| Pair::new(round.subject_cpu_ms, round.baseline_cpu_ms));
        report.add(Line::new(id, "ms", &*nothing).target(self.target).pairs(medians));
        report.add(Line::new(format!("{id}.tail"), "p99/p50", &*nothing).target(self.tail_target).pairs(tails));
        report.add(Line::new(format!("{id}.cpu"), "CPU-ms", &*nothing).pairs(cpu));
        if self.language() == Language::Python {
            let line = Line::new(format!("{id}.runc"), "ms", format!("runc run {nothing}"));
            report.add(match no_runc {
                Some(reason) => line.note(reason),
                None => line.pairs(pairs(&|round| Pair::new(ms(round.subject.median()), ms(round.runc.median())))),
            });
        }
    }
}
