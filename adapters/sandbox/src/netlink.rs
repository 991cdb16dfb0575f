//! Just enough netlink to make links, addresses, routes and packet filters.
//!
//! The two protocols Sluice needs (rtnetlink, nftables) share one message format, and the messages are few, so
//! they are written out here rather than asked of command-line tools that a host may lack.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::{io, os::fd::OwnedFd};

pub const REQUEST: u16 = 1;
pub const ACK: u16 = 4;
pub const CREATE: u16 = 0x400;
pub const EXCL: u16 = 0x200;
pub const APPEND: u16 = 0x800;
/// Marks an attribute that holds attributes.
pub const NESTED: u16 = 0x8000;

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Self(bytes)
    }

    /// Fixed fields that follow the header.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = (value.len() + 4) as u16;
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub fn text(self, kind: u16, value: &str) -> Self {
        self.attribute(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub fn nest(self, kind: u16, inner: Attributes) -> Self {
        self.attribute(kind | NESTED, &inner.0[..])
    }

    fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// Attributes without a message around them.
#[derive(Clone, Debug, Default)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn attribute(self, kind: u16, value: &[u8]) -> Self {
        Self(Message(self.0).attribute(kind, value).0)
    }
    pub fn text(self, kind: u16, value: &str) -> Self {
        Self(Message(self.0).text(kind, value).0)
    }
    pub fn nest(self, kind: u16, inner: Attributes) -> Self {
        Self(Message(self.0).nest(kind, inner).0)
    }
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// A socket in the network namespace of the thread that opened it.
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

pub const ROUTE: u32 = 0;
pub const NETFILTER: u32 = 12;

impl Socket {
    pub fn open(protocol: u32) -> io::Result<Self> {
        let protocol = std::num::NonZeroU32::new(protocol).map(rustix::net::Protocol::from_raw);
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Sends one message and waits for its acknowledgement.
    pub fn call(&mut self, message: Message) -> io::Result<()> {
        self.sequence += 1;
        let sequence = self.sequence;
        rustix::net::send(&self.fd, &message.finish(sequence), SendFlags::empty())?;
        self.acknowledged(sequence)
    }

    /// Sends messages as one atomic batch; the kernel acknowledges each that asks for it, or the first at fault.
    pub fn batch(&mut self, messages: Vec<Message>) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut asked = Vec::new();
        for message in messages {
            self.sequence += 1;
            if u16::from_ne_bytes([message.0[6], message.0[7]]) & ACK != 0 {
                asked.push(self.sequence);
            }
            bytes.extend(message.finish(self.sequence));
        }
        rustix::net::send(&self.fd, &bytes, SendFlags::empty())?;
        asked.into_iter().try_for_each(|sequence| self.acknowledged(sequence))
    }

    fn acknowledged(&mut self, sequence: u32) -> io::Result<()> {
        let mut buffer = vec![0u8; 16 * 1024];
        loop {
            let (_, read) = rustix::net::recv(&self.fd, &mut buffer[..], RecvFlags::empty())?;
            let mut at = 0;
            while at + 20 <= read {
                let word = |from: usize| u32::from_ne_bytes(buffer[from..from + 4].try_into().expect("four bytes"));
                let (length, answer_to) = (word(at) as usize, word(at + 8));
                let kind = u16::from_ne_bytes([buffer[at + 4], buffer[at + 5]]);
                if kind == 2 && answer_to >= sequence {
                    return match word(at + 16) as i32 {
                        0 => Ok(()),
                        error => Err(io::Error::from_raw_os_error(-error)),
                    };
                }
                at += length.max(16).next_multiple_of(4);
            }
        }
    }
}
