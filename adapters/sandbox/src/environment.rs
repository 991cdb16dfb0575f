//! What a function finds in its environment and in its context.

use crate::root::HOSTNAME;
use serde_json::{Map, Value, json};
use sluice_domain::{Dialect, Family, FunctionConfig};
use sluice_ports::InstanceSpec;
use std::collections::BTreeMap;

/// Variables that a loader or an interpreter reads only when its process starts. A function that sets one is
/// started in a process of its own rather than from a blank.
const READ_AT_START: &[&str] = &["GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "OPENSSL_CONF"];
/// Node.js learns its language when it starts (from `LC_ALL`, which the platform sets, before `LANG`). Some builds of it
/// read the host's roots of trust, which its template has done.
const READ_AT_START_BY_NODE: &[&str] = &[
    "LC_ALL",
    "NODE_EXTRA_CA_CERTS",
    "NODE_ICU_DATA",
    "NODE_OPTIONS",
    "NODE_USE_SYSTEM_CA",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "UV_THREADPOOL_SIZE",
];
const READ_AT_START_PREFIXES: &[&str] = &["LD_", "PYTHON", "MALLOC_", "NODE_V8"];
/// These are read by our bootstrap, so they need no process of their own.
const READ_BY_BOOTSTRAP: &[&str] = &["PYTHONPATH", "PYTHONDONTWRITEBYTECODE"];

/// Whether the function's own variables can only take effect at the start of a process.
pub fn needs_own_process(config: &FunctionConfig, family: Family) -> bool {
    config.environment.keys().map(String::as_str).any(|key| {
        !READ_BY_BOOTSTRAP.contains(&key)
            && (READ_AT_START.contains(&key)
                || family == Family::Node && READ_AT_START_BY_NODE.contains(&key)
                || READ_AT_START_PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
    })
}

/// Where code is mounted.
pub fn code_directory(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Scf => "/var/user",
        Dialect::Fc => "/code",
    }
}

/// What the platform sets for every function of any dialect…
const ALWAYS: &[(&str, &str)] = &[
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LANG", "en_US.UTF8"),
    // The vendors say en_US.UTF8 here too, but a locale that the host lacks breaks `setlocale` in user code.
    ("LC_ALL", "C.UTF-8"),
    ("HOSTNAME", HOSTNAME),
];
/// … of SCF…
const ALWAYS_SCF: &[(&str, &str)] = &[
    ("TENCENTCLOUD_RUNENV", "SCF"),
    ("TENCENTCLOUD_SECRETID", ""),
    ("TENCENTCLOUD_SECRETKEY", ""),
    ("TENCENTCLOUD_SESSIONTOKEN", ""),
    ("_SCF_SERVER_PORT", "28902"),
    ("USER_CODE_ROOT", "/var/user/"),
    ("PYTHONPATH", "/var/user:/opt"),
    ("NODE_PATH", "/var/user:/var/user/node_modules:/var/lang/node6/lib/node_modules:/opt:/opt/node_modules"),
    // There is no Java yet; its documented variable is there all the same.
    ("CLASSPATH", "/var/runtime/java8:/var/runtime/java8/lib/*:/opt"),
    ("LD_LIBRARY_PATH", "/var/runtime/java8:/var/user:/opt"),
    ("PWD", "/var/user"),
    ("HOME", "/home/qcloud"),
    ("USER", "qcloud"),
    ("LOGNAME", "qcloud"),
    ("SHELL", "/bin/bash"),
    ("SHLVL", "3"),
    ("PYTHONDONTWRITEBYTECODE", "x"),
];
/// … and of FC.
const ALWAYS_FC: &[(&str, &str)] = &[
    ("FC_FUNC_CODE_PATH", "/code/"),
    ("FC_CUSTOM_LISTEN_PORT", "9000"),
    ("LD_LIBRARY_PATH", "/code:/code/lib:/usr/local/lib:/opt/lib"),
    ("NODE_PATH", "/code/node_modules:/usr/local/lib/node_modules:/opt/nodejs/node_modules:/opt/node_modules"),
    ("PYTHONPATH", "/code:/opt/python:/opt"),
    ("PWD", "/code"),
    ("HOME", "/tmp"),
];
/// Where the loader finds libraries. It reads this when a process starts, when it is nobody's yet.
const LIBRARIES: &str = "/code:/code/lib:/var/user:/var/user/lib:/opt:/opt/lib";

/// What a process is born with before it is known for which function it is. A variable that its function has too need not
/// be set when that is known, and most functions are SCF's.
pub fn of_a_template() -> Vec<String> {
    let constant: BTreeMap<&str, &str> =
        ALWAYS.iter().chain(ALWAYS_SCF).copied().chain([("LD_LIBRARY_PATH", LIBRARIES)]).collect();
    constant.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// The whole environment: the platform's variables, then the function's, which win where both name one.
pub fn variables(spec: &InstanceSpec) -> BTreeMap<String, String> {
    let function = &spec.function;
    let (constant, own) = match function.dialect {
        Dialect::Scf => (ALWAYS_SCF, own_of_scf(spec)),
        Dialect::Fc => (ALWAYS_FC, own_of_fc(spec)),
    };
    let set = ALWAYS.iter().chain(constant).map(|(key, value)| (*key, (*value).to_owned())).chain(own);
    let mut variables: BTreeMap<String, String> = set.map(|(key, value)| (key.to_owned(), value)).collect();
    variables.extend(spec.config.environment.clone());
    variables
}

fn own_of_scf(spec: &InstanceSpec) -> Vec<(&'static str, String)> {
    let function = &spec.function;
    vec![
        ("TENCENTCLOUD_REGION", function.scope.region.to_string()),
        ("TENCENTCLOUD_APPID", function.scope.account.to_string()),
        ("TENCENTCLOUD_UIN", function.scope.account.to_string()),
        ("SCF_FUNCTIONNAME", function.name.clone()),
        ("SCF_FUNCTIONVERSION", spec.version.clone()),
        ("SCF_NAMESPACE", function.namespace.clone()),
    ]
}

fn own_of_fc(spec: &InstanceSpec) -> Vec<(&'static str, String)> {
    let function = &spec.function;
    vec![
        ("FC_ACCOUNT_ID", function.scope.account.to_string()),
        ("FC_REGION", function.scope.region.to_string()),
        ("FC_SERVICE_NAME", function.namespace.clone()),
        ("FC_FUNCTION_NAME", function.name.clone()),
        ("FC_QUALIFIER", spec.version.clone()),
        ("FC_FUNCTION_HANDLER", spec.config.handler.clone()),
        ("FC_FUNCTION_MEMORY_SIZE", spec.config.memory_mib.to_string()),
        ("FC_INSTANCE_ID", spec.id.to_string()),
    ]
}

/// The document of the `init` frame.
pub fn init_document(spec: &InstanceSpec) -> Value {
    let function = &spec.function;
    let attribute = |path: &[&str]| {
        let mut value = spec.namespace_attributes.get(path[0]);
        for key in &path[1..] {
            value = value.and_then(|value| value.get(key));
        }
        value.and_then(Value::as_str).unwrap_or("").to_owned()
    };
    let mut service = Map::new();
    service.insert("log_project".into(), attribute(&["logConfig", "project"]).into());
    service.insert("log_store".into(), attribute(&["logConfig", "logstore"]).into());
    service.insert("role".into(), attribute(&["role"]).into());
    let mut document = json!({
        "request_id": spec.request_id.as_str(),
        "dialect": function.dialect.as_str(),
        "runtime": spec.config.runtime,
        "handler": spec.config.handler,
        "initializer": spec.config.initializer.as_deref().unwrap_or(""),
        "code_dir": code_directory(function.dialect),
        "env": variables(spec),
        "user_env": spec.config.environment,
        "memory_mib": spec.config.memory_mib,
        "timeout_ms": u64::from(spec.config.timeout_s) * 1000,
        "init_timeout_ms": u64::from(spec.config.init_timeout_s) * 1000,
        "account": function.scope.account.as_str(),
        "region": function.scope.region.as_str(),
        "function_name": function.name,
        "namespace": function.namespace,
        "version": spec.version,
        "service": service,
        "credentials": {"access_key_id": "", "access_key_secret": "", "security_token": ""},
    });
    if spec.config.instance_concurrency > 1 {
        document["concurrency"] = spec.config.instance_concurrency.into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_need_a_process_of_their_own_are_told_apart() {
        let config = |key: &str| FunctionConfig {
            runtime: "python3".into(),
            handler: "index.handler".into(),
            initializer: None,
            description: String::new(),
            memory_mib: 128,
            timeout_s: 3,
            init_timeout_s: 3,
            environment: BTreeMap::from([(key.to_owned(), "x".to_owned())]),
            public_network: true,
            instance_concurrency: 1,
            attributes: Map::new(),
        };
        for key in ["LD_PRELOAD", "NODE_OPTIONS", "PYTHONHASHSEED"] {
            assert!(needs_own_process(&config(key), Family::Node), "{key}");
        }
        for key in ["TZ", "PYTHONPATH", "NODE_PATH", "MY_VARIABLE"] {
            assert!(!needs_own_process(&config(key), Family::Node), "{key}");
        }
        for key in ["LC_ALL", "SSL_CERT_FILE"] {
            assert!(needs_own_process(&config(key), Family::Node), "{key}");
            assert!(!needs_own_process(&config(key), Family::Python), "{key}");
        }
    }

    /// Node.js makes the object once beforehand: with other names, or in another order, that would be for nothing.
    #[test]
    fn the_bootstrap_of_node_knows_what_the_platform_sets() {
        let bootstrap = include_str!("../../../runtimes/node/bootstrap.js").replace("' +\n    '", "");
        for dialect in [Dialect::Scf, Dialect::Fc] {
            let mut spec = crate::instance::tests::spec(1);
            spec.function.dialect = dialect;
            let names: Vec<String> = variables(&spec).into_keys().collect();
            let expected = format!("{}: words('{}')", dialect.as_str(), names.join(" "));
            assert!(bootstrap.contains(&expected), "{expected}");
        }
    }
}
