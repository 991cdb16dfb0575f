//! The catalog in memory, and namespaces.
//!
//! Reads take a read lock and touch nothing else. Writes are serialised by one asynchronous lock: check,
//! store durably, then change the memory; so what a reader sees has always been stored.

use crate::{
    Config, Deps, Engine, NewNamespace,
    code::CodeInUse,
    pools::Blanks,
    quotas::Bodies,
    records::Records,
    scope::{ScopeState, Serving},
    starts::Starts,
};
use sluice_decide::RuleId;
use sluice_domain::{
    Alias, Dialect, Entity, Error, ErrorKind, Function, FunctionKey, Namespace, NamespaceKey, OnDemandLimit, Provision,
    Quota, Result, Scope, ServiceVersion, Timestamp, Version, check_namespace_name,
};
use sluice_ports::PortError;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicU64},
    },
};
use tokio::sync::{Mutex, Notify};

/// Everything behind [`Engine`].
pub struct Inner {
    pub config: Config,
    pub deps: Deps,
    pub catalog: RwLock<Memory>,
    /// Held while a change of the catalog is checked, stored and applied.
    pub writing: Mutex<()>,
    /// Told when pending work on a function ends.
    pub settled: Notify,
    pub scopes: RwLock<HashMap<(Scope, Dialect), Arc<ScopeState>>>,
    pub records: Records,
    pub blanks: Blanks,
    /// Of the next draw among an alias' versions.
    pub next_draw: AtomicU64,
    /// What the core's clock shows where the monotonic one shows nothing.
    pub clock_base: u64,
    pub starts: Starts,
    /// Held while a virtual clock is moved.
    pub advancing: Mutex<()>,
    pub next_request: AtomicU64,
    pub next_scope: AtomicU64,
    pub tick_soon: Notify,
    pub ticker_idle: AtomicBool,
    pub counters: crate::records::Counters,
    pub code_in_use: CodeInUse,
    pub bodies: Bodies,
}

/// The catalog as readers see it.
#[derive(Default)]
pub struct Memory {
    pub namespaces: BTreeMap<NamespaceKey, Arc<Namespace>>,
    pub functions: BTreeMap<FunctionKey, Entry>,
    /// What FC services have published.
    pub services: BTreeMap<NamespaceKey, Service>,
    pub provisions: BTreeMap<SettingKey, Arc<Provision>>,
    pub on_demand: BTreeMap<SettingKey, Arc<OnDemandLimit>>,
}

/// A function and a qualifier.
pub type SettingKey = (FunctionKey, String);

/// Aliases by name, shared by all that may call them.
pub type Aliases = Arc<BTreeMap<String, Arc<Alias>>>;

/// One function: what is shown, what serves, and what was published. Cheap to clone: each call does.
///
/// What is shown and what serves differ while an update is under way.
#[derive(Clone)]
pub struct Entry {
    pub shown: Arc<Function>,
    pub serving: Option<Arc<Serving>>,
    pub published: Arc<Published>,
}

/// What a qualifier of a function may name, besides its current code.
#[derive(Clone, Default)]
pub struct Published {
    /// What serves each version, by the number that callers know: the function's own or, for FC, the service's.
    pub servings: BTreeMap<u64, Arc<Serving>>,
    /// The function's own versions, by their own number.
    pub versions: BTreeMap<u64, Arc<Version>>,
    /// Its own aliases or, for FC, those of its service.
    pub aliases: Aliases,
    /// FC: the on-demand limits of calls, by the qualifier that they name.
    pub rules: BTreeMap<String, RuleId>,
}

/// The published side of an FC service.
#[derive(Default)]
pub struct Service {
    pub versions: BTreeMap<u64, Arc<ServiceVersion>>,
    pub aliases: Aliases,
}

impl Memory {
    /// The functions of a namespace, by name.
    pub fn entries_of(&self, key: &NamespaceKey) -> impl Iterator<Item = (&FunctionKey, &Entry)> {
        self.functions.range(first_function(key)..).take_while(move |(found, _)| is_in(found, key))
    }

    pub fn entries_of_mut(&mut self, key: &NamespaceKey) -> impl Iterator<Item = (&FunctionKey, &mut Entry)> {
        self.functions.range_mut(first_function(key)..).take_while(move |(found, _)| is_in(found, key))
    }

    pub fn functions_of(&self, key: &NamespaceKey) -> Vec<Arc<Function>> {
        self.entries_of(key).map(|(_, entry)| entry.shown.clone()).collect()
    }

