//! Unpacked code packages: directories that sandboxes mount.

use crate::{CompiledFile, PortResult};
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::CodePackage;
use std::path::PathBuf;

/// How much a package may hold.
#[derive(Clone, Copy, Debug)]
pub struct PackageLimits {
    /// Bytes of all files together when unpacked.
    pub unzipped_bytes: u64,
    /// Files and directories.
    pub entries: u64,
}

/// Promises: a package is refused (`Rejected`, with a message for the client) when it is not a zip, is
/// damaged, encrypted, over its limits (by what really comes out of it, not by what it claims), or holds a
/// name that is absolute, has a `..` part or a NUL, or a link that leads outside; nothing of a refused
/// package stays. A directory is complete or absent, also after a crash. Files keep their executable bits and
/// lose set-id bits; everything is readable by all and owned by the server's user.
#[async_trait]
pub trait Packages: Send + Sync {
    /// Checks and unpacks a zip. Unpacking the same package again is cheap.
    async fn unpack(&self, zip: Bytes, limits: PackageLimits) -> PortResult<CodePackage>;
    /// Where an unpacked package lies; it need not exist.
    fn directory(&self, package: &CodePackage) -> PathBuf;
    /// Whether it is unpacked here.
    async fn is_unpacked(&self, package: &CodePackage) -> PortResult<bool>;
    /// Relative paths of the files with this extension, at most `limit` of them.
    async fn files(&self, package: &CodePackage, extension: &str, limit: usize) -> PortResult<Vec<String>>;
    /// Adds files that were made from the package (compiled code). Never replaces a file of the package itself.
    async fn add(&self, package: &CodePackage, files: Vec<CompiledFile>) -> PortResult<()>;
    /// One file's content if it is there and at most `limit` bytes long.
    async fn read(&self, package: &CodePackage, path: &str, limit: u64) -> PortResult<Bytes>;
    /// The SHA-256 of every package that is unpacked.
    async fn list(&self) -> PortResult<Vec<String>>;
    /// Removes an unpacked package; removing twice is no error.
    async fn remove(&self, package: &CodePackage) -> PortResult<()>;
    /// A zip that holds one file: what inline code becomes.
    fn zip_single(&self, name: &str, content: &[u8]) -> PortResult<Bytes>;
}
