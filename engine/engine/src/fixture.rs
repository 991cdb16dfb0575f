//! An engine on fakes, for tests of what is published.

use crate::{AliasOwner, CodeSource, Config, Deps, Engine, NewAlias, NewFunction, NewNamespace};
use bytes::Bytes;
use sluice_domain::*;
use sluice_ports::fake::{FakeBackend, FakeBlobs, FakeCatalog, FakePackages, ManualClock, small_function};
use std::sync::Arc;

pub struct World {
    pub engine: Engine,
    pub deps: Deps,
    pub dialect: Dialect,
}

pub fn scope() -> Scope {
    Scope { account: "1250000000".into(), region: "ap-guangzhou".into() }
}

/// A zip whose content names a version of the code.
pub fn zip(text: &str) -> CodeSource {
    CodeSource::Zip(Bytes::from(format!("PK{text}")))
}

impl World {
    /// SCF has its namespace `default`; FC gets a service `svc`.
    pub async fn of(dialect: Dialect) -> World {
        let deps = Deps {
            catalog: Arc::new(FakeCatalog::default()),
            blobs: Arc::new(FakeBlobs::default()),
            packages: Arc::new(FakePackages::default()),
            backend: Arc::new(FakeBackend::default()),
            clock: Arc::new(ManualClock::at(Timestamp(1_600_000_000_000))),
            tapes: None,
            keys: Vec::new(),
        };
        let engine = open(&deps).await;
        let world = World { engine, deps, dialect };
        if dialect == Dialect::Fc {
            world.create_service("svc").await;
        }
        world
    }

    pub async fn create_service(&self, name: &str) {
        let new = NewNamespace {
            dialect: self.dialect,
            name: name.into(),
            description: String::new(),
            public_network: true,
            attributes: Default::default(),
        };
        self.engine.create_namespace(&scope(), new).await.unwrap();
    }

    /// The same catalog after a restart.
    pub async fn reopened(self) -> World {
        World { engine: open(&self.deps).await, ..self }
    }

    pub fn service(&self) -> NamespaceKey {
        self.key("").namespace_key()
    }

    pub fn key(&self, name: &str) -> FunctionKey {
        let namespace = if self.dialect == Dialect::Fc { "svc" } else { "default" };
        FunctionKey { scope: scope(), dialect: self.dialect, namespace: namespace.into(), name: name.into() }
    }

    pub fn owner(&self, function: &str) -> AliasOwner {
        match self.dialect {
            Dialect::Scf => AliasOwner::Function(self.key(function)),
            Dialect::Fc => AliasOwner::Service(self.service()),
        }
    }

    pub async fn create(&self, name: &str) -> Arc<Function> {
        let new = NewFunction { key: self.key(name), config: small_function(self.dialect), code: zip(name) };
        self.engine.create_function(new).await.unwrap();
        self.engine.settled(&self.key(name)).await.unwrap()
    }

    /// Gives the function other code.
    pub async fn update(&self, name: &str, code: &str) -> Arc<Function> {
        self.engine.update_function(&self.key(name), None, Some(zip(code)), |_| Ok(())).await.unwrap();
        self.engine.settled(&self.key(name)).await.unwrap()
    }

    pub async fn publish(&self, name: &str) -> Arc<Version> {
        self.engine.publish_version(&self.key(name), format!("of {name}")).await.unwrap()
    }

    pub async fn publish_service(&self) -> Result<u64> {
        self.engine.publish_service(&self.service(), "notes".into(), None).await.map(|version| version.number)
    }

    pub fn alias_key(&self, function: &str, name: &str) -> AliasKey {
        let key = self.key(function);
        let function = (self.dialect == Dialect::Scf).then(|| key.name.clone());
        AliasKey { scope: key.scope, dialect: key.dialect, namespace: key.namespace, function, name: name.into() }
    }

    pub async fn alias(
        &self,
        function: &str,
        name: &str,
        target: AliasTarget,
        additional: &[(u64, u32)],
    ) -> Result<Arc<Alias>> {
        let new = NewAlias {
            key: self.alias_key(function, name),
            description: String::new(),
            target,
            additional: additional.to_vec(),
            attributes: Default::default(),
        };
        self.engine.create_alias(new).await
    }

    /// As the owner of settings does it: stored, then remembered.
    pub async fn provision(&self, function: &str, qualifier: &str, target: u64) {
        let config = ProvisionConfig { target, ..ProvisionConfig::default() };
        let (function, qualifier) = (self.key(function), qualifier.to_owned());
        let provision = Provision { function, qualifier, config, version: 1, modified: self.engine.now() };
        self.deps.catalog.put_provision(&provision).await.unwrap();
        let key = (provision.function.clone(), provision.qualifier.clone());
        self.engine.inner.catalog.write().unwrap().provisions.insert(key, Arc::new(provision));
    }

    /// Takes all provisions back.
    pub async fn unprovision(&self) {
        let held: Vec<_> =
            std::mem::take(&mut self.engine.inner.catalog.write().unwrap().provisions).into_keys().collect();
        for (function, qualifier) in held {
            self.deps.catalog.delete_provision(&function, &qualifier, 1).await.unwrap();
        }
    }

    /// What a call runs: the version's name and the content of its package.
    pub async fn runs(&self, function: &str, qualifier: &str, draw: u32) -> Result<(String, String)> {
        let target = self.engine.resolve(&self.key(function), qualifier, draw)?;
        let serving = target.serving.expect("something serves");
        assert_eq!(serving.spec.version, target.version);
        Ok((target.version, self.code(&serving.function).await))
    }

    pub async fn code(&self, function: &Function) -> String {
        let zip = self.engine.code(function).await.expect("the package is there");
        String::from_utf8(zip[2..].to_vec()).unwrap()
    }

    pub fn pools(&self) -> usize {
        let functions = &self.engine.inner.catalog.read().unwrap().functions;
        functions.values().map(|entry| usize::from(entry.serving.is_some()) + entry.published.servings.len()).sum()
    }
}

pub async fn open(deps: &Deps) -> Engine {
    let config = Config {
        default_region: "ap-guangzhou".into(),
        strict_runtimes: false,
        link_key: [7; 32],
        since: Default::default(),
        records_kept: 100,
        record_log_bytes: 1 << 20,
        blanks_max: 0,
    };
    Engine::open(config, deps.clone()).await.unwrap()
}

/// Both as a caller would write them.
pub fn ran(version: &str, code: &str) -> (String, String) {
    (version.to_owned(), code.to_owned())
}

pub fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("expected a refusal"),
        Err(error) => error.kind,
    }
}
