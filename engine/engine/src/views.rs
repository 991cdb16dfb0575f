//! The live state of decisions, for operators.

use crate::{Engine, catalog::SettingKey};
use serde::Serialize;
use sluice_decide::{Usage, estimate};
use sluice_domain::{Dialect, Provision, Timestamp};
use std::{collections::BTreeMap, sync::Arc};

/// A version and its instances.
#[derive(Clone, Debug, Serialize)]
pub struct PoolView {
    pub account: String,
    pub region: String,
    pub dialect: Dialect,
    pub namespace: String,
    pub function: String,
    pub version: String,
    pub memory_mb: u64,
    pub concurrency: u32,
    pub instances: u64,
    pub starting: u64,
    pub busy: u64,
    pub idle: u64,
    /// Requests in instances, and requests that wait for one.
    pub in_flight: u64,
    pub waiting: u64,
    pub provisioned_target: u64,
    pub provisioned_ready: u64,
    /// How long the most recently used idle instance is kept.
    pub keep_alive_s: f64,
    /// Why so long.
    pub keep_alive_why: String,
}

/// The limits of one scope.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeLimits {
    pub account: String,
    pub region: String,
    pub dialect: Dialect,
    /// MB that a function without a reservation may reserve (spec: RSV-04), and that may still be provisioned.
    pub reservable_mb: Option<u64>,
    pub provisionable_mb: Option<u64>,
    pub limits: Vec<LimitView>,
}

/// One node of the limit tree.
#[derive(Clone, Debug, Serialize)]
pub struct LimitView {
    pub kind: &'static str,
    /// The namespace, the function, or `function:qualifier` for what has a limit of its own.
    pub name: String,
    /// That of a function.
    pub namespace: String,
    pub unit: &'static str,
    /// None where there is no limit.
    pub limit: Option<u64>,
    pub used: u64,
}

/// Instance time of one version.
#[derive(Clone, Debug, Serialize)]
pub struct UsageView {
    pub account: String,
    pub region: String,
    pub dialect: Dialect,
    pub namespace: String,
    pub function: String,
    /// Empty for what is left of versions that are gone.
    pub version: String,
    pub memory_mb: u64,
    #[serde(flatten)]
    pub time: Usage,
    /// Of provisioned instances that had no request.
    pub provisioned_idle_ms: u64,
}

