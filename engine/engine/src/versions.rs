//! Published versions: SCF freezes single functions, FC whole services.
//!
//! Both are kept as versions of functions; an FC service version is a list of them and the service's settings.
//! Publishing changes the counters in the records of what was published and nothing that a user has set, so it
//! leaves their ETags alone.

use crate::{
    Engine,
    catalog::{Entry, SettingKey, check_if_match, is_in, port_error},
    scope::Serving,
};
use sluice_domain::{
    Dialect, Entity, Error, ErrorKind, Function, FunctionKey, FunctionStatus, NamespaceKey, Result, ServiceVersion,
    Timestamp, Version, check_description,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl Engine {
    /// SCF: freezes the current code and settings under the next number.
    pub async fn publish_version(&self, key: &FunctionKey, description: String) -> Result<Arc<Version>> {
        if key.dialect == Dialect::Fc {
            let message = "versions of functions are published with their service";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        check_description(key.dialect, &description, &self.quota(&key.scope, key.dialect))?;
        let _change = self.inner.begin_change().await;
        let current = self.function(key)?;
        if current.status != FunctionStatus::Active {
            return Err(not_publishable(&current));
        }
        let number = current.last_published + 1;
        let version = Arc::new(freeze(&current, number, description, self.now()));
        let function = Arc::new(published(&current, &version));
        self.inner.deps.catalog.put_version(&version, &function).await.map_err(port_error)?;
        self.change_entry(key, |entry| entry.shown = function);
        self.remember_version(version.clone());
        self.qualifiers_changed(&key.namespace_key());
        Ok(version)
    }

    /// The versions of a function, by number. The editable code is none of them.
    pub fn versions(&self, key: &FunctionKey) -> Result<Vec<Arc<Version>>> {
        Ok(self.entry(key)?.published.versions.values().cloned().collect())
    }

    pub fn version(&self, key: &FunctionKey, number: u64) -> Result<Arc<Version>> {
        let found = self.entry(key)?.published.versions.get(&number).cloned();
        found.ok_or_else(|| no_version(key, number))
    }

    /// SCF: deletes one version, which no alias may lead to and no provision may keep.
    pub async fn delete_version(&self, key: &FunctionKey, number: u64) -> Result<()> {
        let _change = self.inner.begin_change().await;
        self.version(key, number)?;
        if key.dialect == Dialect::Fc {
            let message = "versions of functions are deleted with the versions of their service";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let aliases = self.entry(key)?.published.aliases.clone();
        if let Some(alias) = aliases.values().find(|alias| alias.leads_to(number)) {
            let name = &alias.key.name;
            let message = format!("alias '{name}' leads to version {number} of function '{}': move it first", key.name);
            return Err(Error::new(ErrorKind::InUse(Entity::Version), message));
        }
        let qualifier = number.to_string();
        let of_it = |(function, of): &SettingKey| *of == qualifier && function == key;
        if self.inner.catalog.read().expect("catalog lock").live_provision(of_it).is_some() {
            let message = format!(
                "version {number} of function '{}' has provisioned concurrency: delete that setting first",
                key.name
            );
            return Err(Error::new(ErrorKind::InUse(Entity::Version), message));
        }
        self.inner.deps.catalog.delete_version(key, number).await.map_err(port_error)?;
        let mut retired = None;
        self.change_entry(key, |entry| {
            let published = Arc::make_mut(&mut entry.published);
            published.versions.remove(&number);
            retired = published.servings.remove(&number);
        });
        self.inner.catalog.write().expect("catalog lock").forget_settings(of_it);
        self.retire_all(retired);
        self.qualifiers_changed(&key.namespace_key());
        Ok(())
    }

    /// FC: freezes a service and all its functions under the service's next number.
    pub async fn publish_service(
        &self,
        key: &NamespaceKey,
        description: String,
        if_match: Option<&str>,
    ) -> Result<Arc<ServiceVersion>> {
        check_description(key.dialect, &description, &self.quota(&key.scope, key.dialect))?;
        let _change = self.inner.begin_change().await;
        let current = self.namespace(key)?;
        check_if_match(if_match, &current.etag())?;
        let mut namespace = (*current).clone();
        namespace.last_published += 1;
        let frozen = self.freeze_functions(key, namespace.last_published)?;
        if self.is_published(key, current.last_published, current.version, &frozen.numbers) {
            let message = format!("service '{}' has not changed since version {}", key.name, current.last_published);
            return Err(Error::new(ErrorKind::NothingToPublish, message));
        }
        let version = Arc::new(ServiceVersion {
            service: key.clone(),
            number: namespace.last_published,
            description,
            functions: frozen.numbers,
            public_network: current.public_network,
            attributes: current.attributes.clone(),
            service_revision: current.version,
            created: self.now(),
        });
        let stored = &self.inner.deps.catalog;
        stored
            .put_service_version(&version, &namespace, &frozen.versions, &frozen.functions)
            .await
            .map_err(port_error)?;
        {
            let mut catalog = self.inner.catalog.write().expect("catalog lock");
            catalog.namespaces.insert(key.clone(), Arc::new(namespace));
        }
        for function in frozen.functions {
            self.change_entry(&function.key.clone(), |entry| entry.shown = Arc::new(function));
        }
        for version in frozen.versions {
            self.remember_version(Arc::new(version));
        }
        self.remember_service_version(version.clone());
        self.qualifiers_changed(key);
        Ok(version)
    }

    /// The versions of an FC service, by number.
    pub fn service_versions(&self, key: &NamespaceKey) -> Result<Vec<Arc<ServiceVersion>>> {
        self.namespace(key)?;
        let catalog = self.inner.catalog.read().expect("catalog lock");
        Ok(catalog.services.get(key).map(|service| service.versions.values().cloned().collect()).unwrap_or_default())
    }

    pub fn service_version(&self, key: &NamespaceKey, number: u64) -> Result<Arc<ServiceVersion>> {
        self.namespace(key)?;
        let catalog = self.inner.catalog.read().expect("catalog lock");
        let found = catalog.services.get(key).and_then(|service| service.versions.get(&number)).cloned();
        found.ok_or_else(|| no_service_version(key, number))
    }

    /// FC: deletes one version of a service. Aliases may be left leading to it; calls through them then fail.
    pub async fn delete_service_version(&self, key: &NamespaceKey, number: u64) -> Result<()> {
        let _change = self.inner.begin_change().await;
        self.service_version(key, number)?;
        self.refuse_provisioned_version(key, number)?;
        self.inner.deps.catalog.delete_service_version(key, number).await.map_err(port_error)?;
        let retired = self.forget_service_version(key, number);
        self.retire_all(retired);
        self.qualifiers_changed(key);
        Ok(())
    }

    /// Instances that a provision keeps must not lose what they run.
    fn refuse_provisioned_version(&self, key: &NamespaceKey, number: u64) -> Result<()> {
        let catalog = self.inner.catalog.read().expect("catalog lock");
        let aliases = catalog.services.get(key).map(|service| service.aliases.clone()).unwrap_or_default();
        let qualifier = number.to_string();
        let of_it = |(function, of): &SettingKey| {
            is_in(function, key) && (*of == qualifier || aliases.get(of).is_some_and(|alias| alias.leads_to(number)))
        };
        let Some(provision) = catalog.live_provision(of_it) else { return Ok(()) };
        let message = format!(
            "version '{number}' of service '{}' has provisioned instances of function '{}' at qualifier '{}': \
             set their target to 0 first",
            key.name, provision.function.name, provision.qualifier
        );
        Err(Error::new(ErrorKind::InUse(Entity::Setting), message))
    }

    fn forget_service_version(&self, key: &NamespaceKey, number: u64) -> Vec<Arc<Serving>> {
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        let mut held: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        if let Some(service) = catalog.services.get_mut(key) {
            service.versions.remove(&number);
            for (name, of) in service.versions.values().flat_map(|version| &version.functions) {
                held.entry(name.clone()).or_default().insert(*of);
            }
        }
        let mut retired = Vec::new();
        for (function, entry) in catalog.entries_of_mut(key) {
            let published = Arc::make_mut(&mut entry.published);
            retired.extend(published.servings.remove(&number));
            published.versions.retain(|of, _| held.get(&function.name).is_some_and(|held| held.contains(of)));
        }
        let qualifier = number.to_string();
        catalog.forget_settings(|(function, of)| *of == qualifier && is_in(function, key));
        retired
    }

    /// A version of each function of a service: the last one where nothing has changed since, a new one elsewhere.
    fn freeze_functions(&self, key: &NamespaceKey, number: u64) -> Result<Frozen> {
        let now = self.now();
        let mut frozen = Frozen::default();
        for (_, entry) in self.inner.catalog.read().expect("catalog lock").entries_of(key) {
            if entry.shown.status.is_pending() {
                return Err(not_publishable(&entry.shown));
            }
            // A failed update leaves the previous code serving, and that is what is frozen.
            let Some(serving) = &entry.serving else { continue };
            let (shown, runs) = (&entry.shown, &serving.function);
            let name = shown.key.name.clone();
            if let Some(last) = unchanged_since(entry, runs.revision) {
                frozen.numbers.insert(name, last);
                continue;
            }
            let version = freeze(runs, number, String::new(), now);
            frozen.functions.push(published(shown, &version));
            frozen.versions.push(version);
            frozen.numbers.insert(name, number);
        }
        Ok(frozen)
    }

    /// Whether the last publication, if it is still there, was of the same.
    fn is_published(&self, key: &NamespaceKey, last: u64, revision: u64, numbers: &BTreeMap<String, u64>) -> bool {
        let same = |version: Arc<ServiceVersion>| version.service_revision == revision && version.functions == *numbers;
        self.service_version(key, last).is_ok_and(same)
    }

    /// Shows a version and, if it is called by its own number, opens it.
    pub(crate) fn remember_version(&self, version: Arc<Version>) {
        let key = &version.function;
        let Ok(function) = self.function(key) else { return };
        let serving = (key.dialect == Dialect::Scf).then(|| self.open_revision(&function, Some(&version), None));
        self.change_entry(key, |entry| {
            let published = Arc::make_mut(&mut entry.published);
            published.versions.insert(version.number, version.clone());
            published.servings.extend(serving.map(|serving| (version.number, serving)));
        });
    }

    /// Shows a service version and opens its functions; their versions are known already.
    pub(crate) fn remember_service_version(&self, version: Arc<ServiceVersion>) {
        let key = &version.service;
        {
            let mut catalog = self.inner.catalog.write().expect("catalog lock");
            let service = catalog.services.entry(key.clone()).or_default();
            service.versions.insert(version.number, version.clone());
        }
        for (function, serving) in self.open_service_version(&version) {
            self.change_entry(&function, |entry| {
                Arc::make_mut(&mut entry.published).servings.insert(version.number, serving);
            });
        }
    }

    /// Pools for all functions of a service version that are still there.
    fn open_service_version(&self, service: &ServiceVersion) -> Vec<(FunctionKey, Arc<Serving>)> {
        let found: Vec<(Arc<Function>, Arc<Version>)> = {
            let catalog = self.inner.catalog.read().expect("catalog lock");
            let of_it = |(key, entry): (&FunctionKey, &Entry)| {
                let version = entry.published.versions.get(service.functions.get(&key.name)?)?;
                Some((entry.shown.clone(), version.clone()))
            };
            catalog.entries_of(&service.service).filter_map(of_it).collect()
        };
        let open = |(function, version): (Arc<Function>, Arc<Version>)| {
            (function.key.clone(), self.open_revision(&function, Some(&version), Some(service)))
        };
        found.into_iter().map(open).collect()
    }
}

/// What publishing a service stores of its functions.
#[derive(Default)]
struct Frozen {
    /// Function name to the number of its version.
    numbers: BTreeMap<String, u64>,
    versions: Vec<Version>,
    functions: Vec<Function>,
}

fn unchanged_since(entry: &Entry, revision: u64) -> Option<u64> {
    let last = entry.shown.last_published;
    (entry.shown.published_revision == revision && entry.published.versions.contains_key(&last)).then_some(last)
}

fn freeze(function: &Function, number: u64, description: String, now: Timestamp) -> Version {
    Version {
        function: function.key.clone(),
        number,
        description,
        config: function.config.clone(),
        code: function.code.clone(),
        revision: function.revision,
        created: now,
    }
}

/// A function's record after `version` was published.
fn published(function: &Function, version: &Version) -> Function {
    Function { last_published: version.number, published_revision: version.revision, ..function.clone() }
}

/// A function as it was when `version` was published.
pub(crate) fn as_of(function: &Function, version: &Version) -> Function {
    Function {
        config: version.config.clone(),
        code: version.code.clone(),
        revision: version.revision,
        status: FunctionStatus::Active,
        status_reason: String::new(),
        modified: version.created,
        ..function.clone()
    }
}

fn not_publishable(function: &Function) -> Error {
    let message = format!(
        "function '{}' is {}: it can be published when it is Active",
        function.key.name,
        function.status.as_str()
    );
    Error::new(ErrorKind::WrongState, message)
}

pub(crate) fn no_version(key: &FunctionKey, number: u64) -> Error {
    match key.dialect {
        Dialect::Fc => no_service_version(&key.namespace_key(), number),
        Dialect::Scf => {
            let message = format!("version '{number}' of function '{}' does not exist", key.name);
            Error::not_found(Entity::Version, message)
        }
    }
}

pub(crate) fn no_service_version(key: &NamespaceKey, number: u64) -> Error {
    Error::not_found(Entity::Version, format!("version '{number}' of service '{}' does not exist", key.name))
}

#[cfg(test)]
mod tests;
