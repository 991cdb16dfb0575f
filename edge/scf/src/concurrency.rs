//! What answers say about the concurrency of functions.

use crate::call::Call;
use sluice_domain::{Dialect, FunctionKey};
use std::collections::HashMap;

/// MB of the provisioned instances of each function of the region that has any, all versions together.
pub fn provisioned_mb(call: &Call<'_>) -> HashMap<FunctionKey, u64> {
    let mut all = HashMap::new();
    for view in call.engine.provisions(&call.scope, Dialect::Scf) {
        *all.entry(view.provision.function).or_default() += view.target.saturating_mul(view.memory_mb);
    }
    all
}
