//! What unpacked packages look like, and that they survive everything but their removal.

use crate::craft::{Entry, directory, entry, link, zip};
use bytes::Bytes;
use crc::{CRC_64_XZ, Crc};
use sluice_domain::CodePackage;
use sluice_objects::FilePackages;
use sluice_ports::{CompiledFile, PackageLimits, Packages, PortError, conformance};
use std::{
    cell::Cell,
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tempfile::TempDir;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

const LIMITS: PackageLimits = PackageLimits { unzipped_bytes: 1 << 20, entries: 1000 };

struct Store {
    directory: TempDir,
    packages: FilePackages,
}

fn store() -> Store {
    let directory = TempDir::new().unwrap();
    let packages = FilePackages::open(directory.path()).unwrap();
    Store { directory, packages }
}

impl Store {
    async fn unpack(&self, zip: Vec<u8>) -> CodePackage {
        self.packages.unpack(zip.into(), LIMITS).await.unwrap()
    }
    async fn read(&self, package: &CodePackage, path: &str) -> Result<Bytes, PortError> {
        self.packages.read(package, path, 1000).await
    }
    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = self.directory.path().read_dir().unwrap().map(name).collect();
        names.sort();
        names
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn keep_the_promises_of_the_port() {
    let directory = TempDir::new().unwrap();
    let number = Cell::new(0);
    conformance::packages(async || {
        FilePackages::open(&directory.path().join(number.replace(number.get() + 1).to_string())).unwrap()
    })
    .await;
}

#[tokio::test]
async fn are_described_by_what_they_are() {
    let store = store();
    let bytes = zip(&[entry("index.py", b"12345"), entry("lib/m.py", b"678"), directory("empty/")]);
    let package = store.unpack(bytes.clone()).await;
    assert_eq!(package.crc64, Crc::<u64>::new(&CRC_64_XZ).checksum(&bytes));
    assert_eq!((package.size, package.unzipped), (bytes.len() as u64, 8));
    assert_eq!(store.names(), [package.sha256.clone(), format!("{}.json", package.sha256)]);
    assert!(store.packages.directory(&package).join("empty").is_dir());
}

#[tokio::test]
async fn get_modes_that_every_sandbox_can_use() {
    let store = store();
    let modes = [
        ("plain", 0o100_644, 0o644),
        ("run", 0o100_755, 0o755),
        ("only-owner", 0o100_700, 0o755),
        ("hidden", 0o100_000, 0o644),
        ("set-id", 0o106_711, 0o755),
        ("writable", 0o100_666, 0o644),
        ("dos", 0, 0o644),
    ];
    let mut entries: Vec<Entry> =
        modes.iter().map(|(name, mode, _)| Entry { mode: *mode, ..entry(name, b"") }).collect();
    entries.push(Entry { mode: 0o041_700, ..directory("d/") });
    entries.push(entry("implied/f", b""));
    let package = store.unpack(zip(&entries)).await;
    let root = store.packages.directory(&package);
    for (name, _, expected) in modes {
        assert_eq!(mode(&root.join(name)), expected, "{name}");
    }
    for name in ["", "d", "implied"] {
        assert_eq!(mode(&root.join(name)), 0o755, "{name}");
    }
}

#[tokio::test]
async fn keep_links_that_stay_inside() {
    let store = store();
    let bytes = zip(&[
        link("bin/tool", "../lib/tool.js"),
        entry("lib/tool.js", b"tool"),
        link("latest", "lib"),
        link("dangling", "lib/absent"),
    ]);
    let package = store.unpack(bytes).await;
    let root = store.packages.directory(&package);
    assert_eq!(std::fs::read_to_string(root.join("bin/tool")).unwrap(), "tool");
    assert_eq!(std::fs::read_link(root.join("dangling")).unwrap(), Path::new("lib/absent"));
    assert_eq!(store.packages.files(&package, "js", 10).await.unwrap(), ["lib/tool.js"]);
    for path in ["bin/tool", "latest/tool.js", "dangling"] {
        assert!(matches!(store.read(&package, path).await, Err(PortError::NotFound(_))), "{path} was read");
    }
}

#[tokio::test]
async fn are_never_extended_through_links_or_over_files() {
    let store = store();
    let package =
        store.unpack(zip(&[entry("d/f", b"original"), link("l", "d"), link("m", "d/new"), entry("file", b"")])).await;
    let add = |path: &str| CompiledFile { path: path.to_owned(), content: Bytes::from_static(b"added") };
    let files = ["d/f", "l/new", "m", "file/x", "d", "d/fresh"].map(add).to_vec();
    store.packages.add(&package, files).await.unwrap();
    assert_eq!(store.read(&package, "d/f").await.unwrap(), "original");
    assert_eq!(store.read(&package, "d/fresh").await.unwrap(), "added");
    assert!(!store.packages.directory(&package).join("d/new").exists());
    for path in ["../x", "/x", "a/../../x", ""] {
        assert!(path.is_empty() || store.packages.add(&package, vec![add(path)]).await.is_err(), "{path}");
    }
    assert_eq!(store.names().len(), 2);
    assert_eq!(mode(&store.packages.directory(&package).join("d/fresh")), 0o644);
}

#[tokio::test]
async fn come_from_every_common_writer() {
    let store = store();
    let options = SimpleFileOptions::default();
    let write = |large: bool| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_directory("目录", options).unwrap();
        zip.start_file("目录/é.txt", options.large_file(large)).unwrap();
        zip.write_all(&[b'x'; 5000]).unwrap();
        zip.set_comment("made by hand").unwrap();
        zip.finish().unwrap().into_inner()
    };
    let mut streamed = ZipWriter::new_stream(Vec::new());
    streamed.start_file("目录/é.txt", options).unwrap();
    streamed.write_all(&[b'x'; 5000]).unwrap();
    let streamed = streamed.finish().unwrap().into_inner();
    let prefixed = [b"#!/usr/bin/env python3\n".to_vec(), write(false)].concat();
    for bytes in [write(false), write(true), streamed, prefixed] {
        let package = store.unpack(bytes).await;
        assert_eq!(package.unzipped, 5000);
        let content = store.packages.read(&package, "目录/é.txt", 9999).await.unwrap();
        assert!(content == vec![b'x'; 5000]);
    }
    assert_eq!(store.unpack(zip(&[entry("empty", b"")])).await.unzipped, 0);
}

#[tokio::test]
async fn outlive_the_store_while_what_was_unfinished_does_not() {
    let store = store();
    let package = store.unpack(zip(&[entry("f", b"x")])).await;
    let left = store.directory.path().join("tmp-1-0/deep");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("half"), "").unwrap();
    std::fs::write(store.directory.path().join(format!("{}.json", "0".repeat(64))), "{}").unwrap();
    let reopened = FilePackages::open(store.directory.path()).unwrap();
    assert!(reopened.is_unpacked(&package).await.unwrap());
    assert_eq!(store.names(), [package.sha256.clone(), format!("{}.json", package.sha256)]);
    // A lost description is made again from the zip.
    std::fs::remove_file(store.directory.path().join(format!("{}.json", package.sha256))).unwrap();
    assert_eq!(store.unpack(zip(&[entry("f", b"x")])).await, package);
    assert_eq!(store.names().len(), 2);
}

