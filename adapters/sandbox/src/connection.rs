//! The two streams between the server and one sandboxed process: frames, and what it prints.

use crate::{
    frame::{self, Frame},
    log::Collector,
    sys,
};
use bytes::BytesMut;
use rustix::{
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendFlags,
        SocketFlags, SocketType, recvmsg, socketpair, sockopt::set_socket_passcred,
    },
    process::Pid,
};
use std::{
    io::{self, IoSlice, IoSliceMut, Read},
    mem::MaybeUninit,
    os::fd::OwnedFd,
    task::{Context, Poll, Waker},
    time::Instant,
};
use tokio::io::{Interest, unix::AsyncFd};

/// The server's ends. Each is watched for reading only: on a stream socket every read of the other side would
/// otherwise wake us to say that there is room to write, which there nearly always is.
pub struct Connection {
    control: AsyncFd<OwnedFd>,
    log: AsyncFd<io::PipeReader>,
    buffer: BytesMut,
    process: Option<Pid>,
}

/// The process's ends.
pub struct FarEnds {
    pub control: OwnedFd,
    pub log: OwnedFd,
}

/// Where what a process prints goes.
pub trait Sink {
    fn push(&mut self, now: Instant, bytes: &[u8]);
}

/// The sending side alone, for those who speak while another listens.
pub struct Speaker {
    control: OwnedFd,
}

/// What a process did next.
#[derive(Debug)]
pub enum Heard {
    Frame(Frame),
    /// It closed its end, or said something malformed.
    Gone,
}

const READ_BYTES: usize = 16 * 1024;
/// So often it is read what a process prints before others have a turn.
const PRINTS_AT_ONCE: u32 = 16;