/// What schedules will do.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    pub from: String,
    pub until: String,
    pub provisions: Vec<ProvisionPreview>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ProvisionPreview {
    pub dialect: Dialect,
    pub region: String,
    pub namespace: String,
    pub function: String,
    pub qualifier: String,
    /// The number at the beginning of the interval.
    pub target: u64,
    pub changes: Vec<ChangePreview>,
    /// Whether there was too much to tell, and up to when all of it is told.
    pub truncated: bool,
    pub truncated_at: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChangePreview {
    pub at: String,
    pub unix_ms: i64,
    pub target: u64,
    pub cause: String,
}

/// The formulas of the vendors' guides.
pub struct Estimates {
    pub concurrency: fn(f64, f64) -> Result<f64, String>,
    pub minutes_to_scale: fn(u64, u64) -> Result<f64, String>,
    pub capacity_tps: fn(f64, u32, u64) -> Result<f64, String>,
}

/// Changes shown of one provision, at most.
const CHANGES: usize = 10_000;

impl Engine {
    /// All versions that can be called.
    pub fn pools(&self) -> Vec<PoolView> {
        let mut views = Vec::new();
        for scope in self.all_scopes() {
            let (of, dialect) = &scope.key;
            let core = scope.core();
            let fixed = core.state.limits().keep_alive_ms;
            for pool in core.state.pools() {
                let keep = pool.window.as_ref().map_or(fixed, |window| window.keep_ms);
                views.push(PoolView {
                    account: of.account.to_string(),
                    region: of.region.to_string(),
                    dialect: *dialect,
                    namespace: pool.spec.namespace,
                    function: pool.spec.name,
                    version: pool.spec.version,
                    memory_mb: pool.spec.memory_mb,
                    concurrency: pool.spec.concurrency,
                    instances: pool.alive,
                    starting: pool.starting,
                    busy: pool.busy,
                    idle: pool.idle,
                    in_flight: pool.in_flight,
                    waiting: pool.waiting,
                    provisioned_target: pool.provisioned_target,
                    provisioned_ready: pool.provisioned_ready,
                    keep_alive_s: keep as f64 / 1000.0,
                    keep_alive_why: pool.window.map_or_else(|| "fixed".to_owned(), |window| window.why.to_string()),
                });
            }
        }
        let order = |view: &PoolView| {
            (view.region.clone(), view.namespace.clone(), view.function.clone(), view.version.clone())
        };
        views.sort_by_cached_key(order);
        views
    }

    pub fn limits(&self) -> Vec<ScopeLimits> {
        let now = self.inner.now_ms();
        let mut all: Vec<ScopeLimits> = self.all_scopes().iter().map(|scope| self.scope_limits(scope, now)).collect();
        all.sort_by(|a, b| (&a.account, &a.region, a.dialect).cmp(&(&b.account, &b.region, b.dialect)));
        all
    }

    fn scope_limits(&self, scope: &crate::scope::ScopeState, now: u64) -> ScopeLimits {
        let (of, dialect) = &scope.key;
        let tree = scope.core().state.limit_tree(now);
        let rules: BTreeMap<String, SettingKey> = {
            let settings = scope.settings.lock().expect("settings lock");
            settings.rules.iter().map(|(setting, rule)| (rule.0.to_string(), setting.clone())).collect()
        };
        let view = |node: sluice_decide::LimitView| {
            let (name, namespace) = match rules.get(&node.name).filter(|_| node.kind == "alias") {
                Some((function, qualifier)) => (format!("{}:{qualifier}", function.name), function.namespace.clone()),
                None => (node.name, node.namespace),
            };
            LimitView { kind: node.kind, name, namespace, unit: node.unit, limit: node.limit, used: node.used }
        };
        let given = self.concurrency(of, *dialect);
        ScopeLimits {
            reservable_mb: given.reservable_mb(0),
            provisionable_mb: given.provisionable_mb(),
            account: of.account.to_string(),
            region: of.region.to_string(),
            dialect: *dialect,
            limits: tree.into_iter().map(view).collect(),
        }
    }

    pub fn instance_usage(&self) -> Vec<UsageView> {
        let mut all = Vec::new();
        for scope in self.all_scopes() {
            let (of, dialect) = &scope.key;
            for (spec, time) in scope.core().state.usage_at(self.inner.now_ms()) {
                all.push(UsageView {
                    account: of.account.to_string(),
                    region: of.region.to_string(),
                    dialect: *dialect,
                    namespace: spec.namespace,
                    function: spec.name,
                    version: spec.version,
                    memory_mb: spec.memory_mb,
                    provisioned_idle_ms: time.provisioned_ms - time.provisioned_busy_ms,
                    time,
                });
            }
        }
        all.sort_by(|a, b| (&a.namespace, &a.function, &a.version).cmp(&(&b.namespace, &b.function, &b.version)));
        all
    }

    /// What schedules will do between two instants, as far as that does not depend on load.
    pub fn preview(&self, from: Timestamp, until: Timestamp) -> Preview {
        let stored: Vec<Arc<Provision>> =
            self.inner.catalog.read().expect("catalog lock").provisions.values().cloned().collect();
        let provisions = stored.iter().filter_map(|provision| self.preview_of(provision, from, until)).collect();
        Preview { from: from.rfc3339(), until: until.rfc3339(), provisions }
    }

    fn preview_of(&self, provision: &Provision, from: Timestamp, until: Timestamp) -> Option<ProvisionPreview> {
        let key = &provision.function;
        let scope = self.scope_state(&key.scope, key.dialect);
        let setting = (key.clone(), provision.qualifier.clone());
        let (id, _) = *scope.settings.lock().expect("settings lock").provisions.get(&setting)?;
        // A look far ahead takes a while: nobody has to wait for it.
        let plan = scope.core().state.plan(id)?.clone();
        let preview = plan.preview(from.0, until.0, CHANGES);
        let change = |change: &sluice_decide::plan::Change| ChangePreview {
            at: Timestamp(change.at).rfc3339(),
            unix_ms: change.at,
            target: change.to,
            cause: change.cause.to_string(),
        };
        let changes = preview.changes.iter().map(change).collect();
        Some(ProvisionPreview {
            dialect: key.dialect,
            region: key.scope.region.to_string(),
            namespace: key.namespace.clone(),
            function: key.name.clone(),
            qualifier: provision.qualifier.clone(),
            target: preview.target,
            changes,
            truncated: preview.truncated_at.is_some(),
            truncated_at: preview.truncated_at.map(|at| Timestamp(at).rfc3339()),
        })
    }

    pub fn estimates(&self) -> Estimates {
        Estimates {
            concurrency: estimate::concurrency,
            minutes_to_scale: estimate::minutes_to_scale,
            capacity_tps: estimate::capacity_tps,
        }
    }
}
