//! Many functions, each with a warm instance, called by Zipf's law, against calling only one of them.

use super::warm::latencies;
use crate::{
    api::{Api, SUCCESS},
    functions::{Language, Package},
    lab::Lab,
    load::Traffic,
    report::{Line, Pair, Report, Target},
    server::{Blanks, Server},
    stats::us,
    workload::{self, Zipf},
};
use anyhow::Result;
use std::sync::Arc;

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    let names = api.create("zipf", lab.settings.functions, &Package::trivial(Language::Python)?)?;
    for name in &names {
        api.invoke(name)?;
    }
    let calls = 2 * lab.settings.calls;
    let mut zipf = Zipf::new(names.len(), 42);
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        // As many requests as calls, so that the order is the law's and not a short loop's.
        let picked = (0..calls).map(|number| api.invocation(&names[zipf.pick()], &workload::event(number))).collect();
        let one = (0..workload::DIFFERENT).map(|number| api.invocation(&names[0], &workload::event(number))).collect();
        let traffic = |requests| Traffic { address: server.address, requests: Arc::new(requests), expect: SUCCESS };
        let many = latencies(&traffic(picked), calls)?;
        let one = latencies(&traffic(one), calls)?;
        p50.push(Pair::new(us(many.median()), us(one.median())));
        p99.push(Pair::new(us(many.percentile(0.99)), us(one.percentile(0.99))));
    }
    let id = format!("warm.python.zipf-{}", names.len());
    let target = Target::RatioAtMost(1.5);
    report.add(Line::new(format!("{id}.p99"), "us", "one function of the same server").target(target).pairs(p99));
    report.add(Line::new(format!("{id}.p50"), "us", "one function of the same server").pairs(p50));
    Ok(())
}
