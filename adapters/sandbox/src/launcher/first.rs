//! The first process of a sandbox: it makes the namespaces, then does nothing but put dead processes away.
//!
//! It is process 1 in there. Whatever a function leaves behind becomes its child, and when it is killed the
//! kernel ends everything else in the sandbox at once.

use crate::{
    entry::{self, INSIDE_ID},
    sys::{self, Fork},
};
use rustix::{
    mount::MountFlags,
    process::{WaitOptions, wait},
};
use std::{
    fs,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
};

pub struct Plan<'a> {
    pub uid: u32,
    pub netns: &'a OwnedFd,
    pub scratch: &'a OwnedFd,
    pub doors: &'a [OwnedFd],
}

/// A sandbox that is being made, by the process that will be its first.
pub struct Unfinished {
    told: io::PipeReader,
    process: OwnedFd,
}

/// Begins to make a sandbox.
pub fn begin(plan: &Plan<'_>) -> io::Result<Unfinished> {
    let (told, tell) = io::pipe()?;
    let namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    // SAFETY: the launcher has one thread.
    match unsafe { sys::fork(namespaces) }? {
        Fork::Child => {
            drop(told);
            live(plan, tell)
        }
        Fork::Parent { pidfd } => Ok(Unfinished { told, process: pidfd }),
    }
}

impl Unfinished {
    /// Has something to read, or has ended, when [`Unfinished::finish`] need not wait.
    pub fn told(&self) -> &io::PipeReader {
        &self.told
    }

    pub fn process(&self) -> &OwnedFd {
        &self.process
    }

    /// The first process of the sandbox, which is complete.
    pub fn finish(mut self) -> io::Result<OwnedFd> {
        let mut message = String::new();
        self.told.read_to_string(&mut message)?;
        match message.as_str() {
            "ready" => Ok(self.process),
            "" => Err(io::Error::other("a sandbox ended while it was made")),
            error => Err(io::Error::other(error.to_owned())),
        }
    }
}

fn live(plan: &Plan<'_>, mut tell: io::PipeWriter) -> ! {
    match prepare(plan) {
        Ok(()) => {
            let _ = tell.write_all(b"ready");
            drop(tell);
            let _ = sys::close_from(0);
            put_away_the_dead()
        }
        Err(error) => {
            let _ = tell.write_all(error.to_string().as_bytes());
            sys::exit_now(1)
        }
    }
}

fn prepare(plan: &Plan<'_>) -> io::Result<()> {
    let step = |what: &'static str| move |error: io::Error| io::Error::other(format!("{what}: {error}"));
    let doors: Vec<RawFd> = plan.doors.iter().map(AsRawFd::as_raw_fd).collect();
    entry::join(&doors).map_err(|failed| io::Error::other(failed.step))?;
    rustix::thread::move_into_link_name_space(plan.netns.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))?;
    sys::unshare(libc::CLONE_NEWCGROUP).map_err(step("cgroup namespace"))?;
    rustix::system::sethostname(crate::root::HOSTNAME.as_bytes())?;
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", "/proc", "proc", safe, None)
        .map_err(io::Error::from)
        .map_err(step("mounting /proc"))?;
    sys::attach_mount(plan.scratch.as_fd(), "/tmp")?;
    let (uid, gid) = (plan.uid, plan.uid);
    sys::become_user(uid, gid).map_err(step("changing user"))?;
    // Its own files in /proc must be its own for the maps to be written.
    sys::set_dumpable(true)?;
    sys::unshare(libc::CLONE_NEWUSER).map_err(step("user namespace"))?;
    fs::write("/proc/self/setgroups", "deny").map_err(step("setgroups"))?;
    fs::write("/proc/self/gid_map", format!("{INSIDE_ID} {gid} 1")).map_err(step("gid map"))?;
    fs::write("/proc/self/uid_map", format!("{INSIDE_ID} {uid} 1")).map_err(step("uid map"))?;
    entry::drop_capabilities().map_err(|failed| io::Error::other(failed.step))?;
    sys::set_no_new_privileges()?;
    sys::set_dumpable(false)?;
    // Last, because a change of user clears it. If the launcher went before, its socket tells the server.
    sys::die_with_parent()
}

/// Sleeps between deaths: a thousand parked sandboxes must not wake the host a thousand times a second.
fn put_away_the_dead() -> ! {
    let deaths = sys::hold_deaths();
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        sys::await_death(&deaths);
    }
}
