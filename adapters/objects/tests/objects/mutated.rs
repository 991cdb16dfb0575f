//! Bytes that are almost a zip, and bytes that are not: never a panic, never a fault of ours, never a file
//! outside of the package.

use crate::craft::{Entry, directory, entry, link, zip};
use proptest::{prelude::*, sample::Index};
use sluice_objects::{FilePackages, check_zip};
use sluice_ports::{PackageLimits, Packages, PortError};
use std::{
    io::{Cursor, Write},
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

const LIMITS: PackageLimits = PackageLimits { unzipped_bytes: 100_000, entries: 50 };

fn crafted() -> Vec<u8> {
    zip(&[
        directory("d/"),
        entry("d/../f", b"x"),
        entry("d/f", b"content"),
        link("d/l", "../d/f"),
        link("up", "d"),
        Entry { mode: 0, ..entry("dos", b"x") },
    ])
}

/// The same without what makes it refused, so that mutations reach the writing of files.
fn acceptable() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.start_file("d/f", options.large_file(true)).unwrap();
    zip.write_all(&b"content ".repeat(100)).unwrap();
    zip.add_symlink("l", "d/f", options).unwrap();
    zip.start_file("g", options.unix_permissions(0o755)).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Everything below a directory resolves to something below it.
fn assert_contained(root: &Path, directory: &Path) {
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if let Ok(place) = path.canonicalize() {
            assert!(place.starts_with(root), "{path:?} leads to {place:?}");
        }
        if path.symlink_metadata().unwrap().is_dir() {
            assert_contained(root, &path);
        }
    }
}

fn try_unpacking(bytes: Vec<u8>) {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().canonicalize().unwrap().join("store/packages");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let packages = FilePackages::open(&root).unwrap();
    let checked = check_zip(&bytes, LIMITS);
    match runtime.block_on(packages.unpack(bytes.into(), LIMITS)) {
        Ok(package) => {
            assert_eq!(checked.unwrap().unzipped, package.unzipped);
            let directory = packages.directory(&package);
            assert_contained(&directory, &directory);
        }
        Err(PortError::Rejected(error)) => {
            assert!(matches!(checked, Err(PortError::Rejected(_))), "only unpacking refused: {error}");
            assert_eq!(root.read_dir().unwrap().count(), 0, "something stayed: {error}");
        }
        Err(other) => panic!("input is never a fault of ours: {other}"),
    }
    for directory in [outer.path(), &outer.path().join("store")] {
        assert_eq!(directory.read_dir().unwrap().count(), 1, "something was written outside");
    }
}

#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (any::<Index>(), prop_oneof![any::<u8>(), Just(b'.'), Just(b'/'), Just(0), Just(0xff)])
            .prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => any::<Index>().prop_map(Change::Remove),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match change {
        Change::Set(at, byte) => bytes[at.index(len)] = *byte,
        Change::Remove(at) => drop(bytes.remove(at.index(len))),
        Change::Cut(at) => bytes.truncate(at.index(len)),
        Change::Repeat(from, to) => {
            let piece = bytes[from.index(len)..].to_vec();
            let at = to.index(len);
            bytes.splice(at..at, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_zips(base in prop_oneof![Just(crafted()), Just(acceptable())], changes in prop::collection::vec(change(), 0..4)) {
        let mut bytes = base;
        for change in &changes {
            apply(&mut bytes, change);
        }
        try_unpacking(bytes);
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), signed in any::<bool>()) {
        let mut bytes = bytes;
        if signed {
            bytes.extend(b"PK\x05\x06");
            bytes.extend(&bytes.clone()[..bytes.len().min(18)]);
        }
        try_unpacking(bytes);
    }
}

#[test]
fn the_base_of_the_mutations_is_acceptable() {
    assert_eq!(check_zip(&acceptable(), LIMITS).unwrap().entries, 4);
    try_unpacking(acceptable());
}
