//! The two streams between the server and one sandboxed process: frames, and what it prints.

use crate::{
    frame::{self, Frame},
    log::Collector,
    sys,
};
use bytes::{Bytes, BytesMut};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, socketpair,
};
use std::{
    io::{self, IoSlice, Read},
    os::fd::OwnedFd,
    time::Instant,
};
use tokio::io::{Interest, unix::AsyncFd};

/// The server's ends. Each is watched for reading only: on a stream socket every read of the other side would
/// otherwise wake us to say that there is room to write, which there nearly always is.
pub struct Connection {
    control: AsyncFd<OwnedFd>,
    log: AsyncFd<io::PipeReader>,
    buffer: BytesMut,
}

/// The process's ends.
pub struct FarEnds {
    pub control: OwnedFd,
    pub log: OwnedFd,
}

/// What a process did next.
#[derive(Debug)]
pub enum Heard {
    Frame(Frame),
    /// It closed its end, or said something malformed.
    Gone,
}

const READ_BYTES: usize = 16 * 1024;

impl Connection {
    pub fn open() -> io::Result<(Self, FarEnds)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let (read, write) = io::pipe()?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        rustix::io::ioctl_fionbio(&read, true)?;
        let control = sys::watch(ours, Interest::READABLE)?;
        let log = sys::watch(read, Interest::READABLE)?;
        let connection = Self { control, log, buffer: BytesMut::with_capacity(READ_BYTES) };
        Ok((connection, FarEnds { control: theirs, log: write.into() }))
    }

    /// Moves to the runtime of the caller, so that an answer wakes the thread that waits for it and no other.
    pub fn move_here(self) -> io::Result<Self> {
        let control = sys::watch(self.control.into_inner(), Interest::READABLE)?;
        let log = sys::watch(self.log.into_inner(), Interest::READABLE)?;
        Ok(Self { control, log, buffer: self.buffer })
    }

    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        send_all(&self.control, frame, &[]).await
    }

    /// Sends a request while reading what the process prints, so that neither side waits for the other.
    pub async fn send_and_collect(&mut self, head: &[u8], payload: &Bytes, log: &mut Collector) -> io::Result<()> {
        if head.len() + payload.len() <= READ_BYTES {
            return send_all(&self.control, head, payload).await;
        }
        let Self { control, log: pipe, .. } = self;
        let send = send_all(control, head, payload);
        tokio::pin!(send);
        loop {
            tokio::select! {
                sent = &mut send => return sent,
                read = read_log(pipe, log) => read?,
            }
        }
    }

    /// Waits for the next frame, collecting what is printed meanwhile.
    pub async fn hear(&mut self, log: &mut Collector) -> Heard {
        let mut log_open = true;
        loop {
            match frame::take(&mut self.buffer) {
                Ok(Some(frame)) => {
                    self.drain_log(log);
                    return Heard::Frame(frame);
                }
                Ok(None) => {}
                Err(malformed) => {
                    tracing::warn!(?malformed, "a sandboxed process broke the protocol");
                    return Heard::Gone;
                }
            }
            let Self { control, log: pipe, buffer } = self;
            buffer.reserve(READ_BYTES);
            tokio::select! {
                biased;
                read = read_control(control, buffer) => {
                    if !matches!(read, Ok(count) if count > 0) {
                        self.drain_log(log);
                        return Heard::Gone;
                    }
                }
                read = read_log(pipe, log), if log_open => log_open = read.is_ok(),
            }
        }
    }

    /// Whether the process has closed its end, which it does at the latest when it dies.
    pub fn is_closed(&self) -> bool {
        let mut byte = [0u8; 1];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(rustix::net::recv(self.control.get_ref(), &mut byte[..], flags), Ok((_, 0)))
    }

    /// Takes what is in the pipe now.
    pub fn drain_log(&mut self, log: &mut Collector) {
        let mut bytes = [0u8; READ_BYTES];
        while let Ok(count) = self.log.get_ref().read(&mut bytes) {
            if count == 0 {
                return;
            }
            log.push(Instant::now(), &bytes[..count]);
        }
    }
}

async fn read_control(control: &AsyncFd<OwnedFd>, buffer: &mut BytesMut) -> io::Result<usize> {
    control
        .async_io(Interest::READABLE, |fd| {
            let ((filled, _), _) = rustix::net::recv(fd, buffer.spare_capacity_mut(), RecvFlags::DONTWAIT)?;
            let count = filled.len();
            // SAFETY: the kernel has just written `count` bytes behind the buffer's end.
            unsafe { buffer.set_len(buffer.len() + count) };
            Ok(count)
        })
        .await
}

/// Writes both slices, in one call when the socket has room for them.
async fn send_all(control: &AsyncFd<OwnedFd>, head: &[u8], payload: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    let total = head.len() + payload.len();
    let mut room: Option<AsyncFd<OwnedFd>> = None;
    while sent < total {
        let slices = [IoSlice::new(&head[sent.min(head.len())..]), IoSlice::new(&payload[sent.saturating_sub(head.len())..])];
        match send_some(control.get_ref(), &slices) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if room.is_none() {
                    room = Some(sys::watch(control.get_ref().try_clone()?, Interest::WRITABLE)?);
                }
                if let Some(room) = &room {
                    room.writable().await?.clear_ready();
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn send_some(control: &OwnedFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut nothing = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(control, slices, &mut nothing, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
}

async fn read_log(pipe: &AsyncFd<io::PipeReader>, log: &mut Collector) -> io::Result<()> {
    let mut bytes = [0u8; READ_BYTES];
    let count = pipe.async_io(Interest::READABLE, |pipe| (&*pipe).read(&mut bytes)).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    log.push(Instant::now(), &bytes[..count]);
    Ok(())
}
