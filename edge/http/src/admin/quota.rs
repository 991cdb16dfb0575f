//! The limits of a region, as data that an operator can change while the server runs.

use super::{
    Admin,
    reply::{self, Refused, Reply},
};
use axum::extract::{Path, Query, State, rejection::QueryRejection};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_domain::{AccountId, Dialect, Region, Scope};

/// Whose limits are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Of {
    /// `scf` when absent.
    dialect: Option<Dialect>,
    /// The server's own account when absent.
    account: Option<AccountId>,
}

type OfQuery = Result<Query<Of>, QueryRejection>;

pub async fn read(State(admin): State<Admin>, Path(region): Path<String>, of: OfQuery) -> Reply {
    let (scope, dialect) = resolve(&admin, &region, of)?;
    reply::json(&*admin.engine.quota(&scope, dialect))
}

/// Takes a JSON merge patch. A key set to null has no limit from then on.
pub async fn change(State(admin): State<Admin>, Path(region): Path<String>, of: OfQuery, body: Bytes) -> Reply {
    let (scope, dialect) = resolve(&admin, &region, of)?;
    let patch: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| reply::invalid(&format!("the body must be a JSON object of quota keys: {error}")))?;
    let changed = admin.engine.patch_quota(&scope, dialect, &patch).await.map_err(|error| reply::failure(&error))?;
    let keys: Vec<&str> = patch.keys().map(String::as_str).collect();
    tracing::info!(%dialect, region = %scope.region, account = %scope.account, ?keys, "quota changed");
    reply::json(&*changed)
}

fn resolve(admin: &Admin, region: &str, of: OfQuery) -> Result<(Scope, Dialect), Refused> {
    let Query(of) = of.map_err(|error| reply::invalid(&error.body_text()))?;
    check_name("region", region)?;
    let account = of.account.unwrap_or_else(|| admin.account.clone());
    check_name("account", account.as_str())?;
    Ok((Scope { account, region: Region::from(region) }, of.dialect.unwrap_or(Dialect::Scf)))
}

fn check_name(what: &str, name: &str) -> Result<(), Refused> {
    let legal = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if legal {
        return Ok(());
    }
    Err(reply::invalid(&format!("the {what} '{name}' is not allowed: use 1 to 64 letters, digits or '-'")))
}
