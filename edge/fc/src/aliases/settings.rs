//! What a request says about an alias; absent means unchanged, or the default.

use crate::{
    fields::{Fields, wrong},
    qualified::number,
    shape::{
        self,
        Shape::{self, List, Object, Text},
    },
};
use serde_json::{Map, Value};
use sluice_domain::{Alias, AliasTarget, Error, Field, Result};

/// Kept and shown; calls are spread by weight alone.
const ATTRIBUTES: &[(&str, Shape)] = &[
    ("resolvePolicy", Text),
    (
        "routePolicy",
        Object(&[
            ("condition", Text),
            ("policyItems", List(&Object(&[("type", Text), ("key", Text), ("operator", Text), ("value", Text)]))),
        ]),
    ),
];

#[derive(Debug)]
pub struct Settings {
    pub version: Option<u64>,
    pub description: Option<String>,
    pub additional: Option<Vec<(u64, u32)>>,
    pub attributes: Map<String, Value>,
}

impl Settings {
    pub fn read(fields: &mut Fields) -> Result<Self> {
        Ok(Self {
            version: fields.take("versionId").map(version).transpose()?.flatten(),
            description: fields.text("description")?,
            additional: fields.take("additionalVersionWeight").map(additional).transpose()?,
            attributes: shape::read(fields, ATTRIBUTES)?,
        })
    }

    pub fn apply(self, alias: &mut Alias) {
        if let Some(number) = self.version {
            alias.target = AliasTarget::Version(number);
        }
        if let Some(text) = self.description {
            alias.description = text;
        }
        if let Some(additional) = self.additional {
            alias.additional = additional;
        }
        alias.attributes.extend(self.attributes);
    }
}

/// A version's id, as text or as a number; empty means unset. Neither LATEST nor another alias will do (spec:
/// FAL-02).
fn version(value: Value) -> Result<Option<u64>> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        other => return Err(wrong("versionId", "a string", &other)),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let refuse = || {
        let message = format!("versionId '{text}' is not allowed: an alias points to a published version, such as 1");
        Error::invalid(Field::Other("versionId"), message)
    };
    number(&text).map(Some).ok_or_else(refuse)
}

/// `{"2": 0.05}`: version 2 takes one call in twenty.
fn additional(value: Value) -> Result<Vec<(u64, u32)>> {
    let Value::Object(map) = value else {
        return Err(wrong("additionalVersionWeight", "an object such as {\"2\": 0.05}", &value));
    };
    if map.len() > 1 {
        let names: Vec<&str> = map.keys().map(String::as_str).collect();
        let message =
            format!("additionalVersionWeight names the versions {}: one at most is allowed", names.join(", "));
        return Err(Error::invalid(Field::AliasRouting, message));
    }
    map.iter().map(|(version, weight)| Ok((additional_version(version)?, ppm(version, weight)?))).collect()
}

fn additional_version(text: &str) -> Result<u64> {
    number(text).ok_or_else(|| {
        let message = format!("additionalVersionWeight names version '{text}': name a published version, such as 2");
        Error::invalid(Field::AliasRouting, message)
    })
}

fn ppm(version: &str, weight: &Value) -> Result<u32> {
    let fraction = weight.as_f64().filter(|weight| (0.0..=1.0).contains(weight));
    let fraction = fraction.ok_or_else(|| {
        let message = format!("the weight {weight} of version {version} is not allowed: use a number from 0 to 1");
        Error::invalid(Field::AliasRouting, message)
    })?;
    Ok((fraction * 1e6).round() as u32)
}

/// Parts per million as clients write them.
pub fn fraction(ppm: u32) -> Value {
    (f64::from(ppm) / 1e6).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Settings> {
        Settings::read(&mut Fields::parse(body.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn weights_are_kept_in_parts_per_million() {
        // contradiction C11 of the specification (fractions of FC)
        for (weight, ppm) in
            [(json!(0.05), 50_000), (json!(0.0), 0), (json!(1.0), 1_000_000), (json!(0.333333), 333_333)]
        {
            let settings = read(&json!({"additionalVersionWeight": {"2": weight}})).unwrap();
            assert_eq!(settings.additional, Some(vec![(2, ppm)]));
            assert_eq!(fraction(ppm), weight);
        }
        assert_eq!(read(&json!({"additionalVersionWeight": {}})).unwrap().additional, Some(vec![]));
        assert_eq!(read(&json!({"additionalVersionWeight": null})).unwrap().additional, None);
    }

    #[test]
    fn what_an_alias_cannot_point_to_is_refused_with_its_value() {
        let message = |body: Value| read(&body).unwrap_err().message;
        assert!(message(json!({"versionId": "LATEST"})).contains("'LATEST'"));
        assert!(message(json!({"versionId": "other"})).contains("'other'"));
        assert!(message(json!({"additionalVersionWeight": {"prod": 0.5}})).contains("'prod'"));
        assert!(message(json!({"additionalVersionWeight": {"2": 1.5}})).contains("1.5"));
        assert!(message(json!({"additionalVersionWeight": {"2": "30"}})).contains("from 0 to 1"));
        assert!(message(json!({"additionalVersionWeight": {"2": 0.1, "3": 0.1}})).contains("one at most"));
        assert_eq!(read(&json!({"VersionId": 3})).unwrap().version, Some(3));
        assert_eq!(read(&json!({"versionId": ""})).unwrap().version, None);
    }
}
