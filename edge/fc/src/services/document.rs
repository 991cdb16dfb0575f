//! A service as JSON. Settings that were never given read back as the empty ones that clients expect to find.

use crate::shape::Shape::{self, Any, Flag, List, Number, Object, Text};
use serde_json::{Map, Value, json};
use sluice_domain::Namespace;

pub const ATTRIBUTES: &[(&str, Shape)] = &[
    ("role", Text),
    (
        "logConfig",
        Object(&[
            ("project", Text),
            ("logstore", Text),
            ("enableRequestMetrics", Flag),
            ("enableInstanceMetrics", Flag),
            ("logBeginRule", Text),
        ]),
    ),
    ("vpcConfig", Object(&[("vpcId", Text), ("vSwitchIds", List(&Text)), ("securityGroupId", Text), ("role", Text)])),
    (
        "nasConfig",
        Object(&[
            ("userId", Number),
            ("groupId", Number),
            ("mountPoints", List(&Object(&[("serverAddr", Text), ("mountDir", Text), ("enableTLS", Flag)]))),
        ]),
    ),
    (
        "ossMountConfig",
        Object(&[(
            "mountPoints",
            List(&Object(&[
                ("bucketName", Text),
                ("bucketPath", Text),
                ("endpoint", Text),
                ("mountDir", Text),
                ("readOnly", Flag),
            ])),
        )]),
    ),
    ("tracingConfig", Object(&[("type", Text), ("params", Any)])),
];

pub fn of(namespace: &Namespace) -> Value {
    let mut out = blank();
    for (name, value) in &namespace.attributes {
        match (out.get_mut(name), value) {
            (Some(Value::Object(blank)), Value::Object(given)) => blank.extend(given.clone()),
            _ => drop(out.insert(name.clone(), value.clone())),
        }
    }
    group_like_user(&mut out, namespace);
    let own = [
        ("serviceName", json!(namespace.key.name)),
        ("serviceId", json!(namespace.id)),
        ("description", json!(namespace.description)),
        ("internetAccess", json!(namespace.public_network)),
        ("createdTime", json!(namespace.created.rfc3339())),
        ("lastModifiedTime", json!(namespace.modified.rfc3339())),
    ];
    out.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(out)
}

/// Who gives files a user and no group gives them the group of that number.
fn group_like_user(out: &mut Map<String, Value>, namespace: &Namespace) {
    let Some(Value::Object(given)) = namespace.attributes.get("nasConfig") else { return };
    if let (Some(user), None) = (given.get("userId"), given.get("groupId")) {
        out["nasConfig"]["groupId"] = user.clone();
    }
}

fn blank() -> Map<String, Value> {
    let blank = json!({
        "role": "",
        "logConfig": {
            "project": "",
            "logstore": "",
            "enableRequestMetrics": false,
            "enableInstanceMetrics": false,
            "logBeginRule": "None",
        },
        "vpcConfig": {"vpcId": "", "vSwitchIds": [], "securityGroupId": "", "role": ""},
        "nasConfig": {"userId": -1, "groupId": -1, "mountPoints": []},
        "tracingConfig": {"type": null, "params": null},
        "useSLRAuthentication": false,
    });
    match blank {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
