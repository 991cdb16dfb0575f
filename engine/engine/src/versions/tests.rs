use crate::fixture::{World, kind, ran, scope};
use sluice_domain::*;

#[tokio::test]
async fn a_version_keeps_what_it_was_published_with() {
    // spec: VER-02
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    let key = world.key("fn");
    let first = world.engine.publish_version(&key, "the first".into()).await.unwrap();
    assert_eq!((first.number, first.description.as_str()), (1, "the first"));
    world.update("fn", "newer").await;
    let set_memory = |config: &mut FunctionConfig| {
        config.memory_mib = 256;
        Ok(())
    };
    world.engine.update_function(&key, None, None, set_memory).await.unwrap();
    assert_eq!(world.runs("fn", "1", 0).await.unwrap(), ran("1", "fn"));
    assert_eq!(world.runs("fn", "", 0).await.unwrap(), ran("$LATEST", "newer"));
    // spec: VER-08 (settings and code)
    let shown = world.engine.function_at(&key, "1").unwrap();
    assert_eq!(shown.function.config.memory_mib, 128);
    assert_eq!(world.code(&shown.function).await, "fn");
    assert_eq!(shown.version.unwrap().description, "the first");
    assert_eq!(world.engine.function_at(&key, "").unwrap().function.config.memory_mib, 256);
}

#[tokio::test]
async fn numbers_rise_by_one_and_are_never_given_out_again() {
    // spec: VER-03
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    for number in 1..=3 {
        assert_eq!(world.publish("fn").await.number, number, "publishing without a change is allowed");
    }
    world.engine.delete_version(&world.key("fn"), 3).await.unwrap();
    let world = world.reopened().await;
    assert_eq!(world.publish("fn").await.number, 4);
    let numbers: Vec<u64> = world.engine.versions(&world.key("fn")).unwrap().iter().map(|each| each.number).collect();
    assert_eq!(numbers, [1, 2, 4]);
}

#[tokio::test]
async fn publishing_changes_nothing_that_a_user_has_set() {
    let world = World::of(Dialect::Scf).await;
    let before = world.create("fn").await;
    world.publish("fn").await;
    let after = world.engine.function(&world.key("fn")).unwrap();
    assert_eq!(after.etag(), before.etag());
    assert_eq!((after.last_published, after.published_revision), (1, before.revision));
    let updated = world.engine.update_function(&world.key("fn"), Some(&before.etag()), None, |_| Ok(())).await;
    assert_eq!(updated.unwrap().last_published, 1);
}

#[tokio::test]
async fn versions_come_back_after_a_restart() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    world.publish("fn").await;
    world.alias("fn", "prod", AliasTarget::Version(1), &[]).await.unwrap();
    world.update("fn", "newer").await;
    let world = world.reopened().await;
    assert_eq!(world.runs("fn", "1", 0).await.unwrap(), ran("1", "fn"));
    assert_eq!(world.runs("fn", "prod", 0).await.unwrap(), ran("1", "fn"));
    assert_eq!(world.runs("fn", "", 0).await.unwrap(), ran("$LATEST", "newer"));
}

#[tokio::test]
async fn a_version_that_is_still_used_is_not_deleted() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    let key = world.key("fn");
    for _ in 0..4 {
        world.publish("fn").await;
    }
    world.alias("fn", "prod", AliasTarget::Version(1), &[(2, 500_000)]).await.unwrap();
    world.provision("fn", "3", 1).await;
    for used in [1, 2, 3] {
        assert_eq!(kind(world.engine.delete_version(&key, used).await), ErrorKind::InUse(Entity::Version));
    }
    assert_eq!(kind(world.engine.delete_version(&key, 9).await), ErrorKind::NotFound(Entity::Version));
    assert_eq!(world.pools(), 5);
    world.engine.delete_version(&key, 4).await.unwrap();
    assert_eq!(world.pools(), 4);
    assert_eq!(kind(world.runs("fn", "4", 0).await), ErrorKind::NotFound(Entity::Version));
}