    /// The package of every function and version; some more than once.
    pub fn packages(&self) -> impl Iterator<Item = &String> {
        self.functions.values().flat_map(|entry| {
            let versions = entry.published.versions.values().map(|version| &version.code);
            std::iter::once(&entry.shown.code).chain(versions).map(|code| &code.sha256)
        })
    }

    /// Drops the settings of functions at qualifiers that are gone.
    pub fn forget_settings(&mut self, gone: impl Fn(&SettingKey) -> bool) {
        self.provisions.retain(|key, _| !gone(key));
        self.on_demand.retain(|key, _| !gone(key));
    }

    /// A provision among these that still keeps, or may again keep, instances.
    pub fn live_provision(&self, among: impl Fn(&SettingKey) -> bool) -> Option<&Arc<Provision>> {
        let config = |provision: &Provision| {
            let config = &provision.config;
            config.target > 0 || !config.actions.is_empty() || !config.tracking.is_empty()
        };
        let mut found = self.provisions.iter().filter(|(key, provision)| among(key) && config(provision));
        found.next().map(|(_, provision)| provision)
    }
}

fn first_function(key: &NamespaceKey) -> FunctionKey {
    FunctionKey { scope: key.scope.clone(), dialect: key.dialect, namespace: key.name.clone(), name: String::new() }
}

pub fn is_in(function: &FunctionKey, key: &NamespaceKey) -> bool {
    function.namespace == key.name && function.dialect == key.dialect && function.scope == key.scope
}

pub fn first_key(scope: &Scope, dialect: Dialect) -> NamespaceKey {
    NamespaceKey { scope: scope.clone(), dialect, name: String::new() }
}

/// A port's error as the client may see it; the rest goes to the log.
pub fn port_error(error: PortError) -> Error {
    match error {
        PortError::Rejected(error) => error,
        PortError::Conflict(what) => {
            tracing::warn!(%what, "concurrent change");
            Error::new(ErrorKind::PreconditionFailed, "the resource being modified has been changed")
        }
        PortError::NotFound(what) | PortError::Failed(what) => {
            tracing::error!(%what, "port failed");
            Error::internal()
        }
    }
}

pub fn check_if_match(if_match: Option<&str>, etag: &str) -> Result<()> {
    match if_match.map(|text| text.trim().trim_matches('"')) {
        None | Some("" | "*") => Ok(()),
        Some(expected) if expected == etag => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::PreconditionFailed, "the resource being modified has been changed")),
    }
}

/// SCF's namespace that is always there (spec: FUN-02).
pub const DEFAULT_NAMESPACE: &str = "default";

impl Engine {
    pub async fn create_namespace(&self, scope: &Scope, new: NewNamespace) -> Result<Arc<Namespace>> {
        check_namespace_name(new.dialect, &new.name)?;
        self.admit_scope(scope, new.dialect)?;
        let quota = self.quota(scope, new.dialect);
        let _change = self.inner.begin_change().await;
        let existing = self.namespaces(scope, new.dialect);
        if existing.iter().any(|found| found.key.name == new.name) {
            return Err(Error::exists(
                Entity::Namespace,
                format!("{} '{}' already exists", noun(new.dialect), new.name),
            ));
        }
        if let Some(limit) = quota.namespaces.filter(|limit| existing.len() as u64 >= *limit) {
            let message =
                format!("{} namespaces exist in region {}; at most {limit} are allowed", existing.len(), scope.region);
            return Err(Error::quota(Quota::Namespaces, message));
        }
        let now = self.now();
        let namespace = Namespace {
            key: NamespaceKey { scope: scope.clone(), dialect: new.dialect, name: new.name },
            id: uuid::Uuid::new_v4().to_string(),
            description: new.description,
            public_network: new.public_network,
            attributes: new.attributes,
            version: 1,
            last_published: 0,
            created: now,
            modified: now,
        };
        self.inner.deps.catalog.put_namespace(&namespace).await.map_err(port_error)?;
        Ok(self.remember_namespace(namespace))
    }

