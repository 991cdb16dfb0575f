//! The catalog in memory, and namespaces.
//!
//! Reads take a read lock and touch nothing else. Writes are serialised by one asynchronous lock: check,
//! store durably, then change the memory; so what a reader sees has always been stored.

use crate::{
    Config, Deps, Engine, NewNamespace,
    pools::{Blanks, ScopeState, Serving},
    records::Records,
};
use sluice_domain::{
    Dialect, Entity, Error, ErrorKind, Function, FunctionKey, Namespace, NamespaceKey, Quota, Result, Scope,
    check_namespace_name,
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
    pub next_pool: AtomicU64,
    pub next_request: AtomicU64,
    pub next_scope: AtomicU64,
    pub tick_soon: Notify,
    pub ticker_idle: AtomicBool,
    pub counters: crate::records::Counters,
}

/// The catalog as readers see it.
#[derive(Default)]
pub struct Memory {
    pub namespaces: BTreeMap<NamespaceKey, Arc<Namespace>>,
    pub functions: BTreeMap<FunctionKey, Entry>,
}

/// One function: what is shown and what serves. They differ while an update is under way.
#[derive(Clone)]
pub struct Entry {
    pub shown: Arc<Function>,
    pub serving: Option<Arc<Serving>>,
}

impl Memory {
    pub fn functions_of(&self, key: &NamespaceKey) -> Vec<Arc<Function>> {
        let first = FunctionKey {
            scope: key.scope.clone(),
            dialect: key.dialect,
            namespace: key.name.clone(),
            name: String::new(),
        };
        self.functions
            .range(first..)
            .take_while(|(found, _)| {
                found.scope == key.scope && found.dialect == key.dialect && found.namespace == key.name
            })
            .map(|(_, entry)| entry.shown.clone())
            .collect()
    }
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
        let quota = self.quota(scope, new.dialect);
        let _writing = self.inner.writing.lock().await;
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
        let _writing = self.inner.writing.lock().await;
        let current = self.namespace(key)?;
        check_if_match(if_match, &current.etag())?;
        let mut next = (*current).clone();
        change(&mut next)?;
        next.key = current.key.clone();
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
        let _writing = self.inner.writing.lock().await;
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
        self.inner.deps.catalog.delete_namespace(key, current.version).await.map_err(port_error)?;
        self.inner.catalog.write().expect("catalog lock").namespaces.remove(key);
        Ok(())
    }

    pub fn namespace(&self, key: &NamespaceKey) -> Result<Arc<Namespace>> {
        if let Some(found) = self.inner.catalog.read().expect("catalog lock").namespaces.get(key) {
            return Ok(found.clone());
        }
        if key.dialect == Dialect::Scf && key.name == DEFAULT_NAMESPACE {
            return Ok(Arc::new(implicit_default(&key.scope)));
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
            found.push(Arc::new(implicit_default(scope)));
            found.sort_by(|a, b| a.key.name.cmp(&b.key.name));
        }
        found
    }

    fn remember_namespace(&self, namespace: Namespace) -> Arc<Namespace> {
        let namespace = Arc::new(namespace);
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        catalog.namespaces.insert(namespace.key.clone(), namespace.clone());
        namespace
    }
}

/// `default` exists in every region before anyone wrote to it; it is stored when it is first changed.
fn implicit_default(scope: &Scope) -> Namespace {
    Namespace {
        key: NamespaceKey { scope: scope.clone(), dialect: Dialect::Scf, name: DEFAULT_NAMESPACE.to_owned() },
        id: "default".to_owned(),
        description: String::new(),
        public_network: true,
        attributes: Default::default(),
        version: 0,
        created: Default::default(),
        modified: Default::default(),
    }
}

fn noun(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Scf => "namespace",
        Dialect::Fc => "service",
    }
}
