//! Blobs and packages that live in memory.

use crate::{Blobs, CompiledFile, PackageLimits, Packages, PortError, PortResult};
use async_trait::async_trait;
use bytes::Bytes;
use sluice_domain::{CodePackage, Error, Field, Quota};
use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    path::PathBuf,
    sync::Mutex,
};

/// Blobs named by a hash that is good enough for tests.
#[derive(Default)]
pub struct FakeBlobs(Mutex<BTreeMap<String, Bytes>>);

fn name_of(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:064x}", hasher.finish())
}

#[async_trait]
impl Blobs for FakeBlobs {
    async fn put(&self, bytes: Bytes) -> PortResult<String> {
        let name = name_of(&bytes);
        self.0.lock().expect("fake blobs").insert(name.clone(), bytes);
        Ok(name)
    }
    async fn get(&self, sha256: &str) -> PortResult<Bytes> {
        let blobs = self.0.lock().expect("fake blobs");
        blobs.get(sha256).cloned().ok_or_else(|| PortError::NotFound(sha256.to_owned()))
    }
    async fn delete(&self, sha256: &str) -> PortResult<()> {
        self.0.lock().expect("fake blobs").remove(sha256);
        Ok(())
    }
    async fn list(&self) -> PortResult<Vec<String>> {
        Ok(self.0.lock().expect("fake blobs").keys().cloned().collect())
    }
}

/// Packages in memory. What [`Packages::zip_single`] made has its one file; any other bytes that begin like a
/// zip make a package without files.
#[derive(Default)]
pub struct FakePackages {
    unpacked: Mutex<BTreeMap<String, Files>>,
    is_faulty: bool,
}

impl FakePackages {
    /// A store that takes packages and cannot read what it has.
    pub fn faulty() -> Self {
        Self { is_faulty: true, ..Self::default() }
    }
}

type Files = BTreeMap<String, Bytes>;

/// How a fake zip begins; then name, NUL, content.
const SINGLE: &[u8] = b"PK\x03\x04single:";

fn files_of(zip: &Bytes) -> Files {
    let Some(rest) = zip.strip_prefix(SINGLE) else { return Files::new() };
    let end = rest.iter().position(|byte| *byte == 0).expect("a fake zip has a NUL after the name");
    let name = String::from_utf8_lossy(&rest[..end]).into_owned();
    [(name, Bytes::copy_from_slice(&rest[end + 1..]))].into()
}

fn not_found(what: &str) -> PortError {
    PortError::NotFound(what.to_owned())
}

#[async_trait]
impl Packages for FakePackages {
    async fn unpack(&self, zip: Bytes, limits: PackageLimits) -> PortResult<CodePackage> {
        if !zip.starts_with(b"PK") {
            let error = Error::invalid(Field::CodeZip, "the package is not a zip file");
            return Err(PortError::Rejected(error));
        }
        let files = files_of(&zip);
        let size = zip.len() as u64;
        let unzipped = if files.is_empty() { size } else { files.values().map(|content| content.len() as u64).sum() };
        if unzipped > limits.unzipped_bytes {
            return Err(PortError::Rejected(Error::quota(Quota::CodeUnzipped, "the package is too large")));
        }
        let package = CodePackage { sha256: name_of(&zip), crc64: 7, size, unzipped };
        self.unpacked.lock().expect("fake packages").entry(package.sha256.clone()).or_insert(files);
        Ok(package)
    }
    fn directory(&self, package: &CodePackage) -> PathBuf {
        PathBuf::from("/fake").join(&package.sha256)
    }
    async fn is_unpacked(&self, package: &CodePackage) -> PortResult<bool> {
        if self.is_faulty {
            return Err(PortError::Failed("the disk cannot be read".to_owned()));
        }
        Ok(self.unpacked.lock().expect("fake packages").contains_key(&package.sha256))
    }
    async fn files(&self, package: &CodePackage, extension: &str, limit: usize) -> PortResult<Vec<String>> {
        let packages = self.unpacked.lock().expect("fake packages");
        let files = packages.get(&package.sha256).ok_or_else(|| not_found(&package.sha256))?;
        let ending = format!(".{extension}");
        Ok(files.keys().filter(|path| path.ends_with(&ending)).take(limit).cloned().collect())
    }
    async fn add(&self, package: &CodePackage, files: Vec<CompiledFile>) -> PortResult<()> {
        let mut packages = self.unpacked.lock().expect("fake packages");
        let stored = packages.get_mut(&package.sha256).ok_or_else(|| not_found(&package.sha256))?;
        for file in files {
            stored.entry(file.path).or_insert(file.content);
        }
        Ok(())
    }
    async fn read(&self, package: &CodePackage, path: &str, limit: u64) -> PortResult<Bytes> {
        let packages = self.unpacked.lock().expect("fake packages");
        let file = packages.get(&package.sha256).and_then(|files| files.get(path));
        file.filter(|content| content.len() as u64 <= limit).cloned().ok_or_else(|| not_found(path))
    }
    async fn list(&self) -> PortResult<Vec<String>> {
        Ok(self.unpacked.lock().expect("fake packages").keys().cloned().collect())
    }
    async fn remove(&self, package: &CodePackage) -> PortResult<()> {
        self.unpacked.lock().expect("fake packages").remove(&package.sha256);
        Ok(())
    }
    fn zip_single(&self, name: &str, content: &[u8]) -> PortResult<Bytes> {
        let bad_part = |part: &str| part.is_empty() || part == "..";
        if name.contains('\0') || name.split('/').any(bad_part) {
            let error = Error::invalid(Field::CodeZip, format!("{name:?} is no file name"));
            return Err(PortError::Rejected(error));
        }
        Ok(Bytes::from([SINGLE, name.as_bytes(), b"\0", content].concat()))
    }
}
