//! Calls of a function that has instances, against the bare reference with the same handler.

mod reference_check;

use super::scale;
use crate::{
    api::{Api, SUCCESS},
    functions::{Language, Package},
    interpreter::Interpreter,
    lab::Lab,
    load::Traffic,
    reference::{self, Reference},
    report::{Line, Pair, Report, Target},
    server::{Blanks, Server},
    stats::{Latencies, us},
    wire::{self, Connection},
    workload,
};
use anyhow::Result;
use std::{net::SocketAddr, sync::Arc};

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    for language in [Language::Python, Language::Node] {
        let data = tempfile::tempdir()?;
        let server = Server::start(lab, data.path(), Blanks::Kept)?;
        let mut api = Api::open(&server)?;
        let interpreter = Interpreter::new(api.interpreter(language.runtime())?, language)?;
        let name = api.create("warm", 1, &Package::trivial(language)?)?.remove(0);
        let reference = Reference::of(&interpreter, lab.settings.connections)?;
        let subject = Subject { server: &server, api: &api, name: &name };
        // Each connection has an instance, as each has a worker on the other side; none is cold when it counts.
        scale::fill(&server, &api, &name, lab.settings.connections, scale::hold(language))?;
        one_connection(lab, report, language, &subject, &reference)?;
        many_connections(lab, report, language, &subject, &reference)?;
        reference_check::run(lab, report, &interpreter, &reference)?;
    }
    Ok(())
}

pub struct Subject<'a> {
    pub server: &'a Server,
    pub api: &'a Api,
    pub name: &'a str,
}

impl Subject<'_> {
    /// Signed anew for each half: a signature is good for five minutes.
    pub fn traffic(&self) -> Traffic {
        let requests = (0..workload::DIFFERENT).map(|n| self.api.invocation(self.name, &workload::event(n))).collect();
        Traffic { address: self.server.address, requests: Arc::new(requests), expect: SUCCESS }
    }
}

/// What a reference, or a peer, is sent: the same events, unsigned.
pub fn reference_traffic(address: SocketAddr) -> Traffic {
    let request = |number| wire::post(address, "/", workload::event(number).as_bytes());
    let requests = (0..workload::DIFFERENT).map(request).collect();
    Traffic { address, requests: Arc::new(requests), expect: reference::SUCCESS }
}

/// Calls one after the other on one connection; the first tenth is not counted.
pub fn latencies(traffic: &Traffic, calls: usize) -> Result<Latencies> {
    let mut connection = Connection::open(traffic.address)?;
    let mut latencies = Latencies::default();
    for number in 0..calls + calls / 10 {
        let taken = connection.timed(&traffic.requests[number % traffic.requests.len()], traffic.expect)?;
        if number >= calls / 10 {
            latencies.push(taken);
        }
    }
    Ok(latencies)
}

fn one_connection(
    lab: &Lab,
    report: &mut Report,
    language: Language,
    subject: &Subject,
    reference: &Reference,
) -> Result<()> {
    let calls = lab.settings.calls;
    let (mut p50, mut p99, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        let before = subject.server.cpu();
        let ours = latencies(&subject.traffic(), calls)?;
        let our_cpu = subject.server.cpu().since(&before);
        let before = reference.cpu();
        let theirs = latencies(&reference_traffic(reference.address), calls)?;
        let their_cpu = reference.cpu().since(&before);
        p50.push(Pair::new(us(ours.median()), us(theirs.median())));
        p99.push(Pair::new(us(ours.percentile(0.99)), us(theirs.percentile(0.99))));
        let each = |cpu| us(cpu) / (calls + calls / 10) as f64;
        cpu.push(Pair::new(each(our_cpu), each(their_cpu)));
    }
    let (id, baseline) = names(language);
    report.add(Line::new(format!("{id}.p50"), "us", baseline).target(Target::RatioAtMost(1.3)).pairs(p50));
    report.add(Line::new(format!("{id}.p99"), "us", baseline).target(Target::RatioAtMost(1.5)).pairs(p99));
    report.add(Line::new(format!("{id}.cpu-1"), "CPU-us", baseline).pairs(cpu));
    Ok(())
}

fn many_connections(
    lab: &Lab,
    report: &mut Report,
    language: Language,
    subject: &Subject,
    reference: &Reference,
) -> Result<()> {
    let (connections, length) = (lab.settings.connections, lab.settings.load);
    let (mut rate, mut tail, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        let before = subject.server.cpu();
        let ours = subject.traffic().sustained(connections, length)?;
        let our_cpu = us(subject.server.cpu().since(&before)) / ours.answered as f64;
        let before = reference.cpu();
        let theirs = reference_traffic(reference.address).sustained(connections, length)?;
        let their_cpu = us(reference.cpu().since(&before)) / theirs.answered as f64;
        rate.push(Pair::new(ours.per_second(), theirs.per_second()));
        tail.push(Pair::new(us(ours.latencies.percentile(0.99)), us(theirs.latencies.percentile(0.99))));
        cpu.push(Pair::new(our_cpu, their_cpu));
    }
    let (id, baseline) = names(language);
    let target = Target::RatioAtLeast(0.75);
    report.add(Line::new(format!("{id}.rate-{connections}"), "req/s", baseline).target(target).pairs(rate));
    report.add(Line::new(format!("{id}.p99-{connections}"), "us", baseline).pairs(tail));
    report.add(Line::new(format!("{id}.cpu-{connections}"), "CPU-us", baseline).pairs(cpu));
    Ok(())
}

fn names(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Python => ("warm.python", "REF-PY"),
        Language::Node => ("warm.node", "REF-NODE"),
    }
}
