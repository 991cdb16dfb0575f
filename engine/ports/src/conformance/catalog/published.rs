//! What is published, and what hangs on it: versions, aliases, provisions, on-demand limits.

use super::{assert_conflict, function, namespace};
use crate::{Catalog, Snapshot};
use sluice_domain::{
    Alias, AliasKey, AliasTarget, Dialect, Function, FunctionKey, Namespace, NamespaceKey, OnDemandLimit, Provision,
    ProvisionConfig, ScheduledAction, ServiceVersion, Timestamp, TrackingPolicy, Version,
};

fn version(function: &Function, number: u64) -> Version {
    Version {
        function: function.key.clone(),
        number,
        description: "it's \"frozen\"".to_owned(),
        config: function.config.clone(),
        code: function.code.clone(),
        revision: function.revision,
        created: Timestamp(7),
    }
}

/// A function after a version of it was published; its own version stays.
fn published(function: &Function, number: u64) -> Function {
    Function { last_published: number, published_revision: function.revision, ..function.clone() }
}

fn service() -> NamespaceKey {
    namespace("service", 1).key
}

fn of_service(name: &str) -> Function {
    let key = FunctionKey {
        scope: service().scope,
        dialect: Dialect::Fc,
        namespace: "service".to_owned(),
        name: name.to_owned(),
    };
    Function { key, ..function(name, 1) }
}

fn service_version(number: u64, functions: &[(&str, u64)]) -> ServiceVersion {
    let namespace = namespace("service", 1);
    ServiceVersion {
        service: namespace.key,
        number,
        description: "说明".to_owned(),
        functions: functions.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect(),
        public_network: true,
        attributes: namespace.attributes,
        service_revision: 1,
        created: Timestamp(8),
    }
}

fn alias(owner: Option<&str>, name: &str, version: u64) -> Alias {
    let key = match owner {
        Some(function_name) => {
            let key = function(function_name, 1).key;
            AliasKey {
                scope: key.scope,
                dialect: key.dialect,
                namespace: key.namespace,
                function: Some(key.name),
                name: name.to_owned(),
            }
        }
        None => AliasKey {
            scope: service().scope,
            dialect: Dialect::Fc,
            namespace: "service".to_owned(),
            function: None,
            name: name.to_owned(),
        },
    };
    Alias {
        key,
        description: String::new(),
        target: if version == 1 { AliasTarget::Latest } else { AliasTarget::Version(version) },
        additional: vec![(1, 50_000)],
        attributes: serde_json::json!({"resolvePolicy": "Random"}).as_object().expect("an object").clone(),
        version,
        created: Timestamp(3),
        modified: Timestamp(4),
    }
}

fn provision(function: &FunctionKey, qualifier: &str, version: u64) -> Provision {
    let action = ScheduledAction {
        name: "morning".to_owned(),
        expression: "cron(0 0 8 * * *)".to_owned(),
        target: 10,
        from: Some(Timestamp(1)),
        until: None,
        time_zone: Some("Asia/Shanghai".to_owned()),
    };
    let policy = TrackingPolicy {
        name: "track".to_owned(),
        metric: "ProvisionedConcurrencyUtilization".to_owned(),
        utilization_ppm: 600_000,
        min: 1,
        max: 9,
        from: None,
        until: Some(Timestamp(2)),
    };
    Provision {
        function: function.clone(),
        qualifier: qualifier.to_owned(),
        config: ProvisionConfig {
            target: version,
            actions: vec![action],
            tracking: vec![policy],
            always_allocate_cpu: true,
        },
        version,
        modified: Timestamp(5),
    }
}

fn limit(function: &FunctionKey, qualifier: &str, version: u64) -> OnDemandLimit {
    OnDemandLimit { function: function.clone(), qualifier: qualifier.to_owned(), instances: 0, version }
}

async fn load(catalog: &dyn Catalog) -> Snapshot {
    let mut snapshot = catalog.load().await.expect("load");
    snapshot.functions.sort_by(|a, b| a.key.cmp(&b.key));
    snapshot.versions.sort_by(|a, b| (&a.function, a.number).cmp(&(&b.function, b.number)));
    snapshot.service_versions.sort_by_key(|version| version.number);
    snapshot.aliases.sort_by(|a, b| a.key.cmp(&b.key));
    snapshot.provisions.sort_by(|a, b| (&a.function, &a.qualifier).cmp(&(&b.function, &b.qualifier)));
    snapshot.on_demand.sort_by(|a, b| (&a.function, &a.qualifier).cmp(&(&b.function, &b.qualifier)));
    snapshot
}

