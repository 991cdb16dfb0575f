//! The durable catalog.

use crate::PortResult;
use async_trait::async_trait;
use sluice_domain::{Dialect, Function, FunctionKey, Namespace, NamespaceKey, QuotaProfile, Scope};

/// A quota profile that differs from its region's default.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredQuota {
    pub scope: Scope,
    pub dialect: Dialect,
    pub quota: QuotaProfile,
}

/// Everything the catalog holds.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub namespaces: Vec<Namespace>,
    pub functions: Vec<Function>,
    pub quotas: Vec<StoredQuota>,
}

/// Promises: a write is durable when it returns and visible to the next `load`; writes are atomic and
/// serialised. Versions make writes conditional: `put_*` with `version == 1` inserts and fails with
/// `Conflict` if the key exists; with a higher version it replaces the row whose version is exactly one less
/// and fails with `Conflict` otherwise. `delete_*` fails with `Conflict` unless the stored version matches.
#[async_trait]
pub trait Catalog: Send + Sync {
    async fn load(&self) -> PortResult<Snapshot>;
    async fn put_namespace(&self, namespace: &Namespace) -> PortResult<()>;
    async fn delete_namespace(&self, key: &NamespaceKey, version: u64) -> PortResult<()>;
    async fn put_function(&self, function: &Function) -> PortResult<()>;
    async fn delete_function(&self, key: &FunctionKey, version: u64) -> PortResult<()>;
    async fn put_quota(&self, quota: &StoredQuota) -> PortResult<()>;
}
