use crate::{Catalog, PortError, PortResult, Snapshot, StoredQuota};
use async_trait::async_trait;
use sluice_domain::{Function, FunctionKey, Namespace, NamespaceKey};
use std::{collections::BTreeMap, hash::Hash, sync::Mutex};

/// A catalog that forgets.
#[derive(Default)]
pub struct FakeCatalog(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    namespaces: BTreeMap<NamespaceKey, Namespace>,
    functions: BTreeMap<FunctionKey, Function>,
    quotas: Vec<StoredQuota>,
}

fn put<K: Ord + Hash + Clone, V: Clone>(
    table: &mut BTreeMap<K, V>,
    key: &K,
    value: &V,
    version: impl Fn(&V) -> u64,
) -> PortResult<()> {
    let stored = table.get(key).map(&version);
    let expected = version(value).checked_sub(1).filter(|previous| *previous > 0);
    if stored != expected {
        return Err(PortError::Conflict(format!("expected version {expected:?}, found {stored:?}")));
    }
    table.insert(key.clone(), value.clone());
    Ok(())
}

fn delete<K: Ord, V>(table: &mut BTreeMap<K, V>, key: &K, version: u64, of: impl Fn(&V) -> u64) -> PortResult<()> {
    match table.get(key).map(of) {
        Some(stored) if stored == version => {
            table.remove(key);
            Ok(())
        }
        other => Err(PortError::Conflict(format!("expected version {version}, found {other:?}"))),
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    async fn load(&self) -> PortResult<Snapshot> {
        let tables = self.0.lock().expect("fake catalog");
        Ok(Snapshot {
            namespaces: tables.namespaces.values().cloned().collect(),
            functions: tables.functions.values().cloned().collect(),
            quotas: tables.quotas.clone(),
        })
    }
    async fn put_namespace(&self, namespace: &Namespace) -> PortResult<()> {
        put(&mut self.0.lock().expect("fake catalog").namespaces, &namespace.key, namespace, |n| n.version)
    }
    async fn delete_namespace(&self, key: &NamespaceKey, version: u64) -> PortResult<()> {
        delete(&mut self.0.lock().expect("fake catalog").namespaces, key, version, |n| n.version)
    }
    async fn put_function(&self, function: &Function) -> PortResult<()> {
        put(&mut self.0.lock().expect("fake catalog").functions, &function.key, function, |f| f.version)
    }
    async fn delete_function(&self, key: &FunctionKey, version: u64) -> PortResult<()> {
        delete(&mut self.0.lock().expect("fake catalog").functions, key, version, |f| f.version)
    }
    async fn put_quota(&self, quota: &StoredQuota) -> PortResult<()> {
        let quotas = &mut self.0.lock().expect("fake catalog").quotas;
        quotas.retain(|stored| (&stored.scope, stored.dialect) != (&quota.scope, quota.dialect));
        quotas.push(quota.clone());
        Ok(())
    }
}
