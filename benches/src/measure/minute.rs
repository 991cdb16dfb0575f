//! From no instance to the documented burst of a minute: 500 instances of one function, none refused before that, and
//! every further one refused as documented.

use super::scale;
use crate::{
    api::Api,
    functions::{Language, Package},
    lab::Lab,
    load::Traffic,
    report::{Line, Pair, Report, Target},
    response::Expect,
    server::{Blanks, Server},
};
use anyhow::Result;
use serde_json::json;
use std::{sync::Arc, time::Duration};

const BURST: usize = 500;
/// Calls beyond the burst.
const BEYOND: usize = 20;
/// How long each call is held: all 500 have to be in flight at once.
const HOLD: Duration = Duration::from_secs(25);
/// The vendor's word for a start beyond the burst.
const REFUSED: Expect = &[b"ResourceLimit"];

pub fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let burst = if lab.settings.quick { 50 } else { BURST };
    let data = tempfile::tempdir()?;
    let server = Server::start(lab, data.path(), Blanks::Kept)?;
    let mut api = Api::open(&server)?;
    api.patch_quota(&json!({ "burst_per_min": burst, "concurrency_mb": 1_000_000 }))?;
    let names = api.create("minute", 1, &Package::trivial(Language::Python)?)?;
    api.wait_blanks(Language::Python.name())?;
    wait_for_minute();
    let server_ref = &server;
    let wall = std::thread::scope(|threads| -> Result<Duration> {
        let filling = threads.spawn(|| scale::fill(server_ref, &api, &names[0], burst, HOLD));
        // All of the burst is under way by then, and still running.
        std::thread::sleep(HOLD * 4 / 5);
        let requests = (0..BEYOND).map(|_| api.invocation(&names[0], "{}")).collect();
        let beyond = Traffic { address: server_ref.address, requests: Arc::new(requests), expect: REFUSED };
        beyond.burst()?;
        filling.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))?
    })?;
    let line = Line::new("scale.minute", "s", format!("0 to {burst} instances, {BEYOND} more refused"));
    report.add(line.target(Target::AtMost(60.0)).pairs(vec![Pair::alone(wall.as_secs_f64())]));
    Ok(())
}

/// The budget is that of a minute of the clock: begins at the start of one.
fn wait_for_minute() {
    let second = jiff::Timestamp::now().as_second() % 60;
    if second > 2 {
        std::thread::sleep(Duration::from_secs((60 - second) as u64));
    }
}
