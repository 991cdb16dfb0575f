//! Many connections at once, from one thread: each sends its next request when the last is answered.

use crate::{
    response::{Answer, Expect},
    stats::Latencies,
};
use anyhow::{Context, Result, ensure};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// What is sent and what must come back.
#[derive(Clone)]
pub struct Traffic {
    pub address: SocketAddr,
    pub requests: Arc<Vec<Vec<u8>>>,
    pub expect: Expect,
}

pub struct Load {
    pub answered: usize,
    pub wall: Duration,
    pub latencies: Latencies,
}

impl Load {
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.wall.as_secs_f64()
    }
}

impl Traffic {
    /// Keeps `connections` busy for a time.
    pub fn sustained(&self, connections: usize, length: Duration) -> Result<Load> {
        runtime()?.block_on(async {
            let streams = connect(self.address, connections).await?;
            let started = Instant::now();
            let mut tasks = JoinSet::new();
            for (number, stream) in streams.into_iter().enumerate() {
                let traffic = self.clone();
                tasks.spawn(async move {
                    let mut client = Client::new(stream);
                    let mut latencies = Latencies::default();
                    let mut next = number;
                    while started.elapsed() < length {
                        let request = &traffic.requests[next % traffic.requests.len()];
                        let sent = Instant::now();
                        client.exchange(request, traffic.expect).await?;
                        latencies.push(sent.elapsed());
                        next += 1;
                    }
                    Ok::<_, anyhow::Error>((next - number, latencies))
                });
            }
            let mut load = Load { answered: 0, wall: Duration::ZERO, latencies: Latencies::default() };
            while let Some(done) = tasks.join_next().await {
                let (answered, latencies) = done.context("a client broke")??;
                load.answered += answered;
                load.latencies.extend(latencies);
            }
            load.wall = started.elapsed();
            Ok(load)
        })
    }

    /// Sends each request once, all at the same moment on connections that are already open, and returns the time
    /// until the last is answered.
    pub fn burst(&self) -> Result<Duration> {
        runtime()?.block_on(async {
            let streams = connect(self.address, self.requests.len()).await?;
            let started = Instant::now();
            let mut tasks = JoinSet::new();
            for (number, stream) in streams.into_iter().enumerate() {
                let traffic = self.clone();
                tasks.spawn(
                    async move { Client::new(stream).exchange(&traffic.requests[number], traffic.expect).await },
                );
            }
            while let Some(done) = tasks.join_next().await {
                done.context("a client broke")??;
            }
            Ok(started.elapsed())
        })
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().build().context("starting the load generator")
}

async fn connect(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    Ok(streams)
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::with_capacity(8 * 1024) }
    }

    async fn exchange(&mut self, request: &[u8], expect: Expect) -> Result<()> {
        self.stream.write_all(request).await.context("sending a request")?;
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.context("waiting for an answer")?;
            ensure!(read > 0, "the server closed the connection");
            if let Some(answer) = Answer::parse(&self.buffer)? {
                answer.expect(expect)?;
                let len = answer.len;
                self.buffer.drain(..len);
                return Ok(());
            }
        }
    }
}
