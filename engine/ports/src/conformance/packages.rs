//! The suite of [`Packages`].

use super::together;
use crate::{CompiledFile, PackageLimits, Packages, PortError, PortResult};
use bytes::Bytes;
use sluice_domain::{CodePackage, ErrorKind, Field, Quota};

const ROOMY: PackageLimits = PackageLimits { unzipped_bytes: 1 << 20, entries: 100 };

/// The promises of [`Packages`], each on a store of its own. What counts as a hostile zip is the business of
/// adapters that look inside: the fake knows only packages that [`Packages::zip_single`] made.
pub async fn packages<P: Packages>(make: impl AsyncFn() -> P) {
    unpacks_what_it_zipped(&make().await).await;
    unpacks_again_to_the_same(&make().await).await;
    refuses_what_is_no_zip(&make().await).await;
    refuses_what_is_over_the_limit(&make().await, &make().await).await;
    adds_without_replacing(&make().await).await;
    reads_files_and_nothing_else(&make().await).await;
    lists_by_extension(&make().await).await;
    removes(&make().await).await;
    lists_what_is_unpacked(&make().await).await;
    unpacks_in_parallel(&make().await).await;
    zips_the_same_way_each_time(&make().await).await;
}

async fn unpacked(packages: &dyn Packages, name: &str, content: &str) -> CodePackage {
    let zip = packages.zip_single(name, content.as_bytes()).expect("zip one file");
    packages.unpack(zip, ROOMY).await.expect("unpack")
}

