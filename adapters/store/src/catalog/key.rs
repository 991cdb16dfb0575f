//! How keys become columns. All statements are made here, from names that are written here; values are bound.

use sluice_domain::{AliasKey, Dialect, FunctionKey, NamespaceKey, Scope};
use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments};
use std::fmt;

/// What names one row, or, where the last columns are left out, some rows of a table.
///
/// The first three columns of every table are account, region and dialect.
#[derive(Clone, Debug)]
pub(crate) struct Key<'a> {
    table: &'static str,
    scope: &'a Scope,
    dialect: Dialect,
    columns: Vec<(&'static str, Value<'a>)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

/// What all columns of a key are compared or filled with.
type Statement = Query<'static, Sqlite, SqliteArguments>;

impl<'a> Key<'a> {
    pub(crate) fn namespace(key: &'a NamespaceKey) -> Self {
        Self::of("namespaces", &key.scope, key.dialect).and("name", Value::Text(&key.name))
    }

    pub(crate) fn function(key: &'a FunctionKey) -> Self {
        let namespace = Self::of("functions", &key.scope, key.dialect).and("namespace", Value::Text(&key.namespace));
        namespace.and("name", Value::Text(&key.name))
    }

    /// Rows of a table whose rows belong to functions.
    pub(crate) fn within_function(table: &'static str, key: &'a FunctionKey) -> Self {
        let namespace = Self::of(table, &key.scope, key.dialect).and("namespace", Value::Text(&key.namespace));
        namespace.and("function", Value::Text(&key.name))
    }

    /// Rows of a table whose rows belong to namespaces.
    pub(crate) fn within_namespace(table: &'static str, key: &'a NamespaceKey) -> Self {
        Self::of(table, &key.scope, key.dialect).and("namespace", Value::Text(&key.name))
    }

    pub(crate) fn alias(key: &'a AliasKey) -> Self {
        let namespace = Self::of("aliases", &key.scope, key.dialect).and("namespace", Value::Text(&key.namespace));
        let function = key.function.as_deref().unwrap_or_default();
        namespace.and("function", Value::Text(function)).and("name", Value::Text(&key.name))
    }

    fn of(table: &'static str, scope: &'a Scope, dialect: Dialect) -> Self {
        Self { table, scope, dialect, columns: Vec::new() }
    }

    /// The same with one column more.
    pub(crate) fn and(mut self, column: &'static str, value: Value<'a>) -> Self {
        self.columns.push((column, value));
        self
    }

    /// Fills the key, `version` and `document`; touches no row if the key exists.
    pub(crate) fn insert(&self, version: i64, document: String) -> Statement {
        self.insert_with("version, document", 2).bind(version).bind(document)
    }

    /// The same for what has no version.
    pub(crate) fn insert_unversioned(&self, document: String) -> Statement {
        self.insert_with("document", 1).bind(document)
    }

    fn insert_with(&self, rest: &str, count: usize) -> Statement {
        let names: String = self.names().map(|name| format!("{name}, ")).collect();
        let marks: Vec<String> = (1..=3 + self.columns.len() + count).map(|n| format!("?{n}")).collect();
        let marks = marks.join(", ");
        self.bind(format!("INSERT INTO {} ({names}{rest}) VALUES ({marks}) ON CONFLICT DO NOTHING", self.table))
    }

    /// Replaces the row whose version is `before`.
    pub(crate) fn replace(&self, before: i64, version: i64, document: String) -> Statement {
        let n = 3 + self.columns.len();
        let set = format!("UPDATE {} SET version = ?{}, document = ?{}", self.table, n + 1, n + 2);
        let statement = self.bind(format!("{set} WHERE {} AND version = ?{}", self.equal(), n + 3));
        statement.bind(version).bind(document).bind(before)
    }

    /// Deletes the row of this version.
    pub(crate) fn delete(&self, version: i64) -> Statement {
        let n = 4 + self.columns.len();
        self.bind(format!("DELETE FROM {} WHERE {} AND version = ?{n}", self.table, self.equal())).bind(version)
    }

    /// Deletes all rows that the key names.
    pub(crate) fn delete_all(&self) -> Statement {
        self.bind(format!("DELETE FROM {} WHERE {}", self.table, self.equal()))
    }

    /// Deletes the rows that the key names and `condition` holds for.
    pub(crate) fn delete_where(&self, condition: &str) -> Statement {
        self.bind(format!("DELETE FROM {} WHERE {} AND {condition}", self.table, self.equal()))
    }

    /// Reads the stored version.
    pub(crate) fn version(&self) -> Statement {
        self.bind(format!("SELECT version FROM {} WHERE {}", self.table, self.equal()))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        ["account", "region", "dialect"].into_iter().chain(self.columns.iter().map(|(name, _)| *name))
    }

    fn equal(&self) -> String {
        let parts: Vec<String> = self.names().enumerate().map(|(n, name)| format!("{name} = ?{}", n + 1)).collect();
        parts.join(" AND ")
    }

    fn bind(&self, statement: String) -> Statement {
        let query = sqlx::query(AssertSqlSafe(statement))
            .bind(self.scope.account.as_str().to_owned())
            .bind(self.scope.region.as_str().to_owned())
            .bind(self.dialect.as_str());
        self.columns.iter().fold(query, |query, (_, value)| match value {
            Value::Text(text) => query.bind((*text).to_owned()),
            Value::Number(number) => query.bind(*number),
        })
    }
}

/// `scf functions 'default/f' of account 1 in ap-guangzhou`
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match self.table {
            "namespaces" => "namespace",
            "functions" => "function",
            "versions" => "version",
            "service_versions" => "service version",
            "aliases" => "alias",
            "provisions" => "provision",
            "on_demand" => "on-demand limit",
            other => other,
        };
        write!(f, "{} {noun} '", self.dialect)?;
        for (n, (_, value)) in self.columns.iter().enumerate() {
            let slash = if n == 0 { "" } else { "/" };
            match value {
                Value::Text(text) => write!(f, "{slash}{text}")?,
                Value::Number(number) => write!(f, "{slash}{number}")?,
            }
        }
        write!(f, "' of account {} in {}", self.scope.account, self.scope.region)
    }
}
