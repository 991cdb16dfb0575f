//! Talking a bootstrap through its start.

use crate::{
    connection::{Connection, Heard},
    environment,
    frame::{self, Frame},
    life::{Enclosure, timed_out},
    log::{Collector, Limits},
};
use sluice_domain::{Dialect, Failure, FailureKind, LogCut};
use sluice_ports::{InstanceSpec, StartError};
use std::time::{Duration, Instant};

/// How long a bootstrap may take to load, before any user code. Generous: it only bounds a broken host.
const LOAD_PATIENCE: Duration = Duration::from_secs(30);

/// What the user's code did while it was loaded.
pub struct Initialised {
    pub took: Duration,
    pub log: String,
    pub log_cut: LogCut,
}

pub fn log_limits(spec: &InstanceSpec) -> Limits {
    Limits { window_bytes: spec.log_window_bytes, window_lines: spec.log_window_lines, line_bytes: spec.log_line_bytes }
}

/// Waits for the bootstrap to say that it is loaded.
pub async fn await_blank(connection: &mut Connection) -> Result<(), String> {
    let mut log = Collector::new(Limits { window_bytes: 64 << 10, window_lines: 1000, line_bytes: 8192 });
    let heard = tokio::time::timeout(LOAD_PATIENCE, connection.hear(&mut log, || false)).await;
    match heard {
        Ok(Heard::Frame(Frame::BlankReady)) => Ok(()),
        Ok(other) => Err(format!("the bootstrap did not come up ({other:?}): {}", log.finish().0)),
        Err(_) => Err("the bootstrap did not come up in time".to_owned()),
    }
}

/// A part of a start that has a time limit of its own.
struct Phase {
    limit: Duration,
    kind: FailureKind,
    is_before_initializer: bool,
}

impl Phase {
    /// SCF has one limit for all. FC's is for the initializer; what comes before it has the time of a call.
    fn first(spec: &InstanceSpec) -> Self {
        match spec.function.dialect {
            Dialect::Scf => Self::initializer(spec),
            Dialect::Fc => Self {
                limit: Duration::from_secs(u64::from(spec.config.timeout_s)),
                kind: FailureKind::TimedOut,
                is_before_initializer: spec.config.initializer.is_some(),
            },
        }
    }

    fn initializer(spec: &InstanceSpec) -> Self {
        Self {
            limit: Duration::from_secs(u64::from(spec.config.init_timeout_s)),
            kind: FailureKind::InitTimedOut,
            is_before_initializer: false,
        }
    }

    fn timed_out(&self) -> Failure {
        if self.kind == FailureKind::TimedOut {
            return timed_out(self.limit);
        }
        Failure::new(self.kind, format!("initialization timed out after {} seconds", self.limit.as_secs()))
    }
}

/// Has the user's code loaded and its initializer run.
pub async fn initialise(
    connection: &mut Connection,
    spec: &InstanceSpec,
    code_dir: Option<&str>,
    from_blank: bool,
    enclosure: &dyn Enclosure,
) -> Result<Initialised, StartError> {
    let mut document = environment::init_document(spec);
    if let Some(code_dir) = code_dir {
        document["code_dir"] = code_dir.into();
    }
    let body = serde_json::to_vec(&document).map_err(|error| StartError::Platform(error.to_string()))?;
    let mut log = Collector::new(log_limits(spec));
    let began = Instant::now();
    let init = frame::plain(b'I', &body);
    // Until the bootstrap is up it is the platform's time.
    let up = async {
        if connection.send(&init).await.is_err() {
            return Heard::Gone;
        }
        if from_blank { Heard::Frame(Frame::BlankReady) } else { connection.hear(&mut log, || false).await }
    };
    let mut heard = tokio::time::timeout(LOAD_PATIENCE, up).await;
    let mut phase = Phase::first(spec);
    match heard {
        Ok(Heard::Frame(Frame::BlankReady)) => {
            heard = tokio::time::timeout(phase.limit, connection.hear(&mut log, || false)).await;
            if matches!(heard, Ok(Heard::Frame(Frame::Loaded))) && phase.is_before_initializer {
                phase = Phase::initializer(spec);
                heard = tokio::time::timeout(phase.limit, connection.hear(&mut log, || false)).await;
            }
        }
        Err(_) => return Err(StartError::Platform("the bootstrap did not come up in time".into())),
        Ok(_) => {}
    }
    let took = began.elapsed();
    let failure = match heard {
        Ok(Heard::Frame(Frame::InitDone)) => {
            let (log, log_cut) = log.finish();
            return Ok(Initialised { took, log, log_cut });
        }
        Ok(Heard::Frame(Frame::Error(failure))) => failure,
        Ok(_) => enclosure.cause_of_death(),
        Err(_) => phase.timed_out(),
    };
    connection.drain_log(&mut log);
    let memory_used = enclosure.memory_peak();
    Err(StartError::Function { failure, log: log.finish().0, memory_used, init: took })
}
