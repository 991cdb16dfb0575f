//! Concurrency settings: reservations, totals, provisions, on-demand limits.
//!
//! Each is checked, stored, and then told to the core, which does the rest.

use crate::{
    Engine,
    catalog::{SettingKey, check_if_match, port_error},
    scope::{ScopeState, Serving},
};
use sluice_decide::{Event, Limits, Plan, PlanRules, ProvisionId};
use sluice_domain::{
    AliasTarget, Dialect, Entity, Error, ErrorKind, Field, Function, FunctionKey, NamespaceKey, OnDemandLimit,
    Provision, ProvisionConfig, Quota, QuotaProfile, Result, Scope, Setting,
};
use std::{collections::BTreeSet, sync::Arc};

/// Instances that may be asked for at once.
const TARGET_MAX: u64 = 10_000;

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

/// A provision and where it stands.
#[derive(Clone, Debug)]
pub struct ProvisionView {
    pub provision: Provision,
    /// The number in force, after schedule and tracking.
    pub target: u64,
    /// Instances that are up.
    pub ready: u64,
    /// Memory of one instance.
    pub memory_mb: u64,
    pub status: ProvisionStatus,
    /// Why it failed, for people.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisionStatus {
    Done,
    InProgress,
    Failed,
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
        let _writing = self.inner.writing.lock().await;
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
        let _writing = self.inner.writing.lock().await;
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
        let writing = self.inner.writing.lock().await;
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
            return self.patch_quota_under(&writing, scope, Dialect::Scf, &patch).await.map(drop);
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
        self.patch_quota_under(&writing, scope, Dialect::Scf, &patch).await.map(drop)
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

    pub async fn put_provision(
        &self,
        key: &FunctionKey,
        qualifier: &str,
        config: ProvisionConfig,
    ) -> Result<ProvisionView> {
        let _writing = self.inner.writing.lock().await;
        let serving = self.provisionable(key, qualifier)?;
        let quota = self.quota(&key.scope, key.dialect);
        let old = self.stored_provision(key, qualifier);
        if key.dialect == Dialect::Scf && old.is_some() {
            self.refuse_while_expanding(key, qualifier)?;
        }
        self.check_provision(key, qualifier, &serving, &config, &quota)?;
        let version = old.as_ref().map_or(1, |old| old.version + 1);
        let modified = self.now();
        let stored = Provision { function: key.clone(), qualifier: qualifier.to_owned(), config, version, modified };
        self.inner.deps.catalog.put_provision(&stored).await.map_err(port_error)?;
        let setting = (key.clone(), qualifier.to_owned());
        self.inner.catalog.write().expect("catalog lock").provisions.insert(setting.clone(), Arc::new(stored));
        self.apply_provision(&setting, true);
        self.provision(key, qualifier)?.ok_or_else(Error::internal)
    }

    /// Which version a provision would keep instances of.
    fn provisionable(&self, key: &FunctionKey, qualifier: &str) -> Result<Arc<Serving>> {
        let entry = self.entry(key)?;
        let bare = qualifier.is_empty() || qualifier == crate::qualifier::latest(key.dialect);
        let number = qualifier.parse::<u64>().is_ok();
        if key.dialect == Dialect::Scf && (bare || !number) {
            let message = format!(
                "provisioned concurrency is for published versions; '{qualifier}' is not one: publish a version of \
                 function '{}' and name its number",
                key.name
            );
            return Err(Error::invalid(Field::ProvisionQualifier, message));
        }
        self.main_serving(&entry, qualifier)?
            .ok_or_else(|| Error::new(ErrorKind::WrongState, format!("function '{}' cannot be called yet", key.name)))
    }

