//! What runs inside a sandbox before user code does, embedded in the binary.

/// Path below `/var/runtime/sluice`, content.
pub const FILES: &[(&str, &str)] = &[
    ("bootstrap.py", include_str!("../../../runtimes/python/bootstrap.py")),
    ("template.py", include_str!("../../../runtimes/python/template.py")),
    ("bootstrap.js", include_str!("../../../runtimes/node/bootstrap.js")),
];

/// Where they lie in a sandbox.
pub const DIRECTORY: &str = "/var/runtime/sluice";
