//! The vocabulary of Sluice: what things are called, what values they may hold, and nothing else.
//!
//! Every other crate speaks in these types. The crate does no I/O, reads no clock and knows no wire
//! format; vendor names appear only as data (runtime ids, quota profiles) and in [`Dialect`], because
//! which cloud a function was written for is a property of the function itself.

mod concurrency;
mod error;
mod function;
mod ids;
mod invocation;
mod namespace;
mod quota;
mod refusal;
mod runtime;
mod validate;
mod version;

pub use concurrency::{OnDemandLimit, Provision, ProvisionConfig, ScheduledAction, TrackingPolicy};
pub use error::{Entity, Error, ErrorKind, Field, Quota, Result, Setting, Throttle};
pub use function::{CodePackage, Function, FunctionConfig, FunctionKey, FunctionStatus, RevisionKey};
pub use ids::{AccountId, InstanceId, Region, RequestId, Scope, Timestamp};
pub use invocation::{ColdReason, ColdStart, Failure, FailureKind, Invocation, LogCut, Outcome, Phases, StartCause};
pub use namespace::{Namespace, NamespaceKey};
pub use quota::{Profile, QuotaProfile, TrackingStep};
pub use refusal::{Holder, Refusal, Retry};
pub use runtime::{Family, KNOWN_RUNTIMES, KnownRuntime, RuntimeStatus};
pub use validate::{
    check_alias_name, check_config, check_description, check_function_name, check_namespace_name, environment_bytes,
};
pub use version::{Alias, AliasKey, AliasTarget, ServiceVersion, Version};

/// The cloud whose API a namespace, and every function in it, belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Tencent SCF and CloudBase.
    Scf,
    /// Alibaba Function Compute 2.0.
    Fc,
}

impl Dialect {
    /// The name used in stored documents, the command line and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Scf => "scf",
            Dialect::Fc => "fc",
        }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Dialect {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "scf" => Ok(Dialect::Scf),
            "fc" => Ok(Dialect::Fc),
            other => Err(format!("unknown dialect '{other}': use scf or fc")),
        }
    }
}
