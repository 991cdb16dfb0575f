//! Quota profiles: read on every request, changed while running.

use crate::{Engine, Usage, scope::ScopeState, undivided::Change};
use sluice_domain::{Dialect, Error, Field, QuotaProfile, Result, Scope};
use sluice_ports::StoredQuota;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The largest request bodies that changed limits allow for. They do not shrink: the limits themselves are looked at later.
#[derive(Default)]
pub struct Bodies {
    scf: AtomicUsize,
    fc: AtomicUsize,
}

/// For what a request holds besides a package or a payload.
const REST_OF_BODY: usize = 5 << 20;
/// So many bytes one byte of a payload may take in JSON (`\u0000`).
const ESCAPED: usize = 6;

impl Bodies {
    fn of(&self, dialect: Dialect) -> &AtomicUsize {
        match dialect {
            Dialect::Scf => &self.scf,
            Dialect::Fc => &self.fc,
        }
    }

    fn note(&self, dialect: Dialect, quota: &QuotaProfile) {
        // As base64, of which a form writes some with three bytes for one.
        let package = quota.code_zip_bytes().saturating_mul(3) / 2;
        let payload = quota.sync_payload_bytes().saturating_mul(ESCAPED);
        self.of(dialect).fetch_max(package.max(payload).saturating_add(REST_OF_BODY), Ordering::Relaxed);
    }
}

impl Engine {
    /// The limits in force for a scope.
    pub fn quota(&self, scope: &Scope, dialect: Dialect) -> Arc<QuotaProfile> {
        // A region that nobody has put anything into has its default, and no state.
        match self.known_scope(scope, dialect) {
            Some(state) => state.quota.load_full(),
            None => Arc::new(QuotaProfile::default_for(dialect, &scope.region)),
        }
    }

    /// Changes limits; running requests are not affected, the next one is (spec: QUO-27).
    pub async fn patch_quota(
        &self,
        scope: &Scope,
        dialect: Dialect,
        patch: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Arc<QuotaProfile>> {
        let change = self.inner.begin_change().await;
        self.patch_quota_under(&change, scope, dialect, patch).await
    }

    /// The same in the midst of a change, because what it patches depends on what it has read.
    pub(crate) async fn patch_quota_under(
        &self,
        _change: &Change<'_>,
        scope: &Scope,
        dialect: Dialect,
        patch: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Arc<QuotaProfile>> {
        self.admit_scope(scope, dialect)?;
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
        self.inner.bodies.note(state.key.1, &quota);
        state.quota.store(quota);
        self.inner.tick_soon.notify_one();
    }

    /// The largest request body that the limits of any scope allow for, as far as they were changed.
    pub fn largest_body(&self, dialect: Dialect) -> usize {
        self.inner.bodies.of(dialect).load(Ordering::Relaxed)
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
        usage.busy_mb = self.known_scope(scope, dialect).map_or(0, |state| state.core().state.busy_mb());
        usage
    }
}
