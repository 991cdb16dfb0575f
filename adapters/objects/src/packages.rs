//! [`Packages`] as directories: `ROOT/SHA256` holds the files and `ROOT/SHA256.json` what is known of them.
//!
//! The directory appears by a rename when it is complete, after its description; so a directory without a
//! readable description is one whose description was lost, and is measured again from the zip.

mod target;
mod tree;

use crate::{
    disk::{self, Scratch, blocking, fault, sync_directory},
    unpack::{self, Contents, parts, refused},
};
use async_trait::async_trait;
use bytes::Bytes;
use crc::{CRC_64_XZ, Crc, Table};
use sha2::{Digest, Sha256};
use sluice_domain::CodePackage;
use sluice_ports::{CompiledFile, PackageLimits, Packages, PortError, PortResult};
use std::{
    fs,
    io::{Cursor, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use target::Directory;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// The checksum that FC clients compute: the polynomial of ECMA-182, reflected, with all bits set at both ends.
static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// Unpacked packages in one directory.
#[derive(Clone)]
pub struct FilePackages(Arc<Root>);

struct Root(PathBuf);

impl FilePackages {
    /// Opens the store in `directory`, which is created if need be.
    pub fn open(directory: &Path) -> PortResult<FilePackages> {
        disk::create_directory(directory, 0o755)?;
        disk::sweep(directory)?;
        sweep_descriptions(directory)?;
        Ok(FilePackages(Arc::new(Root(directory.to_owned()))))
    }
}

impl Root {
    /// None for what cannot be a name, such as that of a package that was never unpacked.
    fn place(&self, package: &CodePackage) -> Option<PathBuf> {
        disk::is_sha256(&package.sha256).then(|| self.0.join(&package.sha256))
    }

    fn existing(&self, package: &CodePackage) -> PortResult<PathBuf> {
        let place = self.place(package).filter(|place| place.is_dir());
        place.ok_or_else(|| PortError::NotFound(format!("package '{}'", package.sha256)))
    }

    fn unpack(&self, zip: &[u8], limits: PackageLimits) -> PortResult<CodePackage> {
        let sha256 = disk::hex(&Sha256::digest(zip));
        let place = self.0.join(&sha256);
        let contents = match known_contents(&place) {
            Some(contents) => {
                unpack::check_entries(contents.entries, limits.entries)?;
                unpack::check_volume(contents.unzipped, limits.unzipped_bytes)?;
                contents
            }
            None => self.unpack_to(&place, zip, limits)?,
        };
        let unzipped = contents.unzipped;
        Ok(CodePackage { sha256, crc64: CRC64.checksum(zip), size: zip.len() as u64, unzipped })
    }

    fn unpack_to(&self, place: &Path, zip: &[u8], limits: PackageLimits) -> PortResult<Contents> {
        let scratch = Scratch::directory(&self.0)?;
        let mut directory = Directory::new(scratch.path())?;
        let contents = unpack::unpack(zip, limits, &mut directory)?;
        directory.sync()?;
        let description = serde_json::to_vec(&contents).map_err(|error| fault("describe", place, error))?;
        let described = description_of(place);
        let moved = Scratch::file(&self.0, &description)?.move_to(&described);
        moved.map_err(|error| fault("create", &described, error))?;
        match scratch.move_to(place) {
            Ok(()) => {}
            // Another call was faster with the same content.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
            Err(error) => return Err(fault("create", place, error)),
        }
        sync_directory(&self.0)?;
        Ok(contents)
    }

    fn add(&self, package: &CodePackage, files: &[CompiledFile]) -> PortResult<()> {
        let place = self.existing(package)?;
        let root = tree::open_root(&place)?;
        let scratch = Scratch::directory(&self.0)?;
        let mut staged = Directory::new(scratch.path())?;
        let mut ready = Vec::with_capacity(files.len());
        for (number, file) in files.iter().enumerate() {
            let bad = |reason| PortError::Failed(format!("cannot add {:?} to a package: {reason}", file.path));
            let parts = parts(&file.path).map_err(bad)?;
            ready.push((parts, scratch.path().join(number.to_string())));
            stage(&mut staged, &number.to_string(), &file.content)?;
        }
        // Whole and durable before they get their names: a reader never meets half a file.
        staged.sync()?;
        for (parts, written) in &ready {
            tree::link_in(&root, parts, written).map_err(|errno| fault("add to", &place, errno))?;
        }
        Ok(())
    }

    fn remove(&self, package: &CodePackage) -> PortResult<()> {
        let Some(place) = self.place(package) else { return Ok(()) };
        let taken = match Scratch::take_away(&self.0, &place) {
            Ok(taken) => Some(taken),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(fault("remove", &place, error)),
        };
        disk::remove(&description_of(&place))?;
        match taken {
            Some(taken) => disk::remove(taken.path()),
            None => Ok(()),
        }
    }
}

fn stage(staged: &mut Directory, name: &str, content: &[u8]) -> PortResult<()> {
    use unpack::Target;
    let mut file = staged.file(name, false)?;
    file.write_all(content).map_err(|error| staged.fault(name, error))?;
    staged.close(name, file)
}

fn description_of(place: &Path) -> PathBuf {
    place.with_extension("json")
}

/// Removes descriptions of what is not there: a crash came between the two.
fn sweep_descriptions(root: &Path) -> PortResult<()> {
    for name in disk::entries(root)? {
        let path = root.join(name);
        if path.extension().is_some_and(|extension| extension == "json") && !path.with_extension("").is_dir() {
            disk::remove(&path)?;
        }
    }
    Ok(())
}

fn known_contents(place: &Path) -> Option<Contents> {
    let description = place.is_dir().then(|| fs::read(description_of(place)).ok())??;
    serde_json::from_slice(&description).ok()
}

#[async_trait]
impl Packages for FilePackages {
    async fn unpack(&self, zip: Bytes, limits: PackageLimits) -> PortResult<CodePackage> {
        let root = self.0.clone();
        blocking(move || root.unpack(&zip, limits)).await
    }
    fn directory(&self, package: &CodePackage) -> PathBuf {
        self.0.place(package).unwrap_or_else(|| self.0.0.join("none"))
    }
    async fn is_unpacked(&self, package: &CodePackage) -> PortResult<bool> {
        let (root, package) = (self.0.clone(), package.clone());
        blocking(move || Ok(root.existing(&package).is_ok())).await
    }
    async fn files(&self, package: &CodePackage, extension: &str, limit: usize) -> PortResult<Vec<String>> {
        let (root, package, extension) = (self.0.clone(), package.clone(), extension.to_owned());
        blocking(move || tree::list(&root.existing(&package)?, &extension, limit)).await
    }
    async fn add(&self, package: &CodePackage, files: Vec<CompiledFile>) -> PortResult<()> {
        let (root, package) = (self.0.clone(), package.clone());
        blocking(move || root.add(&package, &files)).await
    }
    async fn read(&self, package: &CodePackage, path: &str, limit: u64) -> PortResult<Bytes> {
        let (root, package, path) = (self.0.clone(), package.clone(), path.to_owned());
        blocking(move || tree::read(&root.existing(&package)?, &path, limit).map(Bytes::from)).await
    }
    async fn list(&self) -> PortResult<Vec<String>> {
        let root = self.0.clone();
        blocking(move || Ok(disk::entries(&root.0)?.into_iter().filter(|name| disk::is_sha256(name)).collect())).await
    }
    async fn remove(&self, package: &CodePackage) -> PortResult<()> {
        let (root, package) = (self.0.clone(), package.clone());
        blocking(move || root.remove(&package)).await
    }
    fn zip_single(&self, name: &str, content: &[u8]) -> PortResult<Bytes> {
        let bad = |reason: String| refused(format!("{name:?} cannot be the name of a file: {reason}"));
        let parts = parts(name).map_err(bad)?;
        if parts.is_empty() || name.ends_with('/') {
            return Err(bad("it names a directory".to_owned()));
        }
        // No time of day, so that equal code makes an equal package.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(parts.join("/"), options).map_err(|error| bad(error.to_string()))?;
        let failed = |error: &dyn std::fmt::Display| PortError::Failed(format!("cannot zip {name:?}: {error}"));
        zip.write_all(content).map_err(|error| failed(&error))?;
        Ok(Bytes::from(zip.finish().map_err(|error| failed(&error))?.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_fc_clients_compute() {
        assert_eq!(CRC64.checksum(b"123456789"), 0x995D_C9BB_DF19_39FA);
    }
}
