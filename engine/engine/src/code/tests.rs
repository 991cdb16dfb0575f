use crate::{
    CodeSource, NewFunction,
    fixture::{World, kind, ran},
};
use bytes::Bytes;
use sluice_domain::*;
use sluice_ports::PackageLimits;
use std::sync::Arc;
use tokio::task::JoinHandle;

async fn sweep(world: &World) {
    super::sweep(&world.engine.inner).await.unwrap();
}

fn create(world: &Arc<World>) -> JoinHandle<Arc<Function>> {
    let world = world.clone();
    tokio::spawn(async move { world.create("fn").await })
}

/// Waits until the code of a request that is held up has been stored.
async fn stored(world: &World, packages: usize) {
    while world.deps.blobs.list().await.unwrap().len() < packages {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn code_that_is_about_to_be_named_is_not_swept() {
    let world = Arc::new(World::of(Dialect::Fc).await);
    let writing = world.engine.inner.writing.lock().await;
    let creating = create(&world);
    stored(&world, 1).await;
    sweep(&world).await;
    drop(writing);
    assert_eq!(creating.await.unwrap().status, FunctionStatus::Active);

    let writing = world.engine.inner.writing.lock().await;
    let updating = tokio::spawn({
        let world = world.clone();
        async move { world.update("fn", "newer").await }
    });
    stored(&world, 2).await;
    sweep(&world).await;
    drop(writing);
    assert_eq!(updating.await.unwrap().status, FunctionStatus::Active);
    assert_eq!(world.runs("fn", "", 0).await.unwrap(), ran("LATEST", "newer"));
}

#[tokio::test]
async fn code_that_still_runs_is_not_swept() {
    let world = World::of(Dialect::Scf).await;
    let old = world.create("fn").await;
    let called = world.engine.resolve(&world.key("fn"), "", 0).unwrap();
    world.update("fn", "newer").await;
    sweep(&world).await;
    assert_eq!(world.code(&old).await, "fn");
    drop(called);
    sweep(&world).await;
    assert!(world.engine.code(&old).await.is_err());
    assert_eq!(world.runs("fn", "", 0).await.unwrap(), ran("$LATEST", "newer"));
}

#[tokio::test]
async fn code_of_a_request_that_went_away_is_swept() {
    let world = Arc::new(World::of(Dialect::Scf).await);
    let writing = world.engine.inner.writing.lock().await;
    let creating = create(&world);
    stored(&world, 1).await;
    creating.abort();
    assert!(creating.await.unwrap_err().is_cancelled());
    // One that went away between storing the two.
    let limits = PackageLimits { unzipped_bytes: 99, entries: 9 };
    world.deps.packages.unpack(Bytes::from("PKother"), limits).await.unwrap();
    drop(writing);
    sweep(&world).await;
    assert!(world.deps.blobs.list().await.unwrap().is_empty());
    assert!(world.deps.packages.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn code_of_a_deleted_function_is_not_copied() {
    let world = World::of(Dialect::Scf).await;
    let source = world.create("fn").await;
    let copy = |name: &str| {
        let code = CodeSource::Stored(source.code.clone());
        world.engine.create_function(NewFunction { key: world.key(name), config: source.config.clone(), code })
    };
    copy("first").await.unwrap();
    assert_eq!(world.engine.settled(&world.key("first")).await.unwrap().status, FunctionStatus::Active);
    world.engine.delete_function(&world.key("fn"), None).await.unwrap();
    copy("second").await.unwrap();
    world.engine.delete_function(&world.key("first"), None).await.unwrap();
    world.engine.settled(&world.key("second")).await.unwrap();
    world.engine.delete_function(&world.key("second"), None).await.unwrap();
    assert_eq!(kind(copy("third").await), ErrorKind::NotFound(Entity::Function));
}

#[tokio::test]
async fn code_that_is_claimed_during_a_sweep_stays() {
    let world = World::of(Dialect::Scf).await;
    let gone = world.create("fn").await;
    world.engine.delete_function(&world.key("fn"), None).await.unwrap();
    let in_use = &world.engine.inner.code_in_use;
    let removing = in_use.removing.lock().await;
    let sweeping = sweep(&world);
    tokio::pin!(sweeping);
    // It has found the package unused, and waits for its turn to remove it.
    tokio::select! {
        biased;
        () = &mut sweeping => panic!("a package was removed beside another"),
        () = std::future::ready(()) => {}
    }
    let claim = in_use.hold(&gone.code.sha256);
    drop(removing);
    sweeping.await;
    assert_eq!(world.code(&gone).await, "fn");
    drop(claim);
    sweep(&world).await;
    assert!(world.engine.code(&gone).await.is_err());
}
