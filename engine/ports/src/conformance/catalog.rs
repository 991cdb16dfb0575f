//! The suite of [`Catalog`].

mod published;

use super::together;
use crate::{Catalog, PortError, PortResult, StoredQuota, fake::small_function};
use sluice_domain::{
    CodePackage, Dialect, Function, FunctionConfig, FunctionKey, FunctionStatus, Namespace, NamespaceKey, Profile,
    QuotaProfile, Scope, Timestamp,
};

/// The promises of [`Catalog`], each on a catalog of its own.
pub async fn catalog<C: Catalog>(make: impl AsyncFn() -> C) {
    begins_empty(&make().await).await;
    loads_what_was_put(&make().await).await;
    writes_functions_conditionally(&make().await).await;
    writes_namespaces_conditionally(&make().await).await;
    tells_keys_apart(&make().await).await;
    keeps_the_last_quota(&make().await).await;
    lets_one_of_many_creates_win(&make().await).await;
    lets_one_of_many_updates_win(&make().await).await;
    published::stores_a_version_with_its_function(&make().await).await;
    published::stores_a_service_version_whole(&make().await).await;
    published::writes_nothing_of_a_refused_publication(&make().await).await;
    published::deletes_versions_that_nothing_holds(&make().await).await;
    published::writes_aliases_conditionally(&make().await).await;
    published::writes_settings_conditionally(&make().await).await;
    published::deletes_what_hung_on_a_function(&make().await).await;
    published::deletes_what_hung_on_a_qualifier(&make().await).await;
    published::deletes_what_hung_on_a_namespace(&make().await).await;
}

fn scope(account: &str, region: &str) -> Scope {
    Scope { account: account.into(), region: region.into() }
}

fn namespace(name: &str, version: u64) -> Namespace {
    let attributes =
        serde_json::json!({"role": "acs:ram::1:role/r", "logConfig": {"project": "p", "n": [1, 2.5, null]}});
    Namespace {
        key: NamespaceKey { scope: scope("1", "ap-guangzhou"), dialect: Dialect::Fc, name: name.to_owned() },
        id: "ns-1".to_owned(),
        description: "it's \"quoted\"; -- 说明".to_owned(),
        public_network: true,
        attributes: attributes.as_object().expect("an object").clone(),
        version,
        last_published: 0,
        created: Timestamp(1_585_728_927_123),
        modified: Timestamp(-1),
    }
}

fn function(name: &str, version: u64) -> Function {
    Function {
        key: FunctionKey {
            scope: scope("1", "ap-guangzhou"),
            dialect: Dialect::Scf,
            namespace: "default".to_owned(),
            name: name.to_owned(),
        },
        id: "lam-1".to_owned(),
        config: FunctionConfig {
            environment: [("KEY".to_owned(), "line\nbreak \u{1f980}".to_owned())].into(),
            public_network: false,
            ..small_function(Dialect::Scf)
        },
        code: CodePackage { sha256: "ab".repeat(32), crc64: u64::MAX - 1, size: 10, unzipped: 1 << 40 },
        revision: version,
        version,
        status: FunctionStatus::Creating,
        status_reason: String::new(),
        reserved_mb: None,
        last_published: 0,
        published_revision: 0,
        created: Timestamp(1),
        modified: Timestamp(2),
    }
}

#[track_caller]
fn assert_conflict(result: PortResult<()>) {
    assert!(matches!(result, Err(PortError::Conflict(_))), "expected a conflict, got {result:?}");
}

async fn begins_empty(catalog: &dyn Catalog) {
    let snapshot = catalog.load().await.expect("load");
    assert!(snapshot.namespaces.is_empty() && snapshot.functions.is_empty() && snapshot.quotas.is_empty());
    assert!(snapshot.versions.is_empty() && snapshot.service_versions.is_empty() && snapshot.aliases.is_empty());
    assert!(snapshot.provisions.is_empty() && snapshot.on_demand.is_empty());
}

async fn loads_what_was_put(catalog: &dyn Catalog) {
    catalog.put_namespace(&namespace("service", 1)).await.expect("put a namespace");
    catalog.put_function(&function("hello", 1)).await.expect("put a function");
    let snapshot = catalog.load().await.expect("load");
    assert_eq!(snapshot.namespaces, [namespace("service", 1)]);
    assert_eq!(snapshot.functions, [function("hello", 1)]);
}

