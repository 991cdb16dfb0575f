//! Changes that are made whole, although the request that asked for them may be dropped at any time, because its client has
//! gone away.
//!
//! A change writes a row and then tells the memory. Cut in two between them, it would leave a server that does not know what
//! its store has.

use crate::catalog::Inner;
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::MutexGuard;

tokio::task_local! {
    static OF_THIS_REQUEST: Count;
}

#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn is_zero(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// As long as it lives, the request that it was made for goes on, whether or not its client is there.
#[must_use]
pub struct Undivided(Option<Count>);

impl Undivided {
    /// For the request at hand; without effect in a task that nobody drops.
    pub fn begin() -> Self {
        let count = OF_THIS_REQUEST.try_with(Count::clone).ok();
        if let Some(count) = &count {
            count.0.fetch_add(1, Ordering::AcqRel);
        }
        Self(count)
    }
}

impl Drop for Undivided {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.0.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// The right to change the catalog, which one request has at a time.
#[must_use]
pub struct Change<'a> {
    _writing: MutexGuard<'a, ()>,
    _undivided: Undivided,
}

impl Inner {
    pub async fn begin_change(&self) -> Change<'_> {
        let writing = self.writing.lock().await;
        Change { _writing: writing, _undivided: Undivided::begin() }
    }
}

type Request<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that, dropped in the midst of something undivided, goes on until that is done.
pub struct Droppable<T: Send + 'static> {
    request: Option<Request<T>>,
    undivided: Count,
}

impl<T: Send + 'static> Droppable<T> {
    pub fn new(request: impl Future<Output = T> + Send + 'static) -> Self {
        let undivided = Count::default();
        let request = OF_THIS_REQUEST.scope(undivided.clone(), request);
        Self { request: Some(Box::pin(request)), undivided }
    }
}

impl<T: Send + 'static> Future for Droppable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(request) = self.request.as_mut() else { return Poll::Pending };
        let result = request.as_mut().poll(context);
        if result.is_ready() {
            self.request = None;
        }
        result
    }
}

impl<T: Send + 'static> Drop for Droppable<T> {
    fn drop(&mut self) {
        let Some(request) = self.request.take().filter(|_| !self.undivided.is_zero()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(finish(request, self.undivided.clone()));
        }
    }
}

async fn finish<T>(mut request: Request<T>, undivided: Count) {
    poll_fn(|context| {
        let ended = request.as_mut().poll(context).is_ready();
        if ended || undivided.is_zero() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::sync::oneshot;

    /// A request of three parts, the middle of which is undivided, and what it has done.
    struct Steps {
        go_on: [oneshot::Sender<()>; 3],
        done: Arc<Mutex<Vec<&'static str>>>,
    }

    /// Tells when it is dropped.
    struct End(Option<oneshot::Sender<()>>);

    impl Drop for End {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }

    fn request() -> (Droppable<()>, Steps, oneshot::Receiver<()>) {
        let (first, second, third) = (oneshot::channel(), oneshot::channel(), oneshot::channel());
        let (end, ended) = oneshot::channel();
        let done = Arc::new(Mutex::new(Vec::new()));
        let steps = Steps { go_on: [first.0, second.0, third.0], done: done.clone() };
        let request = Droppable::new(async move {
            let _end = End(Some(end));
            let say = |what| done.lock().unwrap().push(what);
            first.1.await.unwrap();
            {
                let _undivided = Undivided::begin();
                say("row");
                second.1.await.unwrap();
                say("memory");
            }
            third.1.await.unwrap();
            say("answer");
        });
        (request, steps, ended)
    }

    async fn poll_once(request: &mut Droppable<()>) {
        tokio::select! {
            biased;
            () = request => panic!("it cannot have ended"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_change_that_has_begun_is_finished_and_no_more() {
        let (mut request, Steps { go_on: [first, second, _third], done }, ended) = request();
        first.send(()).unwrap();
        poll_once(&mut request).await;
        drop(request);
        second.send(()).unwrap();
        ended.await.unwrap();
        assert_eq!(*done.lock().unwrap(), ["row", "memory"]);
    }

    #[tokio::test]
    async fn before_a_change_and_after_it_a_request_may_be_dropped() {
        for begun in [false, true] {
            let (mut request, Steps { go_on: [first, second, _third], done }, mut ended) = request();
            if begun {
                first.send(()).unwrap();
                second.send(()).unwrap();
            }
            poll_once(&mut request).await;
            drop(request);
            assert!(ended.try_recv().is_ok(), "at once");
            assert_eq!(done.lock().unwrap().len(), if begun { 2 } else { 0 });
        }
    }

    #[tokio::test]
    async fn a_request_that_is_not_dropped_answers() {
        let (request, Steps { go_on, done }, _ended) = request();
        go_on.into_iter().for_each(|go_on| go_on.send(()).unwrap());
        request.await;
        assert_eq!(*done.lock().unwrap(), ["row", "memory", "answer"]);
    }
}
