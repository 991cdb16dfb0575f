//! What is running on this host, and what could.

use super::{
    Admin,
    reply::{self, Reply},
};
use axum::extract::State;
use serde_json::json;

pub async fn instances(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "instances": admin.engine.instances() }))
}

/// The pools of all versions that can be called; what is kept ready for cold starts (blanks by the runtime that they
/// wait in, and sandboxes in which nothing runs yet), how many are wanted and how many there are.
pub async fn pools(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({
        "versions": admin.engine.pools(),
        "pools": admin.engine.blanks(),
        "sandboxes": admin.engine.sandboxes_ahead(),
    }))
}

/// Every limit and what of it is in use.
pub async fn limits(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "scopes": admin.engine.limits() }))
}

/// Instance time by version, which bills are made of.
pub async fn usage(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "versions": admin.engine.instance_usage() }))
}

pub async fn runtimes(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "runtimes": admin.engine.runtimes() }))
}
