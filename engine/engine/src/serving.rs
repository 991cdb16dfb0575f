//! What serves: the pools of current code and of versions, how they are made, switched over and given up.

use crate::{
    Engine,
    catalog::{Entry, Published},
    qualifier::latest,
    scope::Serving,
    starts::AHEAD_AT_ONCE,
    versions::as_of,
};
use serde_json::{Map, Value};
use sluice_decide::{Event, PoolId, PoolSpec};
use sluice_domain::{
    Dialect, Function, FunctionKey, FunctionStatus, InstanceId, NamespaceKey, RequestId, ServiceVersion, Version,
};
use sluice_ports::InstanceSpec;
use std::sync::Arc;
use tokio::sync::Semaphore;

impl Engine {
    /// Shows a new function, which nothing serves yet.
    pub(crate) fn insert_entry(&self, function: &Arc<Function>) {
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        let service = catalog.services.get(&function.key.namespace_key());
        let aliases = service.map(|service| service.aliases.clone()).unwrap_or_default();
        let published = Arc::new(Published { aliases, ..Published::default() });
        let entry = Entry { shown: function.clone(), serving: None, published };
        catalog.functions.insert(function.key.clone(), entry);
    }

    /// Shows a function's new state without serving it yet.
    pub(crate) fn show(&self, function: &Arc<Function>) {
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        if let Some(entry) = catalog.functions.get_mut(&function.key) {
            entry.shown = function.clone();
        }
        drop(catalog);
        self.inner.settled.notify_waiters();
    }

    /// Sends requests to this revision from now on and lets the previous one drain.
    pub(crate) fn serve(&self, function: &Arc<Function>) {
        let serving = self.open_revision(function, None, None);
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        let Some(entry) = catalog.functions.get_mut(&function.key) else {
            drop(catalog);
            return self.retire(&serving);
        };
        entry.shown = function.clone();
        let previous = entry.serving.replace(serving);
        drop(catalog);
        // Before the old pool goes, so that what is provisioned moves rather than ends.
        self.qualifiers_changed(&function.key.namespace_key());
        self.retire_all(previous);
        self.inner.settled.notify_waiters();
    }

    /// New instances for all functions of a namespace whose shared settings changed. What FC has published keeps the
    /// settings that it was published with.
    pub(crate) fn reopen_functions(&self, key: &NamespaceKey) {
        let functions = self.inner.catalog.read().expect("catalog lock").functions_of(key);
        let mut old = Vec::new();
        for function in functions {
            if function.status == FunctionStatus::Active {
                self.serve(&function);
            }
            if key.dialect == Dialect::Scf {
                old.extend(self.reopen_versions(&function));
            }
        }
        // Before the old pools go, as above.
        self.qualifiers_changed(key);
        self.retire_all(old);
    }

    /// Gives the versions of a function new pools and returns the old ones.
    fn reopen_versions(&self, function: &Arc<Function>) -> Vec<Arc<Serving>> {
        let mut old = Vec::new();
        for version in self.versions(&function.key).unwrap_or_default() {
            let mut serving = Some(self.open_revision(function, Some(&version), None));
            self.change_entry(&function.key, |entry| {
                let servings = &mut Arc::make_mut(&mut entry.published).servings;
                serving = serving.take().and_then(|serving| servings.insert(version.number, serving));
            });
            old.extend(serving);
        }
        old
    }

    /// Makes a pool: of a function's current code, or of one of its versions as it was published by itself or, for
    /// FC, with its service. Nothing else makes pools.
    pub(crate) fn open_revision(
        &self,
        function: &Arc<Function>,
        version: Option<&Version>,
        service: Option<&ServiceVersion>,
    ) -> Arc<Serving> {
        let function = version.map_or_else(|| function.clone(), |version| Arc::new(as_of(function, version)));
        let key = &function.key;
        let number = service.map(|service| service.number).or(version.map(|version| version.number));
        let scope = self.scope_state(&key.scope, key.dialect);
        let pool = scope.new_pool();
        let (attributes, public_network) = self.shared_settings(key, service);
        let mut config = function.config.clone();
        config.public_network &= public_network;
        let quota = scope.quota.load();
        let spec = InstanceSpec {
            id: InstanceId(0),
            request_id: RequestId::new(""),
            function: key.clone(),
            revision: function.revision_key(),
            config,
            version: number.map_or_else(|| latest(key.dialect).to_owned(), |number| number.to_string()),
            code_dir: self.inner.deps.packages.directory(&function.code),
            namespace_attributes: Arc::new(attributes),
            log_window_bytes: quota.log_window_bytes,
            log_window_lines: quota.log_window_lines,
            log_line_bytes: quota.log_line_bytes,
        };
        let blank_pool = self.inner.deps.backend.blank_pool(key.dialect, &function.config.runtime);
        let opened = PoolSpec {
            namespace: key.namespace.clone(),
            function: function.id.clone(),
            name: key.name.clone(),
            version: spec.version.clone(),
            memory_mb: u64::from(function.config.memory_mib),
            concurrency: function.config.instance_concurrency.max(1),
            replaces: self.replaced_by(key, number),
        };
        let ahead = Semaphore::new(AHEAD_AT_ONCE);
        let _claim = self.inner.code_in_use.hold(&function.code.sha256);
        let serving = Arc::new(Serving { function, pool, scope: scope.clone(), spec, blank_pool, ahead, _claim });
        scope.core().servings.insert(pool, serving.clone());
        self.tell(&scope, Event::PoolOpened { pool, spec: opened });
        serving
    }

    /// The pool that serves a function's current code, or a version of it, until a new one takes its place.
    fn replaced_by(&self, key: &FunctionKey, number: Option<u64>) -> Option<PoolId> {
        let catalog = self.inner.catalog.read().expect("catalog lock");
        let entry = catalog.functions.get(key)?;
        let serving = match number {
            None => entry.serving.as_ref(),
            Some(number) => entry.published.servings.get(&number),
        };
        serving.map(|serving| serving.pool)
    }

    /// The attributes of a function's namespace, and whether it lets code reach the public network: now, or when the
    /// service was published.
    fn shared_settings(&self, key: &FunctionKey, service: Option<&ServiceVersion>) -> (Map<String, Value>, bool) {
        match service {
            Some(service) => (service.attributes.clone(), service.public_network),
            None => match self.namespace(&key.namespace_key()) {
                Ok(namespace) => (namespace.attributes.clone(), namespace.public_network),
                Err(_) => (Map::new(), true),
            },
        }
    }

    /// Lets what is no longer called drain.
    pub(crate) fn retire_all(&self, servings: impl IntoIterator<Item = Arc<Serving>>) {
        servings.into_iter().for_each(|serving| self.retire(&serving));
    }

    fn retire(&self, serving: &Serving) {
        serving.scope.core().servings.remove(&serving.pool);
        self.tell(&serving.scope, Event::PoolRetired { pool: serving.pool });
    }
}
