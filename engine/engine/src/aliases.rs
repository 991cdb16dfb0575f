//! Aliases: names for versions that can be moved.
//!
//! SCF's belong to a function, FC's to a service. Each function's entry in memory shares the map of the aliases that
//! calls of it may name, so that a call finds its alias without a search for the owner.

use crate::{
    Engine,
    catalog::{Aliases, Memory, SettingKey, check_if_match, is_in, noun, port_error},
    versions::{no_service_version, no_version},
};
use serde_json::{Map, Value};
use sluice_decide::WHOLE;
use sluice_domain::{
    Alias, AliasKey, AliasTarget, Dialect, Entity, Error, ErrorKind, Field, Function, FunctionKey, NamespaceKey,
    Result, check_alias_name, check_description,
};
use std::{collections::BTreeMap, sync::Arc};

/// SCF's alias that each function has from the beginning; it leads to the editable code until it is moved.
pub const DEFAULT_ALIAS: &str = "$DEFAULT";

/// An alias to be made.
#[derive(Clone, Debug)]
pub struct NewAlias {
    pub key: AliasKey,
    pub description: String,
    pub target: AliasTarget,
    /// Other versions and the share of calls that each gets, in parts per million; one at most.
    pub additional: Vec<(u64, u32)>,
    pub attributes: Map<String, Value>,
}

/// Whose aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasOwner {
    /// SCF.
    Function(FunctionKey),
    /// FC.
    Service(NamespaceKey),
}

impl AliasOwner {
    pub fn of(key: &AliasKey) -> Self {
        key.function_key().map_or_else(|| AliasOwner::Service(key.namespace_key()), AliasOwner::Function)
    }

    fn namespace_key(&self) -> NamespaceKey {
        match self {
            AliasOwner::Function(key) => key.namespace_key(),
            AliasOwner::Service(key) => key.clone(),
        }
    }
}

impl Engine {
    pub async fn create_alias(&self, new: NewAlias) -> Result<Arc<Alias>> {
        let _change = self.inner.begin_change().await;
        let owner = AliasOwner::of(&new.key);
        let existing = self.aliases_of(&owner)?;
        if existing.contains_key(&new.key.name) || is_default(&new.key) {
            let message = format!("alias '{}' of {} already exists", new.key.name, described(&owner));
            return Err(Error::exists(Entity::Alias, message));
        }
        check_alias_name(new.key.dialect, &new.key.name)?;
        let now = self.now();
        let alias = Alias {
            key: new.key,
            description: new.description,
            target: new.target,
            additional: new.additional,
            attributes: new.attributes,
            version: 1,
            created: now,
            modified: now,
        };
        self.store_alias(&owner, alias).await
    }

    pub fn alias(&self, key: &AliasKey) -> Result<Arc<Alias>> {
        let owner = AliasOwner::of(key);
        if let Some(found) = self.aliases_of(&owner)?.get(&key.name) {
            return Ok(found.clone());
        }
        match &owner {
            AliasOwner::Function(function) if is_default(key) => Ok(Arc::new(implicit(&*self.function(function)?))),
            _ => Err(no_alias(&owner, &key.name)),
        }
    }

    /// All aliases of a function or service, by name.
    pub fn aliases(&self, owner: &AliasOwner) -> Result<Vec<Arc<Alias>>> {
        let stored = self.aliases_of(owner)?;
        let mut found: Vec<_> = stored.values().cloned().collect();
        if let AliasOwner::Function(function) = owner
            && function.dialect == Dialect::Scf
            && !stored.contains_key(DEFAULT_ALIAS)
        {
            found.insert(0, Arc::new(implicit(&*self.function(function)?)));
        }
        Ok(found)
    }

    pub async fn update_alias(
        &self,
        key: &AliasKey,
        if_match: Option<&str>,
        change: impl FnOnce(&mut Alias) -> Result<()> + Send,
    ) -> Result<Arc<Alias>> {
        let _change = self.inner.begin_change().await;
        let current = self.alias(key)?;
        check_if_match(if_match, &current.etag())?;
        let mut next = (*current).clone();
        change(&mut next)?;
        next.key = current.key.clone();
        next.version = current.version + 1;
        next.created = current.created;
        next.modified = self.now();
        self.store_alias(&AliasOwner::of(key), next).await
    }

    /// FC refuses while provisioned instances hang on it.
    pub async fn delete_alias(&self, key: &AliasKey, if_match: Option<&str>) -> Result<()> {
        let _change = self.inner.begin_change().await;
        let current = self.alias(key)?;
        check_if_match(if_match, &current.etag())?;
        if is_default(key) {
            let message = "alias '$DEFAULT' is built in and cannot be deleted: move it with UpdateAlias instead";
            return Err(Error::invalid(Field::AliasName, message));
        }
        let owner = AliasOwner::of(key);
        let of_it = |(function, qualifier): &SettingKey| {
            *qualifier == key.name
                && match &owner {
                    AliasOwner::Function(owner) => function == owner,
                    AliasOwner::Service(service) => is_in(function, service),
                }
        };
        if let Some(provision) = self.inner.catalog.read().expect("catalog lock").live_provision(of_it) {
            let message = format!(
                "alias '{}' of {} has provisioned instances of function '{}': set their target to 0 first",
                key.name,
                described(&owner),
                provision.function.name
            );
            return Err(Error::new(ErrorKind::InUse(Entity::Setting), message));
        }
        self.inner.deps.catalog.delete_alias(key, current.version).await.map_err(port_error)?;
        {
            let mut catalog = self.inner.catalog.write().expect("catalog lock");
            catalog.change_aliases(&owner, |aliases| drop(aliases.remove(&key.name)));
            catalog.forget_settings(of_it);
        }
        self.qualifiers_changed(&owner.namespace_key());
        Ok(())
    }

