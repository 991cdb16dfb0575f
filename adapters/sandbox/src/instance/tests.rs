//! Instances whose process is the test itself: it reads requests and says what a bootstrap would.

use super::*;
use crate::{connection::FarEnds, freezer::Sleeper, life::process_exited, share::Occasion};
use sluice_domain::{AccountId, Dialect, FunctionConfig, FunctionKey, Region, RequestId, RevisionKey, Scope};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};
use tokio::task::JoinHandle;

const MINUTE: Duration = Duration::from_secs(60);

/// What the backend would hold; ends with the process's end of the socket.
struct Cell {
    control: UnixStream,
    frozen: AtomicBool,
    frozen_times: AtomicU64,
    /// What was there to read at the last thaw.
    found: AtomicU64,
    /// Those that have not fallen asleep yet; none if all do at once.
    drowsy: std::sync::Mutex<Option<Vec<Arc<dyn Sleeper>>>>,
    /// A freeze lasts until it is told to end.
    freezing: std::sync::Mutex<Option<Freezing>>,
    killed: AtomicBool,
    out_of_memory: AtomicBool,
    reviewed: std::sync::Mutex<Vec<Occasion>>,
}

struct Freezing {
    begun: mpsc::Sender<()>,
    end: mpsc::Receiver<()>,
}

impl Enclosure for Cell {
    fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        let _ = self.control.shutdown(std::net::Shutdown::Both);
    }
    fn set_frozen(&self, frozen: bool) {
        if let Some(freezing) = self.freezing.lock().unwrap().take() {
            freezing.begun.send(()).unwrap();
            freezing.end.recv().unwrap();
            // Time for what must not happen.
            (0..1000).for_each(|_| std::thread::yield_now());
            assert!(!self.killed.load(Ordering::SeqCst), "killed before it was frozen");
        }
        self.frozen.store(frozen, Ordering::SeqCst);
        self.frozen_times.fetch_add(u64::from(frozen), Ordering::SeqCst);
        if !frozen {
            self.found.store(rustix::io::ioctl_fionread(&self.control).unwrap(), Ordering::SeqCst);
        }
    }
    fn put_to_sleep(self: Arc<Self>, sleeper: Arc<dyn Sleeper>) {
        match self.drowsy.lock().unwrap().as_mut() {
            Some(drowsy) => drowsy.push(sleeper),
            None => {
                sleeper.fall_asleep(&|| ());
            }
        }
    }
    fn review_share(self: Arc<Self>, occasion: Occasion) {
        self.reviewed.lock().unwrap().push(occasion);
    }
    fn memory_peak(&self) -> u64 {
        7 << 20
    }
    fn note_oom_kills(&self) {
        self.out_of_memory.store(false, Ordering::SeqCst);
    }
    fn cause_of_death(&self) -> Failure {
        match self.out_of_memory.load(Ordering::SeqCst) {
            true => Failure::new(FailureKind::OutOfMemory, "the memory limit was exceeded"),
            false => process_exited(),
        }
    }
}

/// An instance and the other end of its connection.
struct World {
    instance: Arc<dyn Instance>,
    cell: Arc<Cell>,
    control: UnixStream,
    log: std::fs::File,
}

/// A request as the process sees it.
struct Asked {
    tag: u32,
    payload: Vec<u8>,
}

pub fn spec(concurrency: u32) -> InstanceSpec {
    InstanceSpec {
        id: InstanceId(1),
        request_id: RequestId::new("first"),
        function: FunctionKey {
            scope: Scope { account: AccountId::new("1250000000"), region: Region::new("ap-guangzhou") },
            dialect: Dialect::Fc,
            namespace: "shop".into(),
            name: "f".into(),
        },
        revision: RevisionKey { function: "f-1".into(), revision: 1 },
        config: FunctionConfig {
            runtime: "nodejs16".into(),
            handler: "index.handler".into(),
            initializer: None,
            description: String::new(),
            memory_mib: 128,
            timeout_s: 60,
            init_timeout_s: 60,
            environment: Default::default(),
            public_network: true,
            instance_concurrency: concurrency,
            attributes: Default::default(),
        },
        version: "LATEST".into(),
        code_dir: "/code".into(),
        namespace_attributes: Arc::default(),
        log_window_bytes: 10_000,
        log_window_lines: 100,
        log_line_bytes: 100,
    }
}

