//! `/tmp` of a sandbox: 512 MB on disk, with an end.
//!
//! A tmpfs would be charged to the function's memory and have it killed long before it is full; a plain
//! directory has no limit. So each sandbox gets a small ext4 of its own on a sparse file behind a loop device:
//! writes past the end say ENOSPC, pages of it can be written back and dropped under memory pressure. The file
//! is unlinked and the device cleared by the kernel as soon as the last mount of it goes, so a killed server
//! leaves nothing behind.

use crate::sys;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

/// What code can use is 512 MB; the filesystem's own tables take the rest.
const SIZE: u64 = (512 + 19) << 20;

/// Makes scratch filesystems from a template that is formatted once.
pub struct ScratchMaker {
    directory: PathBuf,
    template: PathBuf,
    next: AtomicU64,
}

impl ScratchMaker {
    pub fn create(directory: &Path) -> io::Result<Self> {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory)?;
        let template = directory.join("template.ext4");
        File::create(&template)?.set_len(SIZE)?;
        let output = Command::new("mkfs.ext4")
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .args(["-q", "-F", "-b", "4096", "-m", "0", "-N", "32768"])
            .args(["-O", "^has_journal,^resize_inode,sparse_super2"])
            .args(["-E", "lazy_itable_init=1,packed_meta_blocks=1,nodiscard"])
            .arg(&template)
            .output()
            .map_err(|error| io::Error::other(format!("mkfs.ext4 (package e2fsprogs) could not be run: {error}")))?;
        if !output.status.success() {
            return Err(io::Error::other(format!("mkfs.ext4 failed: {}", String::from_utf8_lossy(&output.stderr))));
        }
        Ok(Self { directory: directory.to_owned(), template, next: AtomicU64::new(0) })
    }

    /// A fresh, empty, detached mount. Takes some milliseconds; call it off the request path.
    pub fn make(&self) -> io::Result<OwnedFd> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{number}.ext4"));
        let image = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let filled = copy_sparse(&File::open(&self.template)?, &image);
        fs::remove_file(&path)?;
        filled?;
        let device = sys::attach_loop(&image)?;
        // Nothing has to be written where a hole reads as zeros. By default the kernel would fill the tables of every
        // sandbox in the background, 8 MB each.
        let options = ["nodiscard", "noinit_itable"];
        let mount = sys::mount_detached("ext4", &format!("/dev/loop{}", device.number), &options)?;
        sys::set_mount_flags(&mount, sys::NOSUID | sys::NODEV)?;
        make_root_public(&mount)?;
        Ok(mount)
    }
}

/// The sandbox's user owns nothing outside; inside, everyone may write, as in any `/tmp`.
fn make_root_public(mount: &OwnedFd) -> io::Result<()> {
    use rustix::fs::{AtFlags, Mode, OFlags};
    let root = rustix::fs::openat(mount, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fchmod(&root, Mode::from_raw_mode(0o1777))?;
    let _ = rustix::fs::unlinkat(&root, "lost+found", AtFlags::REMOVEDIR);
    Ok(())
}

/// Copies only what is not a hole.
fn copy_sparse(from: &File, to: &File) -> io::Result<()> {
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let mut at = 0i64;
    loop {
        // SAFETY: plain calls on open descriptors; no memory is passed.
        let data = unsafe { libc::lseek(from.as_raw_fd(), at, libc::SEEK_DATA) };
        if data < 0 {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(libc::ENXIO) { Ok(()) } else { Err(error) };
        }
        // SAFETY: as above.
        let hole = unsafe { libc::lseek(from.as_raw_fd(), data, libc::SEEK_HOLE) };
        let mut offset = data as u64;
        while offset < hole as u64 {
            let mut target = offset;
            let wanted = (hole as u64 - offset) as usize;
            let copied = rustix::fs::copy_file_range(from, Some(&mut offset), to, Some(&mut target), wanted)?;
            if copied == 0 {
                return Err(io::Error::other("a template image ended early"));
            }
        }
        at = hole;
    }
}
