//! [`Blobs`] as files: `ROOT/ab/cdef…`, where `abcdef…` is the SHA-256 of the content.

use crate::disk::{self, Scratch, blocking, fault, sync_directory};
use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use sluice_ports::{Blobs, PortError, PortResult};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Blobs in one directory.
#[derive(Clone)]
pub struct FileBlobs(Arc<Root>);

struct Root(PathBuf);

impl FileBlobs {
    /// Opens the store in `directory`, which is created if need be and readable by its owner only.
    pub fn open(directory: &Path) -> PortResult<FileBlobs> {
        disk::create_directory(directory, 0o700)?;
        disk::sweep(directory)?;
        Ok(FileBlobs(Arc::new(Root(directory.to_owned()))))
    }
}

impl Root {
    fn shelf(&self, name: &str) -> PathBuf {
        self.0.join(&name[..2])
    }

    /// None for what cannot be a name.
    fn path(&self, name: &str) -> Option<PathBuf> {
        disk::is_sha256(name).then(|| self.shelf(name).join(&name[2..]))
    }

    fn put(&self, content: &[u8]) -> PortResult<String> {
        let name = disk::hex(&Sha256::digest(content));
        let shelf = self.shelf(&name);
        let path = shelf.join(&name[2..]);
        // A blob that a parallel `put` has just moved here may not be durable yet: sync in either case.
        if fs::metadata(&path).is_ok_and(|found| found.len() == content.len() as u64) {
            sync_directory(&shelf)?;
            return Ok(name);
        }
        let written = Scratch::file(&self.0, content)?;
        disk::create_directory(&shelf, 0o700)?;
        written.move_to(&path).map_err(|error| fault("create", &path, error))?;
        sync_directory(&shelf)?;
        sync_directory(&self.0)?;
        Ok(name)
    }

    fn get(&self, name: &str) -> PortResult<Bytes> {
        let not_found = || PortError::NotFound(format!("blob '{name}'"));
        let path = self.path(name).ok_or_else(not_found)?;
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(not_found()),
            Err(error) => return Err(fault("read", &path, error)),
        };
        if disk::hex(&Sha256::digest(&content)) != name {
            let why = "its content no longer matches its name; restore it from a backup";
            return Err(fault("use", &path, why));
        }
        Ok(Bytes::from(content))
    }

    fn delete(&self, name: &str) -> PortResult<()> {
        let Some(path) = self.path(name) else { return Ok(()) };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", &path, error)),
            _ => Ok(()),
        }
    }

    fn list(&self) -> PortResult<Vec<String>> {
        let mut names = Vec::new();
        for shelf in disk::entries(&self.0)?.into_iter().filter(|name| name.len() == 2) {
            let rests = disk::entries(&self.0.join(&shelf))?;
            names.extend(rests.into_iter().map(|rest| shelf.clone() + &rest).filter(|name| disk::is_sha256(name)));
        }
        Ok(names)
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, bytes: Bytes) -> PortResult<String> {
        let root = self.0.clone();
        blocking(move || root.put(&bytes)).await
    }
    async fn get(&self, sha256: &str) -> PortResult<Bytes> {
        let (root, name) = (self.0.clone(), sha256.to_owned());
        blocking(move || root.get(&name)).await
    }
    async fn delete(&self, sha256: &str) -> PortResult<()> {
        let (root, name) = (self.0.clone(), sha256.to_owned());
        blocking(move || root.delete(&name)).await
    }
    async fn list(&self) -> PortResult<Vec<String>> {
        let root = self.0.clone();
        blocking(move || root.list()).await
    }
}
