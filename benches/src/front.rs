//! The reference front: bare HTTP on one thread that forwards each body to a worker and sends back its answer.
//!
//! This is the least that any platform must do: no signature, no routing, no admission, no log, no sandbox. Each
//! client connection has a worker process to itself, or each request names its worker. Both run as processes of their
//! own, started from this program.

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{cell::RefCell, path::PathBuf, rc::Rc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::LocalSet,
};

#[derive(Args)]
pub struct FrontArgs {
    /// Socket that workers connect to
    #[arg(long)]
    socket: PathBuf,
    /// Workers to wait for before the port opens
    #[arg(long)]
    workers: usize,
    /// The number that a request's path is picks its worker, instead of a worker for each connection
    #[arg(long)]
    by_path: bool,
}

/// Serves until it is killed. Prints `ready ADDRESS` once all workers are there.
pub fn run(args: &FrontArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("starting the front")?;
    LocalSet::new().block_on(&runtime, serve(args))
}

async fn serve(args: &FrontArgs) -> Result<()> {
    let gate = UnixListener::bind(&args.socket).with_context(|| format!("listening on {}", args.socket.display()))?;
    let idle = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..args.workers {
        let (worker, _) = gate.accept().await?;
        idle.borrow_mut().push(Worker { stream: worker, answering: false });
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready {}", listener.local_addr()?);
    if args.by_path {
        let workers: Workers = idle.take().into_iter().map(tokio::sync::Mutex::new).collect();
        return serve_by_path(&listener, &workers).await;
    }
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        // A client without a worker is turned away: the bench opens no more connections than there are workers.
        if let Some(worker) = idle.borrow_mut().pop() {
            tokio::task::spawn_local(connection(client, worker, idle.clone()));
        }
    }
}

type Workers = Rc<[tokio::sync::Mutex<Worker>]>;

async fn serve_by_path(listener: &TcpListener, workers: &Workers) -> Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let workers = workers.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let workers = workers.clone();
            async move {
                let number: usize = request.uri().path().trim_start_matches('/').parse()?;
                let worker = workers.get(number).context("there is no such worker")?;
                forward(request, &mut *worker.lock().await).await
            }
        });
        // However the client left, the workers stay.
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(client), service));
    }
}

struct Worker {
    stream: UnixStream,
    /// A frame was sent and its answer not yet read.
    answering: bool,
}

async fn connection(client: TcpStream, worker: Worker, idle: Rc<RefCell<Vec<Worker>>>) {
    let worker = Rc::new(tokio::sync::Mutex::new(worker));
    let service = service_fn(|request: Request<Incoming>| {
        let worker = worker.clone();
        async move { forward(request, &mut *worker.lock().await).await }
    });
    // However the client left, its worker serves the next one, unless it would answer that one with an old reply.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
    if let Some(worker) = Rc::into_inner(worker).map(tokio::sync::Mutex::into_inner).filter(|worker| !worker.answering)
    {
        idle.borrow_mut().push(worker);
    }
}

async fn forward(request: Request<Incoming>, worker: &mut Worker) -> Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.to_bytes();
    anyhow::ensure!(!worker.answering, "the client before left without its answer");
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&u32::try_from(body.len())?.to_le_bytes());
    frame.extend_from_slice(&body);
    worker.answering = true;
    worker.stream.write_all(&frame).await?;
    let mut reply = Vec::with_capacity(1024);
    while reply.len() < 4 || reply.len() < 4 + frame_len(&reply) {
        anyhow::ensure!(worker.stream.read_buf(&mut reply).await? > 0, "the worker ended");
    }
    worker.answering = false;
    let body = Bytes::from(reply).slice(4..);
    Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(Full::new(body))?)
}

fn frame_len(frame: &[u8]) -> usize {
    frame.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}
