use crate::fixture::{World, kind, ran};
use sluice_domain::*;

async fn with_three_versions(dialect: Dialect) -> World {
    let world = World::of(dialect).await;
    world.create("fn").await;
    for code in ["one", "two", "three"] {
        world.update("fn", code).await;
        match dialect {
            Dialect::Scf => drop(world.publish("fn").await),
            Dialect::Fc => drop(world.publish_service().await.unwrap()),
        }
    }
    world
}

#[tokio::test]
async fn an_alias_is_made_moved_and_deleted() {
    for dialect in [Dialect::Scf, Dialect::Fc] {
        let world = with_three_versions(dialect).await;
        let made = world.alias("fn", "prod", AliasTarget::Version(1), &[]).await.unwrap();
        let again = world.alias("fn", "prod", AliasTarget::Version(2), &[]).await;
        assert_eq!(kind(again), ErrorKind::AlreadyExists(Entity::Alias));
        // spec: ALI-10 (in the engine)
        assert_eq!(world.runs("fn", "prod", 0).await.unwrap(), ran("1", "one"));
        let key = world.alias_key("fn", "prod");
        let to_two = |alias: &mut Alias| {
            alias.target = AliasTarget::Version(2);
            Ok(())
        };
        let moved = world.engine.update_alias(&key, Some(&made.etag()), to_two).await.unwrap();
        assert_eq!((moved.version, moved.created), (2, made.created));
        let stale = world.engine.update_alias(&key, Some(&made.etag()), to_two).await;
        assert_eq!(kind(stale), ErrorKind::PreconditionFailed);
        assert_eq!(world.runs("fn", "prod", 0).await.unwrap(), ran("2", "two"));
        let world = world.reopened().await;
        assert_eq!(world.engine.alias(&key).unwrap(), moved);
        assert_eq!(world.runs("fn", "prod", 0).await.unwrap(), ran("2", "two"));
        let stale = world.engine.delete_alias(&key, Some(&made.etag())).await;
        assert_eq!(kind(stale), ErrorKind::PreconditionFailed);
        world.engine.delete_alias(&key, Some(&moved.etag())).await.unwrap();
        assert_eq!(kind(world.engine.alias(&key)), ErrorKind::NotFound(Entity::Alias));
        assert_eq!(kind(world.runs("fn", "prod", 0).await), ErrorKind::NotFound(Entity::Alias));
    }
}

#[tokio::test]
async fn an_alias_leads_to_one_or_two_versions() {
    // spec: ALI-02 (in the engine)
    let world = with_three_versions(Dialect::Scf).await;
    let alias = async |name: &'static str, target, additional: &'static [(u64, u32)]| {
        world.alias("fn", name, target, additional).await
    };
    let routing = ErrorKind::Invalid(Field::AliasRouting);
    let three = alias("three", AliasTarget::Version(1), &[(2, 100_000), (3, 100_000)]).await;
    assert_eq!(kind(three), routing);
    assert_eq!(kind(alias("same", AliasTarget::Version(1), &[(1, 100_000)]).await), routing);
    assert_eq!(kind(alias("much", AliasTarget::Version(1), &[(2, 1_000_001)]).await), routing);
    let missing = ErrorKind::NotFound(Entity::Version);
    assert_eq!(kind(alias("none", AliasTarget::Version(9), &[]).await), missing);
    assert_eq!(kind(alias("none", AliasTarget::Version(1), &[(9, 1)]).await), missing);
    alias("latest", AliasTarget::Latest, &[(1, 100_000)]).await.unwrap();
    assert_eq!(world.runs("fn", "latest", 99_999).await.unwrap(), ran("1", "one"));
    assert_eq!(world.runs("fn", "latest", 100_000).await.unwrap(), ran("$LATEST", "three"));
    alias("all", AliasTarget::Version(1), &[(2, 1_000_000)]).await.unwrap();
    assert_eq!(world.runs("fn", "all", 999_999).await.unwrap(), ran("2", "two"));
    assert_eq!(world.engine.function_at(&world.key("fn"), "all").unwrap().number, Some(1), "a read shows the main one");
}

