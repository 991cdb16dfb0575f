//! On-demand limits of FC: how many instances calls through one alias may use.

use crate::{
    Engine,
    catalog::{SettingKey, check_if_match, port_error},
};
use sluice_decide::{Event, RuleId};
use sluice_domain::{Entity, Error, Field, FunctionKey, OnDemandLimit, Quota, Result, Scope};
use std::sync::Arc;

impl Engine {
    /// Sets the most on-demand instances for calls of a function through an alias, or of `LATEST` (FC).
    pub async fn put_on_demand(
        &self,
        key: &FunctionKey,
        qualifier: &str,
        if_match: Option<&str>,
        instances: u64,
    ) -> Result<OnDemandLimit> {
        let _change = self.inner.begin_change().await;
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
        check_if_match(if_match, &old.map(OnDemandLimit::etag).unwrap_or_default())?;
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
        let _change = self.inner.begin_change().await;
        let old = self.on_demand(key, qualifier)?;
        check_if_match(if_match, &old.etag())?;
        self.inner.deps.catalog.delete_on_demand(key, qualifier, old.version).await.map_err(port_error)?;
        let setting = (key.clone(), qualifier.to_owned());
        self.inner.catalog.write().expect("catalog lock").on_demand.remove(&setting);
        self.apply_rule(&setting);
        Ok(())
    }

    /// Tells the core of a limit, and the function's entry under which number calls name it.
    pub(super) fn apply_rule(&self, setting: &SettingKey) {
        let (key, qualifier) = setting;
        let scope = self.scope_state(&key.scope, key.dialect);
        let limit = {
            let catalog = self.inner.catalog.read().expect("catalog lock");
            let known = catalog.functions.contains_key(key);
            catalog.on_demand.get(setting).filter(|_| known).map(|limit| limit.instances)
        };
        let rule = {
            let mut settings = scope.settings.lock().expect("settings lock");
            let next = RuleId(settings.number());
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
}
