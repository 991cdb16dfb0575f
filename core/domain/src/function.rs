//! Functions and their immutable revisions.

use crate::{Dialect, Scope, Timestamp, namespace::NamespaceKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// What names a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionKey {
    #[serde(flatten)]
    pub scope: Scope,
    pub dialect: Dialect,
    pub namespace: String,
    pub name: String,
}

impl FunctionKey {
    pub fn namespace_key(&self) -> NamespaceKey {
        NamespaceKey { scope: self.scope.clone(), dialect: self.dialect, name: self.namespace.clone() }
    }
}

/// One immutable pair of code and configuration. Instances belong to exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RevisionKey {
    /// [`Function::id`].
    pub function: String,
    pub revision: u64,
}

impl fmt::Display for RevisionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.function, self.revision)
    }
}

/// A stored code package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CodePackage {
    /// Lower-case hex SHA-256 of the zip; its content address.
    pub sha256: String,
    /// CRC-64/ECMA-182 of the zip, which FC reports.
    pub crc64: u64,
    /// Bytes of the zip.
    pub size: u64,
    /// Bytes of its files when unpacked.
    pub unzipped: u64,
}

/// What a user may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionConfig {
    /// The vendor's runtime id as given, such as `Python3.7` or `nodejs12`.
    pub runtime: String,
    pub handler: String,
    /// FC: entry point that runs once per instance before the first call.
    pub initializer: Option<String>,
    pub description: String,
    pub memory_mib: u32,
    /// Limit of one execution, in seconds.
    pub timeout_s: u32,
    /// Limit of bringing an instance up, in seconds.
    pub init_timeout_s: u32,
    pub environment: BTreeMap<String, String>,
    pub public_network: bool,
    /// Requests one instance handles at a time.
    pub instance_concurrency: u32,
    /// Settings of the dialect that the core does not interpret, as given (role, VpcConfig, Tags, cpu …).
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// Where a function is in its life, in SCF's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FunctionStatus {
    Creating,
    CreateFailed,
    Active,
    Updating,
    UpdateFailed,
    Deleting,
}

impl FunctionStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            FunctionStatus::Creating => "Creating",
            FunctionStatus::CreateFailed => "CreateFailed",
            FunctionStatus::Active => "Active",
            FunctionStatus::Updating => "Updating",
            FunctionStatus::UpdateFailed => "UpdateFailed",
            FunctionStatus::Deleting => "Deleting",
        }
    }
    /// Work on it is still going on.
    pub fn is_pending(self) -> bool {
        matches!(self, FunctionStatus::Creating | FunctionStatus::Updating | FunctionStatus::Deleting)
    }
    /// It can be called. A failed update leaves the previous code serving.
    pub fn is_callable(self) -> bool {
        matches!(self, FunctionStatus::Active | FunctionStatus::Updating | FunctionStatus::UpdateFailed)
    }
}

/// A function as it stands now (`$LATEST` / `LATEST`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    #[serde(flatten)]
    pub key: FunctionKey,
    /// Opaque, stable for the function's life and never reused: `lam-` and 8 characters.
    pub id: String,
    pub config: FunctionConfig,
    pub code: CodePackage,
    /// The revision that calls run. Rises with each change of code or configuration.
    pub revision: u64,
    /// Rises with each stored change; the base of the ETag.
    pub version: u64,
    pub status: FunctionStatus,
    /// Why the status is a failed one, for people.
    pub status_reason: String,
    /// The concurrency in MB that is this function's alone, all versions together; `Some(0)` stops it.
    #[serde(default)]
    pub reserved_mb: Option<u64>,
    /// The highest version number given out so far.
    #[serde(default)]
    pub last_published: u64,
    /// The revision that it froze; publishing again without a change is FC's error.
    #[serde(default)]
    pub published_revision: u64,
    pub created: Timestamp,
    pub modified: Timestamp,
}

impl Function {
    pub fn revision_key(&self) -> RevisionKey {
        RevisionKey { function: self.id.clone(), revision: self.revision }
    }
    /// Changes whenever the function does.
    pub fn etag(&self) -> String {
        format!("{}-{}", self.id, self.version)
    }
}