    /// What serves the calls of a qualifier; of an alias, its main version.
    fn main_serving(&self, entry: &crate::catalog::Entry, qualifier: &str) -> Result<Option<Arc<Serving>>> {
        let key = &entry.shown.key;
        let at = self.function_at(key, qualifier)?;
        let number = match at.alias.as_ref().map(|alias| alias.target) {
            Some(AliasTarget::Version(number)) => Some(number),
            Some(AliasTarget::Latest) => None,
            None => at.number,
        };
        Ok(match number {
            Some(number) => entry.published.servings.get(&number).cloned(),
            None => entry.serving.clone(),
        })
    }

    fn refuse_while_expanding(&self, key: &FunctionKey, qualifier: &str) -> Result<()> {
        match self.provision(key, qualifier)? {
            Some(view) if view.status == ProvisionStatus::InProgress => {
                let message = format!(
                    "{} of {} provisioned instances of function '{}' version {qualifier} are up: change it when all are",
                    view.ready, view.target, key.name
                );
                Err(Error::new(ErrorKind::Busy(Setting::Provisioned), message))
            }
            _ => Ok(()),
        }
    }

    fn check_provision(
        &self,
        key: &FunctionKey,
        qualifier: &str,
        serving: &Serving,
        config: &ProvisionConfig,
        quota: &QuotaProfile,
    ) -> Result<()> {
        if let Some(limit) = quota.scheduled_actions.filter(|limit| config.actions.len() as u64 > *limit) {
            let message =
                format!("{} scheduled actions are too many: at most {limit} are allowed", config.actions.len());
            return Err(Error::quota(Quota::ScheduledActions, message));
        }
        let now = self.now().0;
        let rules = PlanRules::new(key.dialect, quota);
        Plan::new(config, &rules, now, now, 0).map_err(|error| Error::invalid(error.field, error.message))?;
        let most = config.most();
        if most > TARGET_MAX {
            let message = format!("{most} provisioned instances are too many: at most {TARGET_MAX} are allowed");
            return Err(Error::invalid(Field::ProvisionedConcurrency, message));
        }
        let memory = u64::from(serving.function.config.memory_mib);
        let others: u64 = self
            .provisions(&key.scope, key.dialect)
            .iter()
            .filter(|view| view.provision.function != *key || view.provision.qualifier != qualifier)
            .map(|view| view.provision.config.most() * view.memory_mb)
            .sum();
        match quota.concurrency_mb {
            Some(total) if most * memory + others > total => {
                let message = format!(
                    "{most} instances of {memory} MB and the {others} MB provisioned for other versions are more than \
                     the region's {total} MB"
                );
                Err(Error::quota(Quota::TotalProvisioned, message))
            }
            _ => Ok(()),
        }
    }

    fn stored_provision(&self, key: &FunctionKey, qualifier: &str) -> Option<Arc<Provision>> {
        let setting = (key.clone(), qualifier.to_owned());
        self.inner.catalog.read().expect("catalog lock").provisions.get(&setting).cloned()
    }

    pub fn provision(&self, key: &FunctionKey, qualifier: &str) -> Result<Option<ProvisionView>> {
        self.function_at(key, qualifier)?;
        Ok(self.stored_provision(key, qualifier).map(|provision| self.provision_view(&provision)))
    }

    /// All provisions of a scope, by function and qualifier.
    pub fn provisions(&self, scope: &Scope, dialect: Dialect) -> Vec<ProvisionView> {
        let of_scope = |key: &SettingKey| key.0.scope == *scope && key.0.dialect == dialect;
        let found: Vec<_> = {
            let catalog = self.inner.catalog.read().expect("catalog lock");
            catalog.provisions.iter().filter(|(key, _)| of_scope(key)).map(|(_, found)| found.clone()).collect()
        };
        found.iter().map(|provision| self.provision_view(provision)).collect()
    }

