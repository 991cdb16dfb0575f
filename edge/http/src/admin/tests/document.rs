//! The OpenAPI document and what is served are compared, so that neither can go without the other.

use super::*;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../../docs/admin-api.openapi.json")).unwrap()
}

#[test]
fn the_document_describes_exactly_the_operations() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            assert_eq!(operation["security"] == json!([]), !is_guarded(path), "security of {method} {path}");
        }
    }
    let served =
        operations().iter().map(|operation| (operation.method.to_string(), operation.path.to_owned())).collect();
    assert_eq!(described, served);
}

#[test]
fn the_document_names_exactly_the_quota_keys() {
    let document = document();
    let described = document["components"]["schemas"]["Quota"]["properties"].as_object().unwrap();
    let quota = sluice_domain::QuotaProfile::named(sluice_domain::Profile::Scf128);
    let quota = serde_json::to_value(quota).unwrap();
    let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(described), keys(quota.as_object().unwrap()));
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, node: &Value) {
        match node {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    let target = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(target).is_some(), "{target}");
                }
                fields.values().for_each(|value| walk(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

/// What of an answer its schema does not say. As much of JSON Schema as the document uses.
fn differences(document: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        return differences(document, document.pointer(&target[1..]).unwrap(), value, at, out);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &Value| {
            let mut found = Vec::new();
            differences(document, choice, value, at, &mut found);
            found.is_empty()
        };
        if !choices.iter().any(fits) {
            out.push(format!("{at}: {value} fits none of its schemas"));
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    if !(kinds.is_empty() || fits) {
        out.push(format!("{at}: {value} is not {kinds:?}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        out.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|known| !value.is_null() && !known.contains(value)) {
        out.push(format!("{at}: {value} is not among {}", schema["enum"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        differences(document, &schema["items"], item, &format!("{at}[{index}]"), out);
    }
    let Some(fields) = value.as_object() else { return };
    let empty = serde_json::Map::new();
    let described = schema["properties"].as_object().unwrap_or(&empty);
    for (name, field) in fields {
        match described.get(name).or_else(|| schema.get("additionalProperties").filter(|any| any.is_object())) {
            Some(schema) => differences(document, schema, field, &format!("{at}.{name}"), out),
            None => out.push(format!("{at}.{name} is not described")),
        }
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(required.as_str().unwrap()) {
            out.push(format!("{at}.{} is missing", required.as_str().unwrap()));
        }
    }
}

#[tokio::test]
async fn answers_are_as_described() {
    let api = api().await;
    let key = api.create("hello").await;
    let ran = api.invoke("hello").await;
    api.engine.put_reserved(&key, 0).await.unwrap();
    let refused = api.invoke("hello").await;
    let document = document();
    let mut checked = BTreeSet::new();
    let body = |path: &str| match path {
        "/admin/v1/preview" => r#"{"seconds": 3600}"#,
        "/admin/v1/plan" => {
            r#"{"requests_per_s": 1, "duration_s": 1, "instances": 1, "target_instances": 1, "starts_per_min": 1}"#
        }
        _ => r#"{"namespaces": 7}"#,
    };
    // The clock of this server is real.
    for operation in operations().iter().filter(|one| is_guarded(one.path) && !one.path.ends_with("/advance")) {
        for request_id in [&ran, &refused] {
            let path = example(operation.path).replace("no-such-id", request_id.as_str());
            let (status, answer) = api.json(operation.method.clone(), &path, body(&path)).await;
            assert_eq!(status, StatusCode::OK, "{path} {answer}");
            let method = operation.method.as_str().to_lowercase();
            let described = &document["paths"][operation.path][&method]["responses"]["200"];
            let mut found = Vec::new();
            differences(&document, &described["content"]["application/json"]["schema"], &answer, &path, &mut found);
            assert_eq!(found, Vec::<String>::new());
            checked.insert(operation.path);
        }
    }
    assert!(checked.len() > 10, "{checked:?}");
}

#[test]
fn a_difference_is_found() {
    let document = document();
    let schema = json!({ "$ref": "#/components/schemas/Clock" });
    let found = |value: Value| {
        let mut found = Vec::new();
        differences(&document, &schema, &value, "clock", &mut found);
        found.len()
    };
    assert_eq!(found(json!({ "mode": "real", "now": "x", "unix_ms": 1 })), 0);
    assert_eq!(found(json!({ "mode": "real", "now": "x" })), 1, "missing");
    assert_eq!(found(json!({ "mode": "real", "now": "x", "unix_ms": 1, "more": 1 })), 1, "not described");
    assert_eq!(found(json!({ "mode": "odd", "now": "x", "unix_ms": 1.5 })), 2, "of another kind");
}