fn call(payload: impl Into<Bytes>, timeout: Duration) -> Call {
    Call {
        request_id: RequestId::new("r"),
        qualifier: "LATEST".into(),
        payload: payload.into(),
        timeout,
        response_limit: 1000,
    }
}

impl World {
    fn new(concurrency: u32) -> Self {
        let (connection, FarEnds { control, log }) = Connection::open().unwrap();
        let control = UnixStream::from(control);
        let cell = Arc::new(Cell {
            control: control.try_clone().unwrap(),
            frozen: AtomicBool::new(false),
            frozen_times: AtomicU64::new(0),
            found: AtomicU64::new(0),
            drowsy: Default::default(),
            freezing: Default::default(),
            killed: AtomicBool::new(false),
            out_of_memory: AtomicBool::new(false),
            reviewed: std::sync::Mutex::default(),
        });
        let instance = open(&spec(concurrency), connection, cell.clone()).unwrap();
        Self { instance, cell, control, log: log.into() }
    }

    fn begin(&self, payload: impl Into<Bytes>, timeout: Duration) -> JoinHandle<Reply> {
        let (instance, call) = (self.instance.clone(), call(payload, timeout));
        tokio::spawn(async move { instance.call(call).await })
    }

    /// Reads the next request, giving the instance its turns meanwhile.
    async fn asked(&self) -> Asked {
        let mut control = self.control.try_clone().unwrap();
        let read = move || {
            let mut head = [0u8; 4];
            control.read_exact(&mut head).unwrap();
            let mut frame = vec![0u8; u32::from_le_bytes(head) as usize];
            control.read_exact(&mut frame).unwrap();
            frame
        };
        let frame = tokio::task::spawn_blocking(read).await.unwrap();
        let (tag, rest) = match frame[0] {
            b'R' => (0, &frame[1..]),
            b'T' => (u32::from_le_bytes(frame[1..5].try_into().unwrap()), &frame[5..]),
            other => panic!("a frame of kind {other}"),
        };
        let id_end = 1 + usize::from(rest[0]);
        let qualifier_end = id_end + 1 + usize::from(rest[id_end]);
        Asked { tag, payload: rest[qualifier_end + 12..].to_vec() }
    }

    fn say(&self, tag: u32, kind: u8, text: &str) {
        let mut body = tag.to_le_bytes().to_vec();
        body.push(kind);
        body.extend(text.as_bytes());
        let frame = if tag == 0 { frame::plain(kind, text.as_bytes()) } else { frame::plain(b't', &body) };
        (&self.control).write_all(&frame).unwrap();
    }

    fn print(&self, text: &str) {
        (&self.log).write_all(text.as_bytes()).unwrap();
    }

    fn was_killed(&self) -> bool {
        self.cell.killed.load(Ordering::SeqCst)
    }
}

fn kind(reply: &Reply) -> FailureKind {
    reply.result.as_ref().expect_err("a failure").kind
}

fn is_open(calls: &JoinHandle<Reply>) -> bool {
    !calls.is_finished()
}

#[tokio::test]
async fn one_at_a_time_carries_no_tags() {
    let world = World::new(1);
    let running = world.begin("x", MINUTE);
    let asked = world.asked().await;
    assert_eq!((asked.tag, &asked.payload[..]), (0, &b"x"[..]));
    world.print("hello\n");
    world.say(0, b'r', "done");
    let reply = running.await.unwrap();
    assert_eq!((reply.result.unwrap(), &reply.log[..], reply.reusable), (Bytes::from("done"), "hello\n", true));
    assert_eq!(reply.memory_used, 7 << 20);
}

