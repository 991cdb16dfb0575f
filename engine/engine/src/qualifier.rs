//! What a qualifier names: the editable code, a version, or an alias that leads to one.

use crate::{
    Engine,
    aliases::{AliasOwner, DEFAULT_ALIAS, implicit, no_alias},
    catalog::Entry,
    scope::Serving,
    versions::{as_of, no_service_version, no_version},
};
use sluice_decide::route;
use sluice_domain::{
    Alias, AliasTarget, Dialect, Entity, Error, Function, FunctionKey, NamespaceKey, Result, ServiceVersion, Version,
};
use std::sync::Arc;

/// What one call runs.
pub(crate) struct Target {
    /// None while the function has no code that can be called.
    pub serving: Option<Arc<Serving>>,
    pub entry: Entry,
    /// `$LATEST`, `LATEST` or a number.
    pub version: String,
}

/// A function as a qualifier shows it.
#[derive(Clone, Debug)]
pub struct FunctionAt {
    /// Config, code and revision are those of the version named.
    pub function: Arc<Function>,
    /// The version's number as callers know it: for FC, that of the service version.
    pub number: Option<u64>,
    /// None for the editable code.
    pub version: Option<Arc<Version>>,
    pub alias: Option<Arc<Alias>>,
}

/// An FC service as a qualifier shows it.
#[derive(Clone, Debug)]
pub struct ServiceAt {
    /// None for the editable state.
    pub version: Option<Arc<ServiceVersion>>,
    pub alias: Option<Arc<Alias>>,
}

/// The editable code's name; a call that names nothing means it, too.
pub fn latest(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Scf => "$LATEST",
        Dialect::Fc => "LATEST",
    }
}

/// How a qualifier reads, before anything is looked up.
enum Named<'a> {
    Latest,
    Number(u64),
    Alias(&'a str),
}

impl<'a> Named<'a> {
    /// Names of aliases never begin with a digit.
    fn parse(dialect: Dialect, qualifier: &'a str) -> Self {
        if qualifier.is_empty() || qualifier == latest(dialect) {
            return Named::Latest;
        }
        let canonical = !qualifier.starts_with('0') && qualifier.bytes().all(|byte| byte.is_ascii_digit());
        match qualifier.parse() {
            Ok(number) if canonical => Named::Number(number),
            _ => Named::Alias(qualifier),
        }
    }
}

/// A qualifier's meaning in one entry.
struct Found<'a> {
    target: AliasTarget,
    /// The alias' name, which `$DEFAULT` has before it is stored.
    name: Option<&'a str>,
    alias: Option<&'a Arc<Alias>>,
}

impl Entry {
    /// `draw` chooses among an alias' versions; without one it is the main version.
    fn find<'a>(&'a self, qualifier: &'a str, draw: Option<u32>) -> Result<Found<'a>> {
        let key = &self.shown.key;
        let name = match Named::parse(key.dialect, qualifier) {
            Named::Latest => return Ok(Found { target: AliasTarget::Latest, name: None, alias: None }),
            Named::Number(number) => {
                return Ok(Found { target: AliasTarget::Version(number), name: None, alias: None });
            }
            Named::Alias(name) => name,
        };
        match self.published.aliases.get(name) {
            Some(alias) => {
                let target = draw.map_or(alias.target, |draw| route(alias, draw));
                Ok(Found { target, name: Some(name), alias: Some(alias) })
            }
            None if name == DEFAULT_ALIAS && key.dialect == Dialect::Scf => {
                Ok(Found { target: AliasTarget::Latest, name: Some(name), alias: None })
            }
            None => Err(unknown(key, name)),
        }
    }
}

fn unknown(key: &FunctionKey, name: &str) -> Error {
    // A number that cannot be one, such as 007, is no alias either.
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("version '{name}' of function '{}' does not exist", key.name);
        return Error::not_found(Entity::Version, message);
    }
    no_alias(&owner_of(key), name)
}

