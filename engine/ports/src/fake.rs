//! In-memory fakes of every port, for tests of the engine and of the edges.

mod backend;
mod catalog;
mod clock;
mod objects;

pub use backend::{Behaviour, FakeBackend};
pub use catalog::FakeCatalog;
pub use clock::ManualClock;
pub use objects::{FakeBlobs, FakePackages};

use sluice_domain::{Dialect, FunctionConfig};

/// The settings of a function that nothing is special about.
pub fn small_function(dialect: Dialect) -> FunctionConfig {
    let runtime = if dialect == Dialect::Fc { "python3" } else { "Python3.7" };
    FunctionConfig {
        runtime: runtime.into(),
        handler: "index.main_handler".into(),
        initializer: None,
        description: String::new(),
        memory_mib: 128,
        timeout_s: 3,
        init_timeout_s: 60,
        environment: Default::default(),
        public_network: true,
        instance_concurrency: 1,
        attributes: Default::default(),
    }
}