#[tokio::test]
async fn a_function_takes_everything_of_its_own_along() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    let key = world.key("fn");
    world.publish("fn").await;
    world.alias("fn", "prod", AliasTarget::Version(1), &[]).await.unwrap();
    world.provision("fn", "1", 5).await;
    world.engine.delete_function(&key, None).await.unwrap();
    assert_eq!(world.pools(), 0);
    assert!(world.engine.inner.catalog.read().unwrap().provisions.is_empty());
    world.create("fn").await;
    assert!(world.engine.versions(&key).unwrap().is_empty());
    assert_eq!(kind(world.runs("fn", "prod", 0).await), ErrorKind::NotFound(Entity::Alias));
    assert_eq!(world.reopened().await.publish("fn").await.number, 1, "it is another function");
}

#[tokio::test]
async fn a_service_is_published_whole() {
    let world = World::of(Dialect::Fc).await;
    world.create("a").await;
    world.create("b").await;
    assert_eq!(world.publish_service().await.unwrap(), 1);
    world.update("b", "b2").await;
    assert_eq!(world.publish_service().await.unwrap(), 2);
    world.update("b", "b3").await;
    let runs =
        async |function: &'static str, qualifier: &'static str| world.runs(function, qualifier, 0).await.unwrap();
    assert_eq!(runs("a", "1").await, ran("1", "a"));
    assert_eq!(runs("a", "2").await, ran("2", "a"));
    assert_eq!(runs("b", "1").await, ran("1", "b"));
    assert_eq!(runs("b", "2").await, ran("2", "b2"));
    assert_eq!(runs("b", "LATEST").await, ran("LATEST", "b3"));
    // What has not changed is stored once.
    assert_eq!(world.engine.versions(&world.key("a")).unwrap().len(), 1);
    let world = world.reopened().await;
    assert_eq!(world.runs("b", "1", 0).await.unwrap(), ran("1", "b"));
    assert_eq!(world.runs("a", "2", 0).await.unwrap(), ran("2", "a"));
    let shown = world.engine.function_at(&world.key("a"), "2").unwrap();
    assert_eq!((shown.number, shown.version.unwrap().number), (Some(2), 1));
}

#[tokio::test]
async fn nothing_new_is_nothing_to_publish() {
    let world = World::of(Dialect::Fc).await;
    assert_eq!(world.publish_service().await.unwrap(), 1, "an empty service can be published once");
    assert_eq!(kind(world.publish_service().await), ErrorKind::NothingToPublish);
    world.create("a").await;
    assert_eq!(world.publish_service().await.unwrap(), 2);
    assert_eq!(kind(world.publish_service().await), ErrorKind::NothingToPublish);
    let describe = |namespace: &mut Namespace| {
        namespace.description = "other".into();
        Ok(())
    };
    world.engine.update_namespace(&world.service(), None, describe).await.unwrap();
    assert_eq!(world.publish_service().await.unwrap(), 3);
    let world = world.reopened().await;
    assert_eq!(kind(world.publish_service().await), ErrorKind::NothingToPublish);
    world.engine.delete_function(&world.key("a"), None).await.unwrap();
    assert_eq!(world.publish_service().await.unwrap(), 4);
}

#[tokio::test]
async fn a_service_version_keeps_the_settings_of_its_service() {
    let world = World::of(Dialect::Fc).await;
    world.create("a").await;
    let etag = world.engine.namespace(&world.service()).unwrap().etag();
    world.engine.publish_service(&world.service(), String::new(), Some(&etag)).await.unwrap();
    let close = |namespace: &mut Namespace| {
        namespace.public_network = false;
        namespace.attributes.insert("role".into(), "r".into());
        Ok(())
    };
    world.engine.update_namespace(&world.service(), Some(&etag), close).await.expect("publishing left the ETag");
    let stale = world.engine.publish_service(&world.service(), String::new(), Some(&etag)).await;
    assert_eq!(kind(stale), ErrorKind::PreconditionFailed);
    let spec = |world: &World, qualifier: &str| {
        let target = world.engine.resolve(&world.key("a"), qualifier, 0).unwrap();
        let serving = target.serving.unwrap();
        (serving.spec.config.public_network, serving.spec.namespace_attributes.contains_key("role"))
    };
    assert_eq!((spec(&world, "1"), spec(&world, "")), ((true, false), (false, true)));
    let world = world.reopened().await;
    assert_eq!((spec(&world, "1"), spec(&world, "")), ((true, false), (false, true)));
}

