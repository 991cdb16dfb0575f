//! Concurrency settings: reservations and totals here, provisions and on-demand limits below.
//!
//! Each is checked, stored, and then told to the core, which does the rest.

mod on_demand;
mod provisions;

use crate::{
    Engine,
    catalog::{SettingKey, port_error},
    scope::ScopeState,
};
use sluice_decide::{Event, Limits};
use sluice_domain::{
    Dialect, Error, ErrorKind, Field, Function, FunctionKey, NamespaceKey, Quota, QuotaProfile, Result, Scope,
};
use std::{collections::BTreeSet, sync::Arc};

pub use provisions::{ProvisionStatus, ProvisionView};

/// What a region has and what of it is given away.
#[derive(Clone, Debug)]
pub struct ConcurrencyView {
    pub total_mb: Option<u64>,
    pub unallocatable_mb: u64,
    /// The sum of all reservations.
    pub reserved_mb: u64,
    /// The sum of all provisioned targets, in MB.
    pub provisioned_mb: u64,
    /// The same of the most that each may ask for at any time.
    pub committed_mb: u64,
    pub busy_mb: u64,
    pub namespaces: Vec<NamespaceConcurrency>,
}

#[derive(Clone, Debug)]
pub struct NamespaceConcurrency {
    pub name: String,
    pub total_mb: Option<u64>,
    pub reserved_mb: u64,
    pub provisioned_mb: u64,
}

impl ConcurrencyView {
    /// What a function may reserve that has reserved `own_mb` now (spec: RSV-04); none without a total.
    pub fn reservable_mb(&self, own_mb: u64) -> Option<u64> {
        let others = self.reserved_mb - own_mb.min(self.reserved_mb);
        Some(self.total_mb?.saturating_sub(others + self.unallocatable_mb))
    }

    /// What may still be provisioned (spec: PRO-09); none without a total.
    pub fn provisionable_mb(&self) -> Option<u64> {
        Some(self.total_mb?.saturating_sub(self.committed_mb))
    }
}

impl Engine {
    pub fn reserved(&self, key: &FunctionKey) -> Result<Option<u64>> {
        Ok(self.function(key)?.reserved_mb)
    }

    pub async fn put_reserved(&self, key: &FunctionKey, mb: u64) -> Result<()> {
        let _change = self.inner.begin_change().await;
        let current = self.function(key)?;
        let memory = u64::from(current.config.memory_mib);
        if !mb.is_multiple_of(memory) {
            let (below, above) = (mb - mb % memory, mb - mb % memory + memory);
            let message = format!(
                "{mb} MB is not a number of executions of function '{}' at {memory} MB each: use {below} or {above}",
                key.name
            );
            return Err(Error::invalid(Field::ReservedConcurrency, message));
        }
        let view = self.concurrency(&key.scope, key.dialect);
        let own = current.reserved_mb.unwrap_or(0);
        if let Some(free) = view.reservable_mb(own).filter(|free| mb > *free) {
            let free = free - free % memory;
            let message = format!(
                "{mb} MB cannot be reserved for function '{}': {free} MB are free (total {} MB, {} MB reserved for \
                 others, {} MB are never reserved)",
                key.name,
                view.total_mb.unwrap_or_default(),
                view.reserved_mb - own,
                view.unallocatable_mb
            );
            return Err(Error::quota(Quota::FunctionReserved, message));
        }
        self.store_reserved(&current, Some(mb)).await
    }

    pub async fn delete_reserved(&self, key: &FunctionKey) -> Result<()> {
        let _change = self.inner.begin_change().await;
        let current = self.function(key)?;
        match current.reserved_mb {
            Some(_) => self.store_reserved(&current, None).await,
            None => Ok(()),
        }
    }

    async fn store_reserved(&self, current: &Function, reserved_mb: Option<u64>) -> Result<()> {
        let mut next = current.clone();
        next.reserved_mb = reserved_mb;
        next.version += 1;
        self.inner.deps.catalog.put_function(&next).await.map_err(port_error)?;
        let next = Arc::new(next);
        self.change_entry(&next.key, |entry| entry.shown = next.clone());
        self.tell_function(&next);
        Ok(())
    }

    /// Tells the core what is set for a function as a whole.
    pub(crate) fn tell_function(&self, function: &Function) {
        let scope = self.scope_state(&function.key.scope, function.key.dialect);
        let debug = function.config.attributes.get(DEBUG_ATTRIBUTE).is_some_and(|value| value == true);
        let event = Event::FunctionChanged { function: function.id.clone(), reserved_mb: function.reserved_mb, debug };
        self.tell(&scope, event);
    }

