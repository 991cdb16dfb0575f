//! `sluice top`: limits and their use, versions and their instances, refreshing.
//!
//! On a terminal it redraws until it is interrupted; anywhere else, and with `--once`, it prints one frame. Rates are
//! differences of the server's counters, so that a single frame takes one interval too.

mod frame;
mod rates;
mod screen;

use crate::client::{
    Moment, Server,
    output::{self, Format},
};
use anyhow::Context;
use frame::{Frame, Size};
use rates::Rates;
use screen::Screen;
use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    server: Server,
    /// Seconds between two looks at the server
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// Print one frame and end
    #[arg(long)]
    once: bool,
    /// Also versions without instances, and use without a limit
    #[arg(long)]
    all: bool,
    /// How to print it; json is one document
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("use a number of seconds from 0.1 to 3600".to_owned()),
    }
}

/// What was seen, and when.
struct Look {
    moment: Moment,
    at: Instant,
}

type Looking = Arc<dyn Fn() -> anyhow::Result<Look> + Send + Sync>;

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let admin = args.server.admin(None)?;
    #[allow(clippy::disallowed_methods, reason = "rates are shown per second of the person who looks")]
    let look: Looking = Arc::new(move || Ok(Look { moment: admin.moment()?, at: Instant::now() }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let live = !args.once && args.output == Format::Text && std::io::stdout().is_terminal();
    let ended = if live { runtime.block_on(watch(&args, look)) } else { runtime.block_on(once(&args, look)) };
    // An answer that is still on its way is not waited for.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

async fn once(args: &Args, look: Looking) -> anyhow::Result<()> {
    let before = look()?;
    tokio::time::sleep(args.interval).await;
    let now = look()?;
    let rates = Rates::between(&before, &now);
    let frame = Frame { moment: &now.moment, rates: Some(&rates), address: args.server.address(), all: args.all };
    match args.output {
        Format::Json => output::json(&frame.json()),
        Format::Text => output::bytes((frame.lines(None).join("\n") + "\n").as_bytes()),
    }
    Ok(())
}

/// Redraws until a signal ends it.
async fn watch(args: &Args, look: Looking) -> anyhow::Result<()> {
    let mut ends = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    let mut resized = signal(SignalKind::window_change())?;
    let mut last = look()?;
    let mut rates = None;
    let mut trouble = None;
    let mut screen = Screen::enter()?;
    loop {
        let frame =
            Frame { moment: &last.moment, rates: rates.as_ref(), address: args.server.address(), all: args.all };
        let size = screen.size();
        let room = Size { rows: size.rows - usize::from(trouble.is_some()), ..size };
        let lines = trouble.iter().map(|error| format!("{error:#}")).chain(frame.lines(Some(room)));
        screen.draw(lines, size)?;
        tokio::select! {
            () = ended(&mut ends) => return Ok(()),
            _ = resized.recv() => continue,
            () = tokio::time::sleep(args.interval) => {}
        }
        let again = look.clone();
        let answer = tokio::select! {
            () = ended(&mut ends) => return Ok(()),
            answer = tokio::task::spawn_blocking(move || again()) => answer.context("the look at the server broke off")?,
        };
        match answer {
            Ok(now) => {
                rates = Some(Rates::between(&last, &now));
                (last, trouble) = (now, None);
            }
            // What was seen last stays, under a line that says so.
            Err(error) => trouble = Some(error),
        }
    }
}

async fn ended(signals: &mut [tokio::signal::unix::Signal; 3]) {
    let [interrupt, terminate, hangup] = signals;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::interval;
    use std::time::Duration;

    #[test]
    fn intervals_are_seconds() {
        assert_eq!(interval("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "3601", "NaN", "inf", "1s", ""] {
            assert!(interval(wrong).unwrap_err().contains("0.1 to 3600"), "{wrong}");
        }
    }
}
