//! The parameters of an action, whatever shape they came in.
//!
//! A JSON body is deserialised straight from its bytes, borrowing what it can: that is the warm path.
//! Flattened parameters (`Filters.0.Values.1=x`) are first grown into a [`Node`] tree, from which the same
//! request structs are read; there, text turns into numbers and booleans as the field asks.

mod fields;
mod flat;

pub use fields::{Flag, Number, Text};
pub use flat::Node;

use crate::error::ApiError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, error::Category};

/// Where an action's parameters are.
#[derive(Debug)]
pub enum Params<'a> {
    /// A JSON object.
    Json(&'a [u8]),
    Tree(Node),
}

impl Params<'_> {
    /// Reads a request struct. All of its fields should be optional: what is required is said by
    /// [`crate::call::required`], with the field's name.
    pub fn read<'s, T: Deserialize<'s>>(&'s self) -> Result<T, ApiError> {
        match self {
            Params::Json(body) => read_json(body),
            Params::Tree(node) => T::deserialize(node).map_err(|error| wrong_type(None, &error)),
        }
    }

    /// [`Params::read`] for structs that own their fields; a wrong type is reported with the field's name.
    pub fn read_owned<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let Params::Json(body) = self else { return self.read() };
        read_json(body).map_err(|error| match offending_field::<T>(body) {
            Some((field, cause)) => wrong_type(Some(&field), &cause),
            None => error,
        })
    }
}

fn read_json<'s, T: Deserialize<'s>>(body: &'s [u8]) -> Result<T, ApiError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(ApiError::new("InvalidRequest", "the request body must be a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => wrong_type(None, &error),
        _ => ApiError::new("InvalidRequest", format!("the request body is not valid JSON: {error}")),
    })
}

/// Reads field by field to find the one with a wrong type. Only for refusals, so it may be slow.
fn offending_field<T: DeserializeOwned>(body: &[u8]) -> Option<(String, serde_json::Error)> {
    let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
    fields.into_iter().find_map(|(name, value)| {
        let alone = Value::Object(Map::from_iter([(name.clone(), value)]));
        serde_json::from_value::<T>(alone).err().map(|error| (name, error))
    })
}

fn wrong_type(field: Option<&str>, error: &serde_json::Error) -> ApiError {
    let of = field.map_or_else(String::new, |name| format!(" `{name}`"));
    ApiError::new("InvalidParameter", format!("a parameter{of} has a value of the wrong type: {error}"))
}

#[cfg(test)]
mod tests;
