//! The listener over real loopback sockets: limits, refusals, panics and the drain.

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use sluice_engine::Undivided;
use sluice_http::{BoxFuture, Counters, DrainSwitch, Front, Limits, Route, native_refusal};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, Semaphore},
    task::JoinHandle,
    time::Instant,
};

/// What the handlers of a test meet.
#[derive(Default)]
struct Gate {
    entered: Notify,
    dropped: Notify,
    changed: Notify,
    open: Option<Semaphore>,
}

struct TellDrop(Arc<Gate>);
impl Drop for TellDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

struct Running {
    address: SocketAddr,
    drain: DrainSwitch,
    gate: Arc<Gate>,
    counters: Arc<Counters>,
    served: JoinHandle<usize>,
}

fn route(
    name: &'static str,
    claims: fn(&Parts) -> bool,
    handler: fn(Arc<Gate>, Request<Bytes>) -> Answer,
    gate: &Arc<Gate>,
) -> Route {
    let gate = gate.clone();
    let handler = Arc::new(move |request| handler(gate.clone(), request));
    Route { name, claims, body_limit: Arc::new(|| 1000), handler, refuse: Arc::new(native_refusal) }
}

type Answer = BoxFuture<Response<Bytes>>;

async fn start(limits: Limits) -> Running {
    let gate = Arc::new(Gate { open: Some(Semaphore::new(0)), ..Gate::default() });
    let routes = vec![
        route(
            "echo",
            |parts| parts.uri.path() == "/echo",
            |_, r| Box::pin(async { Response::new(r.into_body()) }),
            &gate,
        ),
        route("panic", |parts| parts.uri.path() == "/panic", |_, _| Box::pin(async { panic!("on purpose") }), &gate),
        route("gated", |parts| parts.uri.path() == "/gated", gated, &gate),
        route("change", |parts| parts.uri.path() == "/change", change, &gate),
    ];
    let counters = Arc::new(Counters::default());
    let front = Front::new(routes, limits, counters.clone());
    let listener = sluice_http::bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
    let address = listener.local_addr().unwrap();
    let (drain, wait) = DrainSwitch::new();
    let served = tokio::spawn(async move { sluice_http::serve(listener, front, wait).await.unwrap() });
    Running { address, drain, gate, counters, served }
}

/// Waits until the test lets it go on.
fn gated(gate: Arc<Gate>, request: Request<Bytes>) -> Answer {
    Box::pin(async move {
        let _tell = TellDrop(gate.clone());
        gate.entered.notify_one();
        let pass = gate.open.as_ref().unwrap().acquire().await.unwrap();
        pass.forget();
        Response::new(request.into_body())
    })
}

/// A change that takes until the test lets it go on, in a request that never ends.
fn change(gate: Arc<Gate>, request: Request<Bytes>) -> Answer {
    Box::pin(async move {
        let _tell = TellDrop(gate.clone());
        {
            let _undivided = Undivided::begin();
            gate.entered.notify_one();
            let pass = gate.open.as_ref().unwrap().acquire().await.unwrap();
            pass.forget();
            gate.changed.notify_one();
        }
        std::future::pending::<()>().await;
        Response::new(request.into_body())
    })
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream).await
    }
    fn open_gate(&self) {
        self.gate.open.as_ref().unwrap().add_permits(1);
    }
}

/// Reads one answer with a Content-Length, or what came until the end.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        if let Some(whole) = whole_answer(&text) {
            return whole;
        }
        if stream.read_buf(&mut text).await.unwrap_or(0) == 0 {
            return String::from_utf8(text).unwrap();
        }
    }
}

