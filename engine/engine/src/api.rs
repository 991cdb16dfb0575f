//! The engine's public face: what edges may ask for. Bodies are in the module of each use case.

use bytes::Bytes;
use secrecy::SecretString;
use sluice_domain::{AccountId, Dialect, FunctionConfig, FunctionKey, Region, RequestId, Scope, Timestamp};
use sluice_ports::{Backend, Blobs, Catalog, Clock, Packages};
use std::sync::Arc;

/// Settings that do not change while the engine runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region of calls that name none.
    pub default_region: Region,
    /// Refuse runtimes whose exact version is not installed.
    pub strict_runtimes: bool,
    /// Key for links that let a client fetch code without signing (GetFunctionAddress, GetFunctionCode).
    pub link_key: [u8; 32],
    /// When the first namespaces came to be.
    pub since: Timestamp,
    /// Recent invocation records kept in memory, at most.
    pub records_kept: usize,
    /// Bytes of log kept with those records, at most.
    pub record_log_bytes: usize,
    /// Most blanks kept over all pools.
    pub blanks_max: usize,
}

/// What the engine stands on.
#[derive(Clone)]
pub struct Deps {
    pub catalog: Arc<dyn Catalog>,
    pub blobs: Arc<dyn Blobs>,
    pub packages: Arc<dyn Packages>,
    pub backend: Arc<dyn Backend>,
    pub clock: Arc<dyn Clock>,
    /// Where the inputs of decisions are recorded, if they are.
    pub tapes: Option<Arc<dyn Tapes>>,
    pub keys: Vec<AccessKey>,
}

/// Makes a [`Tape`](crate::Tape) for each scope.
pub trait Tapes: Send + Sync {
    fn tape(
        &self,
        number: u64,
        scope: &Scope,
        dialect: Dialect,
        limits: &sluice_decide::Limits,
    ) -> Box<dyn crate::Tape>;
}

/// A key pair that signs calls of an account.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: String,
    pub secret: SecretString,
    pub account: AccountId,
}

/// Where a function's code comes from.
#[derive(Clone, Debug)]
pub enum CodeSource {
    /// A zip that came with the request.
    Zip(Bytes),
    /// One source file; the platform zips it under this name.
    Inline { file: String, content: Bytes },
    /// The code of an existing package, as when a function is copied.
    Stored(sluice_domain::CodePackage),
    /// A hello-world of the runtime's family (spec: FUN-35).
    Sample,
}

/// A namespace to be made.
#[derive(Clone, Debug)]
pub struct NewNamespace {
    pub dialect: Dialect,
    pub name: String,
    pub description: String,
    pub public_network: bool,
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// A function to be made.
#[derive(Clone, Debug)]
pub struct NewFunction {
    pub key: FunctionKey,
    pub config: FunctionConfig,
    pub code: CodeSource,
}

/// A synchronous call of a function.
#[derive(Clone, Debug)]
pub struct InvokeRequest {
    pub key: FunctionKey,
    /// As the caller wrote it; empty means the dialect's default.
    pub qualifier: String,
    pub request_id: RequestId,
    pub payload: Bytes,
}

/// Which records to list. All given conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct RecordQuery {
    pub function: Option<FunctionKey>,
    pub request_id: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// What a scope holds, for account queries.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Namespace name, its functions' names.
    pub namespaces: Vec<(String, Vec<String>)>,
    pub code_bytes: u64,
    /// MB of instances that are running a request now.
    pub busy_mb: u64,
}

/// Everything the edges can do. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<crate::catalog::Inner>,
}

impl Engine {
    pub fn default_region(&self) -> &Region {
        &self.inner.config.default_region
    }
    pub fn now(&self) -> Timestamp {
        self.inner.deps.clock.now()
    }
    /// The time of signatures, tokens and links, which is always the real one.
    pub fn real_now(&self) -> Timestamp {
        self.inner.deps.clock.real_now()
    }
    /// A fresh request id (UUID, 36 characters).
    pub fn request_id(&self) -> RequestId {
        RequestId(uuid::Uuid::new_v4().to_string())
    }
    /// What this host does with each runtime id.
    pub fn runtimes(&self) -> Vec<sluice_domain::RuntimeStatus> {
        self.inner.deps.backend.runtimes()
    }
    /// Whether `scope` and `dialect` are those of this key; accounts see only their own.
    pub fn scope_of(&self, key: &AccessKey, region: Option<&str>) -> Scope {
        let region = region.filter(|text| !text.is_empty()).map_or_else(|| self.default_region().clone(), Region::from);
        Scope { account: key.account.clone(), region }
    }
}
