//! Opening the file: pragmas, integrity, schema.

use crate::fault::{failed, reason};
use sluice_ports::PortResult;
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Other processes hold locks for milliseconds (a backup, the shell); longer means something is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Loads are rare and never long; two let one start while another ends.
const READERS: u32 = 2;

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// The write connection of a catalog whose schema is up to date.
pub(crate) async fn writer(path: &Path) -> PortResult<SqliteConnection> {
    create_private(path)?;
    let sql = |error: sqlx::Error| failed(path, "open it", reason(&error));
    let mut connection = SqliteConnection::connect_with(&options(path)).await.map_err(sql)?;
    check_integrity(path, &mut connection).await?;
    check_schema(path, &mut connection).await?;
    let migrated = MIGRATIONS.run(&mut connection).await;
    migrated.map_err(|error| failed(path, "bring its schema up to date", error))?;
    Ok(connection)
}

/// A pool that cannot write.
pub(crate) async fn readers(path: &Path) -> PortResult<SqlitePool> {
    let options = options(path).pragma("query_only", "ON");
    let pool = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await;
    pool.map_err(|error| failed(path, "open it for reading", reason(&error)))
}

/// SQLite would create the file readable by all; the log and shared-memory files take their mode from it.
fn create_private(path: &Path) -> PortResult<()> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    file.map(drop).map_err(|error| failed(path, "open it", error))
}

async fn check_integrity(path: &Path, connection: &mut SqliteConnection) -> PortResult<()> {
    let checked = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await;
    let row = checked.map_err(|error| failed(path, "read it", reason(&error)))?;
    match row.get::<String, _>(0).as_str() {
        "ok" => Ok(()),
        fault => Err(failed(path, "use it", format!("the file is damaged ({fault}); restore it from a backup"))),
    }
}

/// Refuses a file that a newer program has written, before anything is changed in it.
async fn check_schema(path: &Path, connection: &mut SqliteConnection) -> PortResult<()> {
    let sql = |error: sqlx::Error| failed(path, "read its schema version", reason(&error));
    let table = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    if sqlx::query(table).fetch_one(&mut *connection).await.map_err(sql)?.get::<i64, _>(0) == 0 {
        return Ok(());
    }
    let newest = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";
    let found: i64 = sqlx::query(newest).fetch_one(&mut *connection).await.map_err(sql)?.get(0);
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    if found <= known {
        return Ok(());
    }
    let why = format!(
        "its schema version is {found} and this program knows versions up to {known}; \
         run the newer program that wrote it, or restore a backup"
    );
    Err(failed(path, "use it", why))
}
