//! The central directory of a zip, read entry by entry and judged: names, kinds, methods, claimed sizes.
//!
//! `ZipIterable` and not `ZipArchive`, because it says how many entries there are before it parses them, and
//! because it keeps entries of one name apart. It is marked unstable, so the version of the crate is pinned.
//!
//! Local headers are only used to find where content begins. An entry that exists in one place and not in the
//! other is therefore what the directory says, as it is to the usual tools.

use super::{check_entries, check_volume, foreign, layout, name, refused};
use layout::{Kind, Layout, Node};
use sluice_ports::{PackageLimits, PortError, PortResult};
use std::io::Cursor;
use zip::{
    CompressionMethod,
    read::{Config, ZipFileEntry},
    result::ZipError,
    unstable::read::ZipIterable,
};

/// An entry with content.
pub(crate) struct Zipped {
    pub(crate) entry: ZipFileEntry<'static>,
    pub(crate) node: Node,
    pub(crate) executable: bool,
}

impl Zipped {
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(self.entry.name_raw()).into_owned()
    }
    /// Bytes that the directory promises.
    pub(crate) fn claims(&self) -> u64 {
        self.entry.size()
    }
}

/// A package as its directory describes it.
pub(crate) struct Index {
    pub(crate) layout: Layout,
    pub(crate) files: Vec<Zipped>,
    pub(crate) links: Vec<Zipped>,
}

// File types in the upper half of the external attributes.
const TYPE_MASK: u32 = 0o170_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_LINK: u32 = 0o120_000;

impl Index {
    pub(crate) fn read(zip: &[u8], limits: PackageLimits) -> PortResult<Index> {
        let opened = ZipIterable::try_new(Cursor::new(zip), Config::default());
        let mut archive = opened.map_err(|error| not_a_zip(zip, &error))?;
        check_entries(archive.len() as u64, limits.entries)?;
        let mut index = Index { layout: Layout::new(), files: Vec::new(), links: Vec::new() };
        let (mut packed, mut claimed) = (0_u64, 0_u64);
        for entry in archive.files().map_err(|error| damaged(&error))? {
            let entry = entry.map_err(|error| damaged(&error))?;
            packed = packed.saturating_add(entry.compressed_size());
            claimed = claimed.saturating_add(entry.size());
            index.add(entry)?;
            check_entries(index.layout.len() as u64, limits.entries)?;
        }
        // A claim over the limit is either true or a lie, and the package is unacceptable in both cases.
        check_volume(claimed, limits.unzipped_bytes)?;
        // Entries that share bytes make little input into much work.
        if packed > zip.len() as u64 {
            return Err(refused(format!(
                "the package is damaged: its entries have {packed} compressed bytes and it has only {}",
                zip.len()
            )));
        }
        Ok(index)
    }

    fn add(&mut self, entry: ZipFileEntry<'static>) -> PortResult<()> {
        let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
        let bad = |reason: String| refused(format!("entry {}: {reason}", name::quoted(&name)));
        let parts = name::parts(&name).map_err(bad)?;
        let kind = kind_of(&entry, name.ends_with('/')).map_err(bad)?;
        let node = self.layout.insert(&parts, kind).map_err(bad)?;
        if kind == Kind::Directory {
            return Ok(());
        }
        check_readable(&entry).map_err(bad)?;
        let executable = entry.unix_mode().unwrap_or_default() & 0o111 != 0;
        let zipped = Zipped { entry, node, executable };
        if kind == Kind::Link {
            self.links.push(zipped)
        } else {
            self.files.push(zipped)
        }
        Ok(())
    }
}

fn kind_of(entry: &ZipFileEntry<'_>, ends_with_slash: bool) -> Result<Kind, String> {
    match (entry.unix_mode().unwrap_or_default() & TYPE_MASK, ends_with_slash) {
        (TYPE_DIRECTORY, _) | (0 | TYPE_FILE, true) => Ok(Kind::Directory),
        (0 | TYPE_FILE, false) => Ok(Kind::File),
        (TYPE_LINK, false) => Ok(Kind::Link),
        (TYPE_LINK, true) => Err("it is a link with the name of a directory".to_owned()),
        _ => Err("it is a device, pipe or socket; only files, directories and links are allowed".to_owned()),
    }
}

fn check_readable(entry: &ZipFileEntry<'_>) -> Result<(), String> {
    if entry.encrypted() {
        return Err("it is encrypted; packages must not have a password".to_owned());
    }
    match entry.compression() {
        CompressionMethod::Stored | CompressionMethod::Deflated => Ok(()),
        other => Err(format!("its compression is {other}; only stored and deflated entries are allowed")),
    }
}

fn damaged(error: &ZipError) -> PortError {
    refused(format!("the package is damaged: {error}"))
}

/// The bytes have no readable directory: a zip that was cut off, or no zip at all.
fn not_a_zip(bytes: &[u8], error: &ZipError) -> PortError {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return refused(format!("the package is a zip file that is damaged or was cut off: {error}"));
    }
    let received = foreign::describe(bytes);
    refused(format!("the package must be a ZIP file, but {received} was received; zip the files and send that"))
}
