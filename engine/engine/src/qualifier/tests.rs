use crate::fixture::{World, kind, ran};
use sluice_domain::*;

#[tokio::test]
async fn each_dialect_has_its_name_for_the_editable_code() {
    for (dialect, own, other) in [(Dialect::Scf, "$LATEST", "LATEST"), (Dialect::Fc, "LATEST", "$LATEST")] {
        let world = World::of(dialect).await;
        world.create("fn").await;
        assert_eq!(world.runs("fn", "", 0).await.unwrap(), ran(own, "fn"));
        assert_eq!(world.runs("fn", own, 0).await.unwrap(), ran(own, "fn"));
        assert_eq!(kind(world.runs("fn", other, 0).await), ErrorKind::NotFound(Entity::Alias));
        assert_eq!(kind(world.runs("gn", "", 0).await), ErrorKind::NotFound(Entity::Function));
    }
}

#[tokio::test]
async fn what_a_qualifier_does_not_name_is_named_in_the_refusal() {
    let scf = World::of(Dialect::Scf).await;
    scf.create("fn").await;
    scf.publish("fn").await;
    for (qualifier, entity, message) in [
        ("7", Entity::Version, "version '7' of function 'fn' does not exist"),
        ("01", Entity::Version, "version '01' of function 'fn' does not exist"),
        ("99999999999999999999", Entity::Version, "version '99999999999999999999' of function 'fn' does not exist"),
        ("prod", Entity::Alias, "alias 'prod' of function 'fn' does not exist"),
    ] {
        let error = scf.runs("fn", qualifier, 0).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound(entity), message));
        assert_eq!(scf.engine.function_at(&scf.key("fn"), qualifier).unwrap_err(), error);
    }
    let fc = World::of(Dialect::Fc).await;
    fc.publish_service().await.unwrap();
    fc.create("fn").await;
    for (qualifier, entity, message) in [
        ("7", Entity::Version, "version '7' of service 'svc' does not exist"),
        ("1", Entity::Function, "function 'fn' does not exist in version '1' of service 'svc'"),
        ("prod", Entity::Alias, "alias 'prod' of service 'svc' does not exist"),
    ] {
        let error = fc.runs("fn", qualifier, 0).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound(entity), message));
        assert_eq!(fc.engine.function_at(&fc.key("fn"), qualifier).unwrap_err(), error);
    }
}

#[tokio::test]
async fn a_service_is_shown_by_version_and_by_alias() {
    let world = World::of(Dialect::Fc).await;
    world.publish_service().await.unwrap();
    world.alias("", "prod", AliasTarget::Version(1), &[]).await.unwrap();
    let at = |qualifier: &str| world.engine.service_at(&world.service(), qualifier);
    assert!(at("").unwrap().version.is_none() && at("LATEST").unwrap().version.is_none());
    assert_eq!(at("1").unwrap().version.unwrap().description, "notes");
    assert_eq!(at("prod").unwrap().version.unwrap().number, 1);
    assert_eq!(at("prod").unwrap().alias.unwrap().key.name, "prod");
    assert_eq!(kind(at("2")), ErrorKind::NotFound(Entity::Version));
    assert_eq!(kind(at("test")), ErrorKind::NotFound(Entity::Alias));
    let elsewhere = NamespaceKey { name: "other".into(), ..world.service() };
    assert_eq!(kind(world.engine.service_at(&elsewhere, "")), ErrorKind::NotFound(Entity::Namespace));
}

#[tokio::test]
async fn a_function_that_cannot_be_called_yet_has_nothing_that_serves() {
    let world = World::of(Dialect::Scf).await;
    let made = world.create("fn").await;
    world.engine.change_entry(&made.key, |entry| entry.serving = None);
    let target = world.engine.resolve(&made.key, "", 0).unwrap();
    assert!(target.serving.is_none());
    assert_eq!(target.version, "$LATEST");
    assert_eq!(target.entry.shown.key, made.key);
}
