//! The stores on real directories: the ports' promises, hostile input, broken disks.

#![allow(clippy::disallowed_methods, reason = "measures how long a refusal takes")]

mod blobs;
mod craft;
mod disk;
mod hostile;
mod mutated;
mod packages;
