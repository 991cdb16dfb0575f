//! One authenticated call, and what every action asks of it.

use crate::{
    envelope,
    error::ApiError,
    params::{Params, Text},
};
use serde::Serialize;
use sluice_domain::{Dialect, FunctionKey, NamespaceKey, QuotaProfile, Refusal, RequestId, Scope};
use sluice_engine::Engine;
use std::sync::{Arc, OnceLock};

/// The namespace that every region has from the start.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The editable version.
pub const LATEST: &str = "$LATEST";
/// The built-in alias, which leads to `$LATEST` until it is moved.
pub const DEFAULT_ALIAS: &str = "$DEFAULT";

/// A call that has been authenticated.
pub struct Call<'a> {
    pub engine: &'a Engine,
    pub scope: Scope,
    pub request_id: &'a RequestId,
    pub params: &'a Params<'a>,
    /// The Host header, for links in answers.
    pub host: &'a str,
    /// Where the receipt of a throttled call is left, for the headers of the answer.
    pub receipt: &'a OnceLock<Box<Refusal>>,
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

/// A required number that counts something.
pub fn required_amount(parameter: &str, value: Option<i64>) -> Result<u64, ApiError> {
    let value = value.ok_or_else(|| ApiError::missing(parameter))?;
    u64::try_from(value).map_err(|_| {
        let message = format!("{parameter} {value} is not allowed: use 0 or a positive number");
        ApiError::new("InvalidParameterValue", message)
    })
}

/// The qualifier of a request; an empty one counts as absent.
pub fn qualifier<'t>(given: Option<&'t str>, default: &'t str) -> &'t str {
    given.filter(|text| !text.is_empty()).unwrap_or(default)
}

/// The number of a published version, if this is what a qualifier looks like.
pub fn version_number(qualifier: &str) -> Option<u64> {
    let number = qualifier.parse().ok()?;
    (qualifier == u64::to_string(&number)).then_some(number)
}

/// The text of an optional parameter.
pub fn text<'t>(value: &'t Option<Text<'_>>) -> Option<&'t str> {
    value.as_deref()
}
