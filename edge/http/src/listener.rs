//! Accepting connections and letting them go.

use crate::{Drain, Front, connection, counters::Open};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit, task::JoinSet};

/// Connections the kernel keeps ready for us.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed for lack of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds one address. With `shared`, several sockets may bind it, and the kernel spreads connections over them.
pub fn bind(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves a bound listener on the current runtime until the drain has run: no new connection is accepted then,
/// idle ones close, and requests in progress have until the drain's deadline. Returns how many were cut.
pub async fn serve(listener: TcpListener, front: Arc<Front>, mut drain: Drain) -> io::Result<usize> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut open = JoinSet::new();
    let deadline = loop {
        tokio::select! {
            biased;
            deadline = drain.started() => break deadline,
            Some(_) = open.join_next() => {}
            (stream, permit) = accept(&listener, &front) => {
                open.spawn(attend(stream, permit, front.clone(), drain.clone()));
            }
        }
    };
    drop(listener);
    let finish = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout_at(deadline, finish).await;
    Ok(open.len())
}

async fn attend(stream: TcpStream, _permit: OwnedSemaphorePermit, front: Arc<Front>, drain: Drain) {
    front.counters.connections.fetch_add(1, Relaxed);
    let _open = Open::count(front.counters.clone(), |counters| &counters.connections_open);
    connection::drive(stream, front, drain).await;
}

/// The next connection, once there is room for one.
async fn accept(listener: &tokio::net::TcpListener, front: &Front) -> (TcpStream, OwnedSemaphorePermit) {
    let Ok(permit) = front.connections.clone().acquire_owned().await else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
