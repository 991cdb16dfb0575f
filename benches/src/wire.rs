//! One keep-alive connection with blocking reads and writes: what a latency is measured on.

use crate::response::{Answer, Expect};
use anyhow::{Context, Result, ensure};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// One request and its answer.
pub struct Exchange {
    pub status: u16,
    pub body: Vec<u8>,
    /// From just before the request is written until the first byte of the answer is there.
    pub first_byte: Duration,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024], filled: 0 })
    }

    /// Sends one request and returns its whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Exchange> {
        let started = Instant::now();
        self.start(request)?;
        let first_byte = started.elapsed();
        let (status, body, len) = loop {
            if let Some(answer) = Answer::parse(&self.buffer[..self.filled])? {
                break (answer.status, answer.body.to_vec(), answer.len);
            }
            self.fill()?;
        };
        self.consume(len);
        Ok(Exchange { status, body, first_byte })
    }

    /// Sends one request, checks the answer, and returns how long it took to its last byte.
    pub fn timed(&mut self, request: &[u8], expect: Expect) -> Result<Duration> {
        let started = Instant::now();
        self.start(request)?;
        let (taken, len) = loop {
            if let Some(answer) = Answer::parse(&self.buffer[..self.filled])? {
                let taken = started.elapsed();
                answer.expect(expect)?;
                break (taken, answer.len);
            }
            self.fill()?;
        };
        self.consume(len);
        Ok(taken)
    }

    fn start(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).context("sending a request")?;
        self.fill()
    }

    fn fill(&mut self) -> Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).context("waiting for an answer")?;
        ensure!(read > 0, "the server closed the connection");
        self.filled += read;
        Ok(())
    }

    fn consume(&mut self, len: usize) {
        self.buffer.copy_within(len..self.filled, 0);
        self.filled -= len;
    }
}

/// A POST of a JSON body with no other headers than are needed.
pub fn post(address: SocketAddr, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