#[tokio::test]
async fn leave_nothing_when_removed() {
    let store = store();
    let deep = "d/".repeat(120) + "f";
    let package = store.unpack(zip(&[entry(&deep, b"x"), link("l", "d")])).await;
    store.packages.remove(&package).await.unwrap();
    assert!(store.names().is_empty());
    // A package that never was names no directory, least of all the store's own.
    let nameless = CodePackage::default();
    store.packages.remove(&nameless).await.unwrap();
    assert!(store.directory.path().exists() && !store.packages.is_unpacked(&nameless).await.unwrap());
    assert!(!store.packages.directory(&nameless).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn may_be_unpacked_by_many_threads_at_once() {
    let store = store();
    let bytes = Bytes::from(zip(&(0..50).map(|n| entry(&format!("d/{n}"), b"content")).collect::<Vec<_>>()));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (packages, bytes) = (store.packages.clone(), bytes.clone());
        tasks.spawn(async move { packages.unpack(bytes, LIMITS).await.unwrap() });
    }
    let unpacked = tasks.join_all().await;
    assert!(unpacked.iter().all(|package| *package == unpacked[0]));
    assert_eq!(store.names().len(), 2);
    assert_eq!(store.read(&unpacked[0], "d/49").await.unwrap(), "content");
}

#[test]
fn of_inline_code_hold_one_file() {
    // The platform's part of DEP-03: inline code becomes a package with one file.
    let store = store();
    let bytes = store.packages.zip_single("index.py", b"print('x')").unwrap();
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut file = archive.by_index(0).unwrap();
    assert_eq!(file.name().unwrap(), "index.py");
    assert_eq!(std::io::read_to_string(&mut file).unwrap(), "print('x')");
}
