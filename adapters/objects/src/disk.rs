//! Making files and directories appear whole: scratch names, syncing, and errors that name the path.

use sluice_ports::{PortError, PortResult};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// What everything unfinished is named.
const SCRATCH: &str = "tmp-";

pub(crate) fn fault(tried: &str, path: &Path, error: impl std::fmt::Display) -> PortError {
    PortError::Failed(format!("cannot {tried} {}: {error}", path.display()))
}

/// Runs file operations where they may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(PortError::Failed(format!("a file operation did not end: {error}"))),
    }
}

/// Creates a directory, with its parents, unless it is there.
pub(crate) fn create_directory(path: &Path, mode: u32) -> PortResult<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|error| fault("create", path, error))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> PortResult<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| fault("sync", path, error))
}

/// Removes what an earlier process left unfinished.
pub(crate) fn sweep(root: &Path) -> PortResult<()> {
    entries(root)?.iter().filter(|name| name.starts_with(SCRATCH)).try_for_each(|name| remove(&root.join(name)))
}

/// The names in a directory.
pub(crate) fn entries(directory: &Path) -> PortResult<Vec<String>> {
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let names = fs::read_dir(directory).and_then(|entries| entries.map(name).collect());
    names.map_err(|error| fault("list", directory, error))
}

/// Removes a file or a tree; what is not there is no error.
pub(crate) fn remove(path: &Path) -> PortResult<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", path, error)),
        _ => Ok(()),
    }
}

/// Whether `name` can name content. Nothing else becomes part of a path.
pub(crate) fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path under which something is made, removed when dropped unless it was moved to its place.
pub(crate) struct Scratch {
    path: PathBuf,
    moved: bool,
}

impl Scratch {
    /// A name in `root` that nothing else in this process has; [`sweep`] removed those of earlier ones.
    fn name(root: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { path: root.join(format!("{SCRATCH}{}-{number}", std::process::id())), moved: false }
    }

    /// An empty directory.
    pub(crate) fn directory(root: &Path) -> PortResult<Self> {
        let scratch = Self::name(root);
        fs::create_dir(&scratch.path).map_err(|error| fault("create", &scratch.path, error))?;
        Ok(scratch)
    }

    /// A file with this content, durable, readable by the owner only.
    pub(crate) fn file(root: &Path, content: &[u8]) -> PortResult<Self> {
        let scratch = Self::name(root);
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch.path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(|error| fault("write", &scratch.path, error))?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place. The caller syncs the directory that it is now in.
    pub(crate) fn move_to(mut self, place: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)?;
        self.moved = true;
        Ok(())
    }

    /// Takes over what is at `place`, which is gone from there afterwards.
    pub(crate) fn take_away(root: &Path, place: &Path) -> io::Result<Self> {
        let scratch = Self::name(root);
        fs::rename(place, &scratch.path)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the sweep of the next start.
        if !self.moved
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(%error, "an unfinished file stays until the next start");
        }
    }
}
