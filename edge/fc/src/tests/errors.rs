use crate::error::code_of;
use sluice_domain::{Entity, ErrorKind, Field, Quota, Setting, Throttle};

#[test]
fn every_kind_has_its_status_and_code() {
    let entities = [
        Entity::Namespace,
        Entity::Function,
        Entity::Version,
        Entity::Alias,
        Entity::Trigger,
        Entity::Layer,
        Entity::Request,
        Entity::Setting,
        Entity::Region,
        Entity::Code,
    ];
    let quotas = [
        Quota::CodeTotal,
        Quota::CodeUnzipped,
        Quota::Namespaces,
        Quota::FunctionsPerNamespace,
        Quota::Memory,
        Quota::Timeout,
        Quota::InitTimeout,
        Quota::Concurrency,
        Quota::FunctionReserved,
        Quota::FunctionProvisioned,
        Quota::TotalProvisioned,
        Quota::TotalConcurrency,
        Quota::ScheduledActions,
        Quota::OnDemandRules,
    ];
    let throttles =
        [Throttle::Account, Throttle::Namespace, Throttle::Burst, Throttle::RegionInstances, Throttle::HostMemory];
    let mut kinds = vec![ErrorKind::Missing(Field::Handler), ErrorKind::Invalid(Field::CodeZip)];
    kinds.extend(entities.map(ErrorKind::NotFound));
    kinds.extend(entities.map(ErrorKind::AlreadyExists));
    kinds.extend([Entity::Namespace, Entity::Function, Entity::Layer, Entity::Setting].map(ErrorKind::InUse));
    kinds.extend(quotas.map(ErrorKind::QuotaExceeded));
    kinds.extend(throttles.map(ErrorKind::Throttled));
    kinds.extend([Setting::Provisioned, Setting::Reserved, Setting::TotalConcurrency].map(ErrorKind::Busy));
    kinds.extend([
        ErrorKind::ReservedExceedsTotal,
        ErrorKind::NothingToPublish,
        ErrorKind::PreconditionFailed,
        ErrorKind::WrongState,
        ErrorKind::TooLarge,
        ErrorKind::Unsupported,
        ErrorKind::Internal,
    ]);
    let table: Vec<String> = kinds
        .into_iter()
        .map(|kind| {
            let (status, code) = code_of(kind);
            format!("{kind:?} {} {code}", status.as_u16())
        })
        .collect();
    assert_eq!(table.join("\n"), TABLE.trim());
}

const TABLE: &str = "
Missing(Handler) 400 InvalidArgument
Invalid(CodeZip) 400 InvalidArgument
NotFound(Namespace) 404 ServiceNotFound
NotFound(Function) 404 FunctionNotFound
NotFound(Version) 404 VersionNotFound
NotFound(Alias) 404 AliasNotFound
NotFound(Trigger) 404 TriggerNotFound
NotFound(Layer) 404 LayerNotFound
NotFound(Request) 404 StatefulAsyncInvocationNotFound
NotFound(Setting) 404 OnDemandConfigNotFound
NotFound(Region) 400 InvalidArgument
NotFound(Code) 404 FunctionNotFound
AlreadyExists(Namespace) 409 ServiceAlreadyExists
AlreadyExists(Function) 409 FunctionAlreadyExists
AlreadyExists(Version) 409 ConcurrentUpdateError
AlreadyExists(Alias) 409 AliasAlreadyExists
AlreadyExists(Trigger) 409 TriggerAlreadyExists
AlreadyExists(Layer) 409 ConcurrentUpdateError
AlreadyExists(Request) 409 StatefulAsyncInvocationAlreadyExists
AlreadyExists(Setting) 409 ConcurrentUpdateError
AlreadyExists(Region) 409 ConcurrentUpdateError
AlreadyExists(Code) 409 ConcurrentUpdateError
InUse(Namespace) 409 ServiceNotEmpty
InUse(Function) 409 FunctionNotEmpty
InUse(Layer) 409 ConcurrentUpdateError
InUse(Setting) 409 ProvisionConfigExist
QuotaExceeded(CodeTotal) 400 LimitExceededError
QuotaExceeded(CodeUnzipped) 400 EntityTooLarge
QuotaExceeded(Namespaces) 400 LimitExceededError
QuotaExceeded(FunctionsPerNamespace) 400 LimitExceededError
QuotaExceeded(Memory) 400 InvalidArgument
QuotaExceeded(Timeout) 400 InvalidArgument
QuotaExceeded(InitTimeout) 400 InvalidArgument
QuotaExceeded(Concurrency) 429 ResourceExhausted
QuotaExceeded(FunctionReserved) 400 LimitExceededError
QuotaExceeded(FunctionProvisioned) 400 LimitExceededError
QuotaExceeded(TotalProvisioned) 400 LimitExceededError
QuotaExceeded(TotalConcurrency) 400 LimitExceededError
QuotaExceeded(ScheduledActions) 400 LimitExceededError
QuotaExceeded(OnDemandRules) 400 LimitExceededError
Throttled(Account) 429 ResourceExhausted
Throttled(Namespace) 429 ResourceExhausted
Throttled(Burst) 429 ResourceExhausted
Throttled(RegionInstances) 429 ResourceExhausted
Throttled(HostMemory) 503 ResourceThrottled
Busy(Provisioned) 409 ConcurrentUpdateError
Busy(Reserved) 409 ConcurrentUpdateError
Busy(TotalConcurrency) 409 ConcurrentUpdateError
ReservedExceedsTotal 400 InvalidArgument
NothingToPublish 400 InvalidArgument
PreconditionFailed 412 PreconditionFailed
WrongState 409 ConcurrentUpdateError
TooLarge 400 EntityTooLarge
Unsupported 400 InvalidArgument
Internal 500 InternalServerError
";
