//! An alias as this vendor writes it: a version, and perhaps a second one with a share of the calls.

use crate::{
    call::{Call, LATEST, version_number},
    dates,
    error::ApiError,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, json};
use sluice_domain::{Alias, AliasKey, AliasTarget, Dialect, Entity, Error};

/// `RoutingConfig`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoutingConfig {
    additional_version_weights: Option<Vec<VersionWeight>>,
    /// The vendor's spelling.
    addtion_version_matchs: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionWeight {
    version: Option<String>,
    weight: Option<f64>,
}

/// Where an alias leads, as the engine has it.
#[derive(Debug, PartialEq)]
pub struct Route {
    pub target: AliasTarget,
    pub additional: Vec<(u64, u32)>,
    pub attributes: Map<String, Value>,
}

const WHOLE: u32 = 1_000_000;
/// Among an alias's attributes: `$LATEST` was given as the additional version. The engine's additional versions
/// are numbers, so the two are stored the other way round, which leads every call to the same place.
const SWAPPED: &str = "LatestIsAdditional";

pub fn key(call: &Call<'_>, namespace: Option<&str>, function: &str, name: &str) -> AliasKey {
    let function = call.function_key(namespace, function);
    AliasKey {
        scope: function.scope,
        dialect: Dialect::Scf,
        namespace: function.namespace,
        function: Some(function.name),
        name: name.to_owned(),
    }
}

impl Route {
    /// `FunctionVersion` and `RoutingConfig` of a request. Whether the versions exist is the engine's to say.
    pub fn read(version: &str, routing: Option<RoutingConfig>) -> Result<Self, ApiError> {
        let target = target(version)?;
        let routing = routing.unwrap_or_default();
        if routing.addtion_version_matchs.is_some_and(|rules| !rules.is_empty()) {
            return Err(ApiError::not_offered("UnsupportedOperation", "routing by rules (AddtionVersionMatchs) is"));
        }
        let mut weights = routing.additional_version_weights.unwrap_or_default();
        if weights.len() > 1 {
            let message = format!("{} additional versions are given: an alias leads to two at most", weights.len());
            return Err(ApiError::new("InvalidParameterValue.AdditionalVersionWeights", message));
        }
        let plain = Self { target, additional: Vec::new(), attributes: Map::new() };
        match weights.pop() {
            None => Ok(plain),
            Some(second) => plain.with(self::target(second.version()?)?, second.ppm()?),
        }
    }

    fn with(self, second: AliasTarget, ppm: u32) -> Result<Self, ApiError> {
        match (self.target, second) {
            (main, second) if main == second => {
                let message = format!("version {} is both the main and the additional one", shown(main));
                Err(ApiError::new("InvalidParameterValue.AdditionalVersionWeights", message))
            }
            (AliasTarget::Version(main), AliasTarget::Latest) => Ok(Self {
                target: AliasTarget::Latest,
                additional: vec![(main, WHOLE - ppm)],
                attributes: Map::from_iter([(SWAPPED.to_owned(), Value::Bool(true))]),
            }),
            (_, AliasTarget::Version(second)) => Ok(Self { additional: vec![(second, ppm)], ..self }),
            (AliasTarget::Latest, AliasTarget::Latest) => Ok(self),
        }
    }

    /// Changes where an alias leads, and its description if one is given.
    pub fn change(self, alias: &mut Alias, description: Option<String>) {
        alias.target = self.target;
        alias.additional = self.additional;
        alias.attributes = self.attributes;
        if let Some(description) = description {
            alias.description = description;
        }
    }
}

impl VersionWeight {
    fn version(&self) -> Result<&str, ApiError> {
        crate::call::required("RoutingConfig.AdditionalVersionWeights.Version", self.version.as_deref())
    }

    fn ppm(&self) -> Result<u32, ApiError> {
        let weight = self.weight.ok_or_else(|| ApiError::missing("RoutingConfig.AdditionalVersionWeights.Weight"))?;
        if (0.0..=1.0).contains(&weight) {
            return Ok((weight * f64::from(WHOLE)).round() as u32);
        }
        let message = format!("Weight {weight} is not allowed: use the additional version's share, from 0 to 1");
        Err(ApiError::new("InvalidParameterValue.AdditionalVersionWeights", message))
    }
}

fn target(version: &str) -> Result<AliasTarget, ApiError> {
    if version == LATEST {
        return Ok(AliasTarget::Latest);
    }
    version_number(version).map(AliasTarget::Version).ok_or_else(|| {
        let shown: String = version.chars().take(64).collect();
        let message = format!("there is no version '{shown}': an alias leads to {LATEST} or to a version's number");
        Error::not_found(Entity::Version, message).into()
    })
}

fn shown(target: AliasTarget) -> String {
    match target {
        AliasTarget::Latest => LATEST.to_owned(),
        AliasTarget::Version(number) => number.to_string(),
    }
}

/// Whether some of the calls of an alias may go to this version.
pub fn leads_to(alias: &Alias, version: &str) -> bool {
    shown(alias.target) == version || alias.additional.iter().any(|(number, _)| number.to_string() == version)
}

/// GetAlias and each item of ListAliases.
pub fn render(alias: &Alias) -> Value {
    let mut main = shown(alias.target);
    let mut second = alias.additional.first().map(|(number, ppm)| (number.to_string(), *ppm));
    if alias.attributes.contains_key(SWAPPED)
        && let Some((number, ppm)) = second
    {
        second = Some((std::mem::replace(&mut main, number), WHOLE - ppm));
    }
    let weights: Vec<Value> = second
        .iter()
        .map(|(version, ppm)| json!({ "Version": version, "Weight": f64::from(*ppm) / f64::from(WHOLE) }))
        .collect();
    json!({
        "Name": alias.key.name,
        "FunctionVersion": main,
        "RoutingConfig": { "AdditionalVersionWeights": weights, "AddtionVersionMatchs": [] },
        "Description": alias.description,
        "AddTime": dates::text(alias.created),
        "ModTime": dates::text(alias.modified),
    })
}

#[cfg(test)]
mod tests;
