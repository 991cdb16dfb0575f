//! One suite per port: what every adapter, and the fake, must do.
//!
//! A suite is a function over a maker of fresh, empty adapters. It panics where a promise is broken, so a
//! test of an adapter is one line. Suites know nothing of how an adapter keeps its promises and bring no
//! executor of their own: adapters that need one call them from inside it.

mod blobs;
mod catalog;
mod packages;

pub use blobs::blobs;
pub use catalog::catalog;
pub use packages::packages;

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// Runs all to their end, giving each a turn whenever one of them can go on.
async fn together<'a, T>(tasks: impl IntoIterator<Item = impl Future<Output = T> + 'a>) -> Vec<T> {
    let mut running: Vec<Pin<Box<dyn Future<Output = T> + 'a>>> = Vec::new();
    for task in tasks {
        running.push(Box::pin(task));
    }
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (task, slot) in running.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let Poll::Ready(value) = task.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
