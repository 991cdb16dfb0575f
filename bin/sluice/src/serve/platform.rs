//! Plugging adapters into the engine, and the engine into the edges.

use super::{
    clock::{SystemClock, VirtualClock},
    data_dir::DataDir,
    journal::Journal,
    settings::{ClockMode, Settings},
};
use crate::credentials::{self, Credentials};
use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sluice_domain::{AccountId, Dialect, Region};
use sluice_engine::{AccessKey, Config, Deps, Engine, Tapes};
use sluice_fc::Fc;
use sluice_http::{BoxFuture, Counters, Front, Limits, Refusal, Route, admin};
use sluice_objects::{FileBlobs, FilePackages};
use sluice_ports::{Backend, Clock};
use sluice_scf::Scf;
use sluice_store::SqliteCatalog;
use std::{net::SocketAddr, sync::Arc};

/// Largest bodies, unless the quota of a region needs more. A package travels as base64 in JSON, which makes it a third
/// larger: 50 MB for SCF and 100 MB for FC come to 67 and 134 MB, plus room for the rest of the request.
const SCF_BODY: usize = 72 << 20;
const FC_BODY: usize = 144 << 20;
/// Recent invocation records kept in memory, and the bytes of log kept with them.
const RECORDS: usize = 10_000;
const RECORD_LOG_BYTES: usize = 64 << 20;

/// Network namespaces, scratch filesystems and control groups kept ready for new sandboxes.
const SANDBOX_RESERVE: usize = 112;
/// Memory that is left to the host: no instance is started into it.
const HEADROOM_MIB: u64 = 512;

/// Everything between the database and the socket.
pub async fn build(
    settings: &Settings,
    data_dir: &DataDir,
    credentials: Credentials,
    address: SocketAddr,
    journal: Option<Arc<Journal>>,
) -> anyhow::Result<(Engine, Arc<Front>)> {
    let account = AccountId::from(credentials.account_id.as_str());
    let deps = Deps {
        catalog: Arc::new(
            SqliteCatalog::open(&data_dir.path().join("catalog.db")).await.context("cannot open the catalog")?,
        ),
        blobs: Arc::new(FileBlobs::open(&data_dir.path().join("blobs")).context("cannot open the blob store")?),
        packages: Arc::new(
            FilePackages::open(&data_dir.path().join("packages")).context("cannot open the package store")?,
        ),
        backend: backend(settings, data_dir).await?,
        clock: clock(settings),
        tapes: journal.map(|journal| journal as Arc<dyn Tapes>),
        keys: vec![AccessKey {
            id: credentials.access_key_id.clone(),
            secret: credentials.access_key_secret.clone(),
            account: account.clone(),
        }],
    };
    let config = Config {
        default_region: Region::from(settings.region.as_str()),
        strict_runtimes: settings.strict_runtimes,
        link_key: credentials::random_bytes().context("cannot read random bytes")?,
        since: data_dir.since()?,
        records_kept: RECORDS,
        record_log_bytes: RECORD_LOG_BYTES,
        blanks_max: settings.blanks_max,
    };
    let engine = Engine::open(config, deps).await.context("cannot load the catalog")?;
    let counters = Arc::new(Counters::default());
    let native =
        admin::Config { engine: engine.clone(), token: credentials.admin_token, account, counters: counters.clone() };
    let limits = limits(settings);
    let routes = vec![
        scf(engine.clone(), limits.body_budget),
        fc(engine.clone(), address, limits.body_budget),
        admin::route(native),
    ];
    Ok((engine, Front::new(routes, limits, counters)))
}

fn clock(settings: &Settings) -> Arc<dyn Clock> {
    match settings.clock {
        ClockMode::Real => Arc::new(SystemClock::new()),
        ClockMode::Virtual => Arc::new(VirtualClock::new()),
    }
}

/// Where code runs.
async fn backend(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<Arc<dyn Backend>> {
    let run_dir = data_dir.path().join("run");
    if settings.insecure_no_sandbox {
        tracing::warn!("functions are not isolated: they can read and change whatever this server's user can");
        return Ok(sluice_sandbox::InsecureBackend::start(&run_dir, None)?);
    }
    let config = sluice_sandbox::SandboxConfig {
        tag: data_dir.tag().to_owned(),
        run_dir,
        bundles: None,
        resolv_conf: std::env::var_os("SLUICE_RESOLV_CONF").unwrap_or_else(|| "/etc/resolv.conf".into()).into(),
        reserve: SANDBOX_RESERVE,
        headroom_mib: HEADROOM_MIB,
    };
    let sandbox = sluice_sandbox::SandboxBackend::start(config).await;
    Ok(sandbox.context("cannot isolate functions on this host; `sluice doctor` says what is missing")?)
}

fn scf(engine: Engine, budget: usize) -> Route {
    let body_limit = body_limit(engine.clone(), Dialect::Scf, SCF_BODY, budget);
    let scf = Arc::new(Scf::new(engine));
    let answering = scf.clone();
    let handler = move |request: Request<Bytes>| -> BoxFuture<Response<Bytes>> {
        let scf = answering.clone();
        Box::pin(async move { scf.handle(request).await })
    };
    let refuse = move |refusal: Refusal| {
        let code = match refusal {
            Refusal::TooLarge { .. } => "RequestSizeLimitExceeded",
            Refusal::Busy => "RequestLimitExceeded",
            Refusal::Fault => "InternalError",
            Refusal::NotFound | Refusal::TooSlow | Refusal::BrokenBody => "InvalidRequest",
        };
        scf.turned_away(code, refusal.message())
    };
    Route { name: "scf", claims: sluice_scf::claims, body_limit, handler: Arc::new(handler), refuse: Arc::new(refuse) }
}

/// No more than all bodies together may take, or it could never pass.
fn body_limit(engine: Engine, dialect: Dialect, least: usize, budget: usize) -> Arc<dyn Fn() -> usize + Send + Sync> {
    Arc::new(move || engine.largest_body(dialect).max(least).min(budget))
}

fn fc(engine: Engine, address: SocketAddr, budget: usize) -> Route {
    let body_limit = body_limit(engine.clone(), Dialect::Fc, FC_BODY, budget);
    let fc = Fc::new(engine, Some(format!("http://{address}")));
    let answering = fc.clone();
    let handler = move |request: Request<Bytes>| -> BoxFuture<Response<Bytes>> {
        let fc = answering.clone();
        Box::pin(async move { fc.handle(request).await })
    };
    let refuse = move |refusal: Refusal| {
        let (status, code) = match refusal {
            Refusal::TooLarge { .. } => (StatusCode::BAD_REQUEST, "EntityTooLarge"),
            Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Refusal::Fault => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
            Refusal::NotFound | Refusal::TooSlow | Refusal::BrokenBody => (refusal.status(), "InvalidArgument"),
        };
        fc.turned_away(status, code, refusal.message())
    };
    Route { name: "fc", claims: sluice_fc::claims, body_limit, handler: Arc::new(handler), refuse: Arc::new(refuse) }
}

fn limits(settings: &Settings) -> Limits {
    Limits { body_budget: settings.body_budget_mib << 20, connections: settings.max_connections, ..Limits::default() }
}
