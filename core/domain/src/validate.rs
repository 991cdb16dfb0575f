//! The rules that values must keep, one function per thing that has a name, one for a function's settings.
//!
//! Numbers come from the quota profile; alphabets and lengths from the vendors' documents. Messages say what
//! was wrong, with which value, and what would be right.

use crate::{Dialect, Error, Family, Field, FunctionConfig, KnownRuntime, Quota, QuotaProfile, Result};
use std::collections::BTreeMap;

/// Length of namespace and function name together (spec: QUO-08).
const SCF_NAMES_TOGETHER: usize = 118;
/// spec: QUO-07, FUN-07
const SCF_NAME: std::ops::RangeInclusive<usize> = 2..=60;

/// Checks a function's name within its namespace.
pub fn check_function_name(dialect: Dialect, namespace: &str, name: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::invalid(Field::FunctionName, format!("function name '{}' {why}", shown(name))));
    match dialect {
        Dialect::Scf => {
            if !SCF_NAME.contains(&name.len()) {
                return refuse("must be 2 to 60 characters long");
            }
            if !is_scf_name(name) {
                return refuse(
                    "must begin with a letter, end with a letter or digit, and hold only letters, digits, '-' and '_'",
                );
            }
            if namespace.len() + name.len() > SCF_NAMES_TOGETHER {
                return refuse("together with its namespace must be at most 118 characters long");
            }
            Ok(())
        }
        Dialect::Fc if !is_fc_name(name) => {
            refuse("must be 1 to 128 letters, digits, '-' or '_', and begin with a letter or '_'")
        }
        Dialect::Fc => Ok(()),
    }
}

/// Checks the name of a namespace (FC: of a service).
pub fn check_namespace_name(dialect: Dialect, name: &str) -> Result<()> {
    match dialect {
        Dialect::Scf if SCF_NAME.contains(&name.len()) && is_scf_name(name) => Ok(()),
        Dialect::Scf => Err(Error::invalid(
            Field::NamespaceName,
            format!(
                "namespace name '{}' must be 2 to 60 letters, digits, '-' or '_', begin with a letter and end with a letter or digit",
                shown(name)
            ),
        )),
        Dialect::Fc if is_fc_name(name) => Ok(()),
        Dialect::Fc => Err(Error::invalid(
            Field::NamespaceName,
            format!(
                "service name '{}' must be 1 to 128 letters, digits, '-' or '_', and begin with a letter or '_'",
                shown(name)
            ),
        )),
    }
}

/// Checks the name of an alias (spec: ALI-01).
pub fn check_alias_name(dialect: Dialect, name: &str) -> Result<()> {
    let refuse =
        |form: &str| Err(Error::invalid(Field::AliasName, format!("alias name '{}' must {form}", shown(name))));
    match dialect {
        Dialect::Scf if SCF_NAME.contains(&name.len()) && is_scf_name(name) => Ok(()),
        Dialect::Scf => {
            refuse("be 2 to 60 letters, digits, '-' or '_', begin with a letter and end with a letter or digit")
        }
        Dialect::Fc if name == "LATEST" => refuse("not be LATEST, which names the editable code"),
        Dialect::Fc if is_fc_name(name) => Ok(()),
        Dialect::Fc => refuse("be 1 to 128 letters, digits, '-' or '_', and begin with a letter or '_'"),
    }
}

/// Checks a description against the quota profile.
pub fn check_description(dialect: Dialect, text: &str, quota: &QuotaProfile) -> Result<()> {
    let count = text.chars().count();
    if count > quota.description_chars as usize {
        return Err(Error::invalid(
            Field::Description,
            format!("description has {count} characters; at most {} are allowed", quota.description_chars),
        ));
    }
    // spec: FUN-08. Letters of any script, digits, spaces, commas and periods are what the guide names; the API
    // has always taken other punctuation, so only control characters are refused.
    if dialect == Dialect::Scf && text.chars().any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t') {
        return Err(Error::invalid(Field::Description, "description must not hold control characters"));
    }
    Ok(())
}

