//! What the engine needs from the world, as traits, each with the promises an adapter must keep.
//!
//! Ports speak the domain's language and say nothing of how a promise is kept. Each has an in-memory fake
//! ([`fake`]) and one conformance suite ([`conformance`]) that the fake and every adapter pass.

mod backend;
mod blobs;
mod catalog;
mod clock;
mod packages;

pub mod conformance;
pub mod fake;

pub use backend::{
    Ahead, Assignment, Backend, Blank, Call, CompiledFile, Instance, InstanceSpec, Reply, StartError, Started,
};
pub use blobs::Blobs;
pub use catalog::{Catalog, Snapshot, StoredQuota};
pub use clock::Clock;
pub use packages::{PackageLimits, Packages};

/// Why a port could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The stored thing is of another version than the caller expected, or exists already, or is gone.
    #[error("conflict: {0}")]
    Conflict(String),
    #[error("not found: {0}")]
    NotFound(String),
    /// The input is at fault; the message is for the client.
    #[error("{0}")]
    Rejected(sluice_domain::Error),
    /// The world is at fault; the message is for the operator.
    #[error("{0}")]
    Failed(String),
}

pub type PortResult<T> = Result<T, PortError>;
