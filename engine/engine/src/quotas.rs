//! Quota profiles: read on every request, changed while running.

use crate::{Engine, Usage, scope::ScopeState};
use sluice_domain::{Dialect, Error, Field, QuotaProfile, Result, Scope};
use sluice_ports::StoredQuota;
use std::sync::Arc;

impl Engine {
    /// The limits in force for a scope.
    pub fn quota(&self, scope: &Scope, dialect: Dialect) -> Arc<QuotaProfile> {
        self.scope_state(scope, dialect).quota.load_full()
    }

    /// Changes limits; running requests are not affected, the next one is (spec: QUO-27).
    pub async fn patch_quota(
        &self,
        scope: &Scope,
        dialect: Dialect,
        patch: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Arc<QuotaProfile>> {
        let _writing = self.inner.writing.lock().await;
        let state = self.scope_state(scope, dialect);
        let quota = Arc::new(state.quota.load().patched(patch)?);
        sluice_decide::Zone::named(&quota.schedule_tz)
            .map_err(|error| Error::invalid(Field::Other("schedule_tz"), error))?;
        let stored = StoredQuota { scope: scope.clone(), dialect, quota: (*quota).clone() };
        self.inner.deps.catalog.put_quota(&stored).await.map_err(crate::catalog::port_error)?;
        self.apply_quota(&state, quota.clone());
        Ok(quota)
    }

    pub(crate) fn apply_quota(&self, state: &Arc<ScopeState>, quota: Arc<QuotaProfile>) {
        self.tell_limits(state, &quota);
        state.quota.store(quota);
        self.inner.tick_soon.notify_one();
    }

    /// What the scope holds now.
    pub fn usage(&self, scope: &Scope, dialect: Dialect) -> Usage {
        let mut usage = Usage::default();
        for namespace in self.namespaces(scope, dialect) {
            let functions = self.inner.catalog.read().expect("catalog lock").functions_of(&namespace.key);
            usage.code_bytes += functions.iter().map(|function| function.code.size).sum::<u64>();
            let names = functions.iter().map(|function| function.key.name.clone()).collect();
            usage.namespaces.push((namespace.key.name.clone(), names));
        }
        let state = self.scope_state(scope, dialect);
        usage.busy_mb = state.core().state.busy_mb();
        usage
    }
}
