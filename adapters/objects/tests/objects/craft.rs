//! Zips that no writer would write, byte by byte.

use crc::{CRC_32_ISO_HDLC, Crc};

/// One entry, with every field free to lie.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// Bytes as they lie in the file.
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub size: u32,
    /// Unix mode with file type; 0 for an entry made on DOS.
    pub mode: u32,
    /// Use the local header of this entry instead of writing one.
    pub shares: Option<usize>,
}

pub fn entry(name: &str, content: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        data: content.to_vec(),
        method: 0,
        flags: 0,
        crc: Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(content),
        size: content.len() as u32,
        mode: 0o100_644,
        shares: None,
    }
}

pub fn link(name: &str, target: &str) -> Entry {
    Entry { mode: 0o120_777, ..entry(name, target.as_bytes()) }
}

pub fn directory(name: &str) -> Entry {
    Entry { mode: 0o040_755, ..entry(name, b"") }
}

pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    let mut starts: Vec<u32> = Vec::new();
    for entry in entries {
        let start = entry.shares.map_or(out.len() as u32, |other| starts[other]);
        starts.push(start);
        let fields = fields(entry);
        if entry.shares.is_none() {
            out.extend(b"PK\x03\x04");
            out.extend(&fields);
            out.extend(&entry.name);
            out.extend(&entry.data);
        }
        let system: u16 = if entry.mode == 0 { 0 } else { 3 << 8 };
        central.extend(b"PK\x01\x02");
        central.extend((system | 20).to_le_bytes());
        central.extend(&fields);
        // Comment length, disk, internal attributes.
        central.extend([0; 6]);
        central.extend((entry.mode << 16).to_le_bytes());
        central.extend(start.to_le_bytes());
        central.extend(&entry.name);
    }
    let start = out.len() as u32;
    out.extend(&central);
    out.extend(end(entries.len() as u16, central.len() as u32, start));
    out
}

/// From the version to the length of the extra field: the same in both headers.
fn fields(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    for short in [20, entry.flags, entry.method, 0, 0x21] {
        out.extend(short.to_le_bytes());
    }
    for long in [entry.crc, entry.data.len() as u32, entry.size] {
        out.extend(long.to_le_bytes());
    }
    for short in [entry.name.len() as u16, 0] {
        out.extend(short.to_le_bytes());
    }
    out
}

fn end(count: u16, size: u32, start: u32) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A zip64 whose directory has this many entries, all of one empty file.
pub fn crowd(count: u64) -> Vec<u8> {
    let single = zip(&[entry("f", b"")]);
    let header = &single[31..single.len() - 22];
    let mut out = single[..31].to_vec();
    out.extend(header.repeat(count as usize));
    let end64 = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for long in [count, count, header.len() as u64 * count, 31] {
        out.extend(long.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(end64.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(end(u16::MAX, u32::MAX, u32::MAX));
    out
}

/// A deflate stream of about `count` zeros: a literal, then as many copies of the longest match as it takes.
/// Eight of them fill 13 bytes exactly, so the stream repeats itself.
pub fn deflated_zeros(count: u64) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    bits.extend([0, 0, 1, 1, 0, 0, 0, 0].map(|bit| bit == 1));
    for _ in 0..16 {
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0].map(|bit| bit == 1));
    }
    let byte = |bits: &[bool]| bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit));
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let mut out = bytes[..2].to_vec();
    out.extend(bytes[2..15].repeat((count / (258 * 8)) as usize + 1));
    out
}
