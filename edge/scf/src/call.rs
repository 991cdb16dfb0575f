//! One authenticated call, and what every action asks of it.

use crate::{
    envelope,
    error::ApiError,
    params::{Params, Text},
};
use serde::Serialize;
use sluice_domain::{Dialect, FunctionKey, NamespaceKey, QuotaProfile, RequestId, Scope};
use sluice_engine::Engine;
use std::sync::Arc;

/// The namespace that every region has from the start.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The one version there is until versions can be published.
pub const LATEST: &str = "$LATEST";
/// The built-in alias, which leads to `$LATEST`.
pub const DEFAULT_ALIAS: &str = "$DEFAULT";

/// A call that has been authenticated.
pub struct Call<'a> {
    pub engine: &'a Engine,
    pub scope: Scope,
    pub request_id: &'a RequestId,
    pub params: &'a Params<'a>,
    /// The Host header, for links in answers.
    pub host: &'a str,
}

impl Call<'_> {
    /// The answer with these fields.
    pub fn reply(&self, fields: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        envelope::body(fields, self.request_id.as_str())
    }

    /// The answer of actions that say no more than that they were done.
    pub fn done(&self) -> Result<Vec<u8>, ApiError> {
        self.reply(&serde_json::Map::new())
    }

    pub fn quota(&self) -> Arc<QuotaProfile> {
        self.engine.quota(&self.scope, Dialect::Scf)
    }

    pub fn namespace_key(&self, namespace: Option<&str>) -> NamespaceKey {
        NamespaceKey { scope: self.scope.clone(), dialect: Dialect::Scf, name: namespace_name(namespace).to_owned() }
    }

    pub fn function_key(&self, namespace: Option<&str>, name: &str) -> FunctionKey {
        FunctionKey {
            scope: self.scope.clone(),
            dialect: Dialect::Scf,
            namespace: namespace_name(namespace).to_owned(),
            name: name.to_owned(),
        }
    }
}

fn namespace_name(given: Option<&str>) -> &str {
    given.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_NAMESPACE)
}

/// A required string; an empty one counts as absent.
pub fn required<'t>(parameter: &str, value: Option<&'t str>) -> Result<&'t str, ApiError> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| ApiError::missing(parameter))
}

/// Refuses versions and aliases that cannot exist yet. Absent means `default`.
pub fn qualifier<'t>(given: Option<&'t str>, default: &'t str) -> Result<&'t str, ApiError> {
    match given.unwrap_or_default() {
        "" => Ok(default),
        known @ (LATEST | DEFAULT_ALIAS) => Ok(known),
        other => {
            let shown: String = other.chars().take(64).collect();
            let message = format!("the function has no version or alias '{shown}': use {LATEST} or {DEFAULT_ALIAS}");
            Err(ApiError::new("ResourceNotFound.Qualifier", message))
        }
    }
}

/// The text of an optional parameter.
pub fn text<'t>(value: &'t Option<Text<'_>>) -> Option<&'t str> {
    value.as_deref()
}
