//! What a caller of API 3.0 reads when something is refused, and the one table from the domain's kinds of
//! refusal to this vendor's codes.

use sluice_domain::{Entity, Error, ErrorKind, Field, Quota, Setting};

/// An error answer. The HTTP status is 200 all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub code: &'static str,
    pub message: String,
}

impl ApiError {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
    /// A required parameter is absent.
    pub fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("the request lacks the required parameter `{parameter}`"))
    }
    /// Refusals of an action that has a code of its own for an unknown version or alias.
    pub fn unknown_qualifier(code: &'static str) -> impl Fn(Error) -> Self {
        move |error| match error.kind {
            ErrorKind::NotFound(Entity::Version | Entity::Alias) => Self::new(code, error.message),
            _ => error.into(),
        }
    }
    /// Part of the vendor's API that this server does not have yet.
    pub fn not_offered(code: &'static str, what: &str) -> Self {
        Self::new(code, format!("{what} not available on this server yet"))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { code: code(error.kind), message: error.message }
    }
}

/// The vendor's code for a kind of refusal.
pub fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Missing(Field::Code) => "MissingParameter.Code",
        ErrorKind::Missing(Field::Runtime) => "MissingParameter.Runtime",
        ErrorKind::Missing(_) => "MissingParameter",
        ErrorKind::Invalid(field) => invalid(field),
        ErrorKind::NotFound(entity) => not_found(entity),
        ErrorKind::AlreadyExists(entity) | ErrorKind::InUse(entity) => in_use(entity),
        ErrorKind::QuotaExceeded(quota) => quota_exceeded(quota),
        ErrorKind::Busy(Setting::Provisioned) => "FailedOperation.ProvisionedInProgress",
        ErrorKind::Busy(Setting::Reserved) => "FailedOperation.ReservedInProgress",
        ErrorKind::Busy(Setting::TotalConcurrency) => "FailedOperation.TotalConcurrencyMemoryInProgress",
        ErrorKind::ReservedExceedsTotal => "FailedOperation.ReservedExceedTotal",
        ErrorKind::NothingToPublish => "FailedOperation.PublishVersion",
        ErrorKind::PreconditionFailed => "FailedOperation.OperationConflict",
        ErrorKind::WrongState => "FailedOperation.FunctionStatusError",
        ErrorKind::TooLarge => "InvalidParameter.RequestTooLarge",
        ErrorKind::Unsupported => "UnsupportedOperation",
        ErrorKind::Throttled(_) => "RequestLimitExceeded",
        ErrorKind::Internal => "InternalError.System",
    }
}

