//! Settings that are stored and shown but not interpreted: which keys they have, how those are spelled, and
//! what type each holds. Keys come in any case and leave in the vendor's; null and unknown keys are dropped, as
//! the vendor's decoder does.

use crate::fields::{Fields, wrong};
use serde_json::{Map, Value};
use sluice_domain::Result;

pub enum Shape {
    Text,
    Flag,
    Number,
    /// Kept as it is, keys included.
    Any,
    List(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
}

/// Takes all settings of `shapes` out of a request.
pub fn read(fields: &mut Fields, shapes: &[(&'static str, Shape)]) -> Result<Map<String, Value>> {
    object(fields, shapes, "")
}

fn object(fields: &mut Fields, shapes: &[(&'static str, Shape)], path: &str) -> Result<Map<String, Value>> {
    let mut out = Map::new();
    for (name, shape) in shapes {
        if let Some(value) = fields.take(name) {
            out.insert((*name).to_owned(), shaped(value, shape, &format!("{path}{name}"))?);
        }
    }
    Ok(out)
}

fn shaped(value: Value, shape: &Shape, path: &str) -> Result<Value> {
    match (shape, value) {
        (Shape::Any, value)
        | (Shape::Text, value @ Value::String(_))
        | (Shape::Flag, value @ Value::Bool(_))
        | (Shape::Number, value @ Value::Number(_)) => Ok(value),
        (Shape::List(shape), Value::Array(items)) => {
            items.into_iter().map(|item| shaped(item, shape, path)).collect::<Result<_>>().map(Value::Array)
        }
        (Shape::Object(shapes), Value::Object(map)) => {
            object(&mut Fields::of(map), shapes, &format!("{path}.")).map(Value::Object)
        }
        (shape, other) => Err(wrong(path, shape.noun(), &other)),
    }
}

impl Shape {
    fn noun(&self) -> &'static str {
        match self {
            Shape::Text => "a string",
            Shape::Flag => "true or false",
            Shape::Number => "a number",
            Shape::Any => "a value",
            Shape::List(_) => "a list",
            Shape::Object(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHAPES: &[(&str, Shape)] = &[(
        "nasConfig",
        Shape::Object(&[
            ("userId", Shape::Number),
            ("mountPoints", Shape::List(&Shape::Object(&[("serverAddr", Shape::Text)]))),
        ]),
    )];

    fn read_value(value: Value) -> Result<Value> {
        let Value::Object(map) = value else { panic!("an object") };
        read(&mut Fields::of(map), SHAPES).map(Value::Object)
    }

    #[test]
    fn keys_are_respelled_at_every_depth() {
        let given =
            json!({"NasConfig": {"UserId": -1, "MountPoints": [{"ServerAddr": "h:/d", "Other": 1}], "x": null}});
        let kept = json!({"nasConfig": {"userId": -1, "mountPoints": [{"serverAddr": "h:/d"}]}});
        assert_eq!(read_value(given).unwrap(), kept);
    }

    #[test]
    fn a_wrong_type_is_named_by_its_path() {
        let error = read_value(json!({"nasConfig": {"mountPoints": [{"serverAddr": 3}]}})).unwrap_err();
        assert_eq!(error.message, "nasConfig.mountPoints.serverAddr must be a string, not 3");
        assert!(read_value(json!({"nasConfig": "no"})).is_err());
    }
}