impl Connection {
    pub fn open() -> io::Result<(Self, FarEnds)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let (read, write) = io::pipe()?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        rustix::io::ioctl_fionbio(&read, true)?;
        set_socket_passcred(&ours, true)?;
        let control = sys::watch(ours, Interest::READABLE)?;
        let log = sys::watch(read, Interest::READABLE)?;
        let connection = Self { control, log, buffer: BytesMut::with_capacity(READ_BYTES), process: None };
        Ok((connection, FarEnds { control: theirs, log: write.into() }))
    }

    /// Moves to the runtime of the caller, so that an answer wakes the thread that waits for it and no other.
    pub fn move_here(self) -> io::Result<Self> {
        let control = sys::watch(self.control.into_inner(), Interest::READABLE)?;
        let log = sys::watch(self.log.into_inner(), Interest::READABLE)?;
        Ok(Self { control, log, buffer: self.buffer, process: self.process })
    }

    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        send_all(self.control.get_ref(), 0, frame, &[]).await
    }

    /// Who has sent what was read first: the bootstrap, before any code of a user.
    pub fn process(&self) -> Option<Pid> {
        self.process
    }

    pub fn speaker(&self) -> io::Result<Speaker> {
        Ok(Speaker { control: self.control.get_ref().try_clone()? })
    }

    /// As [`Speaker::send_some`].
    pub fn send_some(&self, head: &[u8], payload: &[u8]) -> io::Result<usize> {
        send_at_once(self.control.get_ref(), head, payload)
    }

    /// Sends all but the first `sent` bytes while reading what the process prints, so that neither waits for the other.
    pub async fn send_rest_and_collect(
        &mut self,
        sent: usize,
        head: &[u8],
        payload: &[u8],
        log: &mut Collector,
    ) -> io::Result<()> {
        if sent == head.len() + payload.len() {
            return Ok(());
        }
        let Self { control, log: pipe, .. } = self;
        let send = send_all(control.get_ref(), sent, head, payload);
        tokio::pin!(send);
        let mut log_open = true;
        let mut prints = 0_u32;
        loop {
            tokio::select! {
                sent = &mut send => return sent,
                read = read_log(pipe, log), if log_open => {
                    log_open = read.is_ok();
                    prints += 1;
                }
            }
            // What prints without end is always ready, and those who end it need a turn as well.
            if prints >= PRINTS_AT_ONCE {
                prints = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits for the next frame, collecting what is printed meanwhile. As long as `is_worth_a_look` says so, and nothing
    /// comes, it looks for it instead of sleeping: waking an idle processor takes longer than a short function does.
    pub async fn hear(&mut self, log: &mut impl Sink, is_worth_a_look: impl Fn() -> bool) -> Heard {
        let mut log_open = true;
        let mut prints = 0_u32;
        // Whether the frame took several reads, so that the last of them may be older than what is known of the log.
        let mut long = false;
        if self.buffer.is_empty() {
            self.look(is_worth_a_look).await;
        }
        loop {
            match frame::take(&mut self.buffer) {
                Ok(Some(frame)) => {
                    if long {
                        self.drain_log(log);
                    } else {
                        self.drain_log_if_told(log);
                    }
                    return Heard::Frame(frame);
                }
                Ok(None) => {}
                Err(malformed) => {
                    tracing::warn!(?malformed, "a sandboxed process broke the protocol");
                    return Heard::Gone;
                }
            }
            let Self { control, log: pipe, buffer, process } = self;
            buffer.reserve(READ_BYTES);
            tokio::select! {
                biased;
                read = read_control(control, buffer, process) => {
                    let Ok(count @ 1..) = read else {
                        self.drain_log(log);
                        return Heard::Gone;
                    };
                    long |= count >= READ_BYTES;
                }
                read = read_log(pipe, log), if log_open => {
                    log_open = read.is_ok();
                    prints += 1;
                }
            }
            // What prints without end is always ready, and those who end it need a turn as well.
            if prints >= PRINTS_AT_ONCE {
                prints = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns when something has come, or is no longer worth looking for.
    async fn look(&self, is_worth_a_look: impl Fn() -> bool) {
        for turn in 0_u32.. {
            if !self.is_silent() || !is_worth_a_look() {
                return;
            }
            // In turns: the runtime's other work and a look at its descriptors; other threads and processes that want
            // this processor, as the one that is to answer may.
            if turn % 2 == 0 {
                tokio::task::yield_now().await;
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Nothing has come yet, as far as the runtime has noticed. Asking costs no system call.
    fn is_silent(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.control.poll_read_ready(&mut context).is_pending()
    }

    /// Whether there is something to read when nothing was asked: the process has closed its end, which it does
    /// at the latest when it dies, or has said what no bootstrap says unasked. Either way it is not to be used.
    pub fn is_spoilt(&self) -> bool {
        if !self.buffer.is_empty() {
            return true;
        }
        if self.is_silent() {
            return false;
        }
        let mut byte = [0u8; 1];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(self.control.get_ref(), &mut byte[..], flags).is_ok()
    }

    /// Returns when there is something to read though nothing was asked: see [`Self::is_spoilt`].
    pub async fn spoilt(&mut self) {
        if !self.buffer.is_empty() {
            return;
        }
        loop {
            let Ok(mut guard) = self.control.readable().await else { return };
            let mut byte = [0u8; 1];
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            match rustix::net::recv(self.control.get_ref(), &mut byte[..], flags) {
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                _ => return,
            }
        }
    }

    /// As [`Self::drain_log`], but only when the runtime has noticed that there is something. What a process
    /// printed before it answered is noticed no later than the answer.
    fn drain_log_if_told(&mut self, log: &mut impl Sink) {
        let mut context = Context::from_waker(Waker::noop());
        if self.log.poll_read_ready(&mut context).is_pending() {
            return;
        }
        self.drain_log(log);
    }

    /// Takes what is in the pipe now, and not what a process adds meanwhile.
    pub fn drain_log(&mut self, log: &mut impl Sink) {
        let mut context = Context::from_waker(Waker::noop());
        let mut left = rustix::io::ioctl_fionread(self.log.get_ref()).unwrap_or(0);
        loop {
            match read_some(self.log.get_ref(), log) {
                Ok(0) => return,
                Ok(count) => {
                    left = left.saturating_sub(count as u64);
                    if left == 0 {
                        return;
                    }
                }
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock
                        && let Poll::Ready(Ok(mut guard)) = self.log.poll_read_ready(&mut context)
                    {
                        guard.clear_ready();
                    }
                    return;
                }
            }
        }
    }
}

impl Speaker {
    /// Sends what the socket takes at once, and tells how much that was.
    pub fn send_some(&self, head: &[u8], payload: &[u8]) -> io::Result<usize> {
        send_at_once(&self.control, head, payload)
    }

    /// Sends all but the first `sent` bytes.
    pub async fn send_rest(&self, sent: usize, head: &[u8], payload: &[u8]) -> io::Result<()> {
        send_all(&self.control, sent, head, payload).await
    }
}

async fn read_control(
    control: &AsyncFd<OwnedFd>,
    buffer: &mut BytesMut,
    process: &mut Option<Pid>,
) -> io::Result<usize> {
    loop {
        let mut guard = control.readable().await?;
        if process.is_none() {
            *process = sender(control.get_ref());
        }
        let room = buffer.spare_capacity_mut().len();
        match rustix::net::recv(control.get_ref(), buffer.spare_capacity_mut(), RecvFlags::DONTWAIT) {
            Ok(((filled, _), _)) => {
                let count = filled.len();
                // SAFETY: the kernel has just written `count` bytes behind the buffer's end.
                unsafe { buffer.set_len(buffer.len() + count) };
                // Less than there was room for: that was all, and more will be told of anew.
                if count > 0 && count < room {
                    guard.clear_ready();
                }
                return Ok(count);
            }
            Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The process that has sent what is to be read next, if there is anything. The kernel is asked once.
fn sender(control: &OwnedFd) -> Option<Pid> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut sent = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(control, &mut [IoSliceMut::new(&mut byte)], &mut sent, RecvFlags::PEEK | RecvFlags::DONTWAIT).ok()?;
    let process = sent.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(sender) => Some(sender.pid),
        _ => None,
    })?;
    let _ = set_socket_passcred(control, false);
    Some(process)
}

/// Writes both slices but for the first `sent` bytes, in one call when the socket has room for them.
async fn send_all(control: &OwnedFd, mut sent: usize, head: &[u8], payload: &[u8]) -> io::Result<()> {
    let total = head.len() + payload.len();
    let mut room: Option<AsyncFd<OwnedFd>> = None;
    while sent < total {
        let slices =
            [IoSlice::new(&head[sent.min(head.len())..]), IoSlice::new(&payload[sent.saturating_sub(head.len())..])];
        match send_some(control, &slices) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if room.is_none() {
                    room = Some(sys::watch(control.try_clone()?, Interest::WRITABLE)?);
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

fn send_at_once(control: &OwnedFd, head: &[u8], payload: &[u8]) -> io::Result<usize> {
    match send_some(control, &[IoSlice::new(head), IoSlice::new(payload)]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

fn send_some(control: &OwnedFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut nothing = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(control, slices, &mut nothing, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
}

async fn read_log(pipe: &AsyncFd<io::PipeReader>, log: &mut impl Sink) -> io::Result<()> {
    loop {
        let mut guard = pipe.readable().await?;
        match guard.try_io(|pipe| read_some(pipe.get_ref(), log)) {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => return read.map(drop),
            Err(_not_ready) => {}
        }
    }
}

/// What is in the pipe, as much of it as is read at a time. The buffer is in a function of its own: a future that held
/// it would be moved about with it for each call, and nearly no call reads anything here.
fn read_some(mut pipe: &io::PipeReader, log: &mut impl Sink) -> io::Result<usize> {
    let mut bytes = [0u8; READ_BYTES];
    let count = pipe.read(&mut bytes)?;
    if count > 0 {
        log.push(Instant::now(), &bytes[..count]);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    impl Sink for Vec<u8> {
        fn push(&mut self, _now: Instant, bytes: &[u8]) {
            self.extend_from_slice(bytes);
        }
    }

    fn answer(far: &FarEnds) {
        let frame = frame::plain(b'r', b"{}");
        assert_eq!(rustix::io::write(&far.control, &frame).unwrap(), frame.len());
    }

    #[tokio::test]
    async fn what_was_printed_before_an_answer_that_was_looked_for_comes_with_it() {
        let (mut connection, far) = Connection::open().unwrap();
        let mut printed = std::fs::File::from(far.log.try_clone().unwrap());
        for word in ["first", "second"] {
            printed.write_all(word.as_bytes()).unwrap();
            answer(&far);
            let mut log = Vec::new();
            assert!(matches!(connection.hear(&mut log, || true).await, Heard::Frame(_)));
            assert_eq!(log, word.as_bytes());
        }
    }

    #[tokio::test]
    async fn an_answer_in_two_pieces_is_waited_for() {
        let (mut connection, far) = Connection::open().unwrap();
        let frame = frame::plain(b'r', b"{}");
        rustix::io::write(&far.control, &frame[..2]).unwrap();
        let mut log = Vec::new();
        let rest = async {
            tokio::task::yield_now().await;
            rustix::io::write(&far.control, &frame[2..]).unwrap();
        };
        let (heard, ()) = tokio::join!(biased; connection.hear(&mut log, || true), rest);
        assert!(matches!(heard, Heard::Frame(_)));
    }

    #[tokio::test]
    async fn who_looks_in_vain_sleeps_and_is_woken() {
        let (mut connection, far) = Connection::open().unwrap();
        let looks = std::cell::Cell::new(0);
        let three = || looks.replace(looks.get() + 1) < 3;
        let mut log = Vec::new();
        let late = async {
            while looks.get() < 4 {
                tokio::task::yield_now().await;
            }
            answer(&far);
        };
        let (heard, ()) = tokio::join!(biased; connection.hear(&mut log, three), late);
        assert!(matches!(heard, Heard::Frame(_)));
        assert_eq!(looks.get(), 4);
    }

    #[tokio::test]
    async fn an_end_that_was_looked_for_is_the_end() {
        let (mut connection, far) = Connection::open().unwrap();
        let mut printed = std::fs::File::from(far.log.try_clone().unwrap());
        printed.write_all(b"last words").unwrap();
        drop(far);
        let mut log = Vec::new();
        assert!(matches!(connection.hear(&mut log, || true).await, Heard::Gone));
        assert_eq!(log, b"last words");
    }
}