fn invalid(field: Field) -> &'static str {
    match field {
        Field::FunctionName => "InvalidParameterValue.FunctionName",
        Field::NamespaceName => "InvalidParameterValue.NamespaceInvalid",
        Field::Description => "InvalidParameterValue.Description",
        Field::Runtime => "InvalidParameterValue.Runtime",
        Field::Handler | Field::Initializer => "InvalidParameterValue.Handler",
        Field::Memory => "InvalidParameterValue.MemorySize",
        // The vendor knows no InvalidParameterValue for these two.
        Field::Timeout => "LimitExceeded.Timeout",
        Field::InitTimeout => "LimitExceeded.InitTimeout",
        Field::Environment => "InvalidParameterValue.Environment",
        Field::EnvironmentSize => "InvalidParameterValue.EnvironmentExceededLimit",
        Field::EnvironmentReserved => "InvalidParameterValue.EnvironmentSystemProtect",
        Field::Code => "InvalidParameterValue.Code",
        Field::CodeBase64 => "InvalidParameterValue.ZipFileBase64BinasciiError",
        Field::CodeZip => "InvalidParameterValue.ZipFile",
        Field::Event => "InvalidParameterValue.Param",
        Field::FunctionType => "InvalidParameterValue.Type",
        Field::InstanceConcurrency => "InvalidParameterValue.InstanceConcurrencyConfig",
        Field::Qualifier => "InvalidParameterValue.Qualifier",
        Field::Layers => "InvalidParameterValue.Layers",
        Field::PublicNetwork => "InvalidParameterValue.PublicNetConfig",
        Field::Limit => "InvalidParameterValue.Limit",
        Field::Offset => "InvalidParameterValue.Offset",
        Field::Order => "InvalidParameterValue.Order",
        Field::StartTime => "InvalidParameterValue.StartTimeOrEndTime",
        Field::RequestId => "InvalidParameterValue.FunctionRequestId",
        Field::ProvisionQualifier => "InvalidParameterValue.Qualifier",
        Field::ProvisionType => "InvalidParameterValue.ProvisionType",
        Field::TrackingTarget => "InvalidParameterValue.TrackingTarget",
        Field::MinCapacity => "InvalidParameterValue.MinCapacity",
        Field::MaxCapacity => "LimitExceeded.MaxCapacity",
        Field::TriggerName => "InvalidParameterValue.ProvisionTriggerName",
        Field::TriggerNameDuplicate => "InvalidParameterValue.ProvisionTriggerNameDuplicate",
        Field::TriggerCron => "InvalidParameterValue.TriggerCronConfig",
        Field::TriggerTarget => "InvalidParameterValue.TriggerProvisionedConcurrencyNum",
        Field::AliasName => "InvalidParameterValue.Name",
        Field::AliasRouting => "InvalidParameterValue.RoutingConfig",
        Field::ReservedConcurrency
        | Field::ProvisionedConcurrency
        | Field::TotalConcurrency
        | Field::OnDemandInstances => "InvalidParameterValue",
        Field::InstanceType | Field::Role | Field::Other(_) => "InvalidParameterValue",
    }
}

fn not_found(entity: Entity) -> &'static str {
    match entity {
        Entity::Namespace => "ResourceNotFound.Namespace",
        Entity::Function => "ResourceNotFound.Function",
        Entity::Version => "ResourceNotFound.FunctionVersion",
        Entity::Alias => "ResourceNotFound.Alias",
        Entity::Trigger => "ResourceNotFound.Trigger",
        Entity::Layer => "ResourceNotFound.Layer",
        Entity::Region => "UnsupportedRegion",
        Entity::Request | Entity::Code | Entity::Setting => "ResourceNotFound",
    }
}

fn in_use(entity: Entity) -> &'static str {
    match entity {
        Entity::Namespace => "ResourceInUse.Namespace",
        Entity::Function => "ResourceInUse.Function",
        Entity::Alias => "ResourceInUse.Alias",
        Entity::Trigger => "ResourceInUse.Trigger",
        Entity::Layer => "ResourceInUse.LayerVersion",
        Entity::Version | Entity::Request | Entity::Region | Entity::Code | Entity::Setting => "ResourceInUse",
    }
}

fn quota_exceeded(quota: Quota) -> &'static str {
    match quota {
        Quota::Namespaces => "LimitExceeded.Namespace",
        Quota::FunctionsPerNamespace => "LimitExceeded.Function",
        Quota::Memory => "LimitExceeded.Memory",
        Quota::Timeout => "LimitExceeded.Timeout",
        Quota::InitTimeout => "LimitExceeded.InitTimeout",
        Quota::Concurrency => "LimitExceeded.TotalConcurrencyMemory",
        Quota::FunctionReserved => "LimitExceeded.FunctionReservedConcurrencyMemory",
        Quota::FunctionProvisioned => "LimitExceeded.FunctionProvisionedConcurrencyMemory",
        Quota::TotalProvisioned => "LimitExceeded.FunctionTotalProvisionedConcurrencyMemory",
        Quota::TotalConcurrency => "LimitExceeded.TotalConcurrencyMemory",
        Quota::ScheduledActions => "LimitExceeded.ProvisionTriggerAction",
        Quota::OnDemandRules | Quota::CodeTotal | Quota::CodeUnzipped => "LimitExceeded.Quota",
    }
}

#[cfg(test)]
mod tests;
