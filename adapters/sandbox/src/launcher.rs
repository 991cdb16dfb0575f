//! The launcher: a small single-threaded process that makes sandboxes for the server.
//!
//! The server has many threads and much memory; forking it would be slow and unsafe. So it executes itself once
//! more as this process, which does nothing but wait for orders on one socket. It lives in the sandboxes' file
//! tree and sees nothing else of the host. When the server goes, the socket ends, the launcher ends, and with
//! it every sandbox, because each dies with its parent.

mod first;
mod template;

use crate::{
    confine::Filters,
    entry::{self, Entry},
    root,
    sys::{self, Fork},
    wire::{self, Answer, Order, PACKET_BYTES, Process, Request},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    process::{WaitOptions, wait},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    net::Ipv4Addr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    path::PathBuf,
};
use template::Template;

/// The socket to the server.
pub const SOCKET_FD: i32 = 3;
/// A sandboxed process's socket to the server.
const CONTROL_FD: i32 = 3;

/// What the launcher is told when it starts: its first packet. Not an argument, because sandboxes can read those
/// of their first process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub root: PathBuf,
    pub name_server: Option<Ipv4Addr>,
    pub vendor_paths: Vec<(String, String)>,
    pub extra: Vec<PathBuf>,
}

/// Runs the launcher until the server goes.
pub fn run() -> ! {
    if let Err(error) = serve() {
        eprintln!("sluice sandbox launcher: {error}");
        std::process::exit(1);
    }
    std::process::exit(0)
}

struct Launcher {
    socket: OwnedFd,
    /// This process's own namespaces, to come back to.
    own_pids: File,
    own_mounts: File,
    filters: Filters,
    /// Has something to read when a child has ended.
    deaths: io::PipeReader,
    /// First process of each sandbox.
    sandboxes: HashMap<u64, OwnedFd>,
    /// Sandboxes that are being made, and the requests for them.
    unfinished: Vec<(Creation, first::Unfinished)>,
    templates: HashMap<String, Template>,
}

fn serve() -> io::Result<()> {
    sys::die_with_parent()?;
    sys::leave_groups()?;
    // SAFETY: the server placed the socket at this number before it executed us, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(SOCKET_FD) };
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    let mut buffer = vec![0; PACKET_BYTES];
    let Some((settings, _)) = wire::receive::<Settings>(&socket, &mut buffer)? else { return Ok(()) };
    let own_pids = File::open("/proc/self/ns/pid")?;
    sys::unshare(libc::CLONE_NEWNS)?;
    let own_mounts = File::open("/proc/self/ns/mnt")?;
    let plan = root::Plan {
        at: settings.root.clone(),
        name_server: settings.name_server,
        vendor_paths: settings.vendor_paths.clone(),
        extra: settings.extra.clone(),
    };
    root::move_into(&plan)?;
    let mut launcher = Launcher {
        socket,
        own_pids,
        own_mounts,
        filters: Filters::build()?,
        deaths: sys::announce_deaths()?,
        sandboxes: HashMap::new(),
        unfinished: Vec::new(),
        templates: HashMap::new(),
    };
    // Readiness is the first answer, to no request.
    wire::send(&launcher.socket, &Answer { number: 0, error: None }, &[])?;
    launcher.obey()
}

