//! Disks that are full, gone or not writable.

use crate::craft::{entry, zip};
use bytes::Bytes;
use sluice_objects::{FileBlobs, FilePackages};
use sluice_ports::{Blobs, CompiledFile, PackageLimits, Packages, PortError};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const LIMITS: PackageLimits = PackageLimits { unzipped_bytes: 1 << 30, entries: 1000 };
const SMALL_DISK: &str = "SLUICE_TEST_SMALL_DISK";

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, PortError>, path: &Path, says: &str) {
    match result {
        Err(PortError::Failed(message)) => {
            assert!(message.contains(&path.display().to_string()), "{message:?} does not name {path:?}");
            assert!(message.contains(says), "{message:?} does not say {says:?}");
        }
        other => panic!("expected a failure for the operator, got {other:?}"),
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("store");
    assert_failed(FileBlobs::open(&below).map(drop), &below, "Not a directory");
    assert_failed(FilePackages::open(&below).map(drop), &below, "Not a directory");
    let unwritable = Path::new("/proc/sluice-test");
    assert_failed(FilePackages::open(unwritable).map(drop), unwritable, "cannot create");
}

#[tokio::test]
async fn a_directory_that_went_away_is_named() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("store");
    let (blobs, packages) = (FileBlobs::open(&root).unwrap(), FilePackages::open(&root).unwrap());
    std::fs::remove_dir(&root).unwrap();
    assert_failed(blobs.put(Bytes::from_static(b"x")).await, &root, "No such file");
    assert_failed(packages.unpack(zip(&[entry("f", b"x")]).into(), LIMITS).await, &root, "No such file");
}

/// Runs the test below again, alone and with a small disk of its own, in a mount namespace.
#[test]
fn a_full_disk_is_reported_and_leaves_nothing() {
    let mount = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=512k none \"$0\" && exec \"$@\"";
    let run = |program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(mount.path()).args(program);
        command.env(SMALL_DISK, mount.path()).output()
    };
    if !run(&["true"]).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user cannot mount a small disk");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output = run(&[program.to_str().unwrap(), "--exact", "disk::on_a_full_disk", "--ignored"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "needs the small disk that the test above makes"]
async fn on_a_full_disk() {
    let disk = PathBuf::from(std::env::var_os(SMALL_DISK).expect("run by the test above"));
    let packages = FilePackages::open(&disk.join("packages")).unwrap();
    let blobs = FileBlobs::open(&disk.join("blobs")).unwrap();
    let kept = packages.unpack(zip(&[entry("f", b"kept")]).into(), LIMITS).await.unwrap();
    let used = || std::process::Command::new("find").arg(&disk).output().unwrap().stdout;
    let before = used();
    let big = vec![b'x'; 1 << 20];
    let noisy = zip(&[entry("small", b"1"), entry("big", &big)]);
    assert_failed(packages.unpack(noisy.into(), LIMITS).await, &disk, "No space left");
    let compiled = CompiledFile { path: "f.pyc".to_owned(), content: big.clone().into() };
    assert_failed(packages.add(&kept, vec![compiled]).await, &disk, "No space left");
    assert_failed(blobs.put(big.into()).await, &disk, "No space left");
    assert_eq!(used(), before, "something half-made stayed");
    assert_eq!(packages.read(&kept, "f", 10).await.unwrap(), "kept");
}