/// Bytes of keys and values together.
pub fn environment_bytes(environment: &BTreeMap<String, String>) -> usize {
    environment.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Checks all settings of a function against its quota profile.
pub fn check_config(dialect: Dialect, config: &FunctionConfig, quota: &QuotaProfile) -> Result<()> {
    let known =
        KnownRuntime::find(dialect, &config.runtime).ok_or_else(|| unknown_runtime(dialect, &config.runtime))?;
    check_handler(dialect, known.family, Field::Handler, &config.handler)?;
    if let Some(initializer) = config.initializer.as_deref().filter(|text| !text.is_empty()) {
        check_handler(dialect, known.family, Field::Initializer, initializer)?;
    }
    check_description(dialect, &config.description, quota)?;
    check_memory(config.memory_mib, quota)?;
    check_seconds(Field::Timeout, "timeout", config.timeout_s, quota.timeout_min_s, quota.timeout_max_s)?;
    check_seconds(
        Field::InitTimeout,
        "initialisation timeout",
        config.init_timeout_s,
        quota.init_timeout_min_s,
        quota.init_timeout_max_s,
    )?;
    check_environment(dialect, &config.environment, quota)?;
    check_instance_concurrency(dialect, known.family, config.instance_concurrency, quota)
}

fn unknown_runtime(dialect: Dialect, id: &str) -> Error {
    let known: Vec<&str> =
        crate::KNOWN_RUNTIMES.iter().filter(|known| known.dialect == dialect).map(|known| known.id).collect();
    let opening = match dialect {
        Dialect::Scf => "Runtime is invalid",
        Dialect::Fc => "Runtime is set to an invalid value",
    };
    Error::invalid(Field::Runtime, format!("{opening}: '{}'. Known runtimes: {}", shown(id), known.join(", ")))
}

fn check_handler(dialect: Dialect, family: Family, field: Field, handler: &str) -> Result<()> {
    let refuse = |form: &str| {
        Err(Error::invalid(field, format!("handler '{}' must have the form {form} for this runtime", shown(handler))))
    };
    if handler.len() > 128 || handler.chars().any(|c| c.is_control()) {
        return Err(Error::invalid(field, "a handler is at most 128 printable characters long".to_owned()));
    }
    let legal_part = |part: &str| !part.is_empty() && (dialect == Dialect::Fc || part.len() <= 60);
    match family {
        Family::Python | Family::Python2 | Family::Node | Family::Php => match handler.rsplit_once('.') {
            Some((file, function)) if legal_part(file) && legal_part(function) && !escapes(file) => Ok(()),
            _ => refuse("file.function"),
        },
        Family::Java => match handler.rsplit_once("::") {
            Some((class, method)) if !class.is_empty() && !method.is_empty() => Ok(()),
            _ => refuse("package.Class::method"),
        },
        Family::Go if handler.is_empty() || handler.contains('.') => refuse("file"),
        _ => Ok(()),
    }
}

/// A handler names a file inside the package.
fn escapes(file: &str) -> bool {
    file.starts_with('/') || file.split('/').any(|part| part == "..")
}

fn check_memory(memory: u32, quota: &QuotaProfile) -> Result<()> {
    let stepped = (quota.memory_min_mb..=quota.memory_max_mb).contains(&memory)
        && (memory - quota.memory_min_mb).is_multiple_of(quota.memory_step_mb.max(1));
    if stepped || quota.memory_extra_mb.contains(&memory) {
        return Ok(());
    }
    let extra: String = quota.memory_extra_mb.iter().map(|size| format!("{size}, or ")).collect();
    Err(Error::invalid(
        Field::Memory,
        format!(
            "memory size {memory} MB is not allowed: use {extra}{} to {} MB in steps of {} MB",
            quota.memory_min_mb, quota.memory_max_mb, quota.memory_step_mb
        ),
    ))
}

fn check_seconds(field: Field, what: &str, value: u32, min: u32, max: u32) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{what} {value} s is not allowed: use {min} to {max} s")))
}

