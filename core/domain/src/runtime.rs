//! Which runtime ids exist. What of them this host can run is found out by the backend.

use crate::Dialect;
use serde::{Deserialize, Serialize};

/// Runtimes that share a bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Python2,
    Python,
    Node,
    Php,
    Java,
    Go,
    Dotnet,
    Custom,
    Image,
}

impl Family {
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Python2 => "python2",
            Family::Python => "python",
            Family::Node => "node",
            Family::Php => "php",
            Family::Java => "java",
            Family::Go => "go",
            Family::Dotnet => "dotnet",
            Family::Custom => "custom",
            Family::Image => "image",
        }
    }
}

/// One id of a vendor's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRuntime {
    pub dialect: Dialect,
    pub id: &'static str,
    pub family: Family,
    /// Major and minor version the vendor runs; 0 where there is none.
    pub version: (u16, u16),
}

const fn known(dialect: Dialect, id: &'static str, family: Family, major: u16, minor: u16) -> KnownRuntime {
    KnownRuntime { dialect, id, family, version: (major, minor) }
}

/// Every runtime id of the two dialects (spec: RTM-01 … RTM-05, RTM-16, and B.3 / B2 of the fact sheets).
pub const KNOWN_RUNTIMES: &[KnownRuntime] = &[
    known(Dialect::Scf, "Python2.7", Family::Python2, 2, 7),
    known(Dialect::Scf, "Python3.6", Family::Python, 3, 6),
    known(Dialect::Scf, "Python3.7", Family::Python, 3, 7),
    known(Dialect::Scf, "Python3.9", Family::Python, 3, 9),
    known(Dialect::Scf, "Python3.10", Family::Python, 3, 10),
    known(Dialect::Scf, "Nodejs6.10", Family::Node, 6, 10),
    known(Dialect::Scf, "Nodejs8.9", Family::Node, 8, 9),
    known(Dialect::Scf, "Nodejs10.15", Family::Node, 10, 15),
    known(Dialect::Scf, "Nodejs12.16", Family::Node, 12, 16),
    known(Dialect::Scf, "Nodejs14.18", Family::Node, 14, 18),
    known(Dialect::Scf, "Nodejs16.13", Family::Node, 16, 13),
    known(Dialect::Scf, "Nodejs18.15", Family::Node, 18, 15),
    known(Dialect::Scf, "Php5.6", Family::Php, 5, 6),
    known(Dialect::Scf, "Php5", Family::Php, 5, 6),
    known(Dialect::Scf, "Php7", Family::Php, 7, 2),
    known(Dialect::Scf, "Php7.2", Family::Php, 7, 2),
    known(Dialect::Scf, "Php7.4", Family::Php, 7, 4),
    known(Dialect::Scf, "Php8.0", Family::Php, 8, 0),
    known(Dialect::Scf, "Go1", Family::Go, 1, 0),
    known(Dialect::Scf, "Java8", Family::Java, 8, 0),
    known(Dialect::Scf, "Java11", Family::Java, 11, 0),
    known(Dialect::Scf, "CustomRuntime", Family::Custom, 0, 0),
    known(Dialect::Scf, "CustomImage", Family::Image, 0, 0),
    known(Dialect::Fc, "nodejs4.4", Family::Node, 4, 4),
    known(Dialect::Fc, "nodejs6", Family::Node, 6, 10),
    known(Dialect::Fc, "nodejs8", Family::Node, 8, 9),
    known(Dialect::Fc, "nodejs10", Family::Node, 10, 15),
    known(Dialect::Fc, "nodejs12", Family::Node, 12, 16),
    known(Dialect::Fc, "nodejs14", Family::Node, 14, 0),
    known(Dialect::Fc, "nodejs16", Family::Node, 16, 0),
    known(Dialect::Fc, "python2.7", Family::Python2, 2, 7),
    known(Dialect::Fc, "python3", Family::Python, 3, 6),
    known(Dialect::Fc, "python3.9", Family::Python, 3, 9),
    known(Dialect::Fc, "python3.10", Family::Python, 3, 10),
    known(Dialect::Fc, "php7.2", Family::Php, 7, 2),
    known(Dialect::Fc, "java8", Family::Java, 8, 0),
    known(Dialect::Fc, "java11", Family::Java, 11, 0),
    known(Dialect::Fc, "go1", Family::Go, 1, 0),
    known(Dialect::Fc, "dotnetcore2.1", Family::Dotnet, 2, 1),
    known(Dialect::Fc, "dotnetcore3.1", Family::Dotnet, 3, 1),
    known(Dialect::Fc, "custom", Family::Custom, 0, 0),
    known(Dialect::Fc, "custom.debian10", Family::Custom, 0, 0),
    known(Dialect::Fc, "custom-container", Family::Image, 0, 0),
];

impl KnownRuntime {
    /// Looks an id up. Ids are case-sensitive in FC; SCF clients write several spellings, so case is ignored there.
    pub fn find(dialect: Dialect, id: &str) -> Option<&'static KnownRuntime> {
        KNOWN_RUNTIMES.iter().find(|known| {
            known.dialect == dialect
                && match dialect {
                    Dialect::Scf => known.id.eq_ignore_ascii_case(id),
                    Dialect::Fc => known.id == id,
                }
        })
    }
}

/// What this host does with a runtime id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeStatus {
    pub dialect: Dialect,
    pub id: String,
    pub family: Family,
    /// Absolute path of the interpreter that will run it; none when nothing on this host can.
    pub interpreter: Option<String>,
    /// Exact version of that interpreter, such as `3.11.2`.
    pub version: Option<String>,
    /// The interpreter is of another version than the id names, standing in for it.
    pub stands_in: bool,
    /// Why it cannot be run, and what to install, when there is no interpreter.
    pub reason: Option<String>,
}
