//! In-memory fakes of every port, for tests of the engine and of the edges.

mod backend;
mod catalog;
mod clock;
mod objects;

pub use backend::{Behaviour, FakeBackend};
pub use catalog::FakeCatalog;
pub use clock::ManualClock;
pub use objects::{FakeBlobs, FakePackages};
