//! The one error that crosses layers.
//!
//! A kind says what class of thing went wrong, in terms every dialect can map to its own code; the message
//! says what was wrong, with which value, and what would be right. What only the operator may see goes to
//! the log where it happens, not in here.

use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
}

/// The classes of refusal. Each dialect has one table from these to its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A required field is absent.
    Missing(Field),
    /// A field is present and unacceptable.
    Invalid(Field),
    NotFound(Entity),
    AlreadyExists(Entity),
    /// It still holds, or is held by, something else.
    InUse(Entity),
    /// A countable limit of the quota profile is reached.
    QuotaExceeded(Quota),
    /// An earlier change of this setting is still being carried out.
    Busy(Setting),
    /// Functions hold more for themselves than the total would be.
    ReservedExceedsTotal,
    /// Nothing changed since the last version was published.
    NothingToPublish,
    /// If-Match named another version than the current one.
    PreconditionFailed,
    /// The function is being created or deleted, or failed to be.
    WrongState,
    /// A payload over its limit.
    TooLarge,
    /// Legal in the vendor's API, not offered here.
    Unsupported,
    /// A concurrency limit.
    Throttled(Throttle),
    /// A fault of the platform; details are in the server's log.
    Internal,
}

/// Things with names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    Namespace,
    Function,
    Version,
    Alias,
    Trigger,
    Layer,
    Request,
    /// A setting of its own kind, such as a provision or an on-demand limit.
    Setting,
    Region,
    Code,
}

/// Input fields that have rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    FunctionName,
    NamespaceName,
    Description,
    Runtime,
    Handler,
    Initializer,
    Memory,
    Timeout,
    InitTimeout,
    Environment,
    /// The environment as a whole is over its size limit.
    EnvironmentSize,
    /// A variable name that the platform keeps for itself.
    EnvironmentReserved,
    /// No code, or code from a source that cannot be read.
    Code,
    /// The package is not base64.
    CodeBase64,
    /// The package is not an acceptable zip.
    CodeZip,
    Event,
    FunctionType,
    InstanceConcurrency,
    InstanceType,
    Qualifier,
    Layers,
    Role,
    PublicNetwork,
    Limit,
    Offset,
    Order,
    StartTime,
    RequestId,
    ReservedConcurrency,
    ProvisionedConcurrency,
    /// Provisioned concurrency is for published versions (FC: aliases too).
    ProvisionQualifier,
    ProvisionType,
    TrackingTarget,
    MinCapacity,
    MaxCapacity,
    TriggerName,
    TriggerNameDuplicate,
    TriggerCron,
    TriggerTarget,
    TotalConcurrency,
    OnDemandInstances,
    AliasName,
    AliasRouting,
    Other(&'static str),
}

/// Countable limits, named as their key in the quota profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    CodeTotal,
    CodeUnzipped,
    Namespaces,
    FunctionsPerNamespace,
    Memory,
    Timeout,
    InitTimeout,
    Concurrency,
    FunctionReserved,
    FunctionProvisioned,
    TotalProvisioned,
    TotalConcurrency,
    ScheduledActions,
    OnDemandRules,
}

/// Settings that take a while to come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    Provisioned,
    Reserved,
    TotalConcurrency,
}

/// Why a request was not given an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throttle {
    /// The account's concurrency in this region, in MB.
    Account,
    /// The namespace's concurrency, in MB.
    Namespace,
    /// The concurrency that is the function's alone, in MB.
    Reserved,
    /// On-demand instances of the function through one alias.
    FunctionInstances,
    /// The function runs on a single instance while it is debugged.
    Debug,
    /// The time between two new instances of one app.
    StartInterval,
    /// New instances in the current minute.
    Burst,
    /// On-demand instances of the region, counted in instances.
    RegionInstances,
    /// The host has too little free memory to start another instance.
    HostMemory,
    /// The server may open too few files to start another instance.
    HostFiles,
    /// Requests of one function that may wait, or the time they may.
    WaitQueue,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
    pub fn invalid(field: Field, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid(field), message)
    }
    pub fn missing(field: Field, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Missing(field), message)
    }
    pub fn not_found(entity: Entity, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound(entity), message)
    }
    pub fn exists(entity: Entity, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::AlreadyExists(entity), message)
    }
    pub fn quota(quota: Quota, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::QuotaExceeded(quota), message)
    }
    /// A platform fault. The client reads only that one happened.
    pub fn internal() -> Self {
        Self::new(ErrorKind::Internal, "an internal error has occurred, please retry")
    }
}

impl Throttle {
    /// Every kind there is.
    pub const ALL: [Throttle; 11] = [
        Throttle::Account,
        Throttle::Namespace,
        Throttle::Reserved,
        Throttle::FunctionInstances,
        Throttle::Debug,
        Throttle::StartInterval,
        Throttle::Burst,
        Throttle::RegionInstances,
        Throttle::HostMemory,
        Throttle::HostFiles,
        Throttle::WaitQueue,
    ];

    /// Its name for programs: the same in JSON, in headers and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Throttle::Account => "account",
            Throttle::Namespace => "namespace",
            Throttle::Reserved => "reserved",
            Throttle::FunctionInstances => "function_instances",
            Throttle::Debug => "debug",
            Throttle::StartInterval => "start_interval",
            Throttle::Burst => "burst",
            Throttle::RegionInstances => "region_instances",
            Throttle::HostMemory => "host_memory",
            Throttle::HostFiles => "host_files",
            Throttle::WaitQueue => "wait_queue",
        }
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Throttle::Account => "account concurrency",
            Throttle::Namespace => "namespace concurrency",
            Throttle::Reserved => "reserved concurrency",
            Throttle::FunctionInstances => "on-demand instances of the function",
            Throttle::Debug => "the single instance of a function that is debugged",
            Throttle::StartInterval => "time between new instances",
            Throttle::Burst => "new instances per minute",
            Throttle::RegionInstances => "instances of the region",
            Throttle::HostMemory => "free memory of the host",
            Throttle::HostFiles => "files that the server may open",
            Throttle::WaitQueue => "requests that may wait for an instance",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Throttle;

    #[test]
    fn a_throttle_has_one_name_everywhere() {
        for (place, throttle) in Throttle::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(throttle).unwrap(), throttle.as_str());
            assert_eq!(throttle as usize, place);
        }
    }
}
