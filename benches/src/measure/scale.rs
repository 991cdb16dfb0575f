//! From no instance of a function to a hundred, each of which answers one call.
//!
//! All calls are sent at the same moment on connections that are open already. The handler holds each call for a
//! fixed time without using the processor, longer than all starts take together, so no instance can serve two; that
//! time is subtracted. Each answer must be the first of its process. The server is a fresh one in each pair, and its
//! processor time is counted from its own start, so the blanks it made beforehand are in it.

use crate::{
    api::Api,
    functions::{Language, Package},
    interpreter::Interpreter,
    lab::Lab,
    load::Traffic,
    report::{Line, Pair, Report, Target},
    response::Expect,
    server::{Blanks, Server},
    stats::ms,
};
use anyhow::Result;
use std::{sync::Arc, time::Duration};

/// What one scale-out took.
struct ScaleOut {
    wall: Duration,
    cpu: Duration,
    interpreter: Interpreter,
}

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    for language in [Language::Python, Language::Node] {
        let mut wall = Vec::new();
        let mut cpu = Vec::new();
        let mut baseline = String::new();
        let count = lab.settings.instances;
        for _ in 0..lab.settings.pairs {
            let subject = scale_out(lab, language)?;
            let starts = subject.interpreter.many(&language.hello(), count, lab.cores())?;
            wall.push(Pair::new(ms(subject.wall), ms(starts.wall)));
            cpu.push(Pair::new(ms(subject.cpu), ms(starts.cpu)));
            let program = subject.interpreter.path.display();
            baseline = format!("{count} x {program} {}, {} at a time", language.hello().join(" "), lab.cores());
        }
        let (wall_target, cpu_target) = match language {
            Language::Python => (Target::RatioAtMost(0.7), Target::Reported),
            Language::Node => (Target::Reported, Target::RatioAtMost(1.1)),
        };
        let id = format!("scale.{}", language.name());
        report.add(Line::new(&*id, "ms", &*baseline).target(wall_target).pairs(wall));
        report.add(Line::new(format!("{id}.cpu"), "CPU-ms", baseline).target(cpu_target).pairs(cpu));
    }
    Ok(())
}

fn scale_out(lab: &Lab, language: Language) -> Result<ScaleOut> {
    let data = tempfile::tempdir()?;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    let interpreter = Interpreter::new(api.interpreter(language.runtime())?, language)?;
    let names = api.create("scale", 1, &Package::trivial(language)?)?;
    api.wait_blanks(language.name())?;
    let wall = fill(&server, &api, &names[0], lab.settings.instances, hold(language))?;
    Ok(ScaleOut { wall, cpu: server.cpu().since(&crate::cpu::Reading::ZERO), interpreter })
}

/// Longer than all starts of a scale-out take together.
pub fn hold(language: Language) -> Duration {
    match language {
        Language::Python => Duration::from_secs(2),
        Language::Node => Duration::from_secs(6),
    }
}

/// Brings a function from no instance to `count`; how long that took beyond the hold.
pub fn fill(server: &Server, api: &Api, name: &str, count: usize, hold: Duration) -> Result<Duration> {
    let event = format!("{{\"hold_ms\": {}}}", hold.as_millis());
    let requests = (0..count).map(|_| api.invocation(name, &event)).collect();
    let traffic = Traffic { address: server.address, requests: Arc::new(requests), expect: FIRST_CALL };
    Ok(traffic.burst()?.saturating_sub(hold))
}

/// What an answer holds when it is the first of its process (JSON text within JSON text; Python and Node space it
/// differently).
const FIRST_CALL: Expect = &[br#"\"call\": 1}"#, br#"\"call\":1}"#];
