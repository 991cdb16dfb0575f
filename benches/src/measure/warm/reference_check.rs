//! Is the reference as fast as it can be? A slow one would make every subject look good.
//!
//! The same front with the same workers, but without parsing, handler and serialising, reaches some rate; its whole
//! cost per request, load generator included, is cores / rate. A worker with the handler must cost no more than that
//! plus the handler's own time, which workers of a third kind write down under the same load: in a loop of its own it
//! takes a fifth of that, with the caches to itself. The reference has to reach 90 % of the rate that follows.

use super::reference_traffic;
use crate::{
    functions::Language,
    interpreter::Interpreter,
    lab::Lab,
    reference::Reference,
    report::{Line, Pair, Report, Target},
    stats::{median, us},
};
use anyhow::Result;

pub fn run(lab: &Lab, report: &mut Report, interpreter: &Interpreter, reference: &Reference) -> Result<()> {
    let (connections, length) = (lab.settings.connections, lab.settings.load);
    let echo = Reference::echo(interpreter, connections)?;
    let timed = Reference::timed(interpreter, connections)?;
    let (mut pairs, mut handler_us) = (Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        let reached = reference_traffic(reference.address).sustained(connections, length)?.per_second();
        let echoed = reference_traffic(echo.address).sustained(connections, length)?.per_second();
        reference_traffic(timed.address).sustained(connections, length)?;
        let handler = timed.handler_time()?;
        handler_us.push(us(handler));
        let possible = 1.0 / (1.0 / echoed + handler.as_secs_f64() / lab.cores() as f64);
        pairs.push(Pair::new(reached, possible));
    }
    // Only Python's reference is bound by this; one Node.js process per connection is limited by its own event loop.
    let (id, target) = match interpreter.language {
        Language::Python => ("warm.python.reference-check", Target::RatioAtLeast(0.9)),
        Language::Node => ("warm.node.reference-check", Target::Reported),
    };
    let note = format!("REF against echo less the handler's own {:.1} us", median(&handler_us).unwrap_or(0.0));
    report.add(Line::new(id, "req/s", "echo front less the handler's own time").target(target).pairs(pairs).note(note));
    Ok(())
}