#[tokio::test]
async fn fc_aliases_have_rules_of_their_own() {
    let world = with_three_versions(Dialect::Fc).await;
    let latest = world.alias("", "prod", AliasTarget::Latest, &[]).await;
    assert_eq!(kind(latest), ErrorKind::Invalid(Field::Qualifier));
    let reserved = world.alias("", "LATEST", AliasTarget::Version(1), &[]).await;
    assert_eq!(kind(reserved), ErrorKind::Invalid(Field::AliasName));
    let missing = world.alias("", "prod", AliasTarget::Version(9), &[]).await.unwrap_err();
    assert_eq!(missing.message, "version '9' of service 'svc' does not exist");
    world.alias("", "same", AliasTarget::Version(1), &[(1, 900_000)]).await.unwrap();
    assert_eq!(world.runs("fn", "same", 0).await.unwrap(), ran("1", "one"));
    world.create("late").await;
    assert_eq!(kind(world.runs("late", "same", 0).await), ErrorKind::NotFound(Entity::Function));
    assert_eq!(world.publish_service().await.unwrap(), 4);
    world.alias("", "four", AliasTarget::Version(4), &[]).await.unwrap();
    assert_eq!(world.runs("late", "four", 0).await.unwrap(), ran("4", "late"));
    let names: Vec<String> =
        world.engine.aliases(&world.owner("")).unwrap().iter().map(|alias| alias.key.name.clone()).collect();
    assert_eq!(names, ["four", "same"]);
}

#[tokio::test]
async fn the_default_alias_is_there_and_can_be_moved() {
    // spec: ALI-09 (in the engine)
    let world = with_three_versions(Dialect::Scf).await;
    let key = world.alias_key("fn", "$DEFAULT");
    assert_eq!(world.engine.alias(&key).unwrap().target, AliasTarget::Latest);
    assert_eq!(world.runs("fn", "$DEFAULT", 0).await.unwrap(), ran("$LATEST", "three"));
    let shown = world.engine.function_at(&world.key("fn"), "$DEFAULT").unwrap();
    assert_eq!((shown.alias.unwrap().version, shown.version), (0, None));
    let made = world.alias("fn", "$DEFAULT", AliasTarget::Version(1), &[]).await;
    assert_eq!(kind(made), ErrorKind::AlreadyExists(Entity::Alias));
    world.alias("fn", "prod", AliasTarget::Version(2), &[]).await.unwrap();
    for (number, code) in [(1, "one"), (2, "two")] {
        let change = |alias: &mut Alias| {
            alias.target = AliasTarget::Version(number);
            Ok(())
        };
        world.engine.update_alias(&key, None, change).await.unwrap();
        assert_eq!(world.runs("fn", "$DEFAULT", 0).await.unwrap(), ran(&number.to_string(), code));
    }
    let names: Vec<String> =
        world.engine.aliases(&world.owner("fn")).unwrap().iter().map(|alias| alias.key.name.clone()).collect();
    assert_eq!(names, ["$DEFAULT", "prod"]);
    assert_eq!(kind(world.engine.delete_alias(&key, None).await), ErrorKind::Invalid(Field::AliasName));
    let world = world.reopened().await;
    assert_eq!(world.runs("fn", "$DEFAULT", 0).await.unwrap(), ran("2", "two"));
}

#[tokio::test]
async fn an_alias_that_keeps_instances_is_not_deleted() {
    let world = with_three_versions(Dialect::Fc).await;
    world.alias("", "prod", AliasTarget::Version(1), &[]).await.unwrap();
    world.provision("fn", "prod", 1).await;
    let key = world.alias_key("", "prod");
    assert_eq!(kind(world.engine.delete_alias(&key, None).await), ErrorKind::InUse(Entity::Setting));
    world.unprovision().await;
    world.provision("fn", "prod", 0).await;
    world.engine.delete_alias(&key, None).await.unwrap();
    assert!(world.engine.inner.catalog.read().unwrap().provisions.is_empty());
    assert!(world.deps.catalog.load().await.unwrap().provisions.is_empty());
}

#[tokio::test]
async fn owners_must_exist_and_names_be_legal() {
    let scf = with_three_versions(Dialect::Scf).await;
    let missing = scf.alias("gn", "prod", AliasTarget::Latest, &[]).await;
    assert_eq!(kind(missing), ErrorKind::NotFound(Entity::Function));
    assert_eq!(kind(scf.alias("fn", "1a", AliasTarget::Latest, &[]).await), ErrorKind::Invalid(Field::AliasName));
    let mut key = scf.alias_key("fn", "prod");
    key.dialect = Dialect::Fc;
    key.function = None;
    assert_eq!(kind(scf.engine.alias(&key)), ErrorKind::NotFound(Entity::Namespace));
}
