//! The file tree that every sandbox sees, built once in the launcher's own mount namespace.
//!
//! It is a small read-only tmpfs with the host's `/usr` in it, a few files of `/etc`, the bootstraps, and empty
//! places for code, layers and `/tmp`. The launcher moves into it and lets go of the host's tree, so a sandbox
//! is a copy of a handful of mounts and there is nothing else to be found in it.

use crate::{bootstrap, sys};
use rustix::{
    fs::{CWD, FileType, Mode, makedev, mknodat},
    mount::{MountFlags, MountPropagationFlags, UnmountFlags},
};
use std::{
    fs, io,
    net::Ipv4Addr,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// What goes into the tree.
pub struct Plan {
    /// An empty directory to build in.
    pub at: PathBuf,
    pub name_server: Option<Ipv4Addr>,
    /// Interpreters by the path that vendors' documents give them.
    pub vendor_paths: Vec<(String, String)>,
    /// Directories outside `/usr` that interpreters need, shown at their own place.
    pub extra: Vec<PathBuf>,
}

/// The name of every sandbox: the same for all, so that it resolves in all.
pub const HOSTNAME: &str = "sluice";

/// Files of the host's `/etc` that programs look for and that say nothing about the host.
const ETC: &[&str] = &[
    "ld.so.cache",
    "ld.so.conf",
    "mime.types",
    "nsswitch.conf",
    "protocols",
    "services",
    "gai.conf",
    "os-release",
    "debian_version",
    "rpc",
    "host.conf",
];
/// Directories of it that interpreters read.
const ETC_DIRECTORIES: &[&str] = &[
    "ssl",
    "ca-certificates",
    "alternatives",
    "ld.so.conf.d",
    "python3",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "nodejs",
];

/// Empty directories, some of which are mounted over.
const PLACES: &[&str] = &[
    "code",
    "dev",
    "etc",
    "home/qcloud",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr",
    "var/fc/runtime",
    "var/lang/bin",
    "var/lang/conf",
    "var/log",
    "var/runtime/sluice",
    "var/tmp",
    "var/user",
];

const DEVICES: &[(&str, u32, u32)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Builds the tree and makes it this process's root. The process must have a mount namespace of its own.
pub fn move_into(plan: &Plan) -> io::Result<()> {
    let root = &plan.at;
    let none = MountFlags::empty();
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    rustix::mount::mount("sluice", root, "tmpfs", none, Some(c"mode=0755,size=16m"))?;
    for place in PLACES {
        fs::create_dir_all(root.join(place))?;
    }
    show(Path::new("/usr"), root)?;
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        show_top(name, root)?;
    }
    for directory in &plan.extra {
        show(directory, root)?;
    }
    write_etc(root, plan.name_server)?;
    make_devices(root)?;
    link_interpreters(root, &plan.vendor_paths)?;
    for (path, content) in bootstrap::FILES {
        let path = root.join("var/runtime/sluice").join(path);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    }
    let old = root.join("mnt");
    rustix::process::pivot_root(root, &old)?;
    rustix::process::chdir("/")?;
    rustix::mount::unmount("/mnt", UnmountFlags::DETACH)?;
    rustix::mount::mount_remount("/", MountFlags::RDONLY | MountFlags::NOSUID, "")?;
    Ok(())
}

/// Shows a directory of the host at the same place in the tree, read-only.
fn show(directory: &Path, root: &Path) -> io::Result<()> {
    let relative = directory.strip_prefix("/").map_err(io::Error::other)?;
    let target = root.join(relative);
    fs::create_dir_all(&target)?;
    let mount = sys::clone_mount(directory)?;
    sys::set_mount_flags(&mount, sys::RDONLY | sys::NOSUID | sys::NODEV)?;
    rustix::mount::move_mount(&mount, "", CWD, &target, rustix::mount::MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(())
}

/// `/bin` and its kin are links into `/usr` on a merged system, and directories on an old one.
fn show_top(name: &str, root: &Path) -> io::Result<()> {
    let host = Path::new("/").join(name);
    match fs::symlink_metadata(&host) {
        Ok(metadata) if metadata.is_symlink() => symlink(fs::read_link(&host)?, root.join(name)),
        Ok(metadata) if metadata.is_dir() => show(&host, root),
        _ => Ok(()),
    }
}

fn write_etc(root: &Path, name_server: Option<Ipv4Addr>) -> io::Result<()> {
    let etc = root.join("etc");
    for name in ETC {
        if let Ok(content) = fs::read(Path::new("/etc").join(name)) {
            fs::write(etc.join(name), content)?;
        }
    }
    for name in ETC_DIRECTORIES {
        let host = Path::new("/etc").join(name);
        if host.is_dir() {
            show(&host, root)?;
        }
    }
    let id = crate::entry::INSIDE_ID;
    fs::write(
        etc.join("passwd"),
        format!(
            "root:x:0:0:root:/root:/bin/sh\nqcloud:x:{id}:{id}:function:/home/qcloud:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
        ),
    )?;
    fs::write(etc.join("group"), format!("root:x:0:\nqcloud:x:{id}:\nnogroup:x:65534:\n"))?;
    // In a sandbox it is UTC unless `TZ` says otherwise (spec: FUN-10). Without a link Node.js looks through all zones for
    // one like it, which takes 20 ms.
    symlink("/usr/share/zoneinfo/Etc/UTC", etc.join("localtime"))?;
    fs::write(etc.join("hosts"), format!("127.0.0.1 localhost {HOSTNAME}\n"))?;
    fs::write(etc.join("hostname"), format!("{HOSTNAME}\n"))?;
    let servers = name_server.map(|address| format!("nameserver {address}\noptions timeout:2 attempts:2\n"));
    fs::write(etc.join("resolv.conf"), servers.unwrap_or_default())
}

fn make_devices(root: &Path) -> io::Result<()> {
    let dev = root.join("dev");
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(*major, *minor))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, dev.join(name))?;
    }
    // Semaphores and shared memory of POSIX live here; they count as scratch space.
    symlink("/tmp", dev.join("shm"))
}

fn link_interpreters(root: &Path, paths: &[(String, String)]) -> io::Result<()> {
    for (vendor, real) in paths {
        let link = root.join(vendor.trim_start_matches('/'));
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(real, link)?;
    }
    Ok(())
}
