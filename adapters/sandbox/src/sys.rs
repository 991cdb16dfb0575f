//! System calls that have no safe wrapper in the crates we use.

use rustix::process::Pid;
use std::{
    ffi::CString,
    fs::{File, OpenOptions},
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    path::Path,
    time::Duration,
};

pub const RDONLY: u64 = 1;
pub const NOSUID: u64 = 2;
pub const NODEV: u64 = 4;

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn text(value: &str) -> io::Result<CString> {
    CString::new(value).map_err(io::Error::other)
}

/// Processors of the host, whichever of them this process may use.
pub fn processors() -> u64 {
    // SAFETY: only a number goes in and comes out.
    unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }.max(1) as u64
}

/// SAFETY of every `owned` below: the kernel has just returned this descriptor to us and nobody else has it.
fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: see above.
    unsafe { OwnedFd::from_raw_fd(fd as RawFd) }
}

/// A loop device with an image behind it. It is cleared by the kernel when its last user goes.
pub struct LoopDevice {
    pub number: u32,
    _device: File,
}

pub fn attach_loop(image: &File) -> io::Result<LoopDevice> {
    const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
    const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
    const FLAGS_AUTOCLEAR: u32 = 4;
    const FLAGS_DIRECT_IO: u32 = 16;
    /// `struct loop_config`: descriptor, block size, `struct loop_info64`, reserved.
    const CONFIG_BYTES: usize = 8 + 232 + 64;
    const FLAGS_AT: usize = 8 + 52;
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
    loop {
        // SAFETY: asks for a number; no memory is passed.
        let number = check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) }.into())? as u32;
        let path = format!("/dev/loop{number}");
        let device = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_loop_node(&path, number)?;
                OpenOptions::new().read(true).write(true).open(&path)?
            }
            other => other?,
        };
        let mut config = [0u8; CONFIG_BYTES];
        config[..4].copy_from_slice(&(image.as_raw_fd() as u32).to_ne_bytes());
        config[4..8].copy_from_slice(&4096u32.to_ne_bytes());
        config[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&(FLAGS_AUTOCLEAR | FLAGS_DIRECT_IO).to_ne_bytes());
        // SAFETY: `config` has the size and layout of `struct loop_config` and outlives the call.
        match check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, config.as_ptr()) }.into()) {
            // Someone else took the number between the two calls.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => continue,
            Err(error) => return Err(error),
            Ok(_) => return Ok(LoopDevice { number, _device: device }),
        }
    }
}

/// Where `/dev` is not managed, a new loop device has no node yet.
fn make_loop_node(path: &str, number: u32) -> io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    Ok(mknodat(CWD, path, FileType::BlockDevice, Mode::from_raw_mode(0o600), makedev(7, number))?)
}

/// Mounts a filesystem without attaching it anywhere.
pub fn mount_detached(kind: &str, source: &str, flags: &[&str]) -> io::Result<OwnedFd> {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, "source", source)?;
    for flag in flags {
        rustix::mount::fsconfig_set_flag(&context, *flag)?;
    }
    rustix::mount::fsconfig_create(&context)?;
    Ok(rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}

/// A detached, private copy of the mount at `path`, showing just that directory.
pub fn clone_mount(path: &Path) -> io::Result<OwnedFd> {
    use rustix::mount::OpenTreeFlags;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    rustix::mount::open_tree(rustix::fs::CWD, path, flags)
        .map_err(|error| io::Error::new(io::Error::from(error).kind(), format!("{}: {error}", path.display())))
}

pub fn set_mount_flags(mount: &OwnedFd, flags: u64) -> io::Result<()> {
    /// `struct mount_attr`
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        userns: u64,
    }
    let attributes = Attributes { set: flags, clear: 0, propagation: 0, userns: 0 };
    let empty = c"";
    // SAFETY: `attributes` has the layout and size that is passed along; the path is empty and terminated.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            empty.as_ptr(),
            libc::AT_EMPTY_PATH,
            &attributes,
            size_of::<Attributes>(),
        )
    })?;
    Ok(())
}

