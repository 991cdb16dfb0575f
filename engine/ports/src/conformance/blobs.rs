//! The suite of [`Blobs`].

use super::together;
use crate::{Blobs, PortError};
use bytes::Bytes;

/// The promises of [`Blobs`], each on a store of its own.
pub async fn blobs<B: Blobs>(make: impl AsyncFn() -> B) {
    gives_back_what_was_put(&make().await).await;
    stores_equal_bytes_once(&make().await).await;
    forgets_what_was_deleted(&make().await).await;
    knows_only_names_of_blobs(&make().await).await;
    takes_parallel_puts(&make().await).await;
}

async fn gives_back_what_was_put(blobs: &dyn Blobs) {
    let big: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
    for content in [Bytes::new(), Bytes::from_static(b"\0\xff text"), Bytes::from(big)] {
        let name = blobs.put(content.clone()).await.expect("put");
        let hex = name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        assert!(name.len() == 64 && hex, "{name} is not 64 lower-case hexadecimal digits");
        assert!(blobs.get(&name).await.expect("get") == content, "{name} holds other bytes than were put");
    }
    assert_eq!(blobs.list().await.expect("list").len(), 3);
}

async fn stores_equal_bytes_once(blobs: &dyn Blobs) {
    let first = blobs.put(Bytes::from_static(b"same")).await.expect("put");
    let second = blobs.put(Bytes::from_static(b"same")).await.expect("put again");
    let other = blobs.put(Bytes::from_static(b"other")).await.expect("put");
    assert_eq!(first, second);
    assert_ne!(first, other);
    let mut names = blobs.list().await.expect("list");
    names.sort();
    let mut expected = vec![first, other];
    expected.sort();
    assert_eq!(names, expected);
}

async fn forgets_what_was_deleted(blobs: &dyn Blobs) {
    let name = blobs.put(Bytes::from_static(b"short-lived")).await.expect("put");
    blobs.delete(&name).await.expect("delete");
    blobs.delete(&name).await.expect("deleting twice is no error");
    assert!(matches!(blobs.get(&name).await, Err(PortError::NotFound(_))));
    assert!(blobs.list().await.expect("list").is_empty());
    let again = blobs.put(Bytes::from_static(b"short-lived")).await.expect("put after delete");
    assert_eq!(again, name);
    assert_eq!(blobs.get(&name).await.expect("get"), "short-lived");
}

async fn knows_only_names_of_blobs(blobs: &dyn Blobs) {
    let absent = "0123456789abcdef".repeat(4);
    for name in [&absent, "", "a", "../../etc/passwd", "/etc/passwd", &"A".repeat(64), &"é".repeat(32)] {
        assert!(matches!(blobs.get(name).await, Err(PortError::NotFound(_))), "{name:?} was found");
        blobs.delete(name).await.expect("deleting what is not there is no error");
    }
}

async fn takes_parallel_puts(blobs: &dyn Blobs) {
    let content = |n: usize| Bytes::from(format!("blob {}", n / 2));
    let names = together((0..16).map(|n| blobs.put(content(n)))).await;
    for (n, name) in names.into_iter().enumerate() {
        assert_eq!(blobs.get(&name.expect("parallel put")).await.expect("get"), content(n));
    }
    assert_eq!(blobs.list().await.expect("list").len(), 8);
}
