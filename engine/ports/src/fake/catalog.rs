//! The catalog in memory.

use crate::{Catalog, PortError, PortResult, Snapshot, StoredQuota};
use async_trait::async_trait;
use sluice_domain::{
    Alias, AliasKey, Function, FunctionKey, Namespace, NamespaceKey, OnDemandLimit, Provision, ServiceVersion, Version,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// A catalog that forgets.
#[derive(Default)]
pub struct FakeCatalog(Mutex<Tables>);

#[derive(Clone, Default)]
struct Tables {
    namespaces: BTreeMap<NamespaceKey, Namespace>,
    functions: BTreeMap<FunctionKey, Function>,
    versions: BTreeMap<(FunctionKey, u64), Version>,
    service_versions: BTreeMap<(NamespaceKey, u64), ServiceVersion>,
    aliases: BTreeMap<AliasKey, Alias>,
    provisions: BTreeMap<(FunctionKey, String), Provision>,
    on_demand: BTreeMap<(FunctionKey, String), OnDemandLimit>,
    quotas: Vec<StoredQuota>,
}

fn conflict(expected: impl std::fmt::Debug, found: impl std::fmt::Debug) -> PortError {
    PortError::Conflict(format!("expected version {expected:?}, found {found:?}"))
}

/// Version 1 inserts; a higher one replaces its predecessor.
fn put<K: Ord, V: Clone>(table: &mut BTreeMap<K, V>, key: K, value: &V, version: impl Fn(&V) -> u64) -> PortResult<()> {
    let stored = table.get(&key).map(&version);
    let expected = version(value).checked_sub(1).filter(|previous| *previous > 0);
    if stored != expected {
        return Err(conflict(expected, stored));
    }
    table.insert(key, value.clone());
    Ok(())
}

/// Replaces a record and leaves its version as it is.
fn amend<K: Ord, V: Clone>(table: &mut BTreeMap<K, V>, key: &K, value: &V, of: impl Fn(&V) -> u64) -> PortResult<()> {
    match table.get_mut(key) {
        Some(stored) if of(stored) == of(value) => {
            *stored = value.clone();
            Ok(())
        }
        other => Err(conflict(of(value), other.map(|stored| of(stored)))),
    }
}

fn publish<K: Ord, V: Clone>(table: &mut BTreeMap<K, V>, key: K, value: &V) -> PortResult<()> {
    if table.contains_key(&key) {
        return Err(PortError::Conflict("the number is given out already".to_owned()));
    }
    table.insert(key, value.clone());
    Ok(())
}

fn delete<K: Ord, V>(table: &mut BTreeMap<K, V>, key: &K, version: u64, of: impl Fn(&V) -> u64) -> PortResult<()> {
    match table.get(key).map(of) {
        Some(stored) if stored == version => {
            table.remove(key);
            Ok(())
        }
        other => Err(conflict(version, other)),
    }
}

fn withdraw<K: Ord, V>(table: &mut BTreeMap<K, V>, key: &K) -> PortResult<()> {
    let removed = table.remove(key);
    removed.map(drop).ok_or_else(|| PortError::Conflict("no such number".to_owned()))
}

impl Tables {
    /// Removes settings of functions at qualifiers.
    fn forget_settings(&mut self, gone: impl Fn(&FunctionKey, &str) -> bool) {
        self.provisions.retain(|(function, qualifier), _| !gone(function, qualifier));
        self.on_demand.retain(|(function, qualifier), _| !gone(function, qualifier));
    }

    /// Removes versions of functions that no version of their service holds any more.
    fn forget_unheld(&mut self, service: &NamespaceKey) {
        let held = &self.service_versions;
        self.versions.retain(|(function, number), _| {
            function.namespace_key() != *service
                || held
                    .iter()
                    .any(|((key, _), version)| key == service && version.functions.get(&function.name) == Some(number))
        });
    }
}

impl FakeCatalog {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("fake catalog")
    }

    /// All of it or nothing.
    fn write(&self, change: impl FnOnce(&mut Tables) -> PortResult<()>) -> PortResult<()> {
        let mut tables = self.tables();
        let mut next = tables.clone();
        change(&mut next)?;
        *tables = next;
        Ok(())
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    async fn load(&self) -> PortResult<Snapshot> {
        let tables = self.tables().clone();
        Ok(Snapshot {
            namespaces: tables.namespaces.into_values().collect(),
            functions: tables.functions.into_values().collect(),
            versions: tables.versions.into_values().collect(),
            service_versions: tables.service_versions.into_values().collect(),
            aliases: tables.aliases.into_values().collect(),
            provisions: tables.provisions.into_values().collect(),
            on_demand: tables.on_demand.into_values().collect(),
            quotas: tables.quotas,
        })
    }
    async fn put_namespace(&self, namespace: &Namespace) -> PortResult<()> {
        self.write(|tables| put(&mut tables.namespaces, namespace.key.clone(), namespace, |n| n.version))
    }
    async fn delete_namespace(&self, key: &NamespaceKey, version: u64) -> PortResult<()> {
        self.write(|tables| {
            delete(&mut tables.namespaces, key, version, |n| n.version)?;
            tables.service_versions.retain(|(service, _), _| service != key);
            tables.aliases.retain(|alias, _| alias.function.is_some() || alias.namespace_key() != *key);
            Ok(())
        })
    }
    async fn put_function(&self, function: &Function) -> PortResult<()> {
        self.write(|tables| put(&mut tables.functions, function.key.clone(), function, |f| f.version))
    }
    async fn delete_function(&self, key: &FunctionKey, version: u64) -> PortResult<()> {
        self.write(|tables| {
            delete(&mut tables.functions, key, version, |f| f.version)?;
            tables.versions.retain(|(function, _), _| function != key);
            tables.aliases.retain(|alias, _| alias.function_key().as_ref() != Some(key));
            tables.forget_settings(|function, _| function == key);
            Ok(())
        })
    }
    async fn put_version(&self, version: &Version, function: &Function) -> PortResult<()> {
        self.write(|tables| {
            amend(&mut tables.functions, &function.key, function, |f| f.version)?;
            publish(&mut tables.versions, (version.function.clone(), version.number), version)
        })
    }
    async fn delete_version(&self, key: &FunctionKey, number: u64) -> PortResult<()> {
        self.write(|tables| {
            withdraw(&mut tables.versions, &(key.clone(), number))?;
            let gone = number.to_string();
            tables.forget_settings(|function, qualifier| function == key && qualifier == gone);
            Ok(())
        })
    }
    async fn put_service_version(
        &self,
        published: &ServiceVersion,
        namespace: &Namespace,
        versions: &[Version],
        functions: &[Function],
    ) -> PortResult<()> {
        self.write(|tables| {
            amend(&mut tables.namespaces, &namespace.key, namespace, |n| n.version)?;
            for function in functions {
                amend(&mut tables.functions, &function.key, function, |f| f.version)?;
            }
            for version in versions {
                publish(&mut tables.versions, (version.function.clone(), version.number), version)?;
            }
            publish(&mut tables.service_versions, (published.service.clone(), published.number), published)
        })
    }
    async fn delete_service_version(&self, key: &NamespaceKey, number: u64) -> PortResult<()> {
        self.write(|tables| {
            withdraw(&mut tables.service_versions, &(key.clone(), number))?;
            tables.forget_unheld(key);
            let gone = number.to_string();
            tables.forget_settings(|function, qualifier| function.namespace_key() == *key && qualifier == gone);
            Ok(())
        })
    }
    async fn put_alias(&self, alias: &Alias) -> PortResult<()> {
        self.write(|tables| put(&mut tables.aliases, alias.key.clone(), alias, |a| a.version))
    }
    async fn delete_alias(&self, key: &AliasKey, version: u64) -> PortResult<()> {
        self.write(|tables| {
            delete(&mut tables.aliases, key, version, |a| a.version)?;
            let owner = key.function_key();
            tables.forget_settings(|function, qualifier| {
                let owned = match &owner {
                    Some(owner) => function == owner,
                    None => function.namespace_key() == key.namespace_key(),
                };
                owned && qualifier == key.name
            });
            Ok(())
        })
    }
    async fn put_provision(&self, provision: &Provision) -> PortResult<()> {
        let key = (provision.function.clone(), provision.qualifier.clone());
        self.write(|tables| put(&mut tables.provisions, key, provision, |p| p.version))
    }
    async fn delete_provision(&self, function: &FunctionKey, qualifier: &str, version: u64) -> PortResult<()> {
        let key = (function.clone(), qualifier.to_owned());
        self.write(|tables| delete(&mut tables.provisions, &key, version, |p| p.version))
    }
    async fn put_on_demand(&self, limit: &OnDemandLimit) -> PortResult<()> {
        let key = (limit.function.clone(), limit.qualifier.clone());
        self.write(|tables| put(&mut tables.on_demand, key, limit, |l| l.version))
    }
    async fn delete_on_demand(&self, function: &FunctionKey, qualifier: &str, version: u64) -> PortResult<()> {
        let key = (function.clone(), qualifier.to_owned());
        self.write(|tables| delete(&mut tables.on_demand, &key, version, |l| l.version))
    }
    async fn put_quota(&self, quota: &StoredQuota) -> PortResult<()> {
        let mut tables = self.tables();
        tables.quotas.retain(|stored| (&stored.scope, stored.dialect) != (&quota.scope, quota.dialect));
        tables.quotas.push(quota.clone());
        Ok(())
    }
}