#[tokio::test]
async fn calls_run_at_once_and_are_answered_in_any_order() {
    // spec: FIC-03 (in one process)
    let world = World::new(10);
    let mut calls = Vec::new();
    let mut tags = Vec::new();
    for payload in ["a", "b", "c"] {
        calls.push(world.begin(payload, MINUTE));
        let asked = world.asked().await;
        assert_eq!(asked.payload, payload.as_bytes());
        tags.push(asked.tag);
    }
    world.say(tags[1], b'o', "from b\n");
    world.say(tags[0], b'o', "from a\n");
    world.say(tags[2], b'r', "C");
    let third = calls.pop().unwrap().await.unwrap();
    assert!(calls.iter().all(is_open));
    world.say(tags[1], b'e', r#"{"kind":"user_exception","message":"no","handled":true}"#);
    let second = calls.pop().unwrap().await.unwrap();
    // An answer that nobody waits for does no harm.
    world.say(77, b'r', "?");
    world.print("from none\n");
    world.say(tags[0], b'r', "A");
    let first = calls.pop().unwrap().await.unwrap();
    assert_eq!(kind(&second), FailureKind::UserException);
    assert_eq!((third.result.unwrap(), first.result.unwrap()), (Bytes::from("C"), Bytes::from("A")));
    assert_eq!([&first.log[..], &second.log, &third.log], ["from a\nfrom none\n", "from b\n", ""]);
    assert!(first.reusable && second.reusable && third.reusable && world.instance.is_alive());
}

#[tokio::test]
async fn what_is_printed_between_calls_is_the_next_calls() {
    let world = World::new(2);
    world.print("alone\n");
    let running = world.begin("", MINUTE);
    let tag = world.asked().await.tag;
    world.say(tag, b'r', "");
    assert_eq!(running.await.unwrap().log, "alone\n");
    assert!(world.instance.is_alive());
}

#[tokio::test]
async fn a_result_over_the_limit_fails_alone() {
    let world = World::new(2);
    let running = world.begin("", MINUTE);
    let tag = world.asked().await.tag;
    world.say(tag, b'r', &"x".repeat(1001));
    let reply = running.await.unwrap();
    assert_eq!((kind(&reply), reply.reusable), (FailureKind::ResponseTooLarge, true));
}

#[tokio::test]
async fn the_end_of_the_process_fails_all_calls() {
    // spec: FIC-06
    for out_of_memory in [false, true] {
        let world = World::new(10);
        let calls: Vec<_> = (0..3).map(|_| world.begin("", MINUTE)).collect();
        for _ in 0..3 {
            world.asked().await;
        }
        world.print("last words\n");
        world.cell.out_of_memory.store(out_of_memory, Ordering::SeqCst);
        world.control.shutdown(std::net::Shutdown::Both).unwrap();
        let wanted = if out_of_memory { FailureKind::OutOfMemory } else { FailureKind::ProcessExited };
        for call in calls {
            let reply = call.await.unwrap();
            assert_eq!((kind(&reply), reply.reusable), (wanted, false));
        }
        assert!(!world.instance.is_alive() && world.was_killed());
        let late = world.instance.call(call("", MINUTE)).await;
        assert!(matches!(kind(&late), FailureKind::OutOfMemory | FailureKind::ProcessExited) && !late.reusable);
    }
}

#[tokio::test]
async fn the_end_of_an_idle_process_is_noticed() {
    let world = World::new(10);
    assert!(world.instance.is_alive());
    world.control.shutdown(std::net::Shutdown::Both).unwrap();
    while world.instance.is_alive() {
        tokio::task::yield_now().await;
    }
    assert!(world.was_killed());
}

#[tokio::test]
async fn a_timeout_ends_its_call_alone_and_the_instance_with_the_last_one() {
    let world = World::new(10);
    let short = world.begin("short", MINUTE);
    world.asked().await;
    let long = world.begin("long", 10 * MINUTE);
    let tag = world.asked().await.tag;
    world.instance.age(2 * MINUTE);
    let reply = short.await.unwrap();
    assert_eq!((kind(&reply), reply.duration, reply.reusable), (FailureKind::TimedOut, MINUTE, false));
    assert_eq!(reply.result.unwrap_err().message, "Invoking task timed out after 60 seconds");
    // The engine has been told that it must go, and stops it: not before the other has its answer.
    world.instance.stop();
    assert!(is_open(&long) && !world.was_killed());
    world.say(tag, b'r', "done");
    let reply = long.await.unwrap();
    assert_eq!((reply.result.unwrap(), reply.reusable), (Bytes::from("done"), false));
    assert!(reply.duration >= 2 * MINUTE);
    assert!(world.was_killed() && !world.instance.is_alive());
}

#[tokio::test]
async fn a_lone_timeout_ends_the_instance_at_once() {
    for concurrency in [1, 10] {
        let world = World::new(concurrency);
        let running = world.begin("", MINUTE);
        world.asked().await;
        world.instance.age(MINUTE - Duration::from_millis(1));
        world.instance.age(Duration::from_millis(1));
        let reply = running.await.unwrap();
        assert_eq!((kind(&reply), reply.duration, reply.reusable), (FailureKind::TimedOut, MINUTE, false));
        assert!(world.was_killed() && !world.instance.is_alive());
    }
}

#[tokio::test]
async fn stopping_ends_what_runs() {
    for concurrency in [1, 10] {
        let world = World::new(concurrency);
        let running = world.begin("", MINUTE);
        world.asked().await;
        world.instance.stop();
        let reply = running.await.unwrap();
        assert_eq!((kind(&reply), reply.reusable), (FailureKind::ProcessExited, false));
    }
}

#[tokio::test]
async fn only_an_idle_instance_freezes_and_the_first_call_thaws_it() {
    let world = World::new(10);
    let frozen = || world.cell.frozen.load(Ordering::SeqCst);
    world.instance.freeze();
    assert!(frozen());
    let first = world.begin("", MINUTE);
    let first_tag = world.asked().await.tag;
    assert!(!frozen());
    let second = world.begin("", MINUTE);
    let second_tag = world.asked().await.tag;
    world.say(first_tag, b'r', "");
    first.await.unwrap();
    world.instance.freeze();
    assert!(!frozen(), "one call is left");
    world.say(second_tag, b'r', "");
    second.await.unwrap();
    world.instance.freeze();
    assert!(frozen() && world.cell.frozen_times.load(Ordering::SeqCst) == 2);
}

#[tokio::test]
async fn a_payload_that_fills_the_socket_is_sent_whole_though_its_call_is_over() {
    let world = World::new(10);
    let large = vec![b'x'; 8 << 20];
    let first = world.begin(large.clone(), MINUTE);
    let second = world.begin("next", 10 * MINUTE);
    // Both have begun: the first has filled the socket, which nobody reads.
    while world.instance.is_alive() && is_open(&first) {
        tokio::task::yield_now().await;
        world.instance.age(MINUTE);
    }
    assert_eq!(kind(&first.await.unwrap()), FailureKind::TimedOut);
    let third = world.begin("third", 100 * MINUTE);
    let mut seen = vec![world.asked().await.payload.len()];
    while seen.last() != Some(&5) {
        let asked = world.asked().await;
        seen.push(asked.payload.len());
        world.say(asked.tag, b'r', "3");
    }
    assert_eq!(seen[0], large.len());
    let _ = second.await;
    assert_eq!(third.await.unwrap().result.unwrap(), Bytes::from("3"));
}

#[tokio::test]
async fn the_process_goes_with_the_instance() {
    let world = World::new(10);
    let World { instance, cell, mut control, .. } = world;
    drop(instance);
    assert_eq!(Arc::strong_count(&cell), 1, "the listener does not hold it");
    // The backend's enclosure kills when it is dropped.
    cell.kill();
    assert_eq!(control.read(&mut [0u8; 1]).unwrap(), 0);
}

#[tokio::test]
async fn a_thawed_process_finds_its_request() {
    for concurrency in [1, 10] {
        // The second is more than a socket takes at once.
        for payload in ["x".to_owned(), "x".repeat(4 << 20)] {
            let world = World::new(concurrency);
            world.instance.freeze();
            let running = world.begin(payload.clone(), MINUTE);
            let thawed = async {
                while world.cell.frozen.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(MINUTE, thawed).await.expect("a thaw");
            assert!(world.cell.found.load(Ordering::SeqCst) > 0, "it was thawed before there was anything to do");
            let asked = world.asked().await;
            assert_eq!(asked.payload, payload.as_bytes());
            world.say(asked.tag, b'r', "done");
            assert_eq!(running.await.unwrap().result.unwrap(), "done");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_at_once_leaves_nothing_frozen() {
    for concurrency in [1, 10] {
        let world = World::new(concurrency);
        world.instance.freeze();
        let mut call = call("x", MINUTE);
        call.qualifier = "q".repeat(300);
        assert_eq!(kind(&world.instance.call(call).await), FailureKind::Internal);
        assert!(!world.cell.frozen.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn a_call_that_goes_on_has_its_share_reviewed() {
    for concurrency in [1, 10] {
        let world = World::new(concurrency);
        let looks = || world.cell.reviewed.lock().unwrap().iter().filter(|seen| **seen == Occasion::LongCall).count();
        let running = world.begin("", MINUTE);
        let tag = world.asked().await.tag;
        while looks() < 2 {
            tokio::task::yield_now().await;
        }
        world.say(tag, b'r', "");
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_call_keeps_awake_whom_the_freezer_has_not_come_to() {
    for concurrency in [1, 10] {
        let world = World::new(concurrency);
        *world.cell.drowsy.lock().unwrap() = Some(Vec::new());
        let come = || {
            let drowsy = std::mem::take(world.cell.drowsy.lock().unwrap().as_mut().unwrap());
            for sleeper in &drowsy {
                sleeper.fall_asleep(&|| ());
            }
            drowsy.len()
        };
        let frozen = || world.cell.frozen.load(Ordering::SeqCst);
        world.instance.freeze();
        let running = world.begin("", MINUTE);
        let tag = world.asked().await.tag;
        world.say(tag, b'r', "");
        running.await.unwrap();
        assert_eq!((come(), frozen()), (1, false), "it has been called since");
        world.instance.freeze();
        world.instance.freeze();
        assert_eq!((come(), frozen()), (1, true), "queued once");
        world.instance.freeze();
        assert_eq!(come(), 0, "frozen already");
    }
}

#[test]
fn what_is_killed_is_not_frozen_after_that() {
    for concurrency in [1, 10] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _inside = runtime.enter();
        let world = World::new(concurrency);
        *world.cell.drowsy.lock().unwrap() = Some(Vec::new());
        world.instance.freeze();
        let sleeper = world.cell.drowsy.lock().unwrap().as_mut().unwrap().pop().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (may_end, end) = mpsc::channel();
        *world.cell.freezing.lock().unwrap() = Some(Freezing { begun, end });
        std::thread::scope(|scope| {
            let freezer = scope.spawn(|| sleeper.fall_asleep(&|| ()));
            has_begun.recv().unwrap();
            scope.spawn(|| {
                may_end.send(()).unwrap();
                world.instance.stop();
            });
            freezer.join().unwrap();
        });
        assert!(world.was_killed());

        let world = World::new(concurrency);
        *world.cell.drowsy.lock().unwrap() = Some(Vec::new());
        world.instance.freeze();
        world.instance.stop();
        world.cell.drowsy.lock().unwrap().as_mut().unwrap().pop().unwrap().fall_asleep(&|| ());
        assert!(!world.cell.frozen.load(Ordering::SeqCst));
    }
}