fn check_environment(dialect: Dialect, environment: &BTreeMap<String, String>, quota: &QuotaProfile) -> Result<()> {
    for key in environment.keys() {
        check_environment_key(dialect, key)?;
    }
    if let Some((key, _)) = environment.iter().find(|(_, value)| value.contains('\0')) {
        return Err(Error::invalid(
            Field::Environment,
            format!("environment variable '{}' holds a NUL byte", shown(key)),
        ));
    }
    let bytes = environment_bytes(environment);
    if bytes > quota.env_bytes() {
        return Err(Error::invalid(
            Field::EnvironmentSize,
            format!("environment variables take {bytes} bytes; at most {} are allowed", quota.env_bytes()),
        ));
    }
    Ok(())
}

fn check_environment_key(dialect: Dialect, key: &str) -> Result<()> {
    let mut bytes = key.bytes();
    let legal = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || (dialect == Dialect::Fc && b == b'_'))
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !legal {
        return Err(Error::invalid(
            Field::Environment,
            format!(
                "environment variable name '{}' must begin with a letter and hold only letters, digits and '_'",
                shown(key)
            ),
        ));
    }
    let reserved: &[&str] = match dialect {
        Dialect::Scf => &["SCF_", "QCLOUD_", "TENCENTCLOUD_"],
        Dialect::Fc => &["FC_"],
    };
    let reserved_words: &[&str] = match dialect {
        Dialect::Scf => &[],
        Dialect::Fc => &["accessKeyID", "accessKeySecret", "securityToken", "topic"],
    };
    if reserved.iter().any(|prefix| key.starts_with(prefix)) || reserved_words.contains(&key) {
        return Err(Error::invalid(
            Field::EnvironmentReserved,
            format!("environment variable name '{}' is reserved for the platform", shown(key)),
        ));
    }
    Ok(())
}

fn check_instance_concurrency(dialect: Dialect, family: Family, value: u32, quota: &QuotaProfile) -> Result<()> {
    if value == 1 {
        return Ok(());
    }
    if !(1..=quota.instance_concurrency_max).contains(&value) {
        return Err(Error::invalid(
            Field::InstanceConcurrency,
            format!("instance concurrency {value} is not allowed: use 1 to {}", quota.instance_concurrency_max),
        ));
    }
    let offered = match dialect {
        Dialect::Fc => matches!(family, Family::Node | Family::Java | Family::Custom | Family::Image),
        // spec: RQC-03. Only web functions have it, and there are none yet.
        Dialect::Scf => false,
    };
    if offered {
        return Ok(());
    }
    Err(Error::invalid(Field::InstanceConcurrency, "this kind of function handles one request per instance: use 1"))
}

fn is_scf_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
}

fn is_fc_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=128).contains(&bytes.len())
        && (bytes[0].is_ascii_alphabetic() || bytes[0] == b'_')
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
}

/// A foreign value, short enough to print.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().count() > 80 {
        out.push('…');
    }
    out
}

// Quota kinds that a dialect reports for values over a limit rather than outside a range.
impl Quota {
    /// The key of the quota profile that this limit comes from.
    pub fn key(self) -> &'static str {
        match self {
            Quota::CodeTotal => "code_total_gb",
            Quota::CodeUnzipped => "code_unzipped_mb",
            Quota::Namespaces => "namespaces",
            Quota::FunctionsPerNamespace => "functions_per_namespace",
            Quota::Memory => "memory_max_mb",
            Quota::Timeout => "timeout_max_s",
            Quota::InitTimeout => "init_timeout_max_s",
            Quota::Concurrency
            | Quota::FunctionReserved
            | Quota::FunctionProvisioned
            | Quota::TotalProvisioned
            | Quota::TotalConcurrency => "concurrency_mb",
            Quota::ScheduledActions => "scheduled_actions",
            Quota::OnDemandRules => "on_demand_rules",
        }
    }
}

#[cfg(test)]
mod tests;
