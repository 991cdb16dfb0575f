//! What the server and its launcher say to each other.
//!
//! One `SOCK_SEQPACKET` pair: a packet is a JSON document, and the descriptors it speaks of travel with it, in
//! the order named in the document's type.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Largest packet. Environments are at most a few kilobytes.
pub const PACKET_BYTES: usize = 64 * 1024;
/// Most descriptors in one packet.
const MAX_FDS: usize = 16;

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub number: u64,
    pub order: Order,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Start a template process: fds: none.
    Template { name: String, program: String, arguments: Vec<String> },
    /// Make a sandbox with nothing in it but its first process: fds: network namespace, `/tmp`, doors….
    Create { id: u64, uid: u32 },
    /// Attach mounts and start a process: fds: log, control, as many doors as said, mounts….
    Run { id: u64, doors: usize, mounts: Vec<String>, process: Process },
    /// Attach mounts in a sandbox: fds: mounts….
    Mount { id: u64, mounts: Vec<String> },
    /// The sandbox is gone, or is to go.
    Forget { id: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Process {
    /// Fork it from a template. A blank warms itself up; what is wanted at once does not.
    Fork { template: String, blank: bool },
    /// Execute a program.
    Execute { program: String, arguments: Vec<String>, environment: Vec<String> },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    pub number: u64,
    /// None when all went well. For `Create` a pidfd of the sandbox's first process comes along.
    pub error: Option<String>,
}

/// Sends one packet.
pub fn send(socket: impl AsFd, document: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(document).map_err(io::Error::other)?;
    send_bytes(socket, &bytes, fds)
}

pub fn send_bytes(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors in one packet"));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one packet; none at the end.
pub fn receive<T: for<'de> Deserialize<'de>>(
    socket: impl AsFd,
    buffer: &mut [u8],
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message =
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for received in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = received {
            fds.extend(rights);
        }
    }
    if message.bytes == 0 {
        return Ok(None);
    }
    let document = serde_json::from_slice(&buffer[..message.bytes]).map_err(io::Error::other)?;
    Ok(Some((document, fds)))
}
