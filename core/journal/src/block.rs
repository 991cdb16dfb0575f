//! The file around the steps: a header, then numbered blocks, everything under checksums.

use crate::FORMAT;
use crc::{CRC_32_ISO_HDLC, Crc, Table};
use serde::{Deserialize, Serialize};
use sluice_decide::Limits;
use sluice_domain::Dialect;

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// What every journal begins with.
pub const MAGIC: [u8; 8] = *b"SLUICEJN";
/// What precedes the writer's name: magic, format, length of the name, creation.
pub(crate) const HEADER_START: usize = 20;
pub(crate) const HEAD: usize = 33;
/// No block is longer, so that a reader need not believe any length.
pub(crate) const LONGEST: usize = 16 << 20;

/// How a file begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub format: u16,
    /// Milliseconds since the Unix epoch.
    pub created: i64,
    /// Program and version that wrote it.
    pub writer: String,
}

/// A scope's beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    pub account: String,
    pub region: String,
    pub dialect: Dialect,
    pub limits: Limits,
}

/// How a file ends that nothing is missing from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub records: u64,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Block {
    Opening = 1,
    Steps = 2,
    /// Something could not be recorded: nothing follows. Holds the reason.
    Lost = 3,
    Closing = 4,
}

/// What a block begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub block: Block,
    pub scope: u64,
    /// Counted from 0 over the whole file.
    pub number: u64,
    /// How many steps are in it.
    pub records: u32,
    pub len: usize,
    checksum: u32,
}

/// Puts the file together, in pieces that are to be written one after the other.
#[derive(Debug, Default)]
pub struct Writer {
    blocks: u64,
    records: u64,
    /// Records of the last block.
    last: u64,
    piece: Vec<u8>,
}

impl Writer {
    /// The file's first bytes.
    pub fn header(created: i64, writer: &str) -> Vec<u8> {
        let name = &writer.as_bytes()[..writer.len().min(usize::from(u16::MAX))];
        let mut out = Vec::with_capacity(HEADER_START + name.len() + 4);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(&created.to_le_bytes());
        out.extend_from_slice(name);
        let checksum = CRC32.checksum(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// A scope's first block.
    pub fn opening(&mut self, scope: u64, opening: &Opening) -> &[u8] {
        self.document(Block::Opening, scope, opening)
    }

    /// Steps of a scope, as [`crate::Encoder`] made them.
    pub fn steps(&mut self, scope: u64, records: u32, steps: &[u8]) -> &[u8] {
        self.block(Block::Steps, scope, records, steps)
    }

    /// The last block where something could not be recorded.
    pub fn lost(&mut self, reason: &str) -> &[u8] {
        self.document(Block::Lost, 0, reason)
    }

    /// The last block of a whole journal.
    pub fn closing(&mut self, at: i64) -> &[u8] {
        let closing = Closing { at, records: self.records };
        self.document(Block::Closing, 0, &closing)
    }

    /// The last block could not be written: the next one takes its place.
    pub fn retract(&mut self) {
        self.blocks -= 1;
        self.records -= std::mem::take(&mut self.last);
    }

    /// Whether a block can be this long.
    pub fn fits(bytes: usize) -> bool {
        bytes <= LONGEST
    }

    /// Steps so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    fn document<T: Serialize + ?Sized>(&mut self, block: Block, scope: u64, content: &T) -> &[u8] {
        let bytes = postcard::to_allocvec(content).expect("journal blocks are plain data");
        self.block(block, scope, 0, &bytes)
    }

    fn block(&mut self, block: Block, scope: u64, records: u32, content: &[u8]) -> &[u8] {
        let out = &mut self.piece;
        out.clear();
        out.push(block as u8);
        out.extend_from_slice(&scope.to_le_bytes());
        out.extend_from_slice(&self.blocks.to_le_bytes());
        out.extend_from_slice(&records.to_le_bytes());
        out.extend_from_slice(&(content.len() as u32).to_le_bytes());
        out.extend_from_slice(&CRC32.checksum(content).to_le_bytes());
        let checksum = CRC32.checksum(out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(content);
        self.blocks += 1;
        self.last = u64::from(records);
        self.records += self.last;
        out
    }
}

impl Header {
    /// From a header's bytes without its checksum, which is `checksum`.
    pub(crate) fn parse(bytes: &[u8], checksum: [u8; 4]) -> Option<Self> {
        if CRC32.checksum(bytes) != u32::from_le_bytes(checksum) {
            return None;
        }
        let (start, name) = bytes.split_first_chunk::<HEADER_START>()?;
        let mut fields = Fields(&start[MAGIC.len()..]);
        let format = u16::from_le_bytes(fields.take()?);
        fields.take::<2>()?;
        let created = i64::from_le_bytes(fields.take()?);
        Some(Self { format, created, writer: String::from_utf8_lossy(name).into_owned() })
    }
}

impl Head {
    pub fn parse(bytes: &[u8; HEAD]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if CRC32.checksum(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut fields = Fields(body);
        let [kind] = fields.take()?;
        let block = match kind {
            1 => Block::Opening,
            2 => Block::Steps,
            3 => Block::Lost,
            4 => Block::Closing,
            _ => return None,
        };
        let scope = u64::from_le_bytes(fields.take()?);
        let number = u64::from_le_bytes(fields.take()?);
        let records = u32::from_le_bytes(fields.take()?);
        let len = u32::from_le_bytes(fields.take()?) as usize;
        let checksum = u32::from_le_bytes(fields.take()?);
        (len <= LONGEST).then_some(Self { block, scope, number, records, len, checksum })
    }

    pub fn holds(&self, content: &[u8]) -> bool {
        CRC32.checksum(content) == self.checksum
    }
}

/// Bytes of known length, from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}
