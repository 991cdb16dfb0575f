//! The life of one connection.

use crate::{
    Drain, Front, Limits,
    counters::Open,
    watch::{Watch, Watched},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, Sleep},
};

/// How long a client that was refused early may go on sending before the connection is cut. Closing at once
/// would reset the connection, and the client would lose the answer.
const LINGER: Duration = Duration::from_secs(2);

/// Serves requests until either side is done, the client stays silent too long, or the drain lets it end.
pub(crate) async fn drive(stream: TcpStream, front: Arc<Front>, mut drain: Drain) {
    let watch = Watch::new();
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let session = Session { front: front.clone(), watch: watch.clone() };
    let mut connection = builder(&front.limits).serve_connection(io, session);
    {
        let mut silence = pin!(tokio::time::sleep(front.limits.header_time));
        let mut draining = pin!(drain.started());
        let mut drained = false;
        let mut has_looked = false;
        poll_fn(|cx| {
            if !drained && draining.as_mut().poll(cx).is_ready() {
                drained = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if let Poll::Ready(end) = connection.poll_without_shutdown(cx) {
                // After headers that cannot be accepted, the parser has answered and the client may still send.
                if end.is_err() {
                    watch.refuse_unread();
                }
                return Poll::Ready(());
            }
            // Only while no other request wants this processor's time.
            if watch.is_expectant() && front.counters.requests_open.load(Relaxed) == 0 {
                let yields = std::mem::replace(&mut has_looked, true);
                return look_again(cx, yields);
            }
            has_looked = false;
            let timed_out = poll_silence(silence.as_mut(), &watch, &front.limits, cx);
            if timed_out.is_ready() {
                front.counters.connections_timed_out.fetch_add(1, Relaxed);
            }
            timed_out
        })
        .await;
    }
    close(connection.into_parts().io.into_inner().stream, watch.is_refused_unread()).await;
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Timing is the watch's business; the number of headers stays at the parser's 100, which costs no allocation.
    builder
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(8192))
        .half_close(false);
    builder
}

/// Ready when the connection was silent for too long. The timer is moved only when it would fire too late or has
/// fired too early: a busy connection touches it once in a minute, not once per request.
fn poll_silence(mut timer: Pin<&mut Sleep>, watch: &Watch, limits: &Limits, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        let deadline = watch.deadline(limits);
        if deadline.is_some_and(|deadline| deadline < timer.deadline()) {
            timer.as_mut().reset(deadline.unwrap_or_else(Instant::now));
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let now = Instant::now();
        match deadline {
            Some(deadline) if deadline <= now => return Poll::Ready(()),
            Some(deadline) => timer.as_mut().reset(deadline),
            None => timer.as_mut().reset(now + limits.idle_time),
        }
    }
}

/// Has the caller polled anew as soon as the runtime has done its other work and looked for what has come. With
/// `yields`, other threads that want this processor, as the client's may, have it before; the first look goes without,
/// as nobody has looked yet for requests of other connections.
fn look_again(cx: &mut Context<'_>, yields: bool) -> Poll<()> {
    if yields {
        std::thread::yield_now();
    }
    let _ = pin!(tokio::task::yield_now()).poll(cx);
    Poll::Pending
}

async fn close(mut stream: TcpStream, unread: bool) {
    if stream.shutdown().await.is_ok() && unread {
        let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
    }
}

/// Hands requests of one connection to the front.
struct Session {
    front: Arc<Front>,
    watch: Arc<Watch>,
}

impl Service<Request<Incoming>> for Session {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.watch.begin_request();
        let (front, watch) = (self.front.clone(), self.watch.clone());
        let open = Open::count(front.counters.clone(), |counters| &counters.requests_open);
        Box::pin(async move {
            let response = front.answer(request, &watch).await;
            drop(open);
            watch.end_request();
            Ok(response.map(Full::new))
        })
    }
}
