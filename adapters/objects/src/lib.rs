//! Blobs and unpacked code packages as plain files on the local file system.
//!
//! Everything is named by the SHA-256 of its content and appears by a rename, so a reader sees the whole of a
//! thing or nothing, also after a crash. What a crash leaves half-made carries a `tmp-` name and is removed
//! when the store is opened; one process at a time may use a directory.
//!
//! Packages come from strangers. [`check_zip`] and `unpack` share one reader: the `zip` crate parses the
//! format, and our own rules decide which names, kinds, links and sizes are acceptable before the first byte
//! is written. The crate's own extraction is not used, because it decides those things differently.

mod blobs;
mod disk;
mod packages;
mod unpack;

pub use blobs::FileBlobs;
pub use packages::FilePackages;
pub use unpack::{Contents, check_zip};
