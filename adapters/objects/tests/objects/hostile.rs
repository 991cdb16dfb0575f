//! What must be refused, why, and that nothing of it stays.

use crate::craft::{self, Entry, directory, entry, link, zip};
use sluice_domain::{Error, ErrorKind, Field, Quota};
use sluice_objects::{FilePackages, check_zip};
use sluice_ports::{PackageLimits, Packages, PortError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMITS: PackageLimits = PackageLimits { unzipped_bytes: 3 << 20, entries: 1000 };
const MALFORMED: ErrorKind = ErrorKind::Invalid(Field::CodeZip);
const TOO_BIG: ErrorKind = ErrorKind::QuotaExceeded(Quota::CodeUnzipped);

/// Offers a package to a store, which must refuse it and be as empty as before.
async fn refusal(zip: Vec<u8>, limits: PackageLimits) -> Error {
    let outer = TempDir::new().unwrap();
    let packages = FilePackages::open(&outer.path().join("a/packages")).unwrap();
    let checked = check_zip(&zip, limits);
    let error = match packages.unpack(zip.into(), limits).await {
        Err(PortError::Rejected(error)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    };
    assert!(matches!(checked, Err(PortError::Rejected(same)) if same == error), "checking and unpacking disagree");
    let left: Vec<_> = std::fs::read_dir(outer.path().join("a/packages")).unwrap().collect();
    assert!(left.is_empty(), "{left:?} stayed of a refused package: {error}");
    let outside = |path: &str| std::fs::read_dir(outer.path().join(path)).unwrap().count();
    assert_eq!((outside(""), outside("a")), (1, 1), "something was written outside");
    error
}

async fn assert_refused(entries: &[Entry], says: &str) {
    let error = refusal(zip(entries), LIMITS).await;
    assert_eq!(error.kind, MALFORMED, "{error}");
    assert!(error.message.contains(says), "{:?} does not say {says:?}", error.message);
}

#[tokio::test]
async fn what_is_no_zip_is_named() {
    // spec: DEP-01
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: [(&[u8], &str); 6] = [
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03rest", ".tar.gz"),
        (&tar, "tar archive"),
        (b"", "nothing"),
        (b"def main_handler(event, context):\n    return event\n", "plain text"),
        (b"UEsDBBQAAAAIAA", "base64"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "cut off"),
    ];
    for (bytes, says) in cases {
        let error = refusal(bytes.to_vec(), LIMITS).await;
        assert_eq!(error.kind, MALFORMED);
        assert!(error.message.contains(says), "{:?} does not say {says:?}", error.message);
        assert!(error.message.contains("zip"), "{:?} does not say what is right", error.message);
    }
}

#[tokio::test]
async fn names_that_lead_elsewhere() {
    let cases = [
        ("../evil", "'..'"),
        ("a/../../evil", "'..'"),
        ("a\\..\\..\\evil", "'..'"),
        ("..", "'..'"),
        ("/etc/evil", "absolute"),
        ("\\evil", "absolute"),
        ("C:\\evil", "absolute"),
        ("a\0b", "NUL"),
        ("", "empty"),
        (".", "root"),
    ];
    for (name, says) in cases {
        assert_refused(&[entry("fine", b"x"), entry(name, b"x")], says).await;
    }
    // The root as a directory is nothing to refuse, and no entry; a package of nothing else is empty.
    assert_eq!(check_zip(&zip(&[directory("./"), entry("fine", b"x")]), LIMITS).unwrap().entries, 1);
    assert_refused(&[directory("./")], "empty").await;
    assert_refused(&[entry(&"n".repeat(256), b"")], "256 bytes").await;
    assert_refused(&[entry(&"d/".repeat(200), b"")], "levels deep").await;
    assert_refused(&[entry(&"d/".repeat(5000), b"")], "10000 bytes").await;
}

#[tokio::test]
async fn links_that_lead_elsewhere() {
    assert_refused(&[link("l", "/etc/passwd")], "absolute").await;
    assert_refused(&[link("l", "../x")], "outside").await;
    assert_refused(&[link("a/l", "../../x")], "outside").await;
    assert_refused(&[link("l", "")], "no target").await;
    assert_refused(&[link("l", "a\0b")], "NUL").await;
    assert_refused(&[link("l", &"x/".repeat(2100))], "too long").await;
    assert_refused(&[link("a", "b"), link("b", "a")], "circle").await;
    // Each link alone stays inside; together they do not.
    assert_refused(&[link("a/b/top", "../.."), link("out", "a/b/top/..")], "outside").await;
    // Written through the link, the file would replace something else.
    assert_refused(&[link("l", "."), entry("l/x", b"x")], "symbolic link").await;
    assert_refused(&[entry("l/x", b"x"), link("l", ".")], "same name").await;
    assert_refused(&[link("l", "d"), entry("l", b"x")], "same name").await;
}

#[tokio::test]
async fn entries_that_clash() {
    assert_refused(&[entry("a", b"1"), entry("a", b"2")], "same name").await;
    assert_refused(&[entry("a", b"1"), entry("./a", b"2")], "same name").await;
    assert_refused(&[entry("a", b"1"), entry("a/b", b"2")], "needs a directory").await;
    assert_refused(&[entry("a/b", b"1"), entry("a", b"2")], "same name").await;
    assert_refused(&[entry("a", b"1"), directory("a/")], "same name").await;
}

#[tokio::test]
async fn kinds_and_methods_that_are_not_offered() {
    for mode in [0o020_666, 0o060_660, 0o010_644, 0o140_755] {
        assert_refused(&[Entry { mode, ..entry("device", b"") }], "device").await;
    }
    assert_refused(&[Entry { mode: 0o120_777, ..directory("l/") }], "link").await;
    assert_refused(&[Entry { flags: 1, ..entry("secret", b"x") }], "encrypted").await;
    for method in [1, 9, 12, 14, 93, 99, 12345] {
        assert_refused(&[Entry { method, ..entry("packed", b"x") }], "compression").await;
    }
}

#[tokio::test]
async fn content_that_is_not_what_the_directory_says() {
    assert_refused(&[Entry { crc: 1, ..entry("f", b"content") }], "damaged").await;
    assert_refused(&[Entry { size: 3, ..entry("f", b"content") }], "damaged").await;
    assert_refused(&[Entry { size: 30, ..entry("f", b"content") }], "damaged").await;
    assert_refused(&[Entry { method: 8, ..entry("f", b"not deflate") }], "damaged").await;
    let whole = zip(&[entry("f", &[b'x'; 5000])]);
    for end in [whole.len() - 1, whole.len() - 30, 3000, 30] {
        let error = refusal(whole[..end].to_vec(), LIMITS).await;
        assert!(error.message.contains("cut off"), "{error}");
    }
    // A start outside of the file.
    let mut astray = whole.clone();
    let offset = astray.len() - 22 - 1 - 4;
    astray[offset..offset + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(refusal(astray, LIMITS).await.kind, MALFORMED);
}

#[tokio::test]
async fn more_than_the_limit_when_unpacked() {
    // spec: QUO-09
    let over = |content: u64| Entry { size: content as u32, ..entry("f", &vec![0; content as usize]) };
    let limit = LIMITS.unzipped_bytes;
    assert_eq!(check_zip(&zip(&[over(limit)]), LIMITS).unwrap().unzipped, limit);
    let two = [entry("a", &vec![1; 2 << 20]), entry("b", &vec![2; (1 << 20) + 1])];
    for zip in [zip(&[over(limit + 1)]), zip(&two)] {
        let error = refusal(zip, LIMITS).await;
        assert_eq!(error.kind, TOO_BIG);
        assert!(error.message.contains("more than 3 MB"), "{error}");
    }
    let megabytes_501 = Entry { method: 8, size: 501 << 20, ..entry("f", &craft::deflated_zeros(501 << 20)) };
    let scf = PackageLimits { unzipped_bytes: 500 << 20, entries: 1000 };
    let error = refusal(zip(&[megabytes_501]), scf).await;
    assert_eq!(error.kind, TOO_BIG);
    assert!(error.message.contains("more than 500 MB") && error.message.contains("501 MB"), "{error}");
}

#[tokio::test]
async fn ten_gigabytes_of_zeros() {
    let limits = PackageLimits { unzipped_bytes: 500 << 20, entries: 1000 };
    let zeros = craft::deflated_zeros(3_600_000_000);
    let bomb = |size: u32| {
        let part = |name: &str| Entry { method: 8, size, ..entry(name, &zeros) };
        zip(&[part("a"), part("b"), part("c")])
    };
    let (honest, lying) = (bomb(3_600_000_000), bomb(1000));
    let began = Instant::now();
    let error = refusal(honest, limits).await;
    assert_eq!(error.kind, TOO_BIG);
    assert!(error.message.contains("more than 500 MB"), "{error}");
    // One that claims to be small is stopped where its claim ends.
    assert_eq!(refusal(lying, limits).await.kind, MALFORMED);
    assert!(began.elapsed() < Duration::from_secs(3), "refusing took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_million_entries() {
    let zip = craft::crowd(1_000_000);
    let began = Instant::now();
    let error = refusal(zip, LIMITS).await;
    assert!(began.elapsed() < Duration::from_secs(3), "refusing took {:?}", began.elapsed());
    assert_eq!(error.kind, MALFORMED);
    assert!(error.message.contains("1000000 files") && error.message.contains("at most 1000"), "{error}");
}

#[tokio::test]
async fn directories_that_are_only_implied_count_too() {
    let name = |n: usize| format!("{n}/{}f", "d/".repeat(100));
    let deep: Vec<Entry> = (0..20).map(|n| entry(&name(n), b"")).collect();
    let error = refusal(zip(&deep), LIMITS).await;
    assert!(error.message.contains("at most 1000"), "{error}");
    assert_eq!(check_zip(&zip(&deep[..9]), LIMITS).unwrap().entries, 9 * 102);
}

#[tokio::test]
async fn entries_that_share_their_bytes() {
    let mut entries = vec![entry("f0", &[b'x'; 2000])];
    entries.extend((1..500).map(|n| Entry { shares: Some(0), ..entry(&format!("f{n}"), &[b'x'; 2000]) }));
    assert_refused(&entries, "compressed bytes").await;
}

#[tokio::test]
async fn names_in_messages_are_printable_and_short() {
    let error = refusal(zip(&[entry(&format!("../\n\x1b[31m{}", "é".repeat(300)), b"")]), LIMITS).await;
    assert!(!error.message.contains(char::is_control) && error.message.len() < 400, "{error}");
}
