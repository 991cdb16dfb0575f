//! Names for sandboxes: a forwarder on the bridge.
//!
//! The host's own name server often listens on its loopback, where code in a sandbox cannot reach it. So the
//! bridge's address answers on port 53 and passes questions on, unread, to the servers that the host uses.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{OwnedSemaphorePermit, Semaphore},
};

const PORT: u16 = 53;
const PATIENCE: Duration = Duration::from_secs(3);
/// Questions under way, over all sandboxes and of one of them, for each protocol.
const AT_ONCE: usize = 512;
const AT_ONCE_EACH: usize = 16;

/// Who has how many questions under way.
#[derive(Clone)]
struct Room {
    all: Arc<Semaphore>,
    each: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One question's place, until it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    each: Arc<Mutex<HashMap<IpAddr, usize>>>,
    of: IpAddr,
}

impl Room {
    fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), each: Arc::default() }
    }

    /// None when there is no room, for all or for this one.
    fn take(&self, of: IpAddr) -> Option<Place> {
        let permit = self.all.clone().try_acquire_owned().ok()?;
        let mut each = self.each.lock().expect("room lock");
        let count = each.entry(of).or_default();
        if *count >= AT_ONCE_EACH {
            return None;
        }
        *count += 1;
        Some(Place { _permit: permit, each: self.each.clone(), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut each = self.each.lock().expect("room lock");
        if let Some(count) = each.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                each.remove(&self.of);
            }
        }
    }
}

/// Starts answering on `address`.
pub async fn serve(address: Ipv4Addr, resolv_conf: PathBuf) -> io::Result<()> {
    let udp = Arc::new(UdpSocket::bind((address, PORT)).await?);
    let tcp = TcpListener::bind((address, PORT)).await?;
    tokio::spawn(serve_udp(udp, resolv_conf.clone(), Room::new()));
    tokio::spawn(serve_tcp(tcp, resolv_conf, Room::new()));
    Ok(())
}

async fn serve_udp(socket: Arc<UdpSocket>, resolv_conf: PathBuf, room: Room) {
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(place) = room.take(from.ip()) else { continue };
        let (socket, question) = (socket.clone(), buffer[..length].to_vec());
        let servers = name_servers(&resolv_conf);
        tokio::spawn(async move {
            let _place = place;
            for server in servers {
                if let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, ask(server, &question)).await {
                    let _ = socket.send_to(&answer, from).await;
                    return;
                }
            }
            if let Some(failure) = server_failure(&question) {
                let _ = socket.send_to(&failure, from).await;
            }
        });
    }
}

async fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let local: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        "[::]:0".parse().map_err(io::Error::other)?
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut answer).await?;
        // The same number as the question, or it is not the answer to it.
        if length >= 12 && question.len() >= 2 && answer[..2] == question[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn serve_tcp(listener: TcpListener, resolv_conf: PathBuf, room: Room) {
    loop {
        let Ok((mut stream, from)) = listener.accept().await else { continue };
        let Some(place) = room.take(from.ip()) else { continue };
        let servers = name_servers(&resolv_conf);
        tokio::spawn(async move {
            let _place = place;
            for server in servers {
                if let Ok(Ok(mut upstream)) = tokio::time::timeout(PATIENCE, TcpStream::connect(server)).await {
                    let copy = tokio::io::copy_bidirectional(&mut stream, &mut upstream);
                    let _ = tokio::time::timeout(PATIENCE * 4, copy).await;
                    return;
                }
            }
        });
    }
}

/// The question with "server failure" as its answer.
fn server_failure(question: &[u8]) -> Option<Vec<u8>> {
    if question.len() < 12 {
        return None;
    }
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] = (answer[3] & 0xf0) | 2;
    Some(answer)
}

/// Read at each question: a laptop changes networks.
fn name_servers(resolv_conf: &Path) -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(resolv_conf).unwrap_or_default();
    parse_name_servers(&text)
}

fn parse_name_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let word = line.trim().strip_prefix("nameserver")?.split_whitespace().next()?;
        // A port is not part of the format elsewhere; it is taken here so that a test can run its own server.
        word.parse::<SocketAddr>().ok().or_else(|| word.parse::<IpAddr>().ok().map(|address| (address, PORT).into()))
    };
    text.lines().filter_map(server).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_and_the_rest_is_not() {
        let text = "# comment\nsearch example.test\nnameserver 127.0.0.53\nnameserver ::1\nnameserver junk\nnameserver 127.0.0.1:5353\n";
        let found: Vec<String> = parse_name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.53:53", "[::1]:53", "127.0.0.1:5353"]);
    }

    #[test]
    fn a_failure_keeps_the_question() {
        let question = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1];
        let answer = server_failure(&question).unwrap();
        assert_eq!((&answer[..2], answer[2] & 0x80, answer[3] & 0xf), (&question[..2], 0x80, 2));
        assert!(server_failure(&question[..5]).is_none());
    }
}