/// Attaches a detached mount at `target` in the caller's mount namespace.
pub fn attach_mount(mount: BorrowedFd<'_>, target: &str) -> io::Result<()> {
    use rustix::mount::MoveMountFlags;
    rustix::mount::move_mount(mount, "", rustix::fs::CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|error| io::Error::other(format!("{target}: {error}")))
}

/// What `clone3` gave the two sides.
pub enum Fork {
    Child,
    Parent { pidfd: OwnedFd },
}

/// Forks with new namespaces. Only for a single-threaded process.
///
/// # Safety
/// The caller must be single-threaded: the child goes on in a copy of the caller's memory, locks included.
pub unsafe fn fork(flags: i32) -> io::Result<Fork> {
    let mut pidfd: RawFd = -1;
    /// `struct clone_args`, first version.
    #[repr(C)]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
    }
    let arguments = Arguments {
        flags: (flags | libc::CLONE_PIDFD) as u32 as u64,
        pidfd: &raw mut pidfd as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..Arguments::default()
    };
    // SAFETY: `arguments` has the layout of `struct clone_args` and its size is passed; no stack is given, so the
    // child runs on a copy of this one; the caller promised to be single-threaded.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &arguments, size_of::<Arguments>()) })?;
    match pid {
        0 => Ok(Fork::Child),
        _ => Ok(Fork::Parent { pidfd: owned(pidfd.into()) }),
    }
}

/// Joins namespaces of the process behind `pidfd`. Only for a single-threaded process.
pub fn enter(pidfd: BorrowedFd<'_>, namespaces: i32) -> io::Result<()> {
    // SAFETY: no memory is passed; the effect is on namespaces only.
    check(unsafe { libc::setns(pidfd.as_raw_fd(), namespaces) }.into())?;
    Ok(())
}

pub fn unshare(namespaces: i32) -> io::Result<()> {
    // SAFETY: no memory is passed; the effect is on namespaces only.
    check(unsafe { libc::unshare(namespaces) }.into())?;
    Ok(())
}

/// Dies when the parent does.
pub fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?)
}

pub fn set_no_new_privileges() -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    Ok(())
}

pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, i32::from(dumpable), 0, 0, 0) }.into())?;
    Ok(())
}

/// The number of a thread that stands for the one that asks.
pub const CALLING_THREAD: i32 = 0;

/// How the kernel schedules a thread.
pub fn scheduling(thread: i32) -> io::Result<libc::sched_attr> {
    // SAFETY: a structure of integers; all may be zero.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the kernel writes at most as many bytes as it is told the structure has.
    check(unsafe { libc::syscall(libc::SYS_sched_getattr, thread, &raw mut attributes, size, 0) })?;
    Ok(attributes)
}

/// Takes attributes that [`scheduling`] has given, changed or not.
pub fn set_scheduling(thread: i32, attributes: &libc::sched_attr) -> io::Result<()> {
    // SAFETY: `attributes` has the layout that its size member says, and outlives the call.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, thread, attributes, 0) })?;
    Ok(())
}

/// Processor time that the threads of a process have used.
pub fn time_used(process: Pid) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: writes the number of a clock to a value of ours. What it returns is not in `errno`.
    let error = unsafe { libc::clock_getcpuclockid(process.as_raw_pid(), &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a value of ours.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) }.into())?;
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Becomes another user and group, with no others besides.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    leave_groups()?;
    // SAFETY: integers only. Raw system calls, because this process has one thread and the library's versions would
    // look for others.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })?;
    Ok(())
}

/// Leaves every supplementary group: children would take them into sandboxes.
pub fn leave_groups() -> io::Result<()> {
    // SAFETY: an empty list needs no memory.
    check(unsafe { libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()) })?;
    Ok(())
}

