//! The directory that a package is unpacked to, before anybody else knows of it.

use crate::{
    disk::{fault, sync_directory},
    unpack::Target,
};
use sluice_ports::{PortError, PortResult};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Above this many files one sync of the whole file system is cheaper than one per file. Below, it is the
/// other way round, because that sync also waits for what other processes have written.
const SYNCED_ONE_BY_ONE: usize = 16;

/// Writes a package into an empty directory that nobody else knows of.
///
/// Modes are set explicitly, because the process's mask would narrow them: sandboxes run under other users,
/// so everything is readable by all, files are executable by all or by none, and set-id bits are not carried
/// over.
pub(crate) struct Directory {
    root: PathBuf,
    directories: Vec<PathBuf>,
    unsynced: Vec<File>,
    files: usize,
}

impl Directory {
    pub(crate) fn new(root: &Path) -> PortResult<Self> {
        set_mode(root, 0o755)?;
        Ok(Self { root: root.to_owned(), directories: vec![root.to_owned()], unsynced: Vec::new(), files: 0 })
    }

    /// Makes all of it durable, so that the rename that follows cannot survive a power cut that the content
    /// does not.
    pub(crate) fn sync(self) -> PortResult<()> {
        let failed = |error: io::Error| fault("sync", &self.root, error);
        if self.files > SYNCED_ONE_BY_ONE {
            let root = File::open(&self.root).map_err(failed)?;
            return rustix::fs::syncfs(root).map_err(|errno| failed(errno.into()));
        }
        for file in &self.unsynced {
            file.sync_all().map_err(failed)?;
        }
        self.directories.iter().try_for_each(|directory| sync_directory(directory))
    }
}

fn set_mode(path: &Path, mode: u32) -> PortResult<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| fault("set the mode of", path, error))
}

impl Target for Directory {
    type File = File;

    fn directory(&mut self, path: &str) -> PortResult<()> {
        let path = self.root.join(path);
        fs::create_dir(&path).map_err(|error| fault("create", &path, error))?;
        set_mode(&path, 0o755)?;
        self.directories.push(path);
        Ok(())
    }

    fn file(&mut self, path: &str, executable: bool) -> PortResult<File> {
        let path = self.root.join(path);
        let create = || -> io::Result<File> {
            let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.set_permissions(Permissions::from_mode(if executable { 0o755 } else { 0o644 }))?;
            Ok(file)
        };
        create().map_err(|error| fault("create", &path, error))
    }

    fn close(&mut self, _: &str, file: File) -> PortResult<()> {
        self.files += 1;
        if self.files <= SYNCED_ONE_BY_ONE {
            self.unsynced.push(file);
        } else {
            self.unsynced.clear();
        }
        Ok(())
    }

    fn link(&mut self, path: &str, target: &str) -> PortResult<()> {
        let path = self.root.join(path);
        symlink(target, &path).map_err(|error| fault("create", &path, error))
    }

    fn fault(&self, path: &str, error: io::Error) -> PortError {
        fault("write", &self.root.join(path), error)
    }
}