#[tokio::test]
async fn service_versions_are_deleted_with_what_only_they_hold() {
    let world = World::of(Dialect::Fc).await;
    world.create("a").await;
    world.create("b").await;
    world.publish_service().await.unwrap();
    world.update("b", "b2").await;
    world.publish_service().await.unwrap();
    world.alias("", "prod", AliasTarget::Version(1), &[]).await.unwrap();
    world.provision("a", "prod", 2).await;
    let service = world.service();
    let refused = world.engine.delete_service_version(&service, 1).await;
    assert_eq!(kind(refused), ErrorKind::InUse(Entity::Setting));
    world.unprovision().await;
    world.engine.delete_service_version(&service, 1).await.unwrap();
    assert_eq!(kind(world.engine.delete_service_version(&service, 1).await), ErrorKind::NotFound(Entity::Version));
    assert_eq!(kind(world.runs("a", "1", 0).await), ErrorKind::NotFound(Entity::Version));
    assert_eq!(kind(world.runs("a", "prod", 0).await), ErrorKind::NotFound(Entity::Version), "it leads nowhere now");
    assert_eq!(world.runs("a", "2", 0).await.unwrap(), ran("2", "a"));
    let numbers = |name: &str| -> Vec<u64> {
        world.engine.versions(&world.key(name)).unwrap().iter().map(|version| version.number).collect()
    };
    assert_eq!((numbers("a"), numbers("b")), (vec![1], vec![2]));
    world.update("b", "b3").await;
    let world = world.reopened().await;
    assert_eq!(world.publish_service().await.unwrap(), 3);
    world.engine.delete_service_version(&service, 3).await.unwrap();
    world.update("b", "b4").await;
    assert_eq!(world.publish_service().await.unwrap(), 4, "numbers are never given out again");
}

#[tokio::test]
async fn a_service_with_versions_is_not_deleted() {
    let world = World::of(Dialect::Fc).await;
    world.publish_service().await.unwrap();
    let service = world.service();
    assert_eq!(kind(world.engine.delete_namespace(&service, None).await), ErrorKind::InUse(Entity::Namespace));
    world.engine.delete_service_version(&service, 1).await.unwrap();
    world.engine.delete_namespace(&service, None).await.unwrap();
    world.create_service("svc").await;
    assert_eq!(world.publish_service().await.unwrap(), 1, "it is another service");
}

#[tokio::test]
async fn a_function_made_again_is_not_in_older_versions() {
    let world = World::of(Dialect::Fc).await;
    world.create("a").await;
    world.publish_service().await.unwrap();
    world.engine.delete_function(&world.key("a"), None).await.unwrap();
    assert_eq!(kind(world.runs("a", "1", 0).await), ErrorKind::NotFound(Entity::Function));
    world.create("a").await;
    assert_eq!(kind(world.runs("a", "1", 0).await), ErrorKind::NotFound(Entity::Function));
    assert_eq!(world.publish_service().await.unwrap(), 2);
    let world = world.reopened().await;
    assert_eq!(kind(world.runs("a", "1", 0).await), ErrorKind::NotFound(Entity::Function));
    assert_eq!(world.runs("a", "2", 0).await.unwrap(), ran("2", "a"));
    assert!(world.engine.functions_at(&world.service(), "1").unwrap().is_empty());
    assert_eq!(world.engine.functions_at(&world.service(), "2").unwrap().len(), 1);
}