    /// Sets the total of a region, or that of one namespace, within what the account has (SCF).
    pub async fn put_total_concurrency(&self, scope: &Scope, namespace: Option<&str>, mb: u64) -> Result<()> {
        let change = self.inner.begin_change().await;
        let quota = self.quota(scope, Dialect::Scf);
        let view = self.concurrency(scope, Dialect::Scf);
        let Some(name) = namespace else {
            if let Some(bought) = quota.concurrency_max_mb.filter(|bought| mb > *bought) {
                let message =
                    format!("{mb} MB is more than the {bought} MB that this account has in region {}", scope.region);
                return Err(Error::quota(Quota::TotalConcurrency, message));
            }
            let least = view.reserved_mb + view.unallocatable_mb;
            if mb < least {
                let message = format!(
                    "{mb} MB is less than the {} MB that functions have reserved and the {} MB that are never \
                     reserved: use {least} MB or more",
                    view.reserved_mb, view.unallocatable_mb
                );
                return Err(Error::new(ErrorKind::ReservedExceedsTotal, message));
            }
            if mb < view.committed_mb {
                let message = format!(
                    "{mb} MB is less than the {} MB that versions have provisioned: use {0} MB or more",
                    view.committed_mb
                );
                return Err(Error::quota(Quota::TotalConcurrency, message));
            }
            let patch = serde_json::Map::from_iter([("concurrency_mb".to_owned(), mb.into())]);
            return self.patch_quota_under(&change, scope, Dialect::Scf, &patch).await.map(drop);
        };
        let key = NamespaceKey { scope: scope.clone(), dialect: Dialect::Scf, name: name.to_owned() };
        self.namespace(&key)?;
        if let Some(total) = view.total_mb.filter(|total| mb > *total) {
            let message = format!("{mb} MB for namespace '{name}' is more than the region's {total} MB");
            return Err(Error::quota(Quota::TotalConcurrency, message));
        }
        let mut all = quota.namespace_concurrency_mb.clone();
        all.insert(name.to_owned(), mb);
        let patch = serde_json::Map::from_iter([("namespace_concurrency_mb".to_owned(), serde_json::json!(all))]);
        self.patch_quota_under(&change, scope, Dialect::Scf, &patch).await.map(drop)
    }

    /// What the region has and what is given away.
    pub fn concurrency(&self, scope: &Scope, dialect: Dialect) -> ConcurrencyView {
        let quota = self.quota(scope, dialect);
        let provisions = self.provisions(scope, dialect);
        let names = self.namespaces(scope, dialect);
        let mut reserved_mb = 0;
        let mut namespaces = Vec::with_capacity(names.len());
        for namespace in names {
            let name = namespace.key.name.clone();
            let functions = self.inner.catalog.read().expect("catalog lock").functions_of(&namespace.key);
            let own: u64 = functions.iter().filter_map(|function| function.reserved_mb).sum();
            reserved_mb += own;
            let here = provisions.iter().filter(|view| view.provision.function.namespace == name);
            namespaces.push(NamespaceConcurrency {
                total_mb: quota.namespace_concurrency_mb.get(&name).copied(),
                reserved_mb: own,
                provisioned_mb: here.map(|view| view.target * view.memory_mb).sum(),
                name,
            });
        }
        ConcurrencyView {
            total_mb: quota.concurrency_mb,
            unallocatable_mb: quota.unallocatable_mb.unwrap_or(0),
            reserved_mb,
            provisioned_mb: provisions.iter().map(|view| view.target * view.memory_mb).sum(),
            committed_mb: provisions.iter().map(|view| view.provision.config.most() * view.memory_mb).sum(),
            busy_mb: self.known_scope(scope, dialect).map_or(0, |state| state.core().state.busy_mb()),
            namespaces,
        }
    }

    /// What a qualifier leads to has changed somewhere in a namespace: provisions and limits follow.
    pub(crate) fn follow_qualifiers(&self, namespace: &NamespaceKey) {
        let inside = |key: &SettingKey| crate::catalog::is_in(&key.0, namespace);
        let scope = self.scope_state(&namespace.scope, namespace.dialect);
        let mut settings: BTreeSet<SettingKey> = {
            let catalog = self.inner.catalog.read().expect("catalog lock");
            catalog.provisions.keys().filter(|key| inside(key)).cloned().collect()
        };
        let told = scope.settings.lock().expect("settings lock");
        settings.extend(told.provisions.keys().filter(|key| inside(key)).cloned());
        let rules: Vec<SettingKey> = told.rules.keys().filter(|key| inside(key)).cloned().collect();
        drop(told);
        settings.iter().for_each(|setting| self.apply_provision(setting, false));
        rules.iter().for_each(|setting| self.apply_rule(setting));
    }

    /// Tells the core of all settings that were stored, after a start.
    pub(crate) fn remember_settings(&self) {
        let (functions, provisions, rules) = {
            let catalog = self.inner.catalog.read().expect("catalog lock");
            let set =
                |function: &Arc<Function>| function.reserved_mb.is_some() || !function.config.attributes.is_empty();
            let functions: Vec<_> =
                catalog.functions.values().map(|entry| entry.shown.clone()).filter(|found| set(found)).collect();
            let provisions: Vec<SettingKey> = catalog.provisions.keys().cloned().collect();
            (functions, provisions, catalog.on_demand.keys().cloned().collect::<Vec<_>>())
        };
        functions.iter().for_each(|function| self.tell_function(function));
        provisions.iter().for_each(|setting| self.apply_provision(setting, true));
        rules.iter().for_each(|setting| self.apply_rule(setting));
    }

    /// Changes what the core goes by when a profile changes.
    pub(crate) fn tell_limits(&self, scope: &Arc<ScopeState>, quota: &QuotaProfile) {
        let limits: Limits = self.inner.limits_of(quota, scope.key.1);
        self.tell(scope, Event::LimitsChanged(Box::new(limits)));
    }
}

/// Where a function says that it is being debugged on a single instance (SCF).
const DEBUG_ATTRIBUTE: &str = "debug";
