//! What one client, and all clients together, may take.

use std::time::Duration;

/// Numbers of the listener. The defaults suit one machine.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the first byte of a request (or from accept) to the end of its headers.
    pub header_time: Duration,
    /// Request line and headers together; the number of headers is capped at 100 by the parser.
    pub header_bytes: usize,
    /// How long a connection may lie idle, and how long a client may take to read a part of its answer.
    pub idle_time: Duration,
    /// Time for a whole body, however slow.
    pub body_time: Duration,
    /// Bytes received that buy one second more than `body_time`.
    pub body_bytes_per_extra_second: u64,
    /// Longest pause between two pieces of a body.
    pub body_idle_time: Duration,
    /// Bytes of all request bodies held at one time.
    pub body_budget: usize,
    /// Connections open at one time; more wait in the kernel's queue.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_time: Duration::from_secs(10),
            header_bytes: 64 * 1024,
            idle_time: Duration::from_secs(75),
            body_time: Duration::from_secs(60),
            body_bytes_per_extra_second: 64 * 1024,
            body_idle_time: Duration::from_secs(20),
            body_budget: 512 << 20,
            connections: 16_384,
        }
    }
}
