//! The stores on real directories: the ports' promises, hostile input, broken disks.

mod blobs;
mod craft;
mod disk;
mod hostile;
mod mutated;
mod packages;
