//! The server: from settings to a running platform and back to nothing.
//!
//! Requests are served on threads of their own, one single-threaded runtime each, so that a warm call never
//! changes threads. What may take long (the database, unpacking, making blanks) runs on a small runtime beside
//! them. `docs/configuration.md` explains every setting.

mod clock;
mod data_dir;
mod data_plane;
mod host;
mod journal;
mod logging;
mod platform;
pub mod settings;
mod signals;

pub use data_dir::default_path as default_data_dir;

use crate::credentials;
use anyhow::Context;
use data_dir::DataDir;
use data_plane::DataPlane;
use journal::Journal;
use settings::Settings;
use sluice_http::DrainSwitch;
use std::{
    collections::HashMap,
    io::Write,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// Threads of the runtime beside the request path.
const CONTROL_THREADS: usize = 2;

/// Serves until a signal says otherwise.
pub fn run(settings: Settings, environment: &HashMap<String, String>) -> anyhow::Result<ExitCode> {
    logging::start(&settings)?;
    settings::warn_of_unknown_variables(environment);
    host::raise_descriptor_limit();
    host::shorten_slices();
    let data_dir = DataDir::open(&settings.data_dir)?;
    let (credentials, fresh) = credentials::establish(data_dir.path(), environment)?;
    if fresh {
        // Printed, not logged: logs are collected and kept.
        let file = data_dir.path().join("credentials.toml");
        eprint!("New credentials, kept in {}:\n{}", file.display(), credentials.shown_once());
    }
    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .context("cannot start the control runtime")?;
    let code = control.block_on(serve(&settings, &data_dir, credentials))?;
    control.shutdown_timeout(Duration::from_secs(1));
    Ok(code)
}

async fn serve(
    settings: &Settings,
    data_dir: &DataDir,
    credentials: credentials::Credentials,
) -> anyhow::Result<ExitCode> {
    let mut signals = signals::Signals::new().context("cannot listen for signals")?;
    let listeners = data_plane::bind(settings.listen, settings.data_threads)?;
    let address = listeners.address;
    let journal = settings.journal.as_deref().map(Journal::create).transpose()?.map(Arc::new);
    let building = platform::build(settings, data_dir, credentials, address, journal.clone());
    let (engine, front) = Box::pin(building).await?;
    let (switch, drain) = DrainSwitch::new();
    let mut data_plane = DataPlane::start(listeners, front, drain)?;
    announce(address)?;
    let stopped = tokio::select! {
        signal = signals.next() => Ok(signal),
        () = data_plane.finished() => Err(anyhow::anyhow!("the listeners ended by themselves")),
    };
    let signal = stopped?;
    #[allow(clippy::disallowed_methods, reason = "only shown: how long a shutdown took")]
    let begun = Instant::now();
    tracing::info!(signal, limit_s = settings.drain_s, "draining: new connections are refused");
    switch.start(tokio::time::Instant::now() + Duration::from_secs(settings.drain_s));
    tokio::select! {
        () = data_plane.finished() => {}
        signal = signals.next() => {
            tracing::warn!(signal, "second signal: quitting at once");
            std::process::exit(130);
        }
    }
    engine.shutdown().await;
    let cut = data_plane.stop();
    if let Some(journal) = journal {
        journal.finish();
    }
    tracing::info!(requests_cut = cut, seconds = begun.elapsed().as_secs_f32(), "stopped");
    Ok(ExitCode::SUCCESS)
}

/// The one line on standard output, which scripts wait for.
fn announce(address: std::net::SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "sluice ready on http://{address}")
        .and_then(|()| out.flush())
        .context("cannot write to standard output")?;
    tracing::info!(%address, "ready");
    Ok(())
}
