//! A function as JSON.

use crate::{
    functions::settings::InstanceType,
    shape::Shape::{self, Flag, List, Number, Object, Text},
};
use serde_json::{Value, json};
use sluice_domain::Function;

const HOOK: Shape = Object(&[("handler", Text), ("timeout", Number)]);

/// Settings that are kept and shown, and not used yet.
pub const ATTRIBUTES: &[(&str, Shape)] = &[
    ("caPort", Number),
    ("cpu", Number),
    ("diskSize", Number),
    ("gpuMemorySize", Number),
    ("instanceSoftConcurrency", Number),
    (
        "customContainerConfig",
        Object(&[
            ("image", Text),
            ("command", Text),
            ("args", Text),
            ("accelerationType", Text),
            ("instanceID", Text),
            ("webServerMode", Flag),
        ]),
    ),
    ("customRuntimeConfig", Object(&[("command", List(&Text)), ("args", List(&Text))])),
    (
        "customHealthCheckConfig",
        Object(&[
            ("httpGetUrl", Text),
            ("initialDelaySeconds", Number),
            ("periodSeconds", Number),
            ("timeoutSeconds", Number),
            ("failureThreshold", Number),
            ("successThreshold", Number),
        ]),
    ),
    (
        "customDNS",
        Object(&[
            ("nameServers", List(&Text)),
            ("searches", List(&Text)),
            ("dnsOptions", List(&Object(&[("name", Text), ("value", Text)]))),
        ]),
    ),
    ("instanceLifecycleConfig", Object(&[("preFreeze", HOOK), ("preStop", HOOK)])),
    ("layers", List(&Text)),
];

pub fn of(function: &Function) -> Value {
    let config = &function.config;
    let mut out = config.attributes.clone();
    let own = [
        ("functionId", json!(function.id)),
        ("functionName", json!(function.key.name)),
        ("description", json!(config.description)),
        ("runtime", json!(config.runtime)),
        ("handler", json!(config.handler)),
        ("initializer", json!(config.initializer.as_deref().unwrap_or_default())),
        ("memorySize", json!(config.memory_mib)),
        ("timeout", json!(config.timeout_s)),
        ("initializationTimeout", json!(config.init_timeout_s)),
        ("instanceConcurrency", json!(config.instance_concurrency)),
        ("instanceType", json!(InstanceType::of(config).as_str())),
        ("environmentVariables", json!(config.environment)),
        ("codeSize", json!(function.code.size)),
        ("codeChecksum", json!(function.code.crc64.to_string())),
        ("createdTime", json!(function.created.rfc3339())),
        ("lastModifiedTime", json!(function.modified.rfc3339())),
    ];
    out.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(out)
}
