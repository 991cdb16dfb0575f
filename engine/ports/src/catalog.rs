//! The durable catalog.

use crate::PortResult;
use async_trait::async_trait;
use sluice_domain::{
    Alias, AliasKey, Dialect, Function, FunctionKey, Namespace, NamespaceKey, OnDemandLimit, Provision, QuotaProfile,
    Scope, ServiceVersion, Version,
};

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
    pub versions: Vec<Version>,
    pub service_versions: Vec<ServiceVersion>,
    pub aliases: Vec<Alias>,
    pub provisions: Vec<Provision>,
    pub on_demand: Vec<OnDemandLimit>,
    pub quotas: Vec<StoredQuota>,
}

/// Promises: a write is durable when it returns and visible to the next `load`; writes are atomic, however many
/// records they touch, and serialised. Versions make writes conditional: `put_*` with `version == 1` inserts and
/// fails with `Conflict` if the key exists; with a higher version it replaces the row whose version is exactly one
/// less and fails with `Conflict` otherwise. `delete_*` fails with `Conflict` unless the stored version matches.
///
/// What is published has a number and no version: it is inserted once, never replaced, and both inserting a number
/// that exists and deleting one that does not are a `Conflict`. The records of the namespace and the functions that
/// a publication changes are replaced in the same write and keep their version, which must be the stored one:
/// publishing is no change that a user made to them.
#[async_trait]
pub trait Catalog: Send + Sync {
    async fn load(&self) -> PortResult<Snapshot>;
    async fn put_namespace(&self, namespace: &Namespace) -> PortResult<()>;
    /// Deletes its service versions and the aliases of the service along with it.
    async fn delete_namespace(&self, key: &NamespaceKey, version: u64) -> PortResult<()>;
    async fn put_function(&self, function: &Function) -> PortResult<()>;
    /// Deletes its versions, its aliases, its provisions and its on-demand limits along with it.
    async fn delete_function(&self, key: &FunctionKey, version: u64) -> PortResult<()>;
    /// Stores a version and what publishing it changed in its function.
    async fn put_version(&self, version: &Version, function: &Function) -> PortResult<()>;
    /// Deletes the provision and the on-demand limit of this version along with it.
    async fn delete_version(&self, key: &FunctionKey, number: u64) -> PortResult<()>;
    /// Stores a service version, the versions of functions that are new in it, and what publishing them changed in
    /// the service and in those functions.
    async fn put_service_version(
        &self,
        published: &ServiceVersion,
        namespace: &Namespace,
        versions: &[Version],
        functions: &[Function],
    ) -> PortResult<()>;
    /// Deletes the versions of functions that no other version of the service holds, and the provisions and
    /// on-demand limits of this service version, along with it.
    async fn delete_service_version(&self, key: &NamespaceKey, number: u64) -> PortResult<()>;
    async fn put_alias(&self, alias: &Alias) -> PortResult<()>;
    /// Deletes the provisions and on-demand limits of this alias along with it.
    async fn delete_alias(&self, key: &AliasKey, version: u64) -> PortResult<()>;
    async fn put_provision(&self, provision: &Provision) -> PortResult<()>;
    async fn delete_provision(&self, function: &FunctionKey, qualifier: &str, version: u64) -> PortResult<()>;
    async fn put_on_demand(&self, limit: &OnDemandLimit) -> PortResult<()>;
    async fn delete_on_demand(&self, function: &FunctionKey, qualifier: &str, version: u64) -> PortResult<()>;
    async fn put_quota(&self, quota: &StoredQuota) -> PortResult<()>;
}
