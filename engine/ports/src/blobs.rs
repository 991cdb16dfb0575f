//! Immutable byte strings, named by their content.

use crate::PortResult;
use async_trait::async_trait;
use bytes::Bytes;

/// Promises: `put` is durable when it returns; putting the same bytes twice stores them once; `get` returns
/// exactly what was put or `NotFound`; a half-written blob is never visible; deleting twice is no error.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores `bytes` and returns the lower-case hex SHA-256 that names them.
    async fn put(&self, bytes: Bytes) -> PortResult<String>;
    async fn get(&self, sha256: &str) -> PortResult<Bytes>;
    async fn delete(&self, sha256: &str) -> PortResult<()>;
    /// Names of all blobs, in no order.
    async fn list(&self) -> PortResult<Vec<String>>;
}
