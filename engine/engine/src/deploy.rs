//! Functions: create, update, delete, and the switch to new code once it is ready.

use crate::{
    AliasOwner, CodeSource, Config, Deps, Engine, NewFunction,
    catalog::{Entry, Inner, Memory, SettingKey, check_if_match, port_error},
    code::prepare,
    pools::Blanks,
    records::{Counters, Records},
    starts::Starts,
};
use sluice_decide::Event;
use sluice_domain::{
    Dialect, Entity, Error, ErrorKind, Field, Function, FunctionConfig, FunctionKey, FunctionStatus, KnownRuntime,
    NamespaceKey, Quota, QuotaProfile, Result, RuntimeStatus, check_config, check_function_name,
};
use sluice_ports::Snapshot;
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};
use tokio::sync::{Mutex, Notify};

impl Engine {
    /// Loads the catalog and starts the background loops. Must be called on a tokio runtime.
    pub async fn open(config: Config, deps: Deps) -> Result<Engine> {
        let snapshot = deps.catalog.load().await.map_err(port_error)?;
        let records = Records::new(config.records_kept, config.record_log_bytes);
        let clock_base = (deps.clock.now().0 - deps.clock.monotonic().as_millis() as i64).max(0) as u64;
        let inner = Inner {
            records,
            config,
            deps,
            catalog: RwLock::new(Memory::default()),
            writing: Mutex::new(()),
            settled: Notify::new(),
            scopes: RwLock::new(HashMap::new()),
            blanks: Blanks::default(),
            next_draw: 0.into(),
            clock_base,
            starts: Starts::default(),
            advancing: Mutex::new(()),
            next_request: 1.into(),
            next_scope: 0.into(),
            tick_soon: Notify::new(),
            ticker_idle: false.into(),
            counters: Counters::default(),
            code_in_use: Default::default(),
            bodies: Default::default(),
        };
        let engine = Engine { inner: Arc::new(inner) };
        for stored in &snapshot.quotas {
            let state = engine.scope_state(&stored.scope, stored.dialect);
            engine.apply_quota(&state, Arc::new(stored.quota.clone()));
        }
        engine.remember(snapshot);
        engine.remember_settings();
        engine.spawn_loops();
        Ok(engine)
    }

    /// Fills the memory and opens what can be called, each thing after what it needs.
    fn remember(&self, snapshot: Snapshot) {
        let Snapshot { namespaces, functions, versions, service_versions, aliases, provisions, on_demand, quotas: _ } =
            snapshot;
        {
            let mut catalog = self.inner.catalog.write().expect("catalog lock");
            for namespace in namespaces {
                catalog.namespaces.insert(namespace.key.clone(), Arc::new(namespace));
            }
            for provision in provisions {
                let key = (provision.function.clone(), provision.qualifier.clone());
                catalog.provisions.insert(key, Arc::new(provision));
            }
            for limit in on_demand {
                catalog.on_demand.insert((limit.function.clone(), limit.qualifier.clone()), Arc::new(limit));
            }
        }
        for function in functions {
            let shown = Arc::new(function);
            let serving = shown.status.is_callable().then(|| self.open_revision(&shown, None, None));
            let entry = Entry { shown: shown.clone(), serving, published: Arc::default() };
            self.inner.catalog.write().expect("catalog lock").functions.insert(shown.key.clone(), entry);
            if shown.status.is_pending() {
                tokio::spawn(finish(self.clone(), shown));
            }
        }
        for version in versions {
            self.remember_version(Arc::new(version));
        }
        for version in service_versions {
            self.remember_service_version(Arc::new(version));
        }
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        for alias in aliases {
            let owner = AliasOwner::of(&alias.key);
            catalog.change_aliases(&owner, |all| drop(all.insert(alias.key.name.clone(), Arc::new(alias))));
        }
    }