impl Launcher {
    fn obey(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; PACKET_BYTES];
        loop {
            self.wait_for_order()?;
            let Some((request, fds)) = wire::receive::<Request>(&self.socket, &mut buffer)? else {
                self.end_all();
                return Ok(());
            };
            match self.carry_out(request.number, request.order, fds) {
                Ok(Answered::Now) => self.answer(request.number, Ok(None))?,
                Ok(Answered::Later) => {}
                Err(error) => self.answer(request.number, Err(error))?,
            }
        }
    }

    fn answer(&self, number: u64, result: io::Result<Option<OwnedFd>>) -> io::Result<()> {
        let (error, pidfd) = match result {
            Ok(pidfd) => (None, pidfd),
            Err(error) => (Some(error.to_string()), None),
        };
        let fds: Vec<BorrowedFd<'_>> = pidfd.iter().map(AsFd::as_fd).collect();
        wire::send(&self.socket, &Answer { number, error }, &fds)
    }

    /// Answers the requests for sandboxes that are complete.
    fn finish_sandboxes(&mut self) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> =
            self.unfinished.iter().map(|(_, begun)| PollFd::new(begun.told(), PollFlags::IN)).collect();
        if fds.is_empty() || matches!(rustix::event::poll(&mut fds, Some(&NO_TIME)), Ok(0) | Err(_)) {
            return Ok(());
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        // From behind, so that taking one out leaves the positions before it as they are.
        for position in (0..ready.len()).rev().filter(|position| ready[*position]) {
            let (Creation { number, id }, begun) = self.unfinished.swap_remove(position);
            let finished = begun.finish().and_then(|pidfd| {
                let copy = pidfd.try_clone()?;
                self.sandboxes.insert(id, pidfd);
                Ok(Some(copy))
            });
            self.answer(number, finished)?;
        }
        Ok(())
    }

    /// Ends every sandbox, then the templates, and waits until all are gone.
    fn end_all(&mut self) {
        let kill = |pidfd: &OwnedFd| {
            let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
        };
        let unfinished = std::mem::take(&mut self.unfinished);
        unfinished.iter().for_each(|(_, begun)| kill(begun.process()));
        self.sandboxes.values().for_each(kill);
        for pidfd in self.sandboxes.values() {
            // The first process of a sandbox ends when the others are put away, and some of those are ours to do.
            while !self.wait_for(pidfd) {}
        }
        self.templates.values().for_each(|template| kill(template.process()));
        while let Ok(Some(_)) = wait(WaitOptions::empty()) {}
    }

    /// Waits for the next order; puts dead children away and hands out finished sandboxes meanwhile.
    fn wait_for_order(&mut self) -> io::Result<()> {
        loop {
            let ordered = self.wait_for(&self.socket);
            self.finish_sandboxes()?;
            if ordered {
                return Ok(());
            }
        }
    }

    /// Waits until something can be read from `fd`, or a child has ended, or a sandbox is complete; says whether it
    /// was `fd`.
    fn wait_for(&self, fd: &OwnedFd) -> bool {
        let mut fds = vec![PollFd::new(fd, PollFlags::IN), PollFd::new(&self.deaths, PollFlags::IN)];
        fds.extend(self.unfinished.iter().map(|(_, begun)| PollFd::new(begun.told(), PollFlags::IN)));
        if rustix::event::poll(&mut fds, None).is_err() {
            return false;
        }
        let (ready, death) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        if death {
            let _ = (&self.deaths).read(&mut [0u8; 64]);
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        }
        ready
    }

    fn carry_out(&mut self, number: u64, order: Order, mut fds: Vec<OwnedFd>) -> io::Result<Answered> {
        match order {
            Order::Template { name, program, arguments } => {
                let template = Template::start(&program, &arguments, &self.filters)?;
                self.templates.insert(name, template);
                Ok(Answered::Now)
            }
            Order::Create { id, uid } => {
                // Other orders do not wait for it.
                self.unfinished.push((Creation { number, id }, create(uid, &fds)?));
                Ok(Answered::Later)
            }
            Order::Run { id, doors, mounts, process } => {
                if fds.len() != 2 + doors + mounts.len() {
                    return Err(wrong_descriptors());
                }
                let mount_fds = fds.split_off(2 + doors);
                let streams = Streams { log: &fds[0], control: &fds[1], doors: &fds[2..] };
                let pidfd = self.sandboxes.get(&id).ok_or_else(no_such_sandbox)?.try_clone()?;
                if !mounts.is_empty() {
                    self.attach(&pidfd, &mounts, &mount_fds)?;
                }
                self.start(&pidfd, process, &streams).map(|()| Answered::Now)
            }
            Order::Mount { id, mounts } => {
                let pidfd = self.sandboxes.get(&id).ok_or_else(no_such_sandbox)?;
                self.attach(pidfd, &mounts, &fds).map(|()| Answered::Now)
            }
            Order::Forget { id } => {
                if let Some(first) = self.sandboxes.remove(&id) {
                    // Commonly it has ended; without one who has its descriptor nobody else would end it.
                    let _ = rustix::process::pidfd_send_signal(&first, rustix::process::Signal::KILL);
                }
                Ok(Answered::Now)
            }
        }
    }

    fn start(&mut self, pidfd: &OwnedFd, process: Process, streams: &Streams<'_>) -> io::Result<()> {
        match process {
            Process::Fork { template, blank } => {
                let Self { templates, filters, .. } = self;
                let template = templates.get_mut(&template).ok_or_else(|| io::Error::other("no such template"))?;
                template.fork_into(pidfd, streams, blank).or_else(|_| {
                    // It is gone: another takes its place.
                    template.restart(filters)?;
                    template.fork_into(pidfd, streams, blank)
                })
            }
            Process::Execute { program, arguments, environment } => {
                let program = Program { path: &program, arguments: &arguments, environment: &environment };
                self.execute_in(pidfd, &program, streams)
            }
        }
    }

    /// Executes a program as a process of a sandbox.
    fn execute_in(&self, pidfd: &OwnedFd, program: &Program<'_>, streams: &Streams<'_>) -> io::Result<()> {
        sys::enter(pidfd.as_fd(), libc::CLONE_NEWPID)?;
        // SAFETY: the launcher has one thread.
        let forked = unsafe { sys::fork(0) };
        match forked {
            Ok(Fork::Child) => {
                let error = self.become_program(pidfd, program, streams);
                eprintln!("sluice sandbox: {}: {error}", program.path);
                sys::exit_now(127)
            }
            other => {
                sys::enter(self.own_pids.as_fd(), libc::CLONE_NEWPID)?;
                other.map(|_| ())
            }
        }
    }

    fn become_program(&self, pidfd: &OwnedFd, program: &Program<'_>, streams: &Streams<'_>) -> io::Error {
        let doors: Vec<RawFd> = streams.doors.iter().map(AsRawFd::as_raw_fd).collect();
        let entry = Entry {
            first: pidfd.as_raw_fd(),
            log: streams.log.as_raw_fd(),
            control: streams.control.as_raw_fd(),
            doors: &doors,
            programs: self.filters.as_entry(),
        };
        let prepared = entry::enter(&entry)
            .map_err(|failed| {
                io::Error::other(format!("{}: {}", failed.step, io::Error::from_raw_os_error(failed.errno)))
            })
            .and_then(|()| sys::close_from(4))
            .and_then(|()| sys::keep_on_exec(CONTROL_FD));
        match prepared {
            Err(error) => error,
            Ok(()) => sys::execute(program.path, program.arguments, program.environment),
        }
    }

    /// Attaches mounts in a sandbox's tree: goes there, does it, and comes back.
    fn attach(&self, pidfd: &OwnedFd, targets: &[String], mounts: &[OwnedFd]) -> io::Result<()> {
        sys::enter(pidfd.as_fd(), libc::CLONE_NEWNS)?;
        let result =
            targets.iter().zip(mounts).try_for_each(|(target, mount)| sys::attach_mount(mount.as_fd(), target));
        sys::enter(self.own_mounts.as_fd(), libc::CLONE_NEWNS)?;
        result
    }
}

/// When the server hears what came of an order.
enum Answered {
    Now,
    /// When the sandbox is complete.
    Later,
}

/// Which request a sandbox is made for, and what it will be called.
struct Creation {
    number: u64,
    id: u64,
}

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn create(uid: u32, fds: &[OwnedFd]) -> io::Result<first::Unfinished> {
    let [netns, scratch, doors @ ..] = fds else { return Err(wrong_descriptors()) };
    first::begin(&first::Plan { uid, netns, scratch, doors })
}

fn wrong_descriptors() -> io::Error {
    io::Error::other("an order with the wrong number of descriptors")
}

fn no_such_sandbox() -> io::Error {
    io::Error::other("no such sandbox")
}

/// Descriptors of a sandbox's process.
pub struct Streams<'a> {
    pub log: &'a OwnedFd,
    pub control: &'a OwnedFd,
    pub doors: &'a [OwnedFd],
}

struct Program<'a> {
    path: &'a str,
    arguments: &'a [String],
    environment: &'a [String],
}

impl Streams<'_> {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        let mut fds = vec![self.log.as_fd(), self.control.as_fd()];
        fds.extend(self.doors.iter().map(AsFd::as_fd));
        fds
    }
}
