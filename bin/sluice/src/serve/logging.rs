//! Logs go to standard error. Payloads and secrets never do: not even in the message of a panic.

use super::settings::{LogFormat, Settings};
use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

pub fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log).with_context(|| {
        format!("log filter '{}' is not one: use a level such as info, or target=level", settings.log)
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let (writer, colours) = (std::io::stderr, std::io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => {
            registry.with(tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(writer)).init()
        }
        LogFormat::Json => registry.with(tracing_subscriber::fmt::layer().json().with_writer(writer)).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        // The message may quote what a client sent; the place is enough to find the fault.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}
