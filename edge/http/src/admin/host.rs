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

/// Blank sandboxes, by the runtime they wait for: how many are wanted and how many are ready.
pub async fn pools(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "pools": admin.engine.blanks() }))
}

pub async fn runtimes(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "runtimes": admin.engine.runtimes() }))
}