pub async fn stores_a_version_with_its_function(catalog: &dyn Catalog) {
    let first = function("f", 1);
    assert_conflict(catalog.put_version(&version(&first, 1), &published(&first, 1)).await);
    catalog.put_function(&first).await.expect("insert");
    catalog.put_version(&version(&first, 1), &published(&first, 1)).await.expect("publish");
    let after = published(&first, 12);
    catalog.put_version(&version(&first, 12), &after).await.expect("publish again");
    let snapshot = load(catalog).await;
    assert_eq!(snapshot.versions, [version(&first, 1), version(&first, 12)]);
    assert_eq!(snapshot.functions, std::slice::from_ref(&after));
    assert_conflict(catalog.delete_version(&first.key, 2).await);
    catalog.delete_version(&first.key, 1).await.expect("delete");
    assert_conflict(catalog.delete_version(&first.key, 1).await);
    assert_eq!(load(catalog).await.versions, [version(&first, 12)]);
    catalog.put_function(&Function { version: 2, ..after }).await.expect("publishing left the function's version");
}

pub async fn stores_a_service_version_whole(catalog: &dyn Catalog) {
    let (a, b) = (of_service("a"), of_service("b"));
    catalog.put_namespace(&namespace("service", 1)).await.expect("insert");
    for function in [&a, &b] {
        catalog.put_function(function).await.expect("insert");
    }
    let after = Namespace { last_published: 1, ..namespace("service", 1) };
    let stored = service_version(1, &[("a", 1), ("b", 1)]);
    let changed = [published(&a, 1), published(&b, 1)];
    let versions = [version(&a, 1), version(&b, 1)];
    catalog.put_service_version(&stored, &after, &versions, &changed).await.expect("publish");
    let snapshot = load(catalog).await;
    assert_eq!(snapshot.namespaces, [after]);
    assert_eq!(snapshot.functions, changed);
    assert_eq!(snapshot.versions, versions);
    assert_eq!(snapshot.service_versions, [stored]);
}

pub async fn writes_nothing_of_a_refused_publication(catalog: &dyn Catalog) {
    let f = of_service("f");
    catalog.put_namespace(&namespace("service", 1)).await.expect("insert");
    catalog.put_function(&f).await.expect("insert");
    let after = |number| Namespace { last_published: number, ..namespace("service", 1) };
    let first = service_version(1, &[("f", 1)]);
    catalog.put_service_version(&first, &after(1), &[version(&f, 1)], &[published(&f, 1)]).await.expect("publish");
    let before = load(catalog).await;
    let second = service_version(2, &[("f", 2)]);
    let of_another = Function { version: 9, ..published(&f, 2) };
    let put = async |stored, namespace, version, function| {
        assert_conflict(catalog.put_service_version(stored, &namespace, &[version], &[function]).await);
    };
    put(&first, after(2), version(&f, 2), published(&f, 2)).await;
    put(&second, after(2), version(&f, 1), published(&f, 2)).await;
    put(&second, after(2), version(&f, 2), of_another).await;
    put(&second, Namespace { version: 2, ..after(2) }, version(&f, 2), published(&f, 2)).await;
    assert_conflict(catalog.put_version(&version(&f, 1), &published(&f, 2)).await);
    let now = load(catalog).await;
    assert_eq!((now.namespaces, now.functions), (before.namespaces, before.functions));
    assert_eq!((now.versions, now.service_versions), (before.versions, before.service_versions));
}

