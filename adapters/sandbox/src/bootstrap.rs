//! What runs inside a sandbox before user code does, embedded in the binary.

/// Path below `/var/runtime/sluice`, content.
pub const FILES: &[(&str, &[u8])] = &[
    ("bootstrap.py", include_bytes!("../../../runtimes/python/bootstrap.py")),
    ("package.py", include_bytes!("../../../runtimes/python/package.py")),
    ("warm.py", include_bytes!("../../../runtimes/python/warm.py")),
    ("template.py", include_bytes!("../../../runtimes/python/template.py")),
    ("bootstrap.js", include_bytes!("../../../runtimes/node/bootstrap.js")),
    ("load.js", include_bytes!("../../../runtimes/node/load.js")),
    ("warm.js", include_bytes!("../../../runtimes/node/warm.js")),
    ("template.js", include_bytes!("../../../runtimes/node/template.js")),
    // Built by build.rs from template/lib.rs.
    ("template.so", include_bytes!(concat!(env!("OUT_DIR"), "/template.so"))),
];

/// Where they lie in a sandbox.
pub const DIRECTORY: &str = "/var/runtime/sluice";