    /// Checks, stores and returns at once with status `Creating`; compiling goes on behind it.
    pub async fn create_function(&self, new: NewFunction) -> Result<Arc<Function>> {
        let key = &new.key;
        check_function_name(key.dialect, &key.namespace, &key.name)?;
        self.admit_scope(&key.scope, key.dialect)?;
        let quota = self.quota(&key.scope, key.dialect);
        check_config(key.dialect, &new.config, &quota)?;
        self.check_runtime(key.dialect, &new.config.runtime)?;
        self.namespace(&key.namespace_key())?;
        self.refuse_existing(key)?;
        self.check_room(key, &quota)?;
        let (code, _claim) = self.store_code(key, &new.config, new.code, &quota).await?;

        let _change = self.inner.begin_change().await;
        self.namespace(&key.namespace_key())?;
        self.refuse_existing(key)?;
        self.check_room(key, &quota)?;
        let now = self.now();
        let function = Function {
            id: format!("lam-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]),
            key: new.key,
            config: new.config,
            code,
            revision: 1,
            version: 1,
            status: FunctionStatus::Creating,
            status_reason: String::new(),
            reserved_mb: None,
            last_published: 0,
            published_revision: 0,
            created: now,
            modified: now,
        };
        self.inner.deps.catalog.put_function(&function).await.map_err(|error| match error {
            sluice_ports::PortError::Conflict(_) => already_exists(&function.key),
            other => port_error(other),
        })?;
        let function = Arc::new(function);
        self.insert_entry(&function);
        tokio::spawn(finish(self.clone(), function.clone()));
        Ok(function)
    }

    /// Changes configuration, code, or both. New code is served once it is ready; until then the old is.
    pub async fn update_function(
        &self,
        key: &FunctionKey,
        if_match: Option<&str>,
        code: Option<CodeSource>,
        change: impl FnOnce(&mut FunctionConfig) -> Result<()> + Send,
    ) -> Result<Arc<Function>> {
        let quota = self.quota(&key.scope, key.dialect);
        let before = self.function(key)?;
        check_if_match(if_match, &before.etag())?;
        let stored = match code {
            Some(source) => Some(self.store_code(key, &before.config, source, &quota).await?),
            None => None,
        };

        let _change = self.inner.begin_change().await;
        let current = self.function(key)?;
        check_if_match(if_match, &current.etag())?;
        if current.status == FunctionStatus::Deleting {
            return Err(Error::new(ErrorKind::WrongState, "the function is being deleted"));
        }
        let mut next = (*current).clone();
        change(&mut next.config)?;
        check_config(key.dialect, &next.config, &quota)?;
        self.check_runtime(key.dialect, &next.config.runtime)?;
        let recompile = stored.is_some() || next.config.runtime != current.config.runtime;
        if let Some((package, _)) = &stored {
            next.code = package.clone();
        }
        next.revision += 1;
        next.version += 1;
        next.modified = self.now();
        next.status_reason = String::new();
        if recompile || !current.status.is_callable() {
            next.status =
                if current.status.is_callable() { FunctionStatus::Updating } else { FunctionStatus::Creating };
        }
        self.inner.deps.catalog.put_function(&next).await.map_err(port_error)?;
        let next = Arc::new(next);
        if next.status.is_pending() {
            self.show(&next);
            tokio::spawn(finish(self.clone(), next.clone()));
        } else {
            self.serve(&next);
        }
        Ok(next)
    }

    /// Deletes a function with its versions, its aliases and its settings. FC refuses while provisioned instances
    /// hang on it.
    pub async fn delete_function(&self, key: &FunctionKey, if_match: Option<&str>) -> Result<()> {
        let _change = self.inner.begin_change().await;
        let current = self.function(key)?;
        check_if_match(if_match, &current.etag())?;
        let of_it = |(function, _): &SettingKey| function == key;
        if key.dialect == Dialect::Fc
            && let Some(provision) = self.inner.catalog.read().expect("catalog lock").live_provision(of_it)
        {
            let message = format!(
                "function '{}' has provisioned instances at qualifier '{}': set their target to 0 first",
                key.name, provision.qualifier
            );
            return Err(Error::new(ErrorKind::InUse(Entity::Setting), message));
        }
        self.inner.deps.catalog.delete_function(key, current.version).await.map_err(port_error)?;
        let removed = {
            let mut catalog = self.inner.catalog.write().expect("catalog lock");
            catalog.forget_settings(of_it);
            catalog.functions.remove(key)
        };
        if let Some(entry) = removed {
            self.retire_all(entry.serving.into_iter().chain(entry.published.servings.values().cloned()));
        }
        self.qualifiers_changed(&key.namespace_key());
        let scope = self.scope_state(&key.scope, key.dialect);
        self.tell(&scope, Event::FunctionRemoved { function: current.id.clone() });
        self.inner.settled.notify_waiters();
        Ok(())
    }

    pub fn function(&self, key: &FunctionKey) -> Result<Arc<Function>> {
        self.entry(key).map(|entry| entry.shown)
    }

    pub(crate) fn entry(&self, key: &FunctionKey) -> Result<Entry> {
        if let Some(found) = self.inner.catalog.read().expect("catalog lock").functions.get(key) {
            return Ok(found.clone());
        }
        self.namespace(&key.namespace_key())?;
        let message = match key.dialect {
            Dialect::Scf => format!("function '{}' does not exist in namespace '{}'", key.name, key.namespace),
            Dialect::Fc => format!("function '{}' does not exist in service '{}'", key.name, key.namespace),
        };
        Err(Error::not_found(Entity::Function, message))
    }

    /// All functions of a namespace, by name.
    pub fn functions(&self, key: &NamespaceKey) -> Result<Vec<Arc<Function>>> {
        self.namespace(key)?;
        Ok(self.inner.catalog.read().expect("catalog lock").functions_of(key))
    }

    /// Waits until no work on the function is pending.
    pub async fn settled(&self, key: &FunctionKey) -> Result<Arc<Function>> {
        loop {
            let changed = self.inner.settled.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let function = self.function(key)?;
            if !function.status.is_pending() {
                return Ok(function);
            }
            changed.await;
        }
    }

    fn refuse_existing(&self, key: &FunctionKey) -> Result<()> {
        match self.inner.catalog.read().expect("catalog lock").functions.contains_key(key) {
            true => Err(already_exists(key)),
            false => Ok(()),
        }
    }

    fn check_room(&self, key: &FunctionKey, quota: &QuotaProfile) -> Result<()> {
        let count = self.functions(&key.namespace_key())?.len() as u64;
        match quota.functions_per_namespace {
            Some(limit) if count >= limit => Err(Error::quota(
                Quota::FunctionsPerNamespace,
                format!("namespace '{}' has {count} functions; at most {limit} are allowed", key.namespace),
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn runtime_status(&self, dialect: Dialect, id: &str) -> Option<RuntimeStatus> {
        let known = KnownRuntime::find(dialect, id)?;
        let is_it = |status: &RuntimeStatus| status.dialect == dialect && status.id == known.id;
        self.runtimes().into_iter().find(is_it)
    }

    /// What this host will run a function on, or why it cannot.
    fn check_runtime(&self, dialect: Dialect, id: &str) -> Result<()> {
        let status = self.runtime_status(dialect, id);
        let refuse = |why: String| {
            let available: Vec<String> = self
                .runtimes()
                .into_iter()
                .filter(|status| status.dialect == dialect && status.interpreter.is_some())
                .map(|status| status.id)
                .collect();
            let message =
                format!("runtime '{id}' is not installed on this host: {why}. Installed: {}", available.join(", "));
            Err(Error::invalid(Field::Runtime, message))
        };
        match status {
            Some(status) if status.interpreter.is_none() => {
                refuse(status.reason.unwrap_or_else(|| "no interpreter was found".to_owned()))
            }
            Some(status) if status.stands_in && self.inner.config.strict_runtimes => refuse(format!(
                "only version {} of its family is there and --strict-runtimes is set",
                status.version.unwrap_or_default()
            )),
            Some(_) => Ok(()),
            None => refuse("it is unknown".to_owned()),
        }
    }
}

fn already_exists(key: &FunctionKey) -> Error {
    let noun = if key.dialect == Dialect::Fc { "service" } else { "namespace" };
    Error::exists(Entity::Function, format!("function '{}' already exists in {noun} '{}'", key.name, key.namespace))
}

/// Makes the code ready and switches over. Runs again after a restart if it was cut short.
async fn finish(engine: Engine, function: Arc<Function>) {
    let outcome = prepare(&engine, &function).await;
    let _change = engine.inner.begin_change().await;
    let Ok(current) = engine.function(&function.key) else { return };
    // Settings may have been stored meanwhile; another revision has work of its own.
    if current.id != function.id || current.revision != function.revision || !current.status.is_pending() {
        return;
    }
    let mut next = (*current).clone();
    next.version += 1;
    match &outcome {
        Ok(()) => next.status = FunctionStatus::Active,
        Err(error) => {
            next.status = match current.status {
                FunctionStatus::Updating => FunctionStatus::UpdateFailed,
                _ => FunctionStatus::CreateFailed,
            };
            next.status_reason = error.message.clone();
        }
    }
    if let Err(error) = engine.inner.deps.catalog.put_function(&next).await {
        tracing::error!(function = %next.key.name, %error, "could not store a function's new state");
        next.version -= 1;
    }
    let next = Arc::new(next);
    match outcome {
        Ok(()) => engine.serve(&next),
        Err(_) => engine.show(&next),
    }
}
