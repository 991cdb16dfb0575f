//! Telling every connection, on every thread, that the server is going down.

use tokio::{sync::watch, time::Instant};

/// Held by whoever decides to stop.
#[derive(Debug)]
pub struct DrainSwitch(watch::Sender<Option<Instant>>);

/// Held by whatever must stop.
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<Option<Instant>>);

impl DrainSwitch {
    pub fn new() -> (Self, Drain) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Drain(receiver))
    }

    /// Requests that are not finished at `deadline` are cut.
    pub fn start(&self, deadline: Instant) {
        self.0.send_replace(Some(deadline));
    }
}

impl Drain {
    /// Waits for the start and returns the deadline. A switch that was dropped counts as one that nobody will
    /// ever throw.
    pub async fn started(&mut self) -> Instant {
        let found = self.0.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
        match found {
            Some(deadline) => deadline,
            None => std::future::pending().await,
        }
    }
}