    pub async fn update_namespace(
        &self,
        key: &NamespaceKey,
        if_match: Option<&str>,
        change: impl FnOnce(&mut Namespace) -> Result<()> + Send,
    ) -> Result<Arc<Namespace>> {
        let _change = self.inner.begin_change().await;
        let current = self.namespace(key)?;
        check_if_match(if_match, &current.etag())?;
        let mut next = (*current).clone();
        change(&mut next)?;
        next.key = current.key.clone();
        next.last_published = current.last_published;
        next.version = current.version + 1;
        next.modified = self.now();
        self.inner.deps.catalog.put_namespace(&next).await.map_err(port_error)?;
        let affects_instances = next.public_network != current.public_network || next.attributes != current.attributes;
        let namespace = self.remember_namespace(next);
        if affects_instances {
            self.reopen_functions(key);
        }
        Ok(namespace)
    }

    pub async fn delete_namespace(&self, key: &NamespaceKey, if_match: Option<&str>) -> Result<()> {
        let _change = self.inner.begin_change().await;
        let current = self.namespace(key)?;
        check_if_match(if_match, &current.etag())?;
        if key.dialect == Dialect::Scf && key.name == DEFAULT_NAMESPACE {
            return Err(Error::new(ErrorKind::InUse(Entity::Namespace), "namespace 'default' cannot be deleted"));
        }
        let functions = self.functions(key)?.len();
        if functions > 0 {
            let message =
                format!("{} '{}' still has {functions} functions: delete them first", noun(key.dialect), key.name);
            return Err(Error::new(ErrorKind::InUse(Entity::Namespace), message));
        }
        let versions = self.service_versions(key)?.len();
        if versions > 0 {
            let message = format!("service '{}' still has {versions} published versions: delete them first", key.name);
            return Err(Error::new(ErrorKind::InUse(Entity::Namespace), message));
        }
        self.inner.deps.catalog.delete_namespace(key, current.version).await.map_err(port_error)?;
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        catalog.namespaces.remove(key);
        catalog.services.remove(key);
        Ok(())
    }

    pub fn namespace(&self, key: &NamespaceKey) -> Result<Arc<Namespace>> {
        if let Some(found) = self.inner.catalog.read().expect("catalog lock").namespaces.get(key) {
            return Ok(found.clone());
        }
        if key.dialect == Dialect::Scf && key.name == DEFAULT_NAMESPACE {
            return Ok(Arc::new(implicit_default(&key.scope, self.inner.config.since)));
        }
        Err(Error::not_found(Entity::Namespace, format!("{} '{}' does not exist", noun(key.dialect), key.name)))
    }

    /// All namespaces of a scope, by name.
    pub fn namespaces(&self, scope: &Scope, dialect: Dialect) -> Vec<Arc<Namespace>> {
        let catalog = self.inner.catalog.read().expect("catalog lock");
        let mut found: Vec<_> = catalog
            .namespaces
            .range(first_key(scope, dialect)..)
            .take_while(|(key, _)| key.scope == *scope && key.dialect == dialect)
            .map(|(_, namespace)| namespace.clone())
            .collect();
        if dialect == Dialect::Scf && !found.iter().any(|namespace| namespace.key.name == DEFAULT_NAMESPACE) {
            found.push(Arc::new(implicit_default(scope, self.inner.config.since)));
            found.sort_by(|a, b| a.key.name.cmp(&b.key.name));
        }
        found
    }

    /// Changes a function's entry, if the function is still there.
    pub(crate) fn change_entry(&self, key: &FunctionKey, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.inner.catalog.write().expect("catalog lock").functions.get_mut(key) {
            change(entry);
        }
    }

    /// Called after each change of what a qualifier leads to, for those who keep instances by qualifier.
    pub(crate) fn qualifiers_changed(&self, namespace: &NamespaceKey) {
        self.follow_qualifiers(namespace);
    }

    fn remember_namespace(&self, namespace: Namespace) -> Arc<Namespace> {
        let namespace = Arc::new(namespace);
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        catalog.namespaces.insert(namespace.key.clone(), namespace.clone());
        namespace
    }
}

/// `default` exists in every region before anyone wrote to it; it is stored when it is first changed.
fn implicit_default(scope: &Scope, since: Timestamp) -> Namespace {
    Namespace {
        key: NamespaceKey { scope: scope.clone(), dialect: Dialect::Scf, name: DEFAULT_NAMESPACE.to_owned() },
        id: "default".to_owned(),
        description: String::new(),
        public_network: true,
        attributes: Default::default(),
        version: 0,
        last_published: 0,
        created: since,
        modified: since,
    }
}

pub fn noun(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Scf => "namespace",
        Dialect::Fc => "service",
    }
}
