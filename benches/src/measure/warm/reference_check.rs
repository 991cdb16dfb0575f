//! Is the reference as fast as it can be? A slow one would make every subject look good.
//!
//! What parsing, handler and serialising take of a worker's time is written down by workers of a second kind, under the
//! same load: in a loop of its own the handler takes a fifth of that, with the caches to itself. Workers of a third kind
//! do none of it, answer the same bytes always, and spend that very time on nothing. The reference has to reach 90 % of
//! their rate: the rest is what it does beside the handler.
//!
//! To add the handler's time to the cost of an echo that is free would promise too much: workers that answer at once
//! hand the front many answers per wakeup, and workers that take their time, whatever they do with it, do not. Those of
//! the third kind reach 0.80 to 0.85 of that sum.

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
    let timed = Reference::timed(interpreter, connections)?;
    let (mut pairs, mut handler_us) = (Vec::new(), Vec::new());
    for _ in 0..lab.settings.pairs {
        let reached = reference_traffic(reference.address).sustained(connections, length)?;
        reference_traffic(timed.address).sustained(connections, length)?;
        let handler = timed.handler_time()?;
        handler_us.push(us(handler));
        let echo = Reference::echo(interpreter, connections, handler)?;
        let possible = reference_traffic(echo.address).sustained(connections, length)?;
        pairs.push(Pair::new(reached.per_second(), possible.per_second()));
    }
    // Only Python's reference is bound by this; one Node.js process per connection is limited by its own event loop.
    let (id, target) = match interpreter.language {
        Language::Python => ("warm.python.reference-check", Target::RatioAtLeast(0.9)),
        Language::Node => ("warm.node.reference-check", Target::Reported),
    };
    let note = format!("the handler's own time is {:.1} us", median(&handler_us).unwrap_or(0.0));
    report.add(
        Line::new(id, "req/s", "echo workers that spend the handler's own time").target(target).pairs(pairs).note(note),
    );
    Ok(())
}
