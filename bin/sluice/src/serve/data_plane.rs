//! The threads that requests are served on.
//!
//! Each has a single-threaded runtime and a socket of its own on the same address; the kernel spreads
//! connections over them. A thread outlives its connections: the runtime also carries what instances and
//! unfinished calls need, and ends only when the whole server does.

use anyhow::Context;
use sluice_http::{Drain, Front};
use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    thread::JoinHandle,
};
use tokio::sync::{mpsc as channel, watch};

/// Sockets that are bound and not served yet.
pub struct Listeners {
    pub address: SocketAddr,
    sockets: Vec<TcpListener>,
}

pub struct DataPlane {
    threads: Vec<JoinHandle<()>>,
    /// One message per thread: how many requests were cut.
    drained: channel::UnboundedReceiver<usize>,
    running: usize,
    cut: usize,
    release: watch::Sender<bool>,
}

/// Binds one socket per thread. Port 0 is settled by the first.
pub fn bind(address: SocketAddr, threads: usize) -> anyhow::Result<Listeners> {
    let shared = threads > 1;
    let open = |address| {
        sluice_http::bind(address, shared)
            .with_context(|| format!("cannot listen on {address}; --listen chooses another"))
    };
    let first = open(address)?;
    let address = first.local_addr().context("a bound socket has an address")?;
    let mut sockets = vec![first];
    for _ in 1..threads {
        sockets.push(open(address)?);
    }
    Ok(Listeners { address, sockets })
}

impl DataPlane {
    pub fn start(listeners: Listeners, front: Arc<Front>, drain: Drain) -> anyhow::Result<Self> {
        let (tell, drained) = channel::unbounded_channel();
        let (release, released) = watch::channel(false);
        let mut threads = Vec::new();
        for (index, socket) in listeners.sockets.into_iter().enumerate() {
            let lane = Lane {
                socket,
                front: front.clone(),
                drain: drain.clone(),
                tell: tell.clone(),
                released: released.clone(),
            };
            threads.push(lane.start(index)?);
        }
        Ok(Self { running: threads.len(), threads, drained, cut: 0, release })
    }

    /// Waits until no thread serves connections any more.
    pub async fn finished(&mut self) {
        while self.running > 0 {
            // A thread that died without a word has dropped its sender; when all have, nothing is left to wait for.
            let Some(cut) = self.drained.recv().await else { return };
            self.cut += cut;
            self.running -= 1;
        }
    }

    /// Ends the threads and returns how many requests the drain had to cut.
    pub fn stop(self) -> usize {
        self.release.send_replace(true);
        for thread in self.threads {
            let _ = thread.join();
        }
        self.cut
    }
}

/// What one thread is given.
struct Lane {
    socket: TcpListener,
    front: Arc<Front>,
    drain: Drain,
    tell: channel::UnboundedSender<usize>,
    released: watch::Receiver<bool>,
}

impl Lane {
    /// Starts the thread and waits until its runtime is there.
    fn start(self, index: usize) -> anyhow::Result<JoinHandle<()>> {
        let (built, is_built) = mpsc::channel();
        let body = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = built.send(Err(error));
                    return;
                }
            };
            let _ = built.send(Ok(()));
            runtime.block_on(self.run());
        };
        let thread = std::thread::Builder::new().name(format!("data-{index}")).spawn(body);
        let thread = thread.context("cannot start a thread for requests")?;
        is_built.recv().context("a thread for requests died")?.context("cannot start a runtime for requests")?;
        Ok(thread)
    }

    async fn run(mut self) {
        let cut = match sluice_http::serve(self.socket, self.front, self.drain).await {
            Ok(cut) => cut,
            Err(error) => {
                tracing::error!(%error, "a listener failed");
                0
            }
        };
        let _ = self.tell.send(cut);
        let _ = self.released.wait_for(|released| *released).await;
    }
}