/// Puts `fd` at number `to`, surviving exec.
pub fn place_fd(fd: BorrowedFd<'_>, to: RawFd) -> io::Result<()> {
    // SAFETY: both are numbers of descriptors; what was at `to` is closed, which the single-threaded child wants.
    check(unsafe { libc::dup2(fd.as_raw_fd(), to) }.into())?;
    Ok(())
}

/// Has a descriptor survive exec.
pub fn keep_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: numbers only.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }.into())?;
    Ok(())
}

pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: closes descriptors of a process that is about to exec and uses none of them.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) })?;
    Ok(())
}

/// Replaces the process. Returns only on failure.
pub fn execute(program: &str, arguments: &[String], environment: &[String]) -> io::Error {
    let list = |items: &[String]| items.iter().map(|item| text(item)).collect::<io::Result<Vec<CString>>>();
    let (program, arguments, environment) = match (text(program), list(arguments), list(environment)) {
        (Ok(program), Ok(arguments), Ok(environment)) => (program, arguments, environment),
        _ => return io::Error::other("an argument holds a NUL byte"),
    };
    let pointers = |items: &[CString]| {
        items.iter().map(|item| item.as_ptr()).chain([std::ptr::null()]).collect::<Vec<*const libc::c_char>>()
    };
    let (arguments, environment) = (pointers(&arguments), pointers(&environment));
    // SAFETY: both lists end with a null pointer and their strings live until the call has replaced the process
    // or failed.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends the process without running anything else.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: does not return; a forked child must not run the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

/// Watches a descriptor from the current runtime.
pub fn watch<T: std::os::fd::AsRawFd>(io: T, interest: tokio::io::Interest) -> io::Result<tokio::io::unix::AsyncFd<T>> {
    // SAFETY: every caller passes an owner of a descriptor, which stays open and the same for as long as the
    // value lives; the watcher owns the value.
    let watched = unsafe { tokio::io::unix::AsyncFd::register_with_interest(io, interest) };
    watched.map_err(|error| error.into_parts().1)
}

/// A pipe that has something to read whenever a child of this process has ended. For one caller per process.
pub fn announce_deaths() -> io::Result<io::PipeReader> {
    use std::sync::atomic::{AtomicI32, Ordering};
    static TELL: AtomicI32 = AtomicI32::new(-1);
    extern "C" fn tell(_: libc::c_int) {
        // SAFETY: `write` may be called in a signal handler; a full pipe or a closed number does no harm.
        unsafe { libc::write(TELL.load(Ordering::Relaxed), c"x".as_ptr().cast(), 1) };
    }
    let (read, write) = io::pipe()?;
    rustix::io::ioctl_fionbio(&write, true)?;
    TELL.store(std::os::fd::IntoRawFd::into_raw_fd(write), Ordering::Relaxed);
    // SAFETY: the handler only writes to a descriptor that is never closed while this process lives.
    unsafe { libc::signal(libc::SIGCHLD, tell as *const () as libc::sighandler_t) };
    // Whoever started us may have held the signal back, which lasts over an exec.
    mask_deaths(libc::SIG_UNBLOCK);
    tell(libc::SIGCHLD);
    Ok(read)
}

/// Holds SIGCHLD back from now on, so that none is lost between a look at the dead and [`await_death`].
pub fn hold_deaths() -> libc::sigset_t {
    mask_deaths(libc::SIG_BLOCK)
}

/// Changes whether SIGCHLD is held back; returns the set with it alone.
fn mask_deaths(how: libc::c_int) -> libc::sigset_t {
    // SAFETY: `set` is filled by the calls before it is used, and is this function's own.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(how, &set, std::ptr::null_mut());
        set
    }
}

/// Sleeps until a child has ended since the last time.
pub fn await_death(held: &libc::sigset_t) {
    let mut signal = 0;
    // SAFETY: both point to values of ours that outlive the call.
    unsafe { libc::sigwait(held, &mut signal) };
}
