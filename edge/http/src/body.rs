//! Collecting a request body before anybody looks at who sent it.
//!
//! A declared length over the cap is refused unread. The budget is charged for what has arrived rather than
//! for what was declared, so a client that announces much and sends nothing takes nothing from the others.

use crate::{
    Limits, Refusal,
    budget::{Budget, Held},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Bytes the budget is charged at a time, and the most that is allocated before anything arrived.
const STEP: usize = 64 * 1024;

/// A whole body, and the bytes of the budget it holds for as long as it is in use.
#[derive(Debug)]
pub(crate) struct Collected {
    pub bytes: Bytes,
    pub held: Option<Held>,
}

pub(crate) async fn collect<B>(
    mut body: B,
    cap: usize,
    budget: &Arc<Budget>,
    limits: &Limits,
) -> Result<Collected, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Collected { bytes: Bytes::new(), held: None });
    }
    let size = body.size_hint();
    if size.lower() > cap as u64 {
        return Err(Refusal::TooLarge { limit: cap });
    }
    let declared = size.exact().map(|bytes| bytes as usize);
    let mut held = Held::nothing(budget);
    let mut gathered = Gathered::default();
    let begun = Instant::now();
    while let Some(data) = next_piece(&mut body, begun, gathered.len(), limits).await? {
        let total = gathered.len() + data.len();
        if total > cap {
            return Err(Refusal::TooLarge { limit: cap });
        }
        let step = declared.map_or(STEP, |bytes| bytes.saturating_sub(total).min(STEP));
        if !held.grow_to(total, step) {
            return Err(Refusal::Busy);
        }
        gathered.push(data, declared);
    }
    Ok(Collected { bytes: gathered.finish(), held: Some(held) })
}

/// The next data of a body; `None` at its end. Trailers are dropped.
async fn next_piece<B>(body: &mut B, begun: Instant, received: usize, limits: &Limits) -> Result<Option<Bytes>, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let deadline = deadline(begun, received, limits);
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Refusal::BrokenBody),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

fn deadline(begun: Instant, received: usize, limits: &Limits) -> Instant {
    let earned = Duration::from_secs(received as u64 / limits.body_bytes_per_extra_second.max(1));
    (begun + limits.body_time + earned).min(Instant::now() + limits.body_idle_time)
}

/// Pieces of a body. A body that comes in one piece is never copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    rest: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        if self.rest.is_empty() { self.first.len() } else { self.rest.len() }
    }

    fn push(&mut self, data: Bytes, declared: Option<usize>) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        if self.rest.is_empty() {
            self.rest.reserve(declared.unwrap_or(STEP).min(STEP).max(self.first.len() + data.len()));
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&data);
    }

    fn finish(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

#[cfg(test)]
mod tests;
