//! The SQLite catalog keeps the port's promises, survives being dropped, and says what is wrong with a file.
#![allow(clippy::disallowed_methods, reason = "measures how long a call takes")]

use sluice_domain::{
    CodePackage, Dialect, Function, FunctionConfig, FunctionKey, FunctionStatus, Profile, QuotaProfile, Scope,
    Timestamp,
};
use sluice_ports::{Catalog, PortError, conformance, fake::small_function};
use sluice_store::SqliteCatalog;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Instant};
use tempfile::TempDir;

fn function(name: &str) -> Function {
    let scope = Scope { account: "1".into(), region: "ap-guangzhou".into() };
    Function {
        key: FunctionKey { scope, dialect: Dialect::Scf, namespace: "default".to_owned(), name: name.to_owned() },
        id: format!("lam-{name}"),
        config: FunctionConfig {
            description: "a function of ordinary size".to_owned(),
            environment: (0..8).map(|n| (format!("VARIABLE_{n}"), "value".repeat(4))).collect(),
            ..small_function(Dialect::Scf)
        },
        code: CodePackage { sha256: "ab".repeat(32), crc64: 1, size: 10, unzipped: 20 },
        revision: 1,
        version: 1,
        status: FunctionStatus::Active,
        status_reason: String::new(),
        reserved_mb: None,
        last_published: 0,
        published_revision: 0,
        created: Timestamp(1),
        modified: Timestamp(1),
    }
}

