use bytes::Bytes;
use sluice_objects::FileBlobs;
use sluice_ports::{Blobs, PortError, conformance};
use std::{cell::Cell, os::unix::fs::PermissionsExt};
use tempfile::TempDir;

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn keep_the_promises_of_the_port() {
    let directory = TempDir::new().unwrap();
    let number = Cell::new(0);
    conformance::blobs(async || {
        FileBlobs::open(&directory.path().join(number.replace(number.get() + 1).to_string())).unwrap()
    })
    .await;
}

#[tokio::test]
async fn are_named_by_sha_256_and_outlive_the_store() {
    let directory = TempDir::new().unwrap();
    let blobs = FileBlobs::open(directory.path()).unwrap();
    assert_eq!(blobs.put(Bytes::new()).await.unwrap(), EMPTY);
    drop(blobs);
    std::fs::write(directory.path().join("tmp-1-1"), "half of something").unwrap();
    let reopened = FileBlobs::open(directory.path()).unwrap();
    assert_eq!(reopened.get(EMPTY).await.unwrap(), "");
    assert_eq!(reopened.list().await.unwrap(), [EMPTY]);
    assert!(!directory.path().join("tmp-1-1").exists(), "what a crash left is removed");
}

#[tokio::test]
async fn are_private_to_the_owner() {
    let outer = TempDir::new().unwrap();
    let root = outer.path().join("blobs");
    let blobs = FileBlobs::open(&root).unwrap();
    blobs.put(Bytes::new()).await.unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&root.join(&EMPTY[..2]).join(&EMPTY[2..])), 0o600);
}

#[tokio::test]
async fn that_rotted_are_reported_and_healed_by_the_next_put() {
    let directory = TempDir::new().unwrap();
    let blobs = FileBlobs::open(directory.path()).unwrap();
    let name = blobs.put(Bytes::from_static(b"content")).await.unwrap();
    let path = directory.path().join(&name[..2]).join(&name[2..]);
    std::fs::write(&path, "con").unwrap();
    match blobs.get(&name).await {
        Err(PortError::Failed(message)) => assert!(message.contains(&path.display().to_string()), "{message}"),
        other => panic!("expected a failure, got {other:?}"),
    }
    blobs.put(Bytes::from_static(b"content")).await.unwrap();
    assert_eq!(blobs.get(&name).await.unwrap(), "content");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_equal_content_may_be_put_by_many_threads() {
    let directory = TempDir::new().unwrap();
    let blobs = FileBlobs::open(directory.path()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let blobs = blobs.clone();
        tasks.spawn(async move { blobs.put(Bytes::from(vec![7; 100_000])).await.unwrap() });
    }
    let names = tasks.join_all().await;
    assert!(names.iter().all(|name| *name == names[0]));
    assert_eq!(blobs.get(&names[0]).await.unwrap().len(), 100_000);
}
