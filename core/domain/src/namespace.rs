//! Namespaces: SCF namespaces and FC services are the same thing to us.

use crate::{Dialect, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What names a namespace. SCF and FC have separate name spaces within one scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamespaceKey {
    pub scope: Scope,
    pub dialect: Dialect,
    pub name: String,
}

/// A group of functions with shared settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Namespace {
    #[serde(flatten)]
    pub key: NamespaceKey,
    /// Opaque and stable for the namespace's life.
    pub id: String,
    pub description: String,
    /// Whether code in it may reach the public network (FC `internetAccess`); functions may narrow it.
    pub public_network: bool,
    /// Settings of the dialect that the core does not interpret (FC: role, logConfig, vpcConfig …), as given.
    pub attributes: Map<String, Value>,
    /// Rises by one with each change; the base of the ETag.
    pub version: u64,
    /// FC: the highest version number given out so far, so that none is given out twice.
    #[serde(default)]
    pub last_published: u64,
    pub created: Timestamp,
    pub modified: Timestamp,
}

impl Namespace {
    /// Changes whenever the namespace does.
    pub fn etag(&self) -> String {
        format!("{}-{}", self.id, self.version)
    }
}
