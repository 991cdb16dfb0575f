//! The server's end of the launcher.

use crate::{
    launcher::{SOCKET_FD, Settings},
    sys,
    wire::{self, Answer, Order, PACKET_BYTES, Request},
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::{
    collections::HashMap,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::oneshot,
};

/// Gives orders and hands each its answer. Orders are carried out one after the other.
pub struct Launcher {
    socket: AsyncFd<OwnedFd>,
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Outcome>>>>,
    next: AtomicU64,
    child: Mutex<Child>,
    stopping: AtomicBool,
}

/// How long the launcher may take to put everything away before it is killed, which ends the sandboxes too.
const STOP_TRIES: u32 = 1000;
const STOP_PAUSE: Duration = Duration::from_millis(5);

type Outcome = Result<Option<OwnedFd>, String>;

impl Launcher {
    /// Executes this program again as the launcher and waits until it is ready.
    pub fn start(settings: &Settings) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("sandbox-launcher")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0);
        let number = std::os::fd::AsRawFd::as_raw_fd(&theirs);
        // SAFETY: between fork and exec only dup2 is called, which is safe there.
        unsafe {
            command.pre_exec(move || {
                let theirs = BorrowedFd::borrow_raw(number);
                sys::place_fd(theirs, SOCKET_FD)
            });
        }
        let child = command.spawn()?;
        drop(theirs);
        wire::send(&ours, settings, &[])?;
        let mut buffer = vec![0; PACKET_BYTES];
        if wire::receive::<Answer>(&ours, &mut buffer)?.is_none() {
            return Err(io::Error::other("the sandbox launcher ended at once; its message is above"));
        }
        rustix::io::ioctl_fionbio(&ours, true)?;
        Ok(Self {
            socket: sys::watch(ours, Interest::READABLE | Interest::WRITABLE)?,
            waiting: Mutex::new(Some(HashMap::new())),
            next: AtomicU64::new(1),
            child: Mutex::new(child),
            stopping: AtomicBool::new(false),
        })
    }

    /// Gives an order and waits for what came of it.
    pub async fn order(&self, order: Order, fds: &[BorrowedFd<'_>]) -> Outcome {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        match self.waiting.lock().expect("launcher lock").as_mut() {
            Some(waiting) => waiting.insert(number, sender),
            None => return Err("the sandbox launcher is gone".to_owned()),
        };
        let request = Request { number, order };
        let sent = self.socket.async_io(Interest::WRITABLE, |socket| wire::send(socket, &request, fds)).await;
        if let Err(error) = sent {
            if let Some(waiting) = self.waiting.lock().expect("launcher lock").as_mut() {
                waiting.remove(&number);
            }
            return Err(format!("the sandbox launcher cannot be reached: {error}"));
        }
        receiver.await.unwrap_or_else(|_| Err("the sandbox launcher ended".to_owned()))
    }

    /// Hands out answers until the launcher goes.
    pub async fn receive_answers(&self) {
        let mut buffer = vec![0; PACKET_BYTES];
        loop {
            let received = self
                .socket
                .async_io(Interest::READABLE, |socket| wire::receive::<Answer>(socket.as_fd(), &mut buffer))
                .await;
            let Ok(Some((answer, fds))) = received else { break };
            let waiter =
                self.waiting.lock().expect("launcher lock").as_mut().and_then(|waiting| waiting.remove(&answer.number));
            if let Some(waiter) = waiter {
                let outcome = match answer.error {
                    Some(error) => Err(error),
                    None => Ok(fds.into_iter().next()),
                };
                let _ = waiter.send(outcome);
            }
        }
        // Dropping the senders answers everyone who waits.
        self.waiting.lock().expect("launcher lock").take();
        if !self.stopping.load(Ordering::Relaxed) {
            // Its sandboxes ended with it and no other can be made. Whoever watches over the server starts it anew,
            // which takes less than a second and loses nothing that was acknowledged.
            tracing::error!("the sandbox launcher ended: the server cannot go on");
            std::process::exit(70);
        }
    }

    /// Ends every sandbox and the launcher, and waits until they are gone.
    pub fn stop(&self) {
        if self.stopping.swap(true, Ordering::Relaxed) {
            return;
        }
        // The end of the socket is its sign to put everything away and go.
        let _ = rustix::net::shutdown(self.socket.get_ref(), rustix::net::Shutdown::Both);
        let mut child = self.child.lock().expect("launcher lock");
        for _ in 0..STOP_TRIES {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(STOP_PAUSE);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.stop();
    }
}
