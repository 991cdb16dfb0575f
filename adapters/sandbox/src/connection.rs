//! The two streams between the server and one sandboxed process: frames, and what it prints.

use crate::{
    frame::{self, Frame},
    log::Collector,
    sys,
};
use bytes::{Bytes, BytesMut};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::{
    io::{self, IoSlice, Read},
    os::fd::OwnedFd,
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest, unix::AsyncFd},
    net::UnixStream,
};

/// The server's ends.
pub struct Connection {
    control: UnixStream,
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
        let control = UnixStream::from_std(ours.into())?;
        let log = sys::watch(read, Interest::READABLE)?;
        let connection = Self { control, log, buffer: BytesMut::with_capacity(READ_BYTES) };
        Ok((connection, FarEnds { control: theirs, log: write.into() }))
    }

    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.control.write_all(frame).await
    }

    /// Sends a head and a payload, in one write when the socket has room for both.
    pub async fn send_request(&mut self, head: &[u8], payload: &Bytes) -> io::Result<()> {
        let slices = [IoSlice::new(head), IoSlice::new(payload)];
        let sent = match self.control.try_write_vectored(&slices) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if sent < head.len() {
            self.control.write_all(&head[sent..]).await?;
            return self.control.write_all(payload).await;
        }
        if sent < head.len() + payload.len() {
            self.control.write_all(&payload[sent - head.len()..]).await?;
        }
        Ok(())
    }

    /// Sends a large request while reading what the process prints, so that neither side waits for the other.
    pub async fn send_and_collect(&mut self, head: &[u8], payload: &Bytes, log: &mut Collector) -> io::Result<()> {
        if head.len() + payload.len() <= READ_BYTES {
            return self.send_request(head, payload).await;
        }
        let Self { control, log: pipe, .. } = self;
        let send = async {
            control.write_all(head).await?;
            control.write_all(payload).await
        };
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
                read = control.read_buf(buffer) => {
                    if !matches!(read, Ok(count) if count > 0) {
                        self.drain_log(log);
                        return Heard::Gone;
                    }
                }
                read = read_log(pipe, log), if log_open => log_open = read.is_ok(),
            }
        }
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

async fn read_log(pipe: &AsyncFd<io::PipeReader>, log: &mut Collector) -> io::Result<()> {
    let mut bytes = [0u8; READ_BYTES];
    let count = pipe.async_io(Interest::READABLE, |pipe| (&*pipe).read(&mut bytes)).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    log.push(Instant::now(), &bytes[..count]);
    Ok(())
}
