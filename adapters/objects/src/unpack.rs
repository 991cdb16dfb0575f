//! From the bytes of a zip to files: everything is judged before the first file is written, except what can
//! only be known by decompressing, which is watched while it is written.

mod foreign;
mod index;
mod layout;
mod name;

pub(crate) use name::parts;

use index::{Index, Zipped};
use sluice_domain::{Error, Field, Quota};
use sluice_ports::{PackageLimits, PortError, PortResult};
use std::io::{self, Cursor, Read, Write};
use zip::ZipReadOptions;

/// What is in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contents {
    /// Bytes of all files together.
    pub unzipped: u64,
    /// Files, directories and links, directories that are only implied included.
    pub entries: u64,
}

/// Where unpacked files go. Links come last, so no write ever follows one.
pub(crate) trait Target {
    type File: Write;
    /// Called for each directory once, parents first.
    fn directory(&mut self, path: &str) -> PortResult<()>;
    fn file(&mut self, path: &str, executable: bool) -> PortResult<Self::File>;
    /// The file is written.
    fn close(&mut self, path: &str, file: Self::File) -> PortResult<()>;
    fn link(&mut self, path: &str, target: &str) -> PortResult<()>;
    /// The operator's account of a failed write.
    fn fault(&self, path: &str, error: io::Error) -> PortError;
}

/// Judges a zip exactly as unpacking does, decompressing everything and writing nothing.
pub fn check_zip(zip: &[u8], limits: PackageLimits) -> PortResult<Contents> {
    unpack(zip, limits, &mut Nowhere)
}

/// Writes what a zip holds to `target`, or refuses it.
pub(crate) fn unpack<T: Target>(zip: &[u8], limits: PackageLimits, target: &mut T) -> PortResult<Contents> {
    let Index { mut layout, files, links } = Index::read(zip, limits)?;
    let mut volume = Volume { used: 0, limit: limits.unzipped_bytes };
    let mut targets = Vec::with_capacity(links.len());
    for link in links {
        let node = link.node;
        layout.set_target(node, read_link(zip, link, &mut volume)?);
        targets.push(node);
    }
    for link in &targets {
        if let Err(reason) = layout.check_link(*link) {
            return Err(refused(format!("entry {}: {reason}", name::quoted(&layout.path(*link)))));
        }
    }
    for directory in layout.directories() {
        target.directory(&layout.path(directory))?;
    }
    for file in files {
        write_file(zip, file, &layout, &mut volume, target)?;
    }
    for link in targets {
        target.link(&layout.path(link), layout.target(link))?;
    }
    if layout.len() == 0 {
        return Err(refused("the package is empty: it must hold the function's code"));
    }
    Ok(Contents { unzipped: volume.used, entries: layout.len() as u64 })
}

fn write_file<T: Target>(
    zip: &[u8],
    file: Zipped,
    layout: &layout::Layout,
    volume: &mut Volume,
    target: &mut T,
) -> PortResult<()> {
    let path = layout.path(file.node);
    let mut out = target.file(&path, file.executable)?;
    each_piece(zip, file, volume, |piece| out.write_all(piece).map_err(|error| target.fault(&path, error)))?;
    target.close(&path, out)
}

fn read_link(zip: &[u8], link: Zipped, volume: &mut Volume) -> PortResult<String> {
    /// One less than the longest path of a system call.
    const LONGEST: usize = 4095;
    let name = link.name();
    let bad = |reason: &str| refused(format!("entry {}: {reason}", name::quoted(&name)));
    if link.claims() > LONGEST as u64 {
        return Err(bad("the target of the link is too long"));
    }
    let mut bytes = Vec::new();
    each_piece(zip, link, volume, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    let target = String::from_utf8(bytes).map_err(|_| bad("the target of the link is not UTF-8"))?;
    match target.as_str() {
        "" => Err(bad("the link has no target")),
        text if text.contains('\0') => Err(bad("the target of the link holds a NUL byte")),
        text if text.starts_with('/') => Err(bad("the target of the link is absolute; links must be relative")),
        _ => Ok(target),
    }
}

/// Decompresses an entry piece by piece, within the volume that is left. The checksum is verified at the end.
fn each_piece(
    zip: &[u8],
    entry: Zipped,
    volume: &mut Volume,
    mut take: impl FnMut(&[u8]) -> PortResult<()>,
) -> PortResult<()> {
    let name = entry.name();
    let claims = entry.claims();
    let damaged =
        |reason: &dyn std::fmt::Display| refused(format!("entry {} is damaged: {reason}", name::quoted(&name)));
    let mut reader = Cursor::new(zip);
    let mut content = entry.entry.with_reader(&mut reader, ZipReadOptions::new()).map_err(|error| damaged(&error))?;
    let mut buffer = vec![0; 64 * 1024].into_boxed_slice();
    let mut came = 0;
    loop {
        let count = content.read(&mut buffer).map_err(|error| damaged(&error))?;
        if count == 0 {
            break;
        }
        came += count as u64;
        volume.add(count as u64)?;
        take(&buffer[..count])?;
    }
    if came == claims { Ok(()) } else { Err(damaged(&format!("it has {came} bytes instead of {claims}"))) }
}

/// Bytes that came out so far.
struct Volume {
    used: u64,
    limit: u64,
}

impl Volume {
    fn add(&mut self, bytes: u64) -> PortResult<()> {
        self.used += bytes;
        check_volume(self.used, self.limit)
    }
}

pub(crate) fn check_volume(bytes: u64, limit: u64) -> PortResult<()> {
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the package holds more than {} MB when unpacked, which is the limit (found at least {} MB)",
        megabytes(limit),
        megabytes(bytes)
    );
    Err(PortError::Rejected(Error::quota(Quota::CodeUnzipped, message)))
}

pub(crate) fn check_entries(entries: u64, limit: u64) -> PortResult<()> {
    if entries <= limit {
        return Ok(());
    }
    Err(refused(format!("the package holds {entries} files and directories or more; at most {limit} are allowed")))
}

/// In the unit of the quota profile, with two decimals where they say something.
fn megabytes(bytes: u64) -> String {
    let text = format!("{:.2}", bytes as f64 / (1024.0 * 1024.0));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn refused(message: impl Into<String>) -> PortError {
    PortError::Rejected(Error::invalid(Field::CodeZip, message))
}

/// A target that keeps nothing.
struct Nowhere;

impl Target for Nowhere {
    type File = io::Sink;
    fn directory(&mut self, _: &str) -> PortResult<()> {
        Ok(())
    }
    fn file(&mut self, _: &str, _: bool) -> PortResult<io::Sink> {
        Ok(io::sink())
    }
    fn close(&mut self, _: &str, _: io::Sink) -> PortResult<()> {
        Ok(())
    }
    fn link(&mut self, _: &str, _: &str) -> PortResult<()> {
        Ok(())
    }
    fn fault(&self, path: &str, error: io::Error) -> PortError {
        PortError::Failed(format!("cannot write {path}: {error}"))
    }
}