async fn writes_functions_conditionally(catalog: &dyn Catalog) {
    let key = function("f", 1).key;
    assert_conflict(catalog.put_function(&function("f", 2)).await);
    assert_conflict(catalog.delete_function(&key, 1).await);
    catalog.put_function(&function("f", 1)).await.expect("insert");
    assert_conflict(catalog.put_function(&function("f", 1)).await);
    assert_conflict(catalog.put_function(&function("f", 3)).await);
    let changed = Function { status: FunctionStatus::Active, ..function("f", 2) };
    catalog.put_function(&changed).await.expect("replace");
    assert_conflict(catalog.put_function(&function("f", 2)).await);
    assert_eq!(catalog.load().await.expect("load").functions, [changed]);
    assert_conflict(catalog.delete_function(&key, 1).await);
    catalog.delete_function(&key, 2).await.expect("delete");
    assert_conflict(catalog.delete_function(&key, 2).await);
    assert!(catalog.load().await.expect("load").functions.is_empty());
    catalog.put_function(&function("f", 1)).await.expect("insert again");
}

async fn writes_namespaces_conditionally(catalog: &dyn Catalog) {
    let key = namespace("n", 1).key;
    assert_conflict(catalog.put_namespace(&namespace("n", 2)).await);
    catalog.put_namespace(&namespace("n", 1)).await.expect("insert");
    assert_conflict(catalog.put_namespace(&namespace("n", 1)).await);
    let changed = Namespace { description: "changed".to_owned(), ..namespace("n", 2) };
    catalog.put_namespace(&changed).await.expect("replace");
    assert_conflict(catalog.put_namespace(&namespace("n", 4)).await);
    assert_eq!(catalog.load().await.expect("load").namespaces, [changed]);
    assert_conflict(catalog.delete_namespace(&key, 1).await);
    catalog.delete_namespace(&key, 2).await.expect("delete");
    assert_conflict(catalog.delete_namespace(&key, 2).await);
}

async fn tells_keys_apart(catalog: &dyn Catalog) {
    let base = function("f", 1);
    let mut keys = vec![base.key.clone(); 6];
    keys[1].scope = scope("2", "ap-guangzhou");
    keys[2].scope = scope("1", "ap-singapore");
    keys[3].dialect = Dialect::Fc;
    keys[4].namespace = "other".to_owned();
    keys[5].name = "F".to_owned();
    for key in &keys {
        let stored = Function { key: key.clone(), ..base.clone() };
        catalog.put_function(&stored).await.expect("keys that differ in one part do not clash");
        let space = Namespace { key: key.namespace_key(), ..namespace("", 1) };
        let clashes = keys.iter().take_while(|earlier| *earlier != key).any(|k| k.namespace_key() == space.key);
        assert_eq!(catalog.put_namespace(&space).await.is_err(), clashes);
    }
    catalog.delete_function(&keys[0], 1).await.expect("delete one");
    let mut left: Vec<_> = catalog.load().await.expect("load").functions.into_iter().map(|f| f.key).collect();
    let mut expected = keys[1..].to_vec();
    left.sort();
    expected.sort();
    assert_eq!(left, expected);
}

async fn keeps_the_last_quota(catalog: &dyn Catalog) {
    let quota = |region: &str, dialect, namespaces| {
        let profile = QuotaProfile { namespaces, code_zip_mb: 0.1, ..QuotaProfile::named(Profile::Scf64) };
        StoredQuota { scope: scope("1", region), dialect, quota: profile }
    };
    let kept = [
        quota("ap-guangzhou", Dialect::Fc, Some(6)),
        quota("ap-guangzhou", Dialect::Scf, Some(7)),
        quota("ap-tokyo", Dialect::Scf, None),
    ];
    catalog.put_quota(&quota("ap-guangzhou", Dialect::Scf, Some(1))).await.expect("put");
    for each in &kept {
        catalog.put_quota(each).await.expect("put");
    }
    let mut quotas = catalog.load().await.expect("load").quotas;
    quotas.sort_by_key(|stored| (stored.scope.clone(), stored.dialect.as_str()));
    assert_eq!(quotas, kept);
}

async fn lets_one_of_many_creates_win(catalog: &dyn Catalog) {
    let create = async |n: u64| {
        let contender = Function { id: format!("lam-{n}"), ..function("wanted", 1) };
        catalog.put_function(&contender).await.map(|()| contender)
    };
    let results = together((0..8).map(create)).await;
    let mut winners = Vec::new();
    for result in results {
        match result {
            Ok(winner) => winners.push(winner),
            Err(error) => assert!(matches!(error, PortError::Conflict(_)), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "exactly one create of a name succeeds");
    assert_eq!(catalog.load().await.expect("load").functions, winners);
}

async fn lets_one_of_many_updates_win(catalog: &dyn Catalog) {
    catalog.put_namespace(&namespace("n", 1)).await.expect("insert");
    let update = async |n: u64| {
        let contender = Namespace { description: n.to_string(), ..namespace("n", 2) };
        catalog.put_namespace(&contender).await.map(|()| contender)
    };
    let results = together((0..8).map(update)).await;
    let winners: Vec<Namespace> = results.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "exactly one update from a version succeeds");
    assert_eq!(catalog.load().await.expect("load").namespaces, winners);
}
