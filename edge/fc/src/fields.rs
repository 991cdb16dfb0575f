//! A JSON object whose keys are matched without regard to case, in which null means absent.
//!
//! Clients write the same key as `caPort`, `CAPort` and `CaPort`; where one is given twice, the last counts.

use serde_json::{Map, Value};
use sluice_domain::{Error, Field, Result};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a request body; an empty one is an empty object.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let refuse = |why: String| Error::invalid(Field::Other("body"), format!("the request body {why}"));
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(_) => Err(refuse("must be a JSON object".to_owned())),
            Err(error) => Err(refuse(format!("is not JSON: {error}"))),
        }
    }

    pub fn of(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// Takes a value out; null counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let keys: Vec<String> = self.0.keys().filter(|key| key.eq_ignore_ascii_case(name)).cloned().collect();
        let mut found = None;
        for key in keys {
            found = self.0.remove(&key).filter(|value| !value.is_null()).or(found);
        }
        found
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", &other)),
        }
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong(name, "true or false", &other)),
        }
    }

    /// A whole number, also as text or with a zero fraction, as loosely typed clients send it.
    pub fn number(&mut self, name: &str) -> Result<Option<u32>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map(Some).ok_or_else(|| wrong(name, "a whole number of 0 or more", &value))
    }

    pub fn texts_by_name(&mut self, name: &str) -> Result<Option<BTreeMap<String, String>>> {
        let map = match self.take(name) {
            None => return Ok(None),
            Some(Value::Object(map)) => map,
            Some(other) => return Err(wrong(name, "an object of strings", &other)),
        };
        let entry = |(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            other => Err(wrong(&format!("{name}.{key}"), "a string", &other)),
        };
        map.into_iter().map(entry).collect::<Result<_>>().map(Some)
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Fields>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self(map))),
            Some(other) => Err(wrong(name, "an object", &other)),
        }
    }
}

fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u64)
}

/// `name` has a value of the wrong type.
pub fn wrong(name: &str, right: &str, value: &Value) -> Error {
    let mut shown = value.to_string();
    if shown.chars().count() > 64 {
        shown = shown.chars().take(64).chain(['…']).collect();
    }
    Error::invalid(Field::Other("body"), format!("{name} must be {right}, not {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn keys_match_in_any_case_and_null_is_absent() {
        let mut body = fields(r#"{"MemorySize": 128, "TIMEOUT": null, "caport": "9000", "Handler": "a.b"}"#);
        assert_eq!(body.number("memorySize").unwrap(), Some(128));
        assert_eq!(body.number("timeout").unwrap(), None);
        assert_eq!(body.number("caPort").unwrap(), Some(9000));
        assert_eq!(body.text("handler").unwrap().as_deref(), Some("a.b"));
    }

    #[test]
    fn a_wrong_type_is_named_with_its_value() {
        let mut body = fields(r#"{"timeout": -1, "handler": 3, "environmentVariables": {"A": 1}}"#);
        assert_eq!(body.number("timeout").unwrap_err().message, "timeout must be a whole number of 0 or more, not -1");
        assert_eq!(body.text("handler").unwrap_err().message, "handler must be a string, not 3");
        let error = body.texts_by_name("environmentVariables").unwrap_err();
        assert_eq!(error.message, "environmentVariables.A must be a string, not 1");
        assert!(Fields::parse(b"[1]").is_err());
        assert!(Fields::parse(b"{").is_err());
        assert!(Fields::parse(b" \n").is_ok());
    }
}
