//! A future that finishes even if nobody waits for it any more.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::Notify;

/// Runs in the caller's task as long as the caller waits, and moves to a task of its own when the caller is
/// dropped half way. A call that ends normally costs no hand-over.
pub struct RunsOn<T: Send + 'static> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    gone: Gone,
}

/// Tells the future whether its caller is still there.
#[derive(Clone, Default)]
pub struct Gone(Arc<(AtomicBool, Notify)>);

impl Gone {
    pub fn is_gone(&self) -> bool {
        self.0.0.load(Ordering::Acquire)
    }

    /// Ends when the caller goes away.
    pub async fn left(&self) {
        let (gone, notify) = &*self.0;
        while !gone.load(Ordering::Acquire) {
            // One word is kept for who does not listen yet.
            notify.notified().await;
        }
    }
}

impl<T: Send + 'static> RunsOn<T> {
    pub fn new(gone: Gone, future: impl Future<Output = T> + Send + 'static) -> Self {
        Self { future: Some(Box::pin(future)), gone }
    }
}

impl<T: Send + 'static> Future for RunsOn<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = self.future.as_mut() else { return Poll::Pending };
        let result = future.as_mut().poll(context);
        if result.is_ready() {
            self.future = None;
        }
        result
    }
}

impl<T: Send + 'static> Drop for RunsOn<T> {
    fn drop(&mut self) {
        let Some(future) = self.future.take() else { return };
        let (gone, notify) = &*self.gone.0;
        gone.store(true, Ordering::Release);
        notify.notify_one();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(future);
        }
    }
}