async fn add(packages: &dyn Packages, package: &CodePackage, files: &[(&str, &'static str)]) {
    let file = |(path, content): &(&str, &'static str)| CompiledFile {
        path: (*path).to_owned(),
        content: Bytes::from_static(content.as_bytes()),
    };
    packages.add(package, files.iter().map(file).collect()).await.expect("add");
}

#[track_caller]
fn assert_rejected(result: PortResult<CodePackage>, kind: ErrorKind) {
    match result {
        Err(PortError::Rejected(error)) => assert_eq!(error.kind, kind, "{error}"),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn unpacks_what_it_zipped(packages: &dyn Packages) {
    let zip = packages.zip_single("index.py", b"print(1)").expect("zip one file");
    let package = packages.unpack(zip.clone(), ROOMY).await.expect("unpack");
    assert_eq!(package.size, zip.len() as u64);
    assert_eq!(package.unzipped, 8);
    assert_eq!(package.sha256.len(), 64);
    assert!(packages.is_unpacked(&package).await.expect("is_unpacked"));
    assert_eq!(packages.read(&package, "index.py", 8).await.expect("read"), "print(1)");
    let other = unpacked(packages, "index.py", "print(2)").await;
    assert_ne!(packages.directory(&package), packages.directory(&other));
}

async fn unpacks_again_to_the_same(packages: &dyn Packages) {
    let first = unpacked(packages, "a.py", "a").await;
    add(packages, &first, &[("b.pyc", "b")]).await;
    assert_eq!(unpacked(packages, "a.py", "a").await, first);
    assert_eq!(packages.read(&first, "b.pyc", 9).await.expect("what was added stays"), "b");
}

async fn refuses_what_is_no_zip(packages: &dyn Packages) {
    for bytes in [&b""[..], b"P", b"\x1f\x8b\x08\x00 a tar.gz", b"def main_handler(event, context): pass"] {
        let result = packages.unpack(Bytes::from_static(bytes), ROOMY).await;
        assert_rejected(result, ErrorKind::Invalid(Field::CodeZip));
    }
}

async fn refuses_what_is_over_the_limit(packages: &dyn Packages, other: &dyn Packages) {
    let zip = packages.zip_single("big", &[b'x'; 4097]).expect("zip one file");
    let tight = PackageLimits { unzipped_bytes: 4096, ..ROOMY };
    let refused = ErrorKind::QuotaExceeded(Quota::CodeUnzipped);
    assert_rejected(packages.unpack(zip.clone(), tight).await, refused);
    let exact = PackageLimits { unzipped_bytes: 4097, ..ROOMY };
    let package = other.unpack(zip.clone(), exact).await.expect("exactly at the limit");
    assert!(!packages.is_unpacked(&package).await.expect("is_unpacked"), "nothing of a refused package stays");
    // A package that is there already is measured against the limits of this call, too.
    assert_rejected(other.unpack(zip, tight).await, refused);
}

async fn adds_without_replacing(packages: &dyn Packages) {
    let package = unpacked(packages, "index.py", "original").await;
    add(packages, &package, &[("index.py", "replaced"), ("sub/__pycache__/m.pyc", "compiled")]).await;
    add(packages, &package, &[("sub/__pycache__/m.pyc", "compiled again")]).await;
    assert_eq!(packages.read(&package, "index.py", 99).await.expect("read"), "original");
    assert_eq!(packages.read(&package, "sub/__pycache__/m.pyc", 99).await.expect("read"), "compiled");
    let gone = CodePackage { sha256: "0".repeat(64), ..package };
    let result = packages.add(&gone, Vec::new()).await;
    assert!(matches!(result, Err(PortError::NotFound(_))), "{result:?}");
}

async fn reads_files_and_nothing_else(packages: &dyn Packages) {
    let package = unpacked(packages, "src/index.py", "12345").await;
    assert_eq!(packages.read(&package, "src/index.py", 5).await.expect("read"), "12345");
    assert!(packages.read(&package, "src/index.py", 4).await.is_err(), "over the limit of the call");
    for path in
        ["", "src", "src/", "index.py", "../index.py", "src/../src/index.py", "/etc/passwd", "src/index.py/x", "\0"]
    {
        let result = packages.read(&package, path, 99).await;
        assert!(matches!(result, Err(PortError::NotFound(_))), "{path:?}: {result:?}");
    }
}

async fn lists_by_extension(packages: &dyn Packages) {
    let package = unpacked(packages, "index.py", "").await;
    add(packages, &package, &[("lib/a.py", ""), ("lib/deep/b.py", ""), ("lib/c.pyc", ""), ("py", "")]).await;
    let mut files = packages.files(&package, "py", 10).await.expect("files");
    files.sort();
    assert_eq!(files, ["index.py", "lib/a.py", "lib/deep/b.py"]);
    assert_eq!(packages.files(&package, "py", 2).await.expect("files").len(), 2);
    assert!(packages.files(&package, "js", 10).await.expect("files").is_empty());
}

async fn removes(packages: &dyn Packages) {
    let package = unpacked(packages, "index.py", "x").await;
    packages.remove(&package).await.expect("remove");
    packages.remove(&package).await.expect("removing twice is no error");
    assert!(!packages.is_unpacked(&package).await.expect("is_unpacked"));
    assert!(matches!(packages.read(&package, "index.py", 9).await, Err(PortError::NotFound(_))));
    assert_eq!(unpacked(packages, "index.py", "x").await, package);
    assert_eq!(packages.read(&package, "index.py", 9).await.expect("read"), "x");
}

async fn lists_what_is_unpacked(packages: &dyn Packages) {
    assert!(packages.list().await.expect("list").is_empty());
    let first = unpacked(packages, "index.py", "1").await;
    let second = unpacked(packages, "index.py", "2").await;
    let mut expected = [first.sha256.clone(), second.sha256.clone()];
    expected.sort();
    let mut listed = packages.list().await.expect("list");
    listed.sort();
    assert_eq!(listed, expected);
    packages.remove(&first).await.expect("remove");
    assert_eq!(packages.list().await.expect("list"), [second.sha256]);
}

async fn unpacks_in_parallel(packages: &dyn Packages) {
    let zip = packages.zip_single("index.py", b"x").expect("zip one file");
    let results = together((0..6).map(|_| packages.unpack(zip.clone(), ROOMY))).await;
    let unpacked: Vec<CodePackage> = results.into_iter().map(|result| result.expect("parallel unpack")).collect();
    assert!(unpacked.iter().all(|package| *package == unpacked[0]));
    assert_eq!(packages.read(&unpacked[0], "index.py", 9).await.expect("read"), "x");
}

async fn zips_the_same_way_each_time(packages: &dyn Packages) {
    let zip = |name: &str, content: &[u8]| packages.zip_single(name, content).expect("zip one file");
    assert_eq!(zip("index.js", b"1"), zip("index.js", b"1"));
    assert_ne!(zip("index.js", b"1"), zip("index.js", b"2"));
    for name in ["", "/", "../x", "/x", "a/../b", "x\0", "dir/"] {
        let result = packages.zip_single(name, b"");
        assert!(matches!(result, Err(PortError::Rejected(_))), "{name:?}: {result:?}");
    }
}