fn whole_answer(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    (body.len() >= length.parse().unwrap()).then(|| text.to_owned())
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    for body in ["one", "two", ""] {
        stream.write_all(post("/echo", body).as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
    }
    assert!(server.counters.metrics_text().contains("sluice_http_requests_total 3\n"));
    assert!(server.counters.metrics_text().contains("sluice_http_connections_total 1\n"));
}

#[tokio::test]
async fn what_no_route_claims_is_404_in_json() {
    let server = start(Limits::default()).await;
    let answer = server.exchange("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains(r#"{"error":{"code":"NotFound""#), "{answer}");
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_before_and_while_it_is_read() {
    let server = start(Limits::default()).await;
    let declared = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n";
    let answer = server.exchange(declared).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("limit of 1000 bytes"), "{answer}");
    let piece = "x".repeat(600);
    let chunk = format!("258\r\n{piece}\r\n");
    let chunked = format!("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}");
    assert!(server.exchange(&chunked).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn who_is_refused_while_sending_still_hears_why() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 8 << 20);
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..128 {
        stream.write_all(&[b'x'; 65536]).await.unwrap();
    }
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn headers_that_do_not_come_cut_the_connection() {
    let server = start(Limits { header_time: Duration::from_millis(60), ..Limits::default() }).await;
    for beginning in ["", "POST /echo HTTP/1.1\r\nhost:"] {
        let begun = Instant::now();
        assert_eq!(server.exchange(beginning).await, "");
        assert!(begun.elapsed() >= Duration::from_millis(50), "cut too early: {:?}", begun.elapsed());
    }
    assert!(server.counters.metrics_text().contains("sluice_http_connections_timed_out_total 2\n"));
}

#[tokio::test]
async fn headers_of_a_second_request_have_their_time_too() {
    let server = start(Limits { header_time: Duration::from_millis(60), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(post("/echo", "one").as_bytes()).await.unwrap();
    answer(&mut stream).await;
    stream.write_all(b"POST /echo").await.unwrap();
    assert_eq!(answer(&mut stream).await, "", "idle time is 75 s, so only the header time can have ended it");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = start(Limits { idle_time: Duration::from_millis(60), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    for _ in 0..4 {
        // so soon one after the other that a fifth is looked for
        stream.write_all(post("/echo", "one").as_bytes()).await.unwrap();
        answer(&mut stream).await;
    }
    assert_eq!(answer(&mut stream).await, "");
}

#[tokio::test]
async fn large_headers_are_refused() {
    let server = start(Limits::default()).await;
    let large = format!("GET /echo HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    assert!(server.exchange(&large).await.starts_with("HTTP/1.1 431"));
    let many: String = (0..101).map(|n| format!("x{n}: y\r\n")).collect();
    assert!(server.exchange(&format!("GET /echo HTTP/1.1\r\n{many}\r\n")).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_slow_body_is_cut() {
    let server = start(Limits { body_idle_time: Duration::from_millis(50), ..Limits::default() }).await;
    let answer = server.exchange("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn bodies_in_flight_share_one_budget() {
    let server = start(Limits { body_budget: 1200, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(post("/gated", &"a".repeat(800)).as_bytes()).await.unwrap();
    server.gate.entered.notified().await;
    let refused = server.exchange(&post("/echo", &"b".repeat(800))).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    assert!(server.exchange(&post("/echo", &"b".repeat(400))).await.starts_with("HTTP/1.1 200"));
    server.open_gate();
    assert!(answer(&mut first).await.starts_with("HTTP/1.1 200"));
    assert!(server.exchange(&post("/echo", &"b".repeat(800))).await.starts_with("HTTP/1.1 200"), "it came back");
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_not_the_connection() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(post("/panic", "secret").as_bytes()).await.unwrap();
    let failed = answer(&mut stream).await;
    assert!(failed.starts_with("HTTP/1.1 500") && !failed.contains("on purpose"), "{failed}");
    stream.write_all(post("/echo", "still here").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.ends_with("still here"));
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_handler() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(post("/gated", "").as_bytes()).await.unwrap();
    server.gate.entered.notified().await;
    assert!(server.counters.metrics_text().contains("sluice_http_requests_open 1\n"));
    drop(stream);
    server.gate.dropped.notified().await;
    assert!(server.counters.metrics_text().contains("sluice_http_requests_open 0\n"));
}

#[tokio::test]
async fn a_client_that_leaves_does_not_divide_a_change() {
    let server = start(Limits { body_budget: 1200, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(post("/change", &"a".repeat(800)).as_bytes()).await.unwrap();
    server.gate.entered.notified().await;
    drop(stream);
    while !server.counters.metrics_text().contains("sluice_http_requests_open 0\n") {
        tokio::task::yield_now().await;
    }
    let refused = server.exchange(&post("/echo", &"b".repeat(800))).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "its body still counts: {refused}");
    server.open_gate();
    server.gate.changed.notified().await;
    server.gate.dropped.notified().await;
    assert!(server.exchange(&post("/echo", &"b".repeat(800))).await.starts_with("HTTP/1.1 200"), "it came back");
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_closes_what_idles() {
    let server = start(Limits::default()).await;
    let mut idle = server.connect().await;
    idle.write_all(post("/echo", "one").as_bytes()).await.unwrap();
    answer(&mut idle).await;
    let mut busy = server.connect().await;
    busy.write_all(post("/gated", "work").as_bytes()).await.unwrap();
    server.gate.entered.notified().await;
    server.drain.start(Instant::now() + Duration::from_secs(60));
    assert_eq!(answer(&mut idle).await, "");
    server.open_gate();
    let last = answer(&mut busy).await;
    assert!(last.ends_with("work") && last.contains("connection: close"), "{last}");
    assert_eq!(server.served.await.unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_drain_cuts_at_its_deadline() {
    let server = start(Limits::default()).await;
    let mut busy = server.connect().await;
    busy.write_all(post("/gated", "work").as_bytes()).await.unwrap();
    server.gate.entered.notified().await;
    server.drain.start(Instant::now() + Duration::from_millis(20));
    assert_eq!(server.served.await.unwrap(), 1);
    assert_eq!(answer(&mut busy).await, "");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_room() {
    let server = start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(post("/echo", "one").as_bytes()).await.unwrap();
    answer(&mut first).await;
    let mut second = server.connect().await;
    second.write_all(post("/echo", "two").as_bytes()).await.unwrap();
    first.write_all(post("/echo", "three").as_bytes()).await.unwrap();
    assert!(answer(&mut first).await.ends_with("three"));
    assert!(server.counters.metrics_text().contains("sluice_http_connections_total 1\n"));
    drop(first);
    assert!(answer(&mut second).await.ends_with("two"));
}
