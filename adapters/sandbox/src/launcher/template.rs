//! Template processes: an interpreter, loaded and waiting, that forks itself into sandboxes.
//!
//! The template shares its pages with every process it forks, which is what makes a start cheap in time and
//! memory. It runs our bootstrap only; user code is loaded after the fork, in the sandbox.

use super::Streams;
use crate::{
    confine::Filters,
    environment,
    sys::{self, Fork},
    wire,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

pub struct Template {
    socket: OwnedFd,
    process: OwnedFd,
    program: String,
    arguments: Vec<String>,
}

impl Template {
    /// Starts it. The filters go to it as its first packet, because it installs them after each fork.
    pub fn start(program: &str, arguments: &[String], filters: &Filters) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        // SAFETY: the launcher has one thread.
        match unsafe { sys::fork(0) }? {
            Fork::Child => {
                let error = become_template(theirs, program, arguments);
                eprintln!("sluice sandbox template: {program}: {error}");
                sys::exit_now(127)
            }
            Fork::Parent { pidfd } => {
                for program in filters.programs() {
                    wire::send_bytes(&ours, &program, &[])?;
                }
                let (program, arguments) = (program.to_owned(), arguments.to_vec());
                Ok(Self { socket: ours, process: pidfd, program, arguments })
            }
        }
    }

    pub fn restart(&mut self, filters: &Filters) -> io::Result<()> {
        *self = Self::start(&self.program, &self.arguments, filters)?;
        Ok(())
    }

    pub fn process(&self) -> &OwnedFd {
        &self.process
    }

    /// Has it fork a process into the sandbox of `pidfd`.
    pub fn fork_into(&self, pidfd: &OwnedFd, streams: &Streams<'_>, blank: bool) -> io::Result<()> {
        let mut fds = vec![pidfd.as_fd()];
        fds.extend(streams.fds());
        wire::send_bytes(&self.socket, if blank { b"blank" } else { b"fork" }, &fds)
    }
}

fn become_template(socket: OwnedFd, program: &str, arguments: &[String]) -> io::Error {
    let prepared = (|| {
        sys::die_with_parent()?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let inherited = std::mem::ManuallyDrop::new(socket);
        let socket = rustix::io::fcntl_dupfd_cloexec(&*inherited, 100)?;
        sys::place_fd(null.as_fd(), 0)?;
        sys::place_fd(null.as_fd(), 1)?;
        sys::place_fd(socket.as_fd(), 3)?;
        // They are closed with everything else, not one by one.
        std::mem::forget((null, socket));
        sys::close_from(4)
    })();
    match prepared {
        Err(error) => error,
        Ok(()) => {
            // Symbols are looked up once, here, rather than by every child.
            let mut environment = environment::of_a_template();
            environment.push("LD_BIND_NOW=1".to_owned());
            sys::execute(program, arguments, &environment)
        }
    }
}
