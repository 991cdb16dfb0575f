//! [`Catalog`] over SQLite. Each write is one immediate transaction of conditional statements; when one touches no
//! row, the stored version is read in the same transaction to say why, and nothing is written.

mod document;
mod key;

use crate::{
    fault::{failed, reason},
    open,
};
use async_trait::async_trait;
use document::{Document, QuotaDocument, without_values};
use key::{Key, Value};
use sluice_domain::{
    Alias, AliasKey, Function, FunctionKey, Namespace, NamespaceKey, OnDemandLimit, Provision, ServiceVersion, Version,
};
use sluice_ports::{Catalog, PortError, PortResult, Snapshot, StoredQuota};
use sqlx::{
    Connection, Row, Sqlite, SqliteConnection, SqlitePool, query::Query, sqlite::SqliteArguments, sqlite::SqliteRow,
};
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// The catalog of one data directory.
pub struct SqliteCatalog {
    path: PathBuf,
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

/// One step of a write. The first that touches no row although it must undoes the whole write.
enum Step<'a> {
    /// Version 1 inserts; a higher one replaces its predecessor.
    Put(Key<'a>, u64, String),
    /// Replaces a row and leaves its version.
    Amend(Key<'a>, u64, String),
    /// Inserts what has no version.
    Publish(Key<'a>, String),
    Delete(Key<'a>, u64),
    /// Deletes what has no version.
    Withdraw(Key<'a>),
    /// Deletes what hung on something that is gone: any number of rows.
    Clear(Key<'a>),
    /// Deletes the function versions that no version of the service holds.
    ClearUnheld(Key<'a>),
}

/// Function versions of one namespace, as rows of `versions`, that no row of `service_versions` names.
const UNHELD: &str = "NOT EXISTS (
    SELECT 1 FROM service_versions AS held, json_each(held.document, '$.functions') AS named
    WHERE held.account = versions.account AND held.region = versions.region AND held.dialect = versions.dialect
    AND held.namespace = versions.namespace AND named.key = versions.function AND named.value = versions.number)";

impl SqliteCatalog {
    /// Opens the catalog at `path`, creates it if there is none, and brings its schema up to date. The
    /// directory must exist.
    pub async fn open(path: &Path) -> PortResult<SqliteCatalog> {
        let writer = Mutex::new(open::writer(path).await?);
        let readers = open::readers(path).await?;
        Ok(SqliteCatalog { path: path.to_owned(), writer, readers })
    }

    /// Folds the write-ahead log into the file and closes it. Dropping is safe too: the log is then read at
    /// the next start.
    pub async fn close(self) -> PortResult<()> {
        self.readers.close().await;
        let closed = self.writer.into_inner().close().await;
        closed.map_err(|error| failed(&self.path, "close it", reason(&error)))
    }

    fn fault<'a>(&'a self, tried: &'a str) -> impl Fn(sqlx::Error) -> PortError + 'a {
        move |error| failed(&self.path, tried, reason(&error))
    }

    /// All steps or none.
    async fn write(&self, steps: Vec<Step<'_>>) -> PortResult<()> {
        let sql = self.fault("write to it");
        let mut writer = self.writer.lock().await;
        let mut write = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&sql)?;
        for step in &steps {
            let done = step.statement()?.execute(&mut *write).await.map_err(&sql)?;
            if done.rows_affected() == 0
                && let Some((key, expected)) = step.expectation()
            {
                let found = match step.is_versioned() {
                    true => key.version().fetch_optional(&mut *write).await.map_err(&sql)?,
                    false => None,
                };
                return Err(conflict(key, &expected, step, found));
            }
        }
        write.commit().await.map_err(sql)
    }

    fn encode<D: Document>(&self, document: &D) -> PortResult<String> {
        serde_json::to_string(document)
            .map_err(|error| failed(&self.path, "write to it", without_values(D::KIND, &error)))
    }

    fn decode<D: Document>(&self, rows: &[SqliteRow]) -> PortResult<Vec<D>> {
        let document = |row: &SqliteRow| {
            let text = row.try_get::<&str, _>(0).map_err(self.fault("read it"))?;
            let parsed = serde_json::from_str(text);
            parsed.map_err(|error| failed(&self.path, "read it", without_values(D::KIND, &error)))
        };
        rows.iter().map(document).collect()
    }
}

impl Step<'_> {
    fn statement(&self) -> PortResult<Query<'static, Sqlite, SqliteArguments>> {
        Ok(match self {
            Step::Put(key, version, document) => match stored(*version)? {
                version @ ..=1 => key.insert(version, document.clone()),
                version => key.replace(version - 1, version, document.clone()),
            },
            Step::Amend(key, version, document) => {
                let version = stored(*version)?;
                key.replace(version, version, document.clone())
            }
            Step::Publish(key, document) => key.insert_unversioned(document.clone()),
            Step::Delete(key, version) => key.delete(stored(*version)?),
            Step::Withdraw(key) | Step::Clear(key) => key.delete_all(),
            Step::ClearUnheld(key) => key.delete_where(UNHELD),
        })
    }

    /// What must have been there for the step to touch a row, if it must touch one.
    fn expectation(&self) -> Option<(&Key<'_>, String)> {
        let none = || "none".to_owned();
        match self {
            Step::Put(key, version, _) if *version <= 1 => Some((key, none())),
            Step::Put(key, version, _) => Some((key, format!("version {}", version - 1))),
            Step::Amend(key, version, _) | Step::Delete(key, version) => Some((key, format!("version {version}"))),
            Step::Publish(key, _) => Some((key, none())),
            Step::Withdraw(key) => Some((key, "one".to_owned())),
            Step::Clear(_) | Step::ClearUnheld(_) => None,
        }
    }

    fn is_versioned(&self) -> bool {
        matches!(self, Step::Put(..) | Step::Amend(..) | Step::Delete(..))
    }
}

fn stored(number: u64) -> PortResult<i64> {
    i64::try_from(number).map_err(|_| PortError::Conflict(format!("no version is as high as {number}")))
}

fn numbered(number: u64) -> PortResult<Value<'static>> {
    stored(number).map(Value::Number)
}

fn conflict(key: &Key<'_>, expected: &str, step: &Step<'_>, found: Option<SqliteRow>) -> PortError {
    let found = match (step, found) {
        (_, Some(row)) => format!("version {}", row.get::<i64, _>(0)),
        (Step::Publish(..), None) => "one".to_owned(),
        (_, None) => "none".to_owned(),
    };
    PortError::Conflict(format!("{key}: expected {expected}, found {found}"))
}

/// The tables of settings that functions have at qualifiers.
const SETTINGS: [&str; 2] = ["provisions", "on_demand"];

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn load(&self) -> PortResult<Snapshot> {
        let sql = self.fault("read it");
        // One transaction, so that the lists are of the same instant.
        let mut read = self.readers.begin().await.map_err(&sql)?;
        let mut all = async |query| sqlx::query(query).fetch_all(&mut *read).await.map_err(&sql);
        let namespaces = all("SELECT document FROM namespaces").await?;
        let functions = all("SELECT document FROM functions").await?;
        let versions = all("SELECT document FROM versions").await?;
        let service_versions = all("SELECT document FROM service_versions").await?;
        let aliases = all("SELECT document FROM aliases").await?;
        let provisions = all("SELECT document FROM provisions").await?;
        let on_demand = all("SELECT document FROM on_demand").await?;
        let quotas = all("SELECT document FROM quotas").await?;
        read.rollback().await.map_err(&sql)?;
        Ok(Snapshot {
            namespaces: self.decode(&namespaces)?,
            functions: self.decode(&functions)?,
            versions: self.decode(&versions)?,
            service_versions: self.decode(&service_versions)?,
            aliases: self.decode(&aliases)?,
            provisions: self.decode(&provisions)?,
            on_demand: self.decode(&on_demand)?,
            quotas: self.decode::<QuotaDocument>(&quotas)?.into_iter().map(StoredQuota::from).collect(),
        })
    }
    async fn put_namespace(&self, namespace: &Namespace) -> PortResult<()> {
        let document = self.encode(namespace)?;
        self.write(vec![Step::Put(Key::namespace(&namespace.key), namespace.version, document)]).await
    }
    async fn delete_namespace(&self, key: &NamespaceKey, version: u64) -> PortResult<()> {
        self.write(vec![
            Step::Delete(Key::namespace(key), version),
            Step::Clear(Key::within_namespace("service_versions", key)),
            Step::Clear(Key::within_namespace("aliases", key).and("function", Value::Text(""))),
        ])
        .await
    }
    async fn put_function(&self, function: &Function) -> PortResult<()> {
        let document = self.encode(function)?;
        self.write(vec![Step::Put(Key::function(&function.key), function.version, document)]).await
    }
    async fn delete_function(&self, key: &FunctionKey, version: u64) -> PortResult<()> {
        let mut steps = vec![Step::Delete(Key::function(key), version)];
        let belongings = ["versions", "aliases"].into_iter().chain(SETTINGS);
        steps.extend(belongings.map(|table| Step::Clear(Key::within_function(table, key))));
        self.write(steps).await
    }
    async fn put_version(&self, version: &Version, function: &Function) -> PortResult<()> {
        self.write(vec![self.amend_function(function)?, self.publish(version)?]).await
    }
    async fn delete_version(&self, key: &FunctionKey, number: u64) -> PortResult<()> {
        let qualifier = number.to_string();
        let gone = Key::within_function("versions", key).and("number", numbered(number)?);
        let mut steps = vec![Step::Withdraw(gone)];
        let settings = |table| Key::within_function(table, key).and("qualifier", Value::Text(&qualifier));
        steps.extend(SETTINGS.map(|table| Step::Clear(settings(table))));
        self.write(steps).await
    }
    async fn put_service_version(
        &self,
        published: &ServiceVersion,
        namespace: &Namespace,
        versions: &[Version],
        functions: &[Function],
    ) -> PortResult<()> {
        let key = Key::within_namespace("service_versions", &published.service);
        let key = key.and("number", numbered(published.number)?);
        let mut steps = vec![
            Step::Amend(Key::namespace(&namespace.key), namespace.version, self.encode(namespace)?),
            Step::Publish(key, self.encode(published)?),
        ];
        for function in functions {
            steps.push(self.amend_function(function)?);
        }
        for version in versions {
            steps.push(self.publish(version)?);
        }
        self.write(steps).await
    }
    async fn delete_service_version(&self, key: &NamespaceKey, number: u64) -> PortResult<()> {
        let qualifier = number.to_string();
        let gone = Key::within_namespace("service_versions", key).and("number", numbered(number)?);
        let unheld = Key::within_namespace("versions", key);
        let mut steps = vec![Step::Withdraw(gone), Step::ClearUnheld(unheld)];
        let settings = |table| Key::within_namespace(table, key).and("qualifier", Value::Text(&qualifier));
        steps.extend(SETTINGS.map(|table| Step::Clear(settings(table))));
        self.write(steps).await
    }
    async fn put_alias(&self, alias: &Alias) -> PortResult<()> {
        let document = self.encode(alias)?;
        self.write(vec![Step::Put(Key::alias(&alias.key), alias.version, document)]).await
    }
    async fn delete_alias(&self, key: &AliasKey, version: u64) -> PortResult<()> {
        let (function, namespace) = (key.function_key(), key.namespace_key());
        let settings = |table| {
            let owner = match &function {
                Some(function) => Key::within_function(table, function),
                None => Key::within_namespace(table, &namespace),
            };
            Step::Clear(owner.and("qualifier", Value::Text(&key.name)))
        };
        let mut steps = vec![Step::Delete(Key::alias(key), version)];
        steps.extend(SETTINGS.map(settings));
        self.write(steps).await
    }
    async fn put_provision(&self, provision: &Provision) -> PortResult<()> {
        let key = setting("provisions", &provision.function, &provision.qualifier);
        self.write(vec![Step::Put(key, provision.version, self.encode(provision)?)]).await
    }
    async fn delete_provision(&self, function: &FunctionKey, qualifier: &str, version: u64) -> PortResult<()> {
        self.write(vec![Step::Delete(setting("provisions", function, qualifier), version)]).await
    }
    async fn put_on_demand(&self, limit: &OnDemandLimit) -> PortResult<()> {
        let key = setting("on_demand", &limit.function, &limit.qualifier);
        self.write(vec![Step::Put(key, limit.version, self.encode(limit)?)]).await
    }
    async fn delete_on_demand(&self, function: &FunctionKey, qualifier: &str, version: u64) -> PortResult<()> {
        self.write(vec![Step::Delete(setting("on_demand", function, qualifier), version)]).await
    }
    async fn put_quota(&self, quota: &StoredQuota) -> PortResult<()> {
        let sql = self.fault("write to it");
        let document = self.encode(&QuotaDocument::from(quota.clone()))?;
        let mut writer = self.writer.lock().await;
        let mut write = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&sql)?;
        sqlx::query("INSERT OR REPLACE INTO quotas (account, region, dialect, document) VALUES (?1, ?2, ?3, ?4)")
            .bind(quota.scope.account.as_str())
            .bind(quota.scope.region.as_str())
            .bind(quota.dialect.as_str())
            .bind(document)
            .execute(&mut *write)
            .await
            .map_err(&sql)?;
        write.commit().await.map_err(sql)
    }
}

impl SqliteCatalog {
    fn amend_function<'a>(&self, function: &'a Function) -> PortResult<Step<'a>> {
        Ok(Step::Amend(Key::function(&function.key), function.version, self.encode(function)?))
    }

    fn publish<'a>(&self, version: &'a Version) -> PortResult<Step<'a>> {
        let key = Key::within_function("versions", &version.function).and("number", numbered(version.number)?);
        Ok(Step::Publish(key, self.encode(version)?))
    }
}

fn setting<'a>(table: &'static str, function: &'a FunctionKey, qualifier: &'a str) -> Key<'a> {
    Key::within_function(table, function).and("qualifier", Value::Text(qualifier))
}