/// Whose aliases calls of a function may name.
fn owner_of(key: &FunctionKey) -> AliasOwner {
    match key.dialect {
        Dialect::Scf => AliasOwner::Function(key.clone()),
        Dialect::Fc => AliasOwner::Service(key.namespace_key()),
    }
}

impl Engine {
    /// What a call runs. `draw` is uniform in `0..`[`WHOLE`](sluice_decide::WHOLE).
    pub(crate) fn resolve(&self, key: &FunctionKey, qualifier: &str, draw: u32) -> Result<Target> {
        let entry = self.entry(key)?;
        let Found { target, .. } = entry.find(qualifier, Some(draw))?;
        let (serving, version) = match target {
            AliasTarget::Latest => (entry.serving.clone(), latest(key.dialect).to_owned()),
            AliasTarget::Version(number) => match entry.published.servings.get(&number) {
                Some(serving) => (Some(serving.clone()), serving.spec.version.clone()),
                None => return Err(self.not_published(key, number)),
            },
        };
        Ok(Target { serving, entry, version })
    }

    /// What a qualifier shows of a function: of an alias, its main version.
    pub fn function_at(&self, key: &FunctionKey, qualifier: &str) -> Result<FunctionAt> {
        let entry = self.entry(key)?;
        let Found { target, name, alias } = entry.find(qualifier, None)?;
        let alias = name.map(|_| alias.cloned().unwrap_or_else(|| Arc::new(implicit(&entry.shown))));
        let AliasTarget::Version(number) = target else {
            return Ok(FunctionAt { function: entry.shown, number: None, version: None, alias });
        };
        let own = match key.dialect {
            Dialect::Scf => Some(number),
            Dialect::Fc => self.service_version(&key.namespace_key(), number)?.functions.get(&key.name).copied(),
        };
        let version = own.and_then(|own| entry.published.versions.get(&own)).cloned();
        let version = version.ok_or_else(|| self.not_published(key, number))?;
        let function = Arc::new(as_of(&entry.shown, &version));
        Ok(FunctionAt { function, number: Some(number), version: Some(version), alias })
    }

    /// The functions that a qualifier of an FC service shows, by name.
    pub fn functions_at(&self, key: &NamespaceKey, qualifier: &str) -> Result<Vec<FunctionAt>> {
        let number = self.service_at(key, qualifier)?.version.map(|version| version.number.to_string());
        let shown = number.unwrap_or_default();
        let functions = self.functions(key)?;
        Ok(functions.iter().filter_map(|function| self.function_at(&function.key, &shown).ok()).collect())
    }

    /// What a qualifier shows of an FC service: of an alias, its main version.
    pub fn service_at(&self, key: &NamespaceKey, qualifier: &str) -> Result<ServiceAt> {
        let (number, alias) = match Named::parse(key.dialect, qualifier) {
            Named::Latest => {
                self.namespace(key)?;
                return Ok(ServiceAt { version: None, alias: None });
            }
            Named::Number(number) => (number, None),
            Named::Alias(name) => {
                let aliases = self.aliases(&AliasOwner::Service(key.clone()))?;
                let alias = aliases.into_iter().find(|alias| alias.key.name == name);
                let alias = alias.ok_or_else(|| no_alias(&AliasOwner::Service(key.clone()), name))?;
                let AliasTarget::Version(number) = alias.target else {
                    return Ok(ServiceAt { version: None, alias: Some(alias) });
                };
                (number, Some(alias))
            }
        };
        Ok(ServiceAt { version: Some(self.service_version(key, number)?), alias })
    }

    /// Why a function has nothing under a number: there is no such version, or the function is not in it.
    fn not_published(&self, key: &FunctionKey, number: u64) -> Error {
        let service = key.namespace_key();
        if key.dialect == Dialect::Scf {
            return no_version(key, number);
        }
        match self.service_version(&service, number) {
            Err(_) => no_service_version(&service, number),
            Ok(_) => {
                let message = format!(
                    "function '{}' does not exist in version '{number}' of service '{}'",
                    key.name, service.name
                );
                Error::not_found(Entity::Function, message)
            }
        }
    }
}

#[cfg(test)]
mod tests;
