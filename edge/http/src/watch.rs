//! What a connection is doing, kept beside it so that silence can be told from work.
//!
//! The parser's own header timer cannot be used: it starts when the last answer is sent, and so would cut idle
//! connections at the time meant for slow headers.

use crate::{Limits, rhythm::Rhythm};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

/// Headers are awaited: the first byte is there, or the connection is new.
const HEAD: u8 = 0;
/// A request is with its handler, or its body is being collected under limits of its own.
const BUSY: u8 = 1;
/// The answer is done; it may still be on its way out.
const IDLE: u8 = 2;

#[derive(Debug)]
pub(crate) struct Watch {
    origin: Instant,
    phase: AtomicU8,
    since_us: AtomicU64,
    rhythm: Rhythm,
    /// The answer waits for the client to take what was sent of it.
    congested: AtomicBool,
    refused_unread: AtomicBool,
}

impl Watch {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since_us: AtomicU64::new(0),
            rhythm: Rhythm::default(),
            congested: AtomicBool::new(false),
            refused_unread: AtomicBool::new(false),
        })
    }

    pub fn begin_request(&self) {
        self.enter(BUSY);
    }

    pub fn end_request(&self) {
        self.enter(IDLE);
    }

    /// The answer was given while the client may still be sending.
    pub fn refuse_unread(&self) {
        self.refused_unread.store(true, Relaxed);
    }

    pub fn is_refused_unread(&self) -> bool {
        self.refused_unread.load(Relaxed)
    }

    /// When the connection is to be cut if nothing moves; none while a request is being worked on.
    pub fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let patience = match self.phase.load(Relaxed) {
            HEAD => limits.header_time,
            IDLE => limits.idle_time,
            _ => return None,
        };
        Some(self.origin + Duration::from_micros(self.since_us.load(Relaxed)) + patience)
    }

    /// Whether the next request is due at any moment, so that falling asleep would take longer than looking for it.
    pub fn is_expectant(&self) -> bool {
        let is_idle = self.phase.load(Relaxed) == IDLE && !self.congested.load(Relaxed);
        is_idle && self.rhythm.is_worth_a_look(self.in_phase())
    }

    fn in_phase(&self) -> Duration {
        self.origin.elapsed().saturating_sub(Duration::from_micros(self.since_us.load(Relaxed)))
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Relaxed);
        self.since_us.store(self.origin.elapsed().as_micros() as u64, Relaxed);
    }

    fn heard(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.rhythm.paused(self.in_phase());
            self.enter(HEAD);
        }
    }

    /// What came of trying to write.
    fn wrote(&self, is_done: bool) {
        self.congested.store(!is_done, Relaxed);
        if is_done && self.phase.load(Relaxed) == IDLE {
            self.enter(IDLE);
        }
    }
}

/// A stream that tells a [`Watch`] when bytes move.
pub(crate) struct Watched {
    pub stream: TcpStream,
    pub watch: Arc<Watch>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.watch.heard();
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch.wrote(result.is_ready());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch.wrote(result.is_ready());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_patience() {
        let (watch, limits) = (Watch::new(), Limits::default());
        let left = |watch: &Watch| watch.deadline(&limits).map(|deadline| (deadline - Instant::now()).as_secs());
        assert_eq!(left(&watch), Some(10), "a new connection owes headers");
        tokio::time::advance(Duration::from_secs(3)).await;
        watch.heard();
        assert_eq!(left(&watch), Some(7), "one byte more buys no time");
        watch.begin_request();
        assert_eq!(left(&watch), None);
        watch.end_request();
        assert_eq!(left(&watch), Some(75));
        tokio::time::advance(Duration::from_secs(30)).await;
        watch.wrote(true);
        assert_eq!(left(&watch), Some(75), "an answer that moves is no silence");
        tokio::time::advance(Duration::from_secs(30)).await;
        watch.heard();
        assert_eq!(left(&watch), Some(10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_is_expected_once_the_answer_is_sent() {
        let watch = Watch::new();
        for _ in 0..2 {
            watch.heard();
            watch.begin_request();
            assert!(!watch.is_expectant(), "there is a request at hand");
            watch.end_request();
        }
        assert!(watch.is_expectant());
        watch.wrote(false);
        assert!(!watch.is_expectant(), "the client has not got its answer");
        watch.wrote(true);
        assert!(watch.is_expectant());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!watch.is_expectant(), "it takes its time");
    }
}
