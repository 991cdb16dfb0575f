//! Provisions: how many instances of a version are kept started.

use crate::{
    Engine,
    catalog::{SettingKey, check_if_match, port_error},
    scope::Serving,
};
use sluice_decide::{Event, Plan, PlanRules, ProvisionId};
use sluice_domain::{
    AliasTarget, Dialect, Error, ErrorKind, Field, FunctionKey, Provision, ProvisionConfig, Quota, QuotaProfile,
    Result, Scope, Setting,
};
use std::sync::Arc;

/// Instances that may be asked for at once.
const TARGET_MAX: u64 = 10_000;

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

impl Engine {
    pub async fn put_provision(
        &self,
        key: &FunctionKey,
        qualifier: &str,
        if_match: Option<&str>,
        config: ProvisionConfig,
    ) -> Result<ProvisionView> {
        let _change = self.inner.begin_change().await;
        let serving = self.provisionable(key, qualifier)?;
        let quota = self.quota(&key.scope, key.dialect);
        let old = self.stored_provision(key, qualifier);
        check_if_match(if_match, &old.as_ref().map_or_else(|| Provision::ABSENT.to_owned(), |old| old.etag()))?;
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
        let _change = self.inner.begin_change().await;
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
    pub(super) fn apply_provision(&self, setting: &SettingKey, changed: bool) {
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
}
