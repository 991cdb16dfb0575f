//! Versions and aliases: names for frozen revisions.

use crate::{CodePackage, Dialect, FunctionConfig, FunctionKey, NamespaceKey, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A published version of one function: code and configuration that never change again.
///
/// SCF publishes functions one by one. An FC service version maps each function of the service to one of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub function: FunctionKey,
    /// SCF: 1, 2, 3 …. FC: the number of the first service version that holds it, so that it differs from those of
    /// an earlier function of the same name. Never used again for the same function, not even after it was deleted.
    pub number: u64,
    pub description: String,
    pub config: FunctionConfig,
    pub code: CodePackage,
    /// The function's revision that was frozen.
    pub revision: u64,
    pub created: Timestamp,
}

/// A published version of an FC service: its settings and all its functions at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceVersion {
    pub service: NamespaceKey,
    pub number: u64,
    pub description: String,
    /// Function name to its [`Version::number`].
    pub functions: BTreeMap<String, u64>,
    pub public_network: bool,
    pub attributes: Map<String, Value>,
    /// The service's [`version`](crate::Namespace::version) that was frozen: publishing the same again is an error.
    pub service_revision: u64,
    pub created: Timestamp,
}

/// What names an alias: SCF's belong to a function, FC's to a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AliasKey {
    #[serde(flatten)]
    pub scope: Scope,
    pub dialect: Dialect,
    pub namespace: String,
    /// None for FC.
    pub function: Option<String>,
    pub name: String,
}

impl AliasKey {
    pub fn namespace_key(&self) -> NamespaceKey {
        NamespaceKey { scope: self.scope.clone(), dialect: self.dialect, name: self.namespace.clone() }
    }

    /// The function that it belongs to; none for FC.
    pub fn function_key(&self) -> Option<FunctionKey> {
        let name = self.function.clone()?;
        Some(FunctionKey { scope: self.scope.clone(), dialect: self.dialect, namespace: self.namespace.clone(), name })
    }
}

/// A name for a version, or for two of them with a share of the calls each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    pub key: AliasKey,
    pub description: String,
    pub target: AliasTarget,
    /// Share of calls that go to other versions than the main one, in parts per million (spec: C11).
    pub additional: Vec<(u64, u32)>,
    /// Routing settings of the dialect that are stored and shown as given (FC: resolvePolicy, routePolicy).
    pub attributes: Map<String, Value>,
    /// Rises with each stored change; the base of the ETag.
    pub version: u64,
    pub created: Timestamp,
    pub modified: Timestamp,
}

impl Alias {
    /// Changes whenever the alias does, and differs from that of an earlier alias of the same name.
    pub fn etag(&self) -> String {
        format!("{:x}-{}", self.created.millis(), self.version)
    }

    /// Whether some of its calls may go to this version.
    pub fn leads_to(&self, number: u64) -> bool {
        self.target == AliasTarget::Version(number) || self.additional.iter().any(|(other, _)| *other == number)
    }
}

/// Where an alias leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasTarget {
    /// The editable code, which only SCF allows (spec: C10).
    Latest,
    Version(u64),
}
