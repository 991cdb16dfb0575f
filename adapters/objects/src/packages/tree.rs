//! Single files of an unpacked package, reached without ever following a link.
//!
//! Each directory on the way is opened from its parent's descriptor with `O_NOFOLLOW`, so neither a link in
//! the package nor one that appears in between can lead elsewhere. `openat2` would do the same in one call;
//! kernels and system call filters without it would need this code anyway.

use crate::disk::fault;
use crate::unpack::parts;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, OFlags, fchmod, linkat, mkdirat, openat},
    io::Errno,
};
use sluice_ports::{PortError, PortResult};
use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Opening a pipe must not wait; what is no regular file is turned away afterwards.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// A path leads nowhere, or only over a link or a file.
fn in_the_way(errno: Errno) -> bool {
    matches!(errno, Errno::NOTDIR | Errno::LOOP | Errno::EXIST | Errno::ISDIR)
}

pub(crate) fn open_root(root: &Path) -> PortResult<OwnedFd> {
    openat(CWD, root, DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => PortError::NotFound(format!("package {}", root.display())),
        _ => fault("open", root, errno),
    })
}

/// Content of a regular file of at most `limit` bytes.
pub(crate) fn read(root: &Path, path: &str, limit: u64) -> PortResult<Vec<u8>> {
    let not_found = |why: &str| PortError::NotFound(format!("file {path:?} of the package{why}"));
    let parts = parts(path).map_err(|_| not_found(""))?;
    let (last, above) = parts.split_last().ok_or_else(|| not_found(""))?;
    let open = || {
        let mut directory = openat(CWD, root, DIRECTORY, Mode::empty())?;
        for part in above {
            directory = openat(&directory, *part, DIRECTORY, Mode::empty())?;
        }
        openat(&directory, *last, FILE, Mode::empty())
    };
    let file = match open() {
        Ok(file) => File::from(file),
        Err(errno) if errno == Errno::NOENT || in_the_way(errno) => return Err(not_found("")),
        Err(errno) => return Err(fault("open", &root.join(path), errno)),
    };
    let failed = |error| fault("read", &root.join(path), error);
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(not_found(" (it is no file)"));
    }
    if metadata.len() > limit {
        return Err(not_found(&format!(" with at most {limit} bytes (it has {})", metadata.len())));
    }
    let mut content = Vec::with_capacity(metadata.len() as usize);
    file.take(limit).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// Gives `written` a second name inside the tree. What is there already, or stands in the way, stays.
pub(crate) fn link_in(root: &OwnedFd, parts: &[&str], written: &Path) -> Result<(), Errno> {
    let Some((last, above)) = parts.split_last() else { return Ok(()) };
    let linked = descend(root, above).and_then(|directory| match directory {
        Some(directory) => linkat(CWD, written, &directory, *last, AtFlags::empty()),
        None => linkat(CWD, written, root, *last, AtFlags::empty()),
    });
    match linked {
        Err(errno) if !in_the_way(errno) => Err(errno),
        _ => Ok(()),
    }
}

/// Opens the directory below `root`, making what is missing; none for `root` itself.
fn descend(root: &OwnedFd, parts: &[&str]) -> Result<Option<OwnedFd>, Errno> {
    let mut directory = None;
    for part in parts {
        let parent = directory.as_ref().unwrap_or(root);
        let made = mkdirat(parent, *part, Mode::from_raw_mode(0o755));
        let opened = openat(parent, *part, DIRECTORY, Mode::empty())?;
        match made {
            // The mode above was narrowed by the process's mask.
            Ok(()) => fchmod(&opened, Mode::from_raw_mode(0o755))?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        directory = Some(opened);
    }
    Ok(directory)
}

/// Relative paths of the regular files with an extension, in order, at most `limit`.
pub(crate) fn list(root: &Path, extension: &str, limit: usize) -> PortResult<Vec<String>> {
    let mut found = Vec::new();
    let mut ahead = vec![String::new()];
    while let Some(directory) = ahead.pop() {
        let path = root.join(&directory);
        let mut below = Vec::new();
        for (name, is_directory) in entries(&path).map_err(|error| fault("list", &path, error))? {
            let relative = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if is_directory {
                below.push(relative);
            } else if Path::new(&relative).extension().is_some_and(|found| found == extension) {
                found.push(relative);
            }
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
        ahead.extend(below.into_iter().rev());
    }
    Ok(found)
}

/// Files and directories by name. Links are neither.
fn entries(path: &Path) -> std::io::Result<Vec<(String, bool)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if let (true, Ok(name)) = (kind.is_dir() || kind.is_file(), entry.file_name().into_string()) {
            entries.push((name, kind.is_dir()));
        }
    }
    entries.sort();
    Ok(entries)
}
