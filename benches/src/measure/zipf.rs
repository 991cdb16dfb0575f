//! Many functions, each with a warm instance, called by Zipf's law, against calling only one of them.
//!
//! The same is asked of as many workers of the bare reference: how much of the difference is the machine's, as what is
//! seldom called is in no cache, and how much is the server's.

use super::warm::latencies;
use crate::{
    api::{Api, SUCCESS},
    functions::{Language, Package},
    interpreter::Interpreter,
    lab::Lab,
    load::Traffic,
    reference::{self, Reference},
    report::{Line, Pair, Report, Target},
    response::Expect,
    server::{Blanks, Server},
    stats::us,
    wire,
    workload::{self, Zipf},
};
use anyhow::Result;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let functions = lab.settings.functions;
    let (served, python) = of_server(lab)?;
    let id = format!("warm.python.zipf-{functions}");
    let target = Target::RatioAtMost(1.5);
    report
        .add(Line::new(format!("{id}.p99"), "us", "one function of the same server").target(target).pairs(served.p99));
    report.add(Line::new(format!("{id}.p50"), "us", "one function of the same server").pairs(served.p50));
    let bare = of_reference(lab, &Interpreter::new(python, Language::Python)?)?;
    let id = format!("warm.python.zipf-{functions}.reference");
    report.add(Line::new(format!("{id}.p99"), "us", "one worker of the same reference").pairs(bare.p99));
    report.add(Line::new(format!("{id}.p50"), "us", "one worker of the same reference").pairs(bare.p50));
    Ok(())
}

#[derive(Default)]
struct Pairs {
    p50: Vec<Pair>,
    p99: Vec<Pair>,
}

fn of_server(lab: &Lab) -> Result<(Pairs, PathBuf)> {
    let data = tempfile::tempdir()?;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    let names = api.create("zipf", lab.settings.functions, &Package::trivial(Language::Python)?)?;
    for name in &names {
        api.invoke(name)?;
    }
    let pairs = many_and_one(lab, server.address, SUCCESS, |which, event| api.invocation(&names[which], event))?;
    Ok((pairs, api.interpreter(Language::Python.runtime())?))
}

fn of_reference(lab: &Lab, python: &Interpreter) -> Result<Pairs> {
    let reference = Reference::of_many(python, lab.settings.functions)?;
    let request = |which: usize, event: &str| wire::post(reference.address, &format!("/{which}"), event.as_bytes());
    // Each worker has been called once, as each function has.
    let once = (0..lab.settings.functions).map(|which| request(which, &workload::event(which))).collect();
    let once = Traffic { address: reference.address, requests: Arc::new(once), expect: reference::SUCCESS };
    latencies(&once, lab.settings.functions)?;
    many_and_one(lab, reference.address, reference::SUCCESS, request)
}

/// Calls picked by the law, and calls of the one that is picked most, in turns.
fn many_and_one(
    lab: &Lab,
    address: SocketAddr,
    expect: Expect,
    request: impl Fn(usize, &str) -> Vec<u8>,
) -> Result<Pairs> {
    let calls = 2 * lab.settings.calls;
    let mut zipf = Zipf::new(lab.settings.functions, 42);
    let mut pairs = Pairs::default();
    for _ in 0..lab.settings.pairs {
        // As many requests as calls, so that the order is the law's and not a short loop's.
        let picked = (0..calls).map(|number| request(zipf.pick(), &workload::event(number))).collect();
        let one = (0..workload::DIFFERENT).map(|number| request(0, &workload::event(number))).collect();
        let traffic = |requests| Traffic { address, requests: Arc::new(requests), expect };
        let many = latencies(&traffic(picked), calls)?;
        let one = latencies(&traffic(one), calls)?;
        pairs.p50.push(Pair::new(us(many.median()), us(one.median())));
        pairs.p99.push(Pair::new(us(many.percentile(0.99)), us(one.percentile(0.99))));
    }
    Ok(pairs)
}