    fn provision_view(&self, provision: &Provision) -> ProvisionView {
        let key = &provision.function;
        let scope = self.scope_state(&key.scope, key.dialect);
        let setting = (key.clone(), provision.qualifier.clone());
        let number = scope.settings.lock().expect("settings lock").provisions.get(&setting).copied();
        let core = scope.core();
        let count = number.and_then(|(id, _)| core.state.provision(id));
        let pool = number.and_then(|(_, pool)| pool);
        let memory_mb = pool
            .and_then(|pool| core.servings.get(&pool))
            .map_or(0, |serving| u64::from(serving.function.config.memory_mib));
        let (target, ready) = count.map_or((provision.config.target, 0), |count| (count.target, count.ready));
        let failed = count.is_some_and(|count| count.failures > 0) && ready < target;
        let reason = pool.filter(|_| failed).and_then(|pool| core.failures.get(&pool)).cloned().unwrap_or_default();
        let status = match () {
            () if failed => ProvisionStatus::Failed,
            () if ready < target => ProvisionStatus::InProgress,
            () => ProvisionStatus::Done,
        };
        ProvisionView { provision: provision.clone(), target, ready, memory_mb, status, reason }
    }

    pub async fn delete_provision(&self, key: &FunctionKey, qualifier: &str) -> Result<()> {
        let _writing = self.inner.writing.lock().await;
        self.provisionable(key, qualifier)?;
        let Some(version) = self.stored_provision(key, qualifier).map(|stored| stored.version) else { return Ok(()) };
        self.inner.deps.catalog.delete_provision(key, qualifier, version).await.map_err(port_error)?;
        let setting = (key.clone(), qualifier.to_owned());
        self.inner.catalog.write().expect("catalog lock").provisions.remove(&setting);
        self.withdraw_provision(&setting);
        Ok(())
    }

    fn withdraw_provision(&self, setting: &SettingKey) {
        let scope = self.scope_state(&setting.0.scope, setting.0.dialect);
        let number = scope.settings.lock().expect("settings lock").provisions.remove(setting);
        if let Some((provision, _)) = number {
            self.tell(&scope, Event::ProvisionRemoved { provision });
        }
    }

