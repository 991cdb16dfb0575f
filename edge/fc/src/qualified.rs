//! A service and the version or alias of it that a request means.

use crate::{call::Call, error::Refusal};
use sluice_domain::{Entity, Error, ErrorKind, Function, ServiceVersion};
use std::sync::Arc;

/// The editable state of a service; what a request without a qualifier means.
pub const LATEST: &str = "LATEST";

/// `name.qualifier` in the older API, `?qualifier=` in the newer one; both are read from both.
#[derive(Clone, Debug)]
pub struct Qualified<'a> {
    pub service: &'a str,
    /// As the caller wrote it; empty when it wrote none.
    pub qualifier: String,
}

impl<'a> Qualified<'a> {
    pub fn of(call: &Call<'_>, segment: &'a str) -> Self {
        if let Some((service, qualifier)) = segment.split_once('.') {
            return Self { service, qualifier: qualifier.to_owned() };
        }
        let qualifier = match call.parts.uri.query() {
            None => String::new(),
            Some(_) => call.query().get("qualifier").unwrap_or_default().to_owned(),
        };
        Self { service: segment, qualifier }
    }

    pub fn is_latest(&self) -> bool {
        self.qualifier.is_empty() || self.qualifier == LATEST
    }

    /// What was asked for, spelled out.
    pub fn name(&self) -> &str {
        if self.is_latest() { LATEST } else { &self.qualifier }
    }

    /// The service, if its editable state is meant: versions never change (spec: FVE-03), and what happens to an
    /// alias happens at its own path.
    pub fn editable(&self) -> Result<&'a str, Refusal> {
        if self.is_latest() {
            return Ok(self.service);
        }
        Err(Refusal::invalid(format!(
            "'{}' of service '{}' cannot be changed: only LATEST can be; leave the qualifier out",
            self.qualifier, self.service
        )))
    }

    /// The published version of the service that is meant; none for LATEST.
    pub fn version(&self, call: &Call<'_>) -> Result<Option<Arc<ServiceVersion>>, Refusal> {
        let found = call.engine.service_at(&call.service_key(self.service), &self.qualifier);
        found.map(|at| at.version).map_err(|error| self.refusal(error, ""))
    }

    /// A function of the service as it is there: the code and settings of the version meant.
    pub fn function(&self, call: &Call<'_>, function: &str) -> Result<Arc<Function>, Refusal> {
        let key = call.function_key(self.service, function);
        let found = match self.is_latest() {
            true => call.engine.function(&key),
            false => call.engine.function_at(&key, &self.qualifier).map(|at| at.function),
        };
        found.map_err(|error| self.refusal(error, function))
    }

    /// As [`Refusal::about`], where the vendor has words for a version or an alias too.
    pub fn refusal(&self, error: Error, function: &str) -> Refusal {
        let Self { service, qualifier } = self;
        match error.kind {
            // Of an alias that points to a deleted version the engine's words tell more.
            ErrorKind::NotFound(Entity::Version) if is_number(qualifier) => version_not_found(qualifier, service),
            ErrorKind::NotFound(Entity::Alias) => alias_not_found(qualifier, service),
            _ => Refusal::about(error, service, function),
        }
    }
}

/// Ids of versions are numbers; names of aliases never begin with a digit.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A version's number; one beyond all numbers is that of no version.
pub fn number(text: &str) -> Option<u64> {
    is_number(text).then(|| text.parse().unwrap_or(u64::MAX))
}

pub fn version_not_found(version: &str, service: &str) -> Refusal {
    Refusal::not_found("VersionNotFound", format!("version '{version}' of service '{service}' does not exist"))
}

pub fn alias_not_found(alias: &str, service: &str) -> Refusal {
    Refusal::not_found("AliasNotFound", format!("alias '{alias}' of service '{service}' does not exist"))
}