    async fn store_alias(&self, owner: &AliasOwner, alias: Alias) -> Result<Arc<Alias>> {
        self.check_alias(owner, &alias)?;
        self.inner.deps.catalog.put_alias(&alias).await.map_err(port_error)?;
        let alias = Arc::new(alias);
        let name = alias.key.name.clone();
        let mut catalog = self.inner.catalog.write().expect("catalog lock");
        catalog.change_aliases(owner, |aliases| drop(aliases.insert(name, alias.clone())));
        drop(catalog);
        self.qualifiers_changed(&owner.namespace_key());
        Ok(alias)
    }

    fn check_alias(&self, owner: &AliasOwner, alias: &Alias) -> Result<()> {
        let key = &alias.key;
        check_description(key.dialect, &alias.description, &self.quota(&key.scope, key.dialect))?;
        match alias.target {
            AliasTarget::Version(number) => self.check_published(owner, number)?,
            // spec: C10
            AliasTarget::Latest if key.dialect == Dialect::Fc => {
                let message = format!("alias '{}' cannot lead to LATEST: name a published version", key.name);
                return Err(Error::invalid(Field::Qualifier, message));
            }
            AliasTarget::Latest => {}
        }
        let refuse = |why: String| Err(Error::invalid(Field::AliasRouting, why));
        if alias.additional.len() > 1 {
            return refuse(format!(
                "alias '{}' has {} additional versions; one is allowed",
                key.name,
                alias.additional.len()
            ));
        }
        for (number, share) in &alias.additional {
            self.check_published(owner, *number)?;
            if *share > WHOLE {
                let weight = f64::from(*share) / f64::from(WHOLE);
                return refuse(format!("weight {weight} of version {number} is not allowed: use 0 to 1"));
            }
            // FC has always taken a main version that is additional too.
            if key.dialect == Dialect::Scf && alias.target == AliasTarget::Version(*number) {
                return refuse(format!("version {number} is the main version already: name another one"));
            }
        }
        Ok(())
    }

    fn check_published(&self, owner: &AliasOwner, number: u64) -> Result<()> {
        let catalog = self.inner.catalog.read().expect("catalog lock");
        let (exists, error) = match owner {
            AliasOwner::Function(key) => {
                let entry = catalog.functions.get(key);
                (entry.is_some_and(|entry| entry.published.versions.contains_key(&number)), no_version(key, number))
            }
            AliasOwner::Service(key) => {
                let service = catalog.services.get(key);
                let exists = service.is_some_and(|service| service.versions.contains_key(&number));
                (exists, no_service_version(key, number))
            }
        };
        if exists { Ok(()) } else { Err(error) }
    }

    fn aliases_of(&self, owner: &AliasOwner) -> Result<Aliases> {
        match owner {
            AliasOwner::Function(key) => Ok(self.entry(key)?.published.aliases.clone()),
            AliasOwner::Service(key) => {
                self.namespace(key)?;
                let catalog = self.inner.catalog.read().expect("catalog lock");
                Ok(catalog.services.get(key).map(|service| service.aliases.clone()).unwrap_or_default())
            }
        }
    }
}

impl Memory {
    /// Changes the aliases of a function, or of a service and with it of all its functions.
    pub fn change_aliases(&mut self, owner: &AliasOwner, change: impl FnOnce(&mut BTreeMap<String, Arc<Alias>>)) {
        match owner {
            AliasOwner::Function(key) => {
                if let Some(entry) = self.functions.get_mut(key) {
                    change(Arc::make_mut(&mut Arc::make_mut(&mut entry.published).aliases));
                }
            }
            AliasOwner::Service(key) => {
                let service = self.services.entry(key.clone()).or_default();
                change(Arc::make_mut(&mut service.aliases));
                let aliases = service.aliases.clone();
                for (_, entry) in self.entries_of_mut(key) {
                    Arc::make_mut(&mut entry.published).aliases = aliases.clone();
                }
            }
        }
    }
}

fn is_default(key: &AliasKey) -> bool {
    key.dialect == Dialect::Scf && key.name == DEFAULT_ALIAS
}

/// `$DEFAULT` of a function whose user has not moved it yet; it is stored when it is first changed.
pub(crate) fn implicit(function: &Function) -> Alias {
    let key = &function.key;
    Alias {
        key: AliasKey {
            scope: key.scope.clone(),
            dialect: key.dialect,
            namespace: key.namespace.clone(),
            function: Some(key.name.clone()),
            name: DEFAULT_ALIAS.to_owned(),
        },
        description: String::new(),
        target: AliasTarget::Latest,
        additional: Vec::new(),
        attributes: Map::new(),
        version: 0,
        created: function.created,
        modified: function.created,
    }
}

fn described(owner: &AliasOwner) -> String {
    match owner {
        AliasOwner::Function(key) => format!("function '{}'", key.name),
        AliasOwner::Service(key) => format!("{} '{}'", noun(key.dialect), key.name),
    }
}

pub(crate) fn no_alias(owner: &AliasOwner, name: &str) -> Error {
    Error::not_found(Entity::Alias, format!("alias '{name}' of {} does not exist", described(owner)))
}

#[cfg(test)]
mod tests;