#[tokio::test]
async fn an_fc_function_with_provisioned_instances_is_not_deleted() {
    let world = World::of(Dialect::Fc).await;
    world.create("a").await;
    world.provision("a", "LATEST", 1).await;
    let refused = world.engine.delete_function(&world.key("a"), None).await;
    assert_eq!(kind(refused), ErrorKind::InUse(Entity::Setting));
    world.unprovision().await;
    world.engine.delete_function(&world.key("a"), None).await.unwrap();
}

#[tokio::test]
async fn packages_of_versions_are_kept_until_the_version_goes() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    world.publish("fn").await;
    world.update("fn", "newer").await;
    crate::code::sweep(&world.engine.inner).await.unwrap();
    assert_eq!(world.runs("fn", "1", 0).await.unwrap(), ran("1", "fn"));
    world.engine.delete_version(&world.key("fn"), 1).await.unwrap();
    crate::code::sweep(&world.engine.inner).await.unwrap();
    assert_eq!(world.deps.blobs.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_is_active_is_published() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    world.engine.update_function(&world.key("fn"), None, Some(crate::fixture::zip("x")), |_| Ok(())).await.unwrap();
    assert_eq!(kind(world.engine.publish_version(&world.key("fn"), String::new()).await), ErrorKind::WrongState);
    world.engine.settled(&world.key("fn")).await.unwrap();
    world.publish("fn").await;
    let missing = world.engine.publish_version(&world.key("gn"), String::new()).await;
    assert_eq!(kind(missing), ErrorKind::NotFound(Entity::Function));
    let long = world.engine.publish_version(&world.key("fn"), "x".repeat(1001)).await;
    assert_eq!(kind(long), ErrorKind::Invalid(Field::Description));
}

#[tokio::test]
async fn a_setting_stored_while_an_update_runs_does_not_stop_it() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    let key = world.key("fn");
    let pending =
        world.engine.update_function(&key, None, Some(crate::fixture::zip("newer")), |_| Ok(())).await.unwrap();
    {
        let _writing = world.engine.inner.writing.lock().await;
        let mut next = Function { reserved_mb: Some(128), ..(*world.engine.function(&key).unwrap()).clone() };
        assert_eq!(next.version, pending.version);
        next.version += 1;
        world.deps.catalog.put_function(&next).await.unwrap();
        world.engine.change_entry(&key, |entry| entry.shown = next.into());
    }
    let done = world.engine.settled(&key).await.unwrap();
    assert_eq!((done.status, done.reserved_mb), (FunctionStatus::Active, Some(128)));
    assert_eq!(world.runs("fn", "", 0).await.unwrap(), ran("$LATEST", "newer"));
}

#[tokio::test]
async fn a_provision_of_the_editable_code_follows_it() {
    let world = World::of(Dialect::Fc).await;
    world.create("fn").await;
    let key = world.key("fn");
    let config = ProvisionConfig { target: 1, ..ProvisionConfig::default() };
    world.engine.put_provision(&key, "LATEST", None, config).await.unwrap();
    let scope = world.engine.scope_state(&key.scope, key.dialect);
    let told = || scope.settings.lock().unwrap().provisions[&(key.clone(), "LATEST".to_owned())].1.unwrap();
    let serving = || world.engine.entry(&key).unwrap().serving.unwrap().pool;
    let before = serving();
    assert_eq!(told(), before);
    world.update("fn", "newer").await;
    assert_ne!(serving(), before);
    assert_eq!(told(), serving());
}

#[tokio::test]
async fn accounts_and_regions_share_no_versions() {
    let world = World::of(Dialect::Scf).await;
    world.create("fn").await;
    world.publish("fn").await;
    let elsewhere = FunctionKey { scope: Scope { region: "ap-tokyo".into(), ..scope() }, ..world.key("fn") };
    assert_eq!(kind(world.engine.version(&elsewhere, 1)), ErrorKind::NotFound(Entity::Function));
}
