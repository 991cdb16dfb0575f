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

/// What is kept ready for cold starts, how many are wanted and how many there are: blanks by the runtime that they
/// wait in, and sandboxes in which nothing runs yet.
pub async fn pools(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "pools": admin.engine.blanks(), "sandboxes": admin.engine.sandboxes_ahead() }))
}

pub async fn runtimes(State(admin): State<Admin>) -> Reply {
    reply::json(&json!({ "runtimes": admin.engine.runtimes() }))
}