async fn refusal(path: &Path) -> String {
    match SqliteCatalog::open(path).await {
        Err(PortError::Failed(message)) => message,
        Err(other) => panic!("expected a failure for the operator, got {other:?}"),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

#[tokio::test]
async fn keeps_the_promises_of_the_port() {
    let directory = TempDir::new().unwrap();
    let number = std::cell::Cell::new(0);
    conformance::catalog(async || {
        let path = directory.path().join(format!("{}.db", number.replace(number.get() + 1)));
        SqliteCatalog::open(&path).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_parallel_creates_wins_across_threads() {
    let directory = TempDir::new().unwrap();
    let catalog = Arc::new(SqliteCatalog::open(&directory.path().join("catalog.db")).await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let catalog = catalog.clone();
        let contender = Function { id: format!("lam-{n}"), ..function("wanted") };
        tasks.spawn(async move { catalog.put_function(&contender).await.map(|()| contender) });
    }
    let winners: Vec<Function> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(catalog.load().await.unwrap().functions, winners);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_drop_and_after_a_copy_of_the_files() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    catalog.put_function(&function("kept")).await.unwrap();
    // The files as a power cut would leave them: the last write is in the log only.
    let copy = TempDir::new().unwrap();
    for name in ["catalog.db", "catalog.db-wal"] {
        std::fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(catalog);
    for path in [path, copy.path().join("catalog.db")] {
        let reopened = SqliteCatalog::open(&path).await.unwrap();
        assert_eq!(reopened.load().await.unwrap().functions, [function("kept")]);
        reopened.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_conflict_names_the_key_and_both_versions() {
    let directory = TempDir::new().unwrap();
    let catalog = SqliteCatalog::open(&directory.path().join("catalog.db")).await.unwrap();
    catalog.put_function(&function("f")).await.unwrap();
    let error = catalog.put_function(&Function { version: 5, ..function("f") }).await.unwrap_err();
    let text = "conflict: scf function 'default/f' of account 1 in ap-guangzhou: expected version 4, found version 1";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    SqliteCatalog::open(&path).await.unwrap().close().await.unwrap();
    let mut raw = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (99, 'later', 0, 1, x'00', 0)").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let message = refusal(&path).await;
    assert!(message.contains("99") && message.contains("up to 2"), "{message}");
    assert!(message.contains(&path.display().to_string()), "{message}");
    assert!(std::fs::read(&path).unwrap() == before, "the file was changed");
}

#[tokio::test]
async fn files_that_are_no_catalog_are_refused_by_name() {
    let directory = TempDir::new().unwrap();
    let garbage = directory.path().join("garbage.db");
    std::fs::write(&garbage, "not a database, ".repeat(512)).unwrap();
    let damaged = directory.path().join("damaged.db");
    let catalog = SqliteCatalog::open(&damaged).await.unwrap();
    for n in 0..100 {
        catalog.put_function(&function(&n.to_string())).await.unwrap();
    }
    catalog.close().await.unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[8192..16384].fill(0x5a);
    std::fs::write(&damaged, bytes).unwrap();
    for path in [garbage, damaged, directory.path().join("absent/catalog.db"), directory.path().to_owned()] {
        let message = refusal(&path).await;
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
    assert!(refusal(&directory.path().join("garbage.db")).await.contains("not a SQLite database"));
    assert!(refusal(&directory.path().join("damaged.db")).await.contains("damaged"));
}

#[tokio::test]
async fn a_document_of_another_shape_is_reported_without_its_content() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    catalog.put_function(&function("f")).await.unwrap();
    let mut raw = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let update = "UPDATE functions SET document = '{\"config\": \"hunter2\"}'";
    sqlx::query(update).execute(&mut raw).await.unwrap();
    let message = catalog.load().await.unwrap_err().to_string();
    assert!(message.contains("a stored function") && !message.contains("hunter2"), "{message}");
}

/// What the first schema held: the tables of later ones are gone, and with them the note that they were made.
async fn as_of_the_first_schema(path: &Path) -> SqliteConnection {
    SqliteCatalog::open(path).await.unwrap().close().await.unwrap();
    let mut raw = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for table in ["versions", "service_versions", "aliases", "provisions", "on_demand"] {
        sqlx::query(AssertSqlSafe(format!("DROP TABLE {table}"))).execute(&mut raw).await.unwrap();
    }
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version > 1").execute(&mut raw).await.unwrap();
    raw
}

/// A quota as a program stored it that knew no limit but these, and one that nobody knows if asked to.
fn old_quota(unknown: bool) -> String {
    let mut quota = serde_json::json!({"profile": "scf-64", "concurrency_mb": 7000, "namespaces": null});
    if unknown {
        quota["concurrency_gb"] = 7.into();
    }
    let scope = serde_json::json!({"account": "1", "region": "ap-guangzhou"});
    serde_json::json!({"scope": scope, "dialect": "scf", "quota": quota}).to_string()
}

#[tokio::test]
async fn an_older_data_directory_opens_and_takes_new_limits_from_its_profile() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    let mut raw = as_of_the_first_schema(&path).await;
    let insert = "INSERT INTO quotas VALUES ('1', 'ap-guangzhou', 'scf', ?1)";
    sqlx::query(insert).bind(old_quota(false)).execute(&mut raw).await.unwrap();
    let mut old = serde_json::to_value(function("old")).unwrap();
    for key in ["reserved_mb", "last_published", "published_revision"] {
        old.as_object_mut().unwrap().remove(key).unwrap();
    }
    sqlx::query("INSERT INTO functions VALUES ('1', 'ap-guangzhou', 'scf', 'default', 'old', 1, ?1)")
        .bind(old.to_string())
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    let snapshot = catalog.load().await.unwrap();
    assert_eq!(snapshot.functions, [function("old")]);
    let profile = QuotaProfile::named(Profile::Scf64);
    let expected = QuotaProfile { concurrency_mb: Some(7000), namespaces: None, ..profile };
    assert_eq!(snapshot.quotas[0].quota, expected);
    catalog.put_quota(&snapshot.quotas[0]).await.unwrap();
    assert_eq!(catalog.load().await.unwrap().quotas, snapshot.quotas);
}

#[tokio::test]
async fn a_limit_that_nobody_knows_is_not_left_out() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    let mut raw = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let insert = "INSERT INTO quotas VALUES ('1', 'ap-guangzhou', 'scf', ?1)";
    sqlx::query(insert).bind(old_quota(true)).execute(&mut raw).await.unwrap();
    let message = catalog.load().await.unwrap_err().to_string();
    assert!(message.contains("a stored quota"), "{message}");
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    catalog.put_function(&function("f")).await.unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn a_thousand_functions_load_quickly() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("catalog.db");
    SqliteCatalog::open(&path).await.unwrap().close().await.unwrap();
    let mut raw = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let mut all = raw.begin().await.unwrap();
    for n in 0..1000 {
        let document = serde_json::to_string(&function(&format!("function-{n}"))).unwrap();
        sqlx::query("INSERT INTO functions VALUES ('1', 'ap-guangzhou', 'scf', 'default', ?1, 1, ?2)")
            .bind(format!("function-{n}"))
            .bind(document)
            .execute(&mut *all)
            .await
            .unwrap();
    }
    all.commit().await.unwrap();
    let began = Instant::now();
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    let opened = began.elapsed();
    assert_eq!(catalog.load().await.unwrap().functions.len(), 1000);
    let loaded = began.elapsed() - opened;
    println!("opened in {opened:?}, loaded in {loaded:?}");
    // Ten times what an idle machine needs, so that a busy one passes and a quadratic load does not.
    assert!(loaded.as_millis() < 300, "loading 1,000 functions took {loaded:?}");
}
