//! From a parsed request to the handler that answers it.

use crate::{
    Counters, Limits, Refusal,
    body::{self, Collected},
    budget::Budget,
    watch::Watch,
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request::Parts};
use hyper::body::{Body, Incoming};
use sluice_engine::Droppable;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::Poll,
};
use tokio::sync::Semaphore;

pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Answers a request whose body is complete. It is dropped when the client goes away, though not in the midst of what is
/// [`Undivided`](sluice_engine::Undivided); what must outlive the client beyond that has to be started apart from it.
pub type Handler = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<Response<Bytes>> + Send + Sync>;

/// A handler and the requests it takes.
#[derive(Clone)]
pub struct Route {
    /// For logs.
    pub name: &'static str,
    /// Decides by method, path and headers; the first route that claims a request gets it.
    pub claims: fn(&Parts) -> bool,
    /// Largest body now, in bytes.
    pub body_limit: Arc<dyn Fn() -> usize + Send + Sync>,
    pub handler: Handler,
    /// How the listener's own refusals look to clients of this route.
    pub refuse: Arc<dyn Fn(Refusal) -> Response<Bytes> + Send + Sync>,
}

/// Everything the listeners share, on however many threads they run.
pub struct Front {
    pub(crate) routes: Vec<Route>,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) connections: Arc<Semaphore>,
    budget: Arc<Budget>,
}

impl Front {
    pub fn new(routes: Vec<Route>, limits: Limits, counters: Arc<Counters>) -> Arc<Self> {
        let budget = Budget::new(limits.body_budget);
        let connections = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { routes, limits, counters, connections, budget })
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>, watch: &Watch) -> Response<Bytes> {
        self.counters.requests.fetch_add(1, Relaxed);
        let (parts, body) = request.into_parts();
        let Some(route) = self.routes.iter().find(|route| (route.claims)(&parts)) else {
            return self.refuse(&crate::native_refusal, Refusal::NotFound, !body.is_end_stream(), watch);
        };
        let Collected { bytes, held } =
            match body::collect(body, (route.body_limit)(), &self.budget, &self.limits).await {
                Ok(collected) => collected,
                Err(refusal) => return self.refuse(&*route.refuse, refusal, true, watch),
            };
        let (handler, request) = (route.handler.clone(), Request::from_parts(parts, bytes));
        let answer = Droppable::new(async move {
            let answer = guarded(&handler, request).await;
            drop(held);
            answer
        });
        match answer.await {
            Some(response) => response,
            None => {
                tracing::error!(route = route.name, "a request handler panicked");
                self.refuse(&*route.refuse, Refusal::Fault, false, watch)
            }
        }
    }

    /// An answer that no handler gave. With `unread`, the rest of the request is not worth reading.
    fn refuse(
        &self,
        render: &dyn Fn(Refusal) -> Response<Bytes>,
        refusal: Refusal,
        unread: bool,
        watch: &Watch,
    ) -> Response<Bytes> {
        self.counters.refused(refusal);
        let mut response = render(refusal);
        refusal.finish(&mut response);
        if unread {
            watch.refuse_unread();
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Runs a handler; `None` when it panicked.
async fn guarded(handler: &Handler, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let mut future = catch_unwind(AssertUnwindSafe(|| handler(request))).ok()?;
    std::future::poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}