    /// Tells the core of a provision if it is new, was changed, or leads to another version now.
    fn apply_provision(&self, setting: &SettingKey, changed: bool) {
        let (key, qualifier) = setting;
        let Some(stored) = self.stored_provision(key, qualifier) else { return self.withdraw_provision(setting) };
        let serving = self.entry(key).ok().and_then(|entry| self.main_serving(&entry, qualifier).ok().flatten());
        let scope = self.scope_state(&key.scope, key.dialect);
        let Some(serving) = serving else { return self.withdraw_provision(setting) };
        let provision = {
            let mut settings = scope.settings.lock().expect("settings lock");
            let next = ProvisionId(settings.number());
            let number = settings.provisions.entry(setting.clone()).or_insert((next, None));
            if number.1 == Some(serving.pool) && !changed {
                return;
            }
            number.1 = Some(serving.pool);
            number.0
        };
        let since = stored.modified.0;
        let config = stored.config.clone();
        self.tell(&scope, Event::ProvisionChanged { provision, pool: serving.pool, config, since });
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

    /// Sets the most on-demand instances for calls of a function through an alias, or of `LATEST` (FC).
    pub async fn put_on_demand(
        &self,
        key: &FunctionKey,
        qualifier: &str,
        if_match: Option<&str>,
        instances: u64,
    ) -> Result<OnDemandLimit> {
        let _writing = self.inner.writing.lock().await;
        let at = self.function_at(key, qualifier)?;
        if at.version.is_some() && at.alias.is_none() {
            let message = format!("on-demand limits are for aliases and LATEST; '{qualifier}' is a version");
            return Err(Error::invalid(Field::Qualifier, message));
        }
        let quota = self.quota(&key.scope, key.dialect);
        if let Some(limit) = quota.on_demand_instances.filter(|limit| instances > *limit) {
            let message = format!("maximumInstanceCount {instances} is more than the {limit} that the account has");
            return Err(Error::invalid(Field::OnDemandInstances, message));
        }
        let setting = (key.clone(), qualifier.to_owned());
        let rules = self.on_demands(&key.scope);
        let old = rules.iter().find(|rule| rule.function == *key && rule.qualifier == qualifier);
        check_if_match(if_match, &old.map(on_demand_etag).unwrap_or_default())?;
        if let Some(limit) = quota.on_demand_rules.filter(|limit| old.is_none() && rules.len() as u64 >= *limit) {
            let message = format!(
                "{} on-demand limits exist in region {}; at most {limit} are allowed",
                rules.len(),
                key.scope.region
            );
            return Err(Error::quota(Quota::OnDemandRules, message));
        }
        let version = old.map_or(1, |old| old.version + 1);
        let stored = OnDemandLimit { function: key.clone(), qualifier: qualifier.to_owned(), instances, version };
        self.inner.deps.catalog.put_on_demand(&stored).await.map_err(port_error)?;
        let shown = Arc::new(stored.clone());
        self.inner.catalog.write().expect("catalog lock").on_demand.insert(setting.clone(), shown);
        self.apply_rule(&setting);
        Ok(stored)
    }

    pub fn on_demand(&self, key: &FunctionKey, qualifier: &str) -> Result<OnDemandLimit> {
        self.function_at(key, qualifier)?;
        let setting = (key.clone(), qualifier.to_owned());
        let found = self.inner.catalog.read().expect("catalog lock").on_demand.get(&setting).cloned();
        found.map(|limit| (*limit).clone()).ok_or_else(|| {
            let message = format!("function '{}' has no on-demand limit at qualifier '{qualifier}'", key.name);
            Error::not_found(Entity::Setting, message)
        })
    }

    /// All on-demand limits of a region, by function and qualifier.
    pub fn on_demands(&self, scope: &Scope) -> Vec<OnDemandLimit> {
        let catalog = self.inner.catalog.read().expect("catalog lock");
        let all = catalog.on_demand.values().filter(|limit| limit.function.scope == *scope);
        all.map(|limit| (**limit).clone()).collect()
    }

    pub async fn delete_on_demand(&self, key: &FunctionKey, qualifier: &str, if_match: Option<&str>) -> Result<()> {
        let _writing = self.inner.writing.lock().await;
        let old = self.on_demand(key, qualifier)?;
        check_if_match(if_match, &on_demand_etag(&old))?;
        self.inner.deps.catalog.delete_on_demand(key, qualifier, old.version).await.map_err(port_error)?;
        let setting = (key.clone(), qualifier.to_owned());
        self.inner.catalog.write().expect("catalog lock").on_demand.remove(&setting);
        self.apply_rule(&setting);
        Ok(())
    }

    /// Tells the core of a limit, and the function's entry under which number calls name it.
    fn apply_rule(&self, setting: &SettingKey) {
        let (key, qualifier) = setting;
        let scope = self.scope_state(&key.scope, key.dialect);
        let limit = {
            let catalog = self.inner.catalog.read().expect("catalog lock");
            let known = catalog.functions.contains_key(key);
            catalog.on_demand.get(setting).filter(|_| known).map(|limit| limit.instances)
        };
        let rule = {
            let mut settings = scope.settings.lock().expect("settings lock");
            let next = sluice_decide::RuleId(settings.number());
            match limit {
                Some(_) => Some(*settings.rules.entry(setting.clone()).or_insert(next)),
                None => settings.rules.remove(setting),
            }
        };
        let Some(rule) = rule else { return };
        self.change_entry(key, |entry| {
            let rules = &mut Arc::make_mut(&mut entry.published).rules;
            match limit {
                Some(_) => rules.insert(qualifier.clone(), rule),
                None => rules.remove(qualifier),
            };
        });
        self.tell(&scope, Event::RuleChanged { rule, instances: limit });
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

pub fn on_demand_etag(limit: &OnDemandLimit) -> String {
    format!("{}-{}", limit.instances, limit.version)
}
