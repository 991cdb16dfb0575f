use super::*;
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::Sleep;

/// A body that sends `piece` every `pause` until `left` pieces are gone.
struct Drip {
    piece: Bytes,
    left: usize,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    declared: Option<u64>,
}

impl Drip {
    fn new(piece: usize, left: usize, pause: Duration) -> Self {
        let sleep = Box::pin(tokio::time::sleep(pause));
        Self { piece: Bytes::from(vec![b'x'; piece]), left, pause, sleep, declared: None }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let next = Instant::now() + self.pause;
        self.sleep.as_mut().reset(next);
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn size_hint(&self) -> SizeHint {
        self.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

async fn run<B: Body<Data = Bytes> + Unpin>(body: B, cap: usize, budget: usize) -> Result<Bytes, Refusal> {
    let collected = collect(body, cap, &Budget::new(budget), &Limits::default()).await?;
    Ok(collected.bytes)
}

#[tokio::test(start_paused = true)]
async fn pieces_come_out_as_they_went_in() {
    assert_eq!(run(Full::new(Bytes::from_static(b"whole")), 5, 100).await.unwrap(), "whole");
    let piecewise = Drip::new(3, 4, Duration::from_millis(1));
    assert_eq!(run(piecewise, 12, 1 << 20).await.unwrap(), "x".repeat(12));
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_over_the_cap_is_refused_unread() {
    let mut body = Drip::new(1, 1, Duration::from_secs(3600));
    body.declared = Some(11);
    let begun = Instant::now();
    assert_eq!(run(body, 10, 100).await.unwrap_err(), Refusal::TooLarge { limit: 10 });
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_undeclared_body_is_cut_at_the_cap() {
    let body = Drip::new(4, 1000, Duration::ZERO);
    assert_eq!(run(body, 10, 1 << 20).await.unwrap_err(), Refusal::TooLarge { limit: 10 });
}

#[tokio::test(start_paused = true)]
async fn what_the_budget_cannot_hold_is_refused() {
    let body = Drip::new(40, 3, Duration::ZERO);
    assert_eq!(run(body, 1000, 100).await.unwrap_err(), Refusal::Busy);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_20_s_and_a_crawl_of_60_s_are_cut() {
    let begun = Instant::now();
    assert_eq!(run(Drip::new(1, 2, Duration::from_secs(3600)), 10, 1 << 20).await.unwrap_err(), Refusal::TooSlow);
    assert_eq!(begun.elapsed().as_secs(), 20);
    let begun = Instant::now();
    assert_eq!(run(Drip::new(1, 1000, Duration::from_secs(1)), 1000, 1 << 20).await.unwrap_err(), Refusal::TooSlow);
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_large_body_that_moves_gets_its_time() {
    let body = Drip::new(128 * 1024, 90, Duration::from_secs(1));
    assert_eq!(run(body, 64 << 20, 64 << 20).await.unwrap().len(), 90 * 128 * 1024);
}

#[tokio::test]
async fn a_broken_body_is_told_apart() {
    struct Broken;
    impl Body for Broken {
        type Data = Bytes;
        type Error = &'static str;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            Poll::Ready(Some(Err("reset")))
        }
    }
    assert_eq!(run(Broken, 10, 100).await.unwrap_err(), Refusal::BrokenBody);
}
