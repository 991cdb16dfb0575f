use crate::{
    AccessKey, CodeSource, Deps, Engine, InvokeRequest, NewFunction,
    fixture::{open, scope},
};
use bytes::Bytes;
use sluice_domain::*;
use sluice_ports::fake::{FakeBackend, FakeBlobs, FakeCatalog, FakePackages, ManualClock, small_function};
use std::sync::{Arc, atomic::Ordering};

struct World {
    engine: Engine,
    backend: Arc<FakeBackend>,
}

fn key(name: &str) -> FunctionKey {
    FunctionKey { scope: scope(), dialect: Dialect::Scf, namespace: "default".into(), name: name.into() }
}

async fn world(backend: FakeBackend) -> World {
    let backend = Arc::new(backend);
    let deps = Deps {
        catalog: Arc::new(FakeCatalog::default()),
        blobs: Arc::new(FakeBlobs::default()),
        packages: Arc::new(FakePackages::default()),
        backend: backend.clone(),
        clock: Arc::new(ManualClock::at(Timestamp(1_600_000_000_000))),
        tapes: None,
        keys: vec![AccessKey { id: "AK".into(), secret: "SK".into(), account: "1250000000".into() }],
    };
    World { engine: open(&deps).await, backend }
}

impl World {
    async fn create(&self, name: &str) -> Result<Arc<Function>> {
        let config = small_function(Dialect::Scf);
        let new = NewFunction { key: key(name), config, code: CodeSource::Zip(Bytes::from_static(b"PKcode")) };
        self.engine.create_function(new).await
    }

    async fn invoke(&self, name: &str) -> Arc<Invocation> {
        self.engine.invoke(self.request(name)).await.unwrap()
    }

    fn request(&self, name: &str) -> InvokeRequest {
        InvokeRequest {
            key: key(name),
            qualifier: String::new(),
            request_id: self.engine.request_id(),
            payload: Bytes::from_static(b"{}"),
        }
    }
}

#[tokio::test]
async fn the_second_call_finds_the_first_ones_instance() {
    let world = world(FakeBackend::default()).await;
    world.create("hello").await.unwrap();
    let first = world.invoke("hello").await;
    let second = world.invoke("hello").await;
    assert!(first.is_success() && first.cold_start.is_some());
    assert!(second.cold_start.is_none());
    assert_eq!(first.instance, second.instance);
    assert_eq!(world.engine.instances().len(), 1);
    assert_eq!(world.engine.record(first.request_id.as_str()).unwrap().instance, first.instance);
}

#[tokio::test]
async fn of_two_parallel_creates_one_wins() {
    let world = world(FakeBackend::default()).await;
    let (a, b) = tokio::join!(world.create("same"), world.create("same"));
    assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1);
    let error = a.err().or(b.err()).unwrap();
    assert_eq!(error.kind, ErrorKind::AlreadyExists(Entity::Function));
}

#[tokio::test]
async fn the_account_quota_refuses_and_says_so() {
    let world = world(FakeBackend::default()).await;
    world.create("hello").await.unwrap();
    let patch = serde_json::json!({"concurrency_mb": 128});
    world.engine.patch_quota(&scope(), Dialect::Scf, patch.as_object().unwrap()).await.unwrap();
    world.engine.settled(&key("hello")).await.unwrap();
    world.backend.hold.store(true, Ordering::SeqCst);
    let engine = world.engine.clone();
    let request = world.request("hello");
    let held = tokio::spawn(async move { engine.invoke(request).await });
    while world.engine.instances().iter().filter(|view| view.state == "busy").count() < 1 {
        tokio::task::yield_now().await;
    }
    let refused = world.invoke("hello").await;
    assert_eq!(refused.failure().unwrap().kind, FailureKind::Throttled(Throttle::Account));
    world.backend.release();
    assert!(held.await.unwrap().unwrap().is_success());
    assert!(world.invoke("hello").await.is_success());
}

#[tokio::test]
async fn an_update_moves_calls_to_new_instances_and_ends_the_old() {
    let world = world(FakeBackend::default()).await;
    world.create("hello").await.unwrap();
    let before = world.invoke("hello").await;
    world
        .engine
        .update_function(&key("hello"), None, None, |config| {
            config.memory_mib = 256;
            Ok(())
        })
        .await
        .unwrap();
    let after = world.invoke("hello").await;
    assert_ne!(before.instance, after.instance);
    assert_eq!(after.memory_mib, 256);
    assert_eq!(world.engine.instances().len(), 1);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_stop_the_function() {
    let world = world(FakeBackend::default()).await;
    world.create("hello").await.unwrap();
    world.engine.settled(&key("hello")).await.unwrap();
    world.backend.hold.store(true, Ordering::SeqCst);
    let request = world.request("hello");
    let id = request.request_id.0.clone();
    let mut call = Box::pin(world.engine.invoke(request));
    while !world.engine.instances().iter().any(|view| view.state == "busy") {
        let _ = futures_util::poll!(call.as_mut());
        tokio::task::yield_now().await;
    }
    drop(call);
    world.backend.release();
    while world.engine.record(&id).is_none() {
        tokio::task::yield_now().await;
    }
    assert!(world.engine.record(&id).unwrap().is_success());
    assert_eq!(world.engine.instances()[0].state, "idle");
}

#[tokio::test]
async fn a_dead_idle_instance_is_replaced_unseen() {
    let world = world(FakeBackend::default()).await;
    world.create("hello").await.unwrap();
    let first = world.invoke("hello").await;
    let scope = world.engine.scope_state(&scope(), Dialect::Scf);
    scope.core.lock().unwrap().instances.values().for_each(|live| live.instance.stop());
    let second = world.invoke("hello").await;
    assert!(second.is_success());
    assert_ne!(first.instance, second.instance);
    assert_eq!(second.cold_start.unwrap().cause.reason, ColdReason::Crashed);
}

#[tokio::test]
async fn links_open_what_they_name_until_they_expire() {
    let world = world(FakeBackend::default()).await;
    let function = world.create("hello").await.unwrap();
    let link = world.engine.code_link(&function);
    assert_eq!(world.engine.open_code_link(&link).await.unwrap(), Bytes::from_static(b"PKcode"));
    let forged = link.replace("expires=1", "expires=2");
    assert!(world.engine.open_code_link(&forged).await.is_err());
}

#[tokio::test]
async fn a_failed_call_is_not_tried_again() {
    // spec: CON-07 (in the engine)
    let calls = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = calls.clone();
    let backend = FakeBackend::with(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(Failure::new(FailureKind::UserException, "no"))
    });
    let world = world(backend).await;
    world.create("hello").await.unwrap();
    assert!(!world.invoke("hello").await.is_success());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