pub async fn deletes_versions_that_nothing_holds(catalog: &dyn Catalog) {
    let (a, b) = (of_service("a"), of_service("b"));
    let unchanged = namespace("service", 1);
    catalog.put_namespace(&unchanged).await.expect("insert");
    for function in [&a, &b] {
        catalog.put_function(function).await.expect("insert");
    }
    let publish = async |stored: ServiceVersion, versions: &[Version]| {
        catalog.put_service_version(&stored, &unchanged, versions, &[]).await.expect("publish");
    };
    publish(service_version(1, &[("a", 1), ("b", 1)]), &[version(&a, 1), version(&b, 1)]).await;
    publish(service_version(2, &[("a", 1), ("b", 2)]), &[version(&b, 2)]).await;
    publish(service_version(3, &[("b", 2)]), &[]).await;
    // A function of the same name elsewhere keeps what it has.
    let other = function("b", 1);
    catalog.put_function(&other).await.expect("insert");
    catalog.put_version(&version(&other, 1), &published(&other, 1)).await.expect("publish");
    assert_conflict(catalog.delete_service_version(&unchanged.key, 4).await);
    let left = async || load(catalog).await.versions;
    catalog.delete_service_version(&unchanged.key, 1).await.expect("delete");
    assert_eq!(left().await, [version(&other, 1), version(&a, 1), version(&b, 2)]);
    catalog.delete_service_version(&unchanged.key, 2).await.expect("delete");
    assert_eq!(left().await, [version(&other, 1), version(&b, 2)]);
    assert_conflict(catalog.delete_service_version(&unchanged.key, 2).await);
    catalog.delete_service_version(&unchanged.key, 3).await.expect("delete");
    assert_eq!(left().await, [version(&other, 1)]);
    assert!(load(catalog).await.service_versions.is_empty());
}

pub async fn writes_aliases_conditionally(catalog: &dyn Catalog) {
    for owner in [Some("f"), None] {
        let key = alias(owner, "prod", 1).key;
        assert_conflict(catalog.put_alias(&alias(owner, "prod", 2)).await);
        assert_conflict(catalog.delete_alias(&key, 1).await);
        catalog.put_alias(&alias(owner, "prod", 1)).await.expect("insert");
        assert_conflict(catalog.put_alias(&alias(owner, "prod", 1)).await);
        catalog.put_alias(&alias(owner, "prod", 2)).await.expect("replace");
    }
    catalog.put_alias(&alias(Some("g"), "prod", 1)).await.expect("an alias of another function");
    let all = [alias(Some("f"), "prod", 2), alias(Some("g"), "prod", 1), alias(None, "prod", 2)];
    assert_eq!(load(catalog).await.aliases, all);
    assert_conflict(catalog.delete_alias(&all[0].key, 1).await);
    catalog.delete_alias(&all[0].key, 2).await.expect("delete");
    assert_eq!(load(catalog).await.aliases, all[1..]);
}

pub async fn writes_settings_conditionally(catalog: &dyn Catalog) {
    let key = function("f", 1).key;
    assert_conflict(catalog.put_provision(&provision(&key, "1", 2)).await);
    assert_conflict(catalog.put_on_demand(&limit(&key, "1", 2)).await);
    for qualifier in ["1", "2"] {
        catalog.put_provision(&provision(&key, qualifier, 1)).await.expect("insert");
        catalog.put_on_demand(&limit(&key, qualifier, 1)).await.expect("insert");
    }
    catalog.put_provision(&provision(&key, "1", 2)).await.expect("replace");
    catalog.put_on_demand(&limit(&key, "1", 2)).await.expect("replace");
    assert_conflict(catalog.put_provision(&provision(&key, "1", 2)).await);
    assert_conflict(catalog.put_on_demand(&limit(&key, "1", 1)).await);
    let snapshot = load(catalog).await;
    assert_eq!(snapshot.provisions, [provision(&key, "1", 2), provision(&key, "2", 1)]);
    assert_eq!(snapshot.on_demand, [limit(&key, "1", 2), limit(&key, "2", 1)]);
    assert_conflict(catalog.delete_provision(&key, "1", 1).await);
    assert_conflict(catalog.delete_on_demand(&key, "3", 1).await);
    catalog.delete_provision(&key, "1", 2).await.expect("delete");
    catalog.delete_on_demand(&key, "1", 2).await.expect("delete");
    let snapshot = load(catalog).await;
    assert_eq!(snapshot.provisions, [provision(&key, "2", 1)]);
    assert_eq!(snapshot.on_demand, [limit(&key, "2", 1)]);
}

