//! The fakes keep the promises that they stand in for.

use sluice_ports::{conformance, fake};

#[tokio::test]
async fn fake_blobs() {
    conformance::blobs(async || fake::FakeBlobs::default()).await;
}

#[tokio::test]
async fn fake_catalog() {
    conformance::catalog(async || fake::FakeCatalog::default()).await;
}

#[tokio::test]
async fn fake_packages() {
    conformance::packages(async || fake::FakePackages::default()).await;
}
