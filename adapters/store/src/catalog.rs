//! [`Catalog`] over SQLite. Each write is one immediate transaction around one conditional statement; when the
//! statement touches no row, the stored version is read in the same transaction to say why.

mod row;

use crate::{
    fault::{failed, reason},
    open,
};
use async_trait::async_trait;
use row::{Document, Key};
use sluice_domain::{Function, FunctionKey, Namespace, NamespaceKey};
use sluice_ports::{Catalog, PortError, PortResult, Snapshot, StoredQuota};
use sqlx::{Connection, Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// The catalog of one data directory.
pub struct SqliteCatalog {
    path: PathBuf,
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

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

    /// Version 1 inserts; a higher one replaces its predecessor.
    async fn put(&self, key: &Key<'_>, version: u64, document: String) -> PortResult<()> {
        let version = stored_version(version)?;
        let sql = self.fault("write to it");
        let mut writer = self.writer.lock().await;
        let mut write = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&sql)?;
        let statement = if version <= 1 { key.insert() } else { key.replace() };
        let statement = key.bind(statement).bind(version).bind(document);
        let done = statement.execute(&mut *write).await.map_err(&sql)?;
        if done.rows_affected() == 1 {
            return write.commit().await.map_err(sql);
        }
        let expected = if version <= 1 { "none".to_owned() } else { format!("version {}", version - 1) };
        let found = key.bind(key.version()).fetch_optional(&mut *write).await.map_err(sql)?;
        Err(conflict(key, &expected, found))
    }

    async fn delete(&self, key: &Key<'_>, version: u64) -> PortResult<()> {
        let version = stored_version(version)?;
        let sql = self.fault("delete from it");
        let mut writer = self.writer.lock().await;
        let mut write = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&sql)?;
        let done = key.bind(key.delete()).bind(version).execute(&mut *write).await.map_err(&sql)?;
        if done.rows_affected() == 1 {
            return write.commit().await.map_err(sql);
        }
        let found = key.bind(key.version()).fetch_optional(&mut *write).await.map_err(sql)?;
        Err(conflict(key, &format!("version {version}"), found))
    }

    fn encode<D: Document>(&self, document: &D) -> PortResult<String> {
        serde_json::to_string(document)
            .map_err(|error| failed(&self.path, "write to it", row::without_values(D::KIND, &error)))
    }

    fn decode<D: Document>(&self, rows: &[SqliteRow]) -> PortResult<Vec<D>> {
        let document = |row: &SqliteRow| {
            let text = row.try_get::<&str, _>(0).map_err(self.fault("read it"))?;
            let parsed = serde_json::from_str(text);
            parsed.map_err(|error| failed(&self.path, "read it", row::without_values(D::KIND, &error)))
        };
        rows.iter().map(document).collect()
    }
}

fn stored_version(version: u64) -> PortResult<i64> {
    i64::try_from(version).map_err(|_| PortError::Conflict(format!("no version is as high as {version}")))
}

fn conflict(key: &Key<'_>, expected: &str, found: Option<SqliteRow>) -> PortError {
    let found = match found {
        Some(row) => format!("version {}", row.get::<i64, _>(0)),
        None => "none".to_owned(),
    };
    PortError::Conflict(format!("{key}: expected {expected}, found {found}"))
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn load(&self) -> PortResult<Snapshot> {
        let sql = self.fault("read it");
        // One transaction, so that the three lists are of the same instant.
        let mut read = self.readers.begin().await.map_err(&sql)?;
        let mut all = async |query| sqlx::query(query).fetch_all(&mut *read).await.map_err(&sql);
        let namespaces = all("SELECT document FROM namespaces").await?;
        let functions = all("SELECT document FROM functions").await?;
        let quotas = all("SELECT document FROM quotas").await?;
        read.rollback().await.map_err(&sql)?;
        Ok(Snapshot {
            namespaces: self.decode(&namespaces)?,
            functions: self.decode(&functions)?,
            quotas: self.decode::<row::QuotaDocument>(&quotas)?.into_iter().map(StoredQuota::from).collect(),
        })
    }
    async fn put_namespace(&self, namespace: &Namespace) -> PortResult<()> {
        self.put(&Key::Namespace(&namespace.key), namespace.version, self.encode(namespace)?).await
    }
    async fn delete_namespace(&self, key: &NamespaceKey, version: u64) -> PortResult<()> {
        self.delete(&Key::Namespace(key), version).await
    }
    async fn put_function(&self, function: &Function) -> PortResult<()> {
        self.put(&Key::Function(&function.key), function.version, self.encode(function)?).await
    }
    async fn delete_function(&self, key: &FunctionKey, version: u64) -> PortResult<()> {
        self.delete(&Key::Function(key), version).await
    }
    async fn put_quota(&self, quota: &StoredQuota) -> PortResult<()> {
        let sql = self.fault("write to it");
        let document = self.encode(&row::QuotaDocument::from(quota.clone()))?;
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