pub async fn deletes_what_hung_on_a_function(catalog: &dyn Catalog) {
    for name in ["f", "g"] {
        let function = function(name, 1);
        catalog.put_function(&function).await.expect("insert");
        catalog.put_version(&version(&function, 1), &published(&function, 1)).await.expect("publish");
        catalog.put_alias(&alias(Some(name), "prod", 1)).await.expect("insert");
        catalog.put_provision(&provision(&function.key, "1", 1)).await.expect("insert");
        catalog.put_on_demand(&limit(&function.key, "prod", 1)).await.expect("insert");
    }
    catalog.put_alias(&alias(None, "prod", 1)).await.expect("insert");
    assert_conflict(catalog.delete_function(&function("f", 1).key, 2).await);
    assert_eq!(load(catalog).await.versions.len(), 2, "a refused delete takes nothing along");
    catalog.delete_function(&function("f", 1).key, 1).await.expect("delete");
    let left = function("g", 1);
    let snapshot = load(catalog).await;
    assert_eq!(snapshot.functions, [published(&left, 1)]);
    assert_eq!(snapshot.versions, [version(&left, 1)]);
    assert_eq!(snapshot.aliases, [alias(Some("g"), "prod", 1), alias(None, "prod", 1)]);
    assert_eq!(snapshot.provisions, [provision(&left.key, "1", 1)]);
    assert_eq!(snapshot.on_demand, [limit(&left.key, "prod", 1)]);
}

pub async fn deletes_what_hung_on_a_qualifier(catalog: &dyn Catalog) {
    let (f, a, b) = (function("f", 1), of_service("a"), of_service("b"));
    catalog.put_namespace(&namespace("service", 1)).await.expect("insert");
    for function in [&f, &a, &b] {
        catalog.put_function(function).await.expect("insert");
        for qualifier in ["1", "prod", "other"] {
            catalog.put_provision(&provision(&function.key, qualifier, 1)).await.expect("insert");
            catalog.put_on_demand(&limit(&function.key, qualifier, 1)).await.expect("insert");
        }
    }
    catalog.put_version(&version(&f, 1), &published(&f, 1)).await.expect("publish");
    let service_version = service_version(1, &[("a", 1)]);
    let stored = catalog.put_service_version(&service_version, &namespace("service", 1), &[version(&a, 1)], &[]).await;
    stored.expect("publish");
    for owner in [Some("f"), None] {
        catalog.put_alias(&alias(owner, "prod", 1)).await.expect("insert");
    }
    let left = async |key: &FunctionKey| {
        let snapshot = load(catalog).await;
        let of_it = |(function, qualifier): (&FunctionKey, &String)| (function == key).then(|| qualifier.clone());
        let provisions: Vec<String> =
            snapshot.provisions.iter().filter_map(|each| of_it((&each.function, &each.qualifier))).collect();
        let limits: Vec<String> =
            snapshot.on_demand.iter().filter_map(|each| of_it((&each.function, &each.qualifier))).collect();
        assert_eq!(provisions, limits);
        provisions.join(" ")
    };
    catalog.delete_version(&f.key, 1).await.expect("delete");
    assert_eq!((left(&f.key).await, left(&a.key).await), ("other prod".to_owned(), "1 other prod".to_owned()));
    catalog.delete_alias(&alias(Some("f"), "prod", 1).key, 1).await.expect("delete");
    assert_eq!((left(&f.key).await, left(&a.key).await), ("other".to_owned(), "1 other prod".to_owned()));
    catalog.delete_service_version(&service(), 1).await.expect("delete");
    assert_eq!((left(&a.key).await, left(&b.key).await), ("other prod".to_owned(), "other prod".to_owned()));
    catalog.delete_alias(&alias(None, "prod", 1).key, 1).await.expect("delete");
    assert_eq!((left(&a.key).await, left(&b.key).await), ("other".to_owned(), "other".to_owned()));
    assert_eq!(left(&f.key).await, "other");
}

pub async fn deletes_what_hung_on_a_namespace(catalog: &dyn Catalog) {
    catalog.put_namespace(&namespace("service", 1)).await.expect("insert");
    catalog.put_alias(&alias(None, "prod", 1)).await.expect("insert");
    catalog.put_alias(&alias(Some("f"), "prod", 1)).await.expect("insert");
    let stored = catalog.put_service_version(&service_version(1, &[]), &namespace("service", 1), &[], &[]).await;
    stored.expect("publish");
    catalog.delete_namespace(&service(), 1).await.expect("delete");
    let snapshot = load(catalog).await;
    assert_eq!(snapshot.aliases, [alias(Some("f"), "prod", 1)]);
    assert!(snapshot.service_versions.is_empty());
}
