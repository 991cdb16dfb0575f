use crate::{
    call::{Answer, Call},
    reply,
};
use serde_json::{Map, Value, json};
use sluice_domain::Dialect;

pub fn settings(call: &Call<'_>) -> Answer {
    let zone = format!("{}-a", call.scope.region);
    Ok(reply::ok(&json!({"availableAZs": [zone], "defaultRole": ""})))
}

/// Capacity is bought from the vendor; nobody can buy any here.
pub fn reserved_capacities() -> Answer {
    Ok(reply::ok(&json!({"reservedCapacities": []})))
}

/// Limits by name, as text. Names that are not known here are left out, as the vendor does.
pub fn configs(call: &Call<'_>) -> Answer {
    let quota = call.engine.quota(&call.scope, Dialect::Fc);
    let value_of = |name: &str| match name {
        "CodeSizeLimit" | "EnhancedCodeSizeLimit" | "GPUCodeSizeLimit" => Some(quota.code_zip_bytes().to_string()),
        "Concurrency" => quota.on_demand_instances.map(|limit| limit.to_string()),
        _ => None,
    };
    let query = call.query();
    let found = query.all("config").filter_map(|name| Some((name.to_owned(), Value::String(value_of(name)?))));
    Ok(reply::ok(&Value::Object(found.collect::<Map<_, _>>())))
}
