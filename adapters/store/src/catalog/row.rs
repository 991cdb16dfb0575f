//! How keys become columns and documents become text.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_domain::{Dialect, Function, FunctionKey, Namespace, NamespaceKey, QuotaProfile, Scope};
use sluice_ports::StoredQuota;
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};
use std::fmt;

/// What names a row that has a version. The first four or five parameters of its statements are the key.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    Namespace(&'a NamespaceKey),
    Function(&'a FunctionKey),
}

impl<'a> Key<'a> {
    pub(crate) fn insert(&self) -> &'static str {
        match self {
            Key::Namespace(_) => {
                "INSERT INTO namespaces (account, region, dialect, name, version, document)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING"
            }
            Key::Function(_) => {
                "INSERT INTO functions (account, region, dialect, namespace, name, version, document)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"
            }
        }
    }

    pub(crate) fn replace(&self) -> &'static str {
        match self {
            Key::Namespace(_) => {
                "UPDATE namespaces SET version = ?5, document = ?6
                 WHERE account = ?1 AND region = ?2 AND dialect = ?3 AND name = ?4 AND version = ?5 - 1"
            }
            Key::Function(_) => {
                "UPDATE functions SET version = ?6, document = ?7
                 WHERE account = ?1 AND region = ?2 AND dialect = ?3 AND namespace = ?4 AND name = ?5
                 AND version = ?6 - 1"
            }
        }
    }

    pub(crate) fn delete(&self) -> &'static str {
        match self {
            Key::Namespace(_) => {
                "DELETE FROM namespaces
                 WHERE account = ?1 AND region = ?2 AND dialect = ?3 AND name = ?4 AND version = ?5"
            }
            Key::Function(_) => {
                "DELETE FROM functions
                 WHERE account = ?1 AND region = ?2 AND dialect = ?3 AND namespace = ?4 AND name = ?5
                 AND version = ?6"
            }
        }
    }

    /// The stored version.
    pub(crate) fn version(&self) -> &'static str {
        match self {
            Key::Namespace(_) => {
                "SELECT version FROM namespaces WHERE account = ?1 AND region = ?2 AND dialect = ?3 AND name = ?4"
            }
            Key::Function(_) => {
                "SELECT version FROM functions
                 WHERE account = ?1 AND region = ?2 AND dialect = ?3 AND namespace = ?4 AND name = ?5"
            }
        }
    }

    pub(crate) fn bind(&self, statement: &'static str) -> Query<'a, Sqlite, SqliteArguments> {
        let (scope, dialect) = self.place();
        let query = sqlx::query(statement)
            .bind(scope.account.as_str().to_owned())
            .bind(scope.region.as_str().to_owned())
            .bind(dialect.as_str());
        match self {
            Key::Namespace(key) => query.bind(key.name.clone()),
            Key::Function(key) => query.bind(key.namespace.clone()).bind(key.name.clone()),
        }
    }

    fn place(&self) -> (&'a Scope, Dialect) {
        match self {
            Key::Namespace(key) => (&key.scope, key.dialect),
            Key::Function(key) => (&key.scope, key.dialect),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scope, dialect) = self.place();
        match self {
            Key::Namespace(key) => write!(f, "{dialect} namespace '{}'", key.name)?,
            Key::Function(key) => write!(f, "{dialect} function '{}/{}'", key.namespace, key.name)?,
        }
        write!(f, " of account {} in {}", scope.account, scope.region)
    }
}

/// What is stored as text.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const KIND: &'static str;
}

impl Document for Namespace {
    const KIND: &'static str = "namespace";
}

impl Document for Function {
    const KIND: &'static str = "function";
}

impl Document for QuotaDocument {
    const KIND: &'static str = "quota";
}

/// [`StoredQuota`] as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct QuotaDocument {
    scope: Scope,
    dialect: Dialect,
    quota: QuotaProfile,
}

impl From<StoredQuota> for QuotaDocument {
    fn from(StoredQuota { scope, dialect, quota }: StoredQuota) -> Self {
        Self { scope, dialect, quota }
    }
}

impl From<QuotaDocument> for StoredQuota {
    fn from(QuotaDocument { scope, dialect, quota }: QuotaDocument) -> Self {
        Self { scope, dialect, quota }
    }
}

/// An error about a document that quotes nothing of it: serde's own message may, and documents hold secrets.
pub(crate) fn without_values(kind: &str, error: &serde_json::Error) -> String {
    format!("a stored {kind} is not as expected ({:?} error at column {})", error.classify(), error.column())
}
