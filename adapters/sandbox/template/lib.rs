//! The native half of templates: an interpreter, loaded and waiting, that forks itself into sandboxes.
//!
//! One library serves both languages. Python loads it with `ctypes` and calls [`sluice_serve`]; Node.js loads it as
//! an addon (`node.rs`). Either way the interpreter is inside one call while it is a template and runs none of its
//! own code; the call returns in each child, which is then a process of a sandbox.
//!
//! Why native: what Python would do in a millisecond takes a tenth of it, and Node.js cannot fork from JavaScript.
//! Why without the standard library: the build script compiles it alone, for an interpreter to load.
#![no_std]

#[path = "../src/entry.rs"]
mod entry;
mod node;

use core::{
    ffi::{CStr, c_char, c_int, c_long, c_void},
    mem::zeroed,
    ptr::{null, null_mut},
};
use entry::{Entry, FILTERS, Failed, Program};

/// What a call of [`serve`] ended with.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum Role {
    /// The launcher is gone.
    End = 0,
    /// A child that is wanted at once.
    Wanted = 1,
    /// A child that will wait as a blank.
    Blank = 2,
}

/// What an interpreter wants done around a fork.
pub struct Hooks {
    pub before: fn(),
    pub in_parent: fn(),
    pub in_child: fn(),
    /// Whether the child goes on using descriptors that the interpreter opened for itself.
    pub keeps_descriptors: bool,
}

#[link(name = "c")]
unsafe extern "C" {
    fn fork() -> c_int;
    fn _exit(status: c_int) -> !;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn recvmsg(socket: c_int, message: *mut Message, flags: c_int) -> isize;
    fn write(fd: c_int, bytes: *const c_void, length: usize) -> isize;
    fn close(fd: c_int) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int;
    fn close_range(first: u32, last: u32, flags: c_int) -> c_int;
    fn setns(fd: c_int, namespaces: c_int) -> c_int;
    fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    fn statx(directory: c_int, path: *const c_char, flags: c_int, mask: u32, out: *mut Stat) -> c_int;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getrandom(bytes: *mut c_void, length: usize, flags: u32) -> isize;
    fn getpid() -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

const SIGCHLD: c_int = 17;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
const NEWPID: c_int = 0x2000_0000;
const CLOEXEC: c_int = 0o2_000_000;
const RDWR: c_int = 2;
const SYS_PIDFD_OPEN: c_long = 434;

/// A function of the process we are loaded into.
fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: a null library means the whole process; the name is terminated.
    unsafe { dlsym(null_mut(), name.as_ptr()) }
}

fn complain(text: &str) {
    for part in ["sluice sandbox template: ", text, "\n"] {
        // SAFETY: the bytes are there for as long as the call.
        unsafe { write(2, part.as_ptr().cast(), part.len()) };
    }
}

fn complain_of(step: &str, errno: i32) {
    let digit = |number: i32| b'0' + (number % 10) as u8;
    let digits = [digit(errno / 100), digit(errno / 10), digit(errno)];
    complain(step);
    complain(core::str::from_utf8(&digits).unwrap_or("unknown error"));
}

// --- orders ----------------------------------------------------------------------------------------------------

const MAX_FDS: usize = 16;
/// Most steps of one filter.
const MAX_STEPS: usize = 4096;

/// `struct iovec`
#[repr(C)]
struct Part {
    base: *mut c_void,
    length: usize,
}

/// `struct msghdr`
#[repr(C)]
struct Message {
    name: *mut c_void,
    name_length: u32,
    parts: *mut Part,
    part_count: usize,
    control: *mut c_void,
    control_length: usize,
    flags: c_int,
}

/// `struct cmsghdr` and the descriptors after it.
#[repr(C)]
struct Control {
    length: usize,
    level: c_int,
    kind: c_int,
    fds: [c_int; MAX_FDS],
}

/// Receives one packet: how many bytes (0 at the end), and the descriptors that came with it.
fn receive(socket: c_int, buffer: &mut [u8], fds: &mut [c_int; MAX_FDS]) -> (usize, usize) {
    const HEADER: usize = size_of::<usize>() + 2 * size_of::<c_int>();
    let mut part = Part { base: buffer.as_mut_ptr().cast(), length: buffer.len() };
    // SAFETY: both are plain numbers and pointers, for which zero is a value.
    let (mut control, mut message): (Control, Message) = unsafe { (zeroed(), zeroed()) };
    message.parts = &raw mut part;
    message.part_count = 1;
    message.control = (&raw mut control).cast();
    message.control_length = size_of::<Control>();
    // SAFETY: everything the message points to outlives the call.
    let size = unsafe { recvmsg(socket, &raw mut message, 0x4000_0000) };
    if size <= 0 {
        return (0, 0);
    }
    let count = control.length.saturating_sub(HEADER) / size_of::<c_int>();
    fds[..count].copy_from_slice(&control.fds[..count]);
    (size as usize, count)
}

/// The filters come first, one packet each, and stay for good.
fn receive_programs(socket: c_int) -> Option<[Program; FILTERS]> {
    static mut STEPS: [[u64; MAX_STEPS]; FILTERS] = [[0; MAX_STEPS]; FILTERS];
    let mut programs = [Program { length: 0, steps: null() }; FILTERS];
    for (index, program) in programs.iter_mut().enumerate() {
        // SAFETY: this is called once per process, by its only thread that does.
        let steps = unsafe { &mut (*(&raw mut STEPS))[index] };
        // SAFETY: the same memory as bytes.
        let bytes = unsafe { core::slice::from_raw_parts_mut(steps.as_mut_ptr().cast::<u8>(), size_of_val(steps)) };
        let (size, _) = receive(socket, bytes, &mut [0; MAX_FDS]);
        if size == 0 {
            return None;
        }
        *program = Program { length: (size / 8) as u16, steps: steps.as_ptr().cast() };
    }
    Some(programs)
}

// --- the interpreter's own descriptors ----------------------------------------------------------------------------

/// `struct statx` as far as it is looked at.
#[repr(C)]
struct Stat {
    before: [u32; 7],
    mode: u16,
    _pad: u16,
    inode: u64,
    after: [u64; 27],
}

/// Descriptors of the template from number 4 on, which a child must not share with it.
struct Own {
    inodes: [u64; Own::NUMBERS],
}

impl Own {
    const NUMBERS: usize = 128;
    const PIPE: u16 = 0o010_000;

    /// None for what is not open; 1 for what is no pipe.
    fn identity(fd: usize) -> u64 {
        const EMPTY_PATH: c_int = 0x1000;
        const TYPE_AND_INODE: u32 = 0x101;
        // SAFETY: plain numbers.
        let mut stat: Stat = unsafe { zeroed() };
        // SAFETY: the buffer has at least the size of `struct statx` and outlives the call.
        let result = unsafe { statx(fd as c_int, c"".as_ptr(), EMPTY_PATH, TYPE_AND_INODE, &raw mut stat) };
        match (result, stat.mode & 0o170_000) {
            (0, Self::PIPE) => stat.inode,
            (0, _) => 1,
            _ => 0,
        }
    }

    fn look() -> Self {
        let mut inodes = [0; Self::NUMBERS];
        for (fd, inode) in inodes.iter_mut().enumerate().skip(4) {
            *inode = Self::identity(fd);
        }
        Self { inodes }
    }

    /// Puts something harmless in the place of each that is still the template's. What the interpreter made anew
    /// for the child while it forked (pipes) stays.
    fn replace(&self) -> Result<(), Failed> {
        // SAFETY: the path is terminated.
        let null = unsafe { open(c"/dev/null".as_ptr(), RDWR | CLOEXEC) };
        for (fd, inode) in self.inodes.iter().enumerate() {
            // SAFETY: numbers only; what lay at `fd` is the template's and not used before the loop is forked.
            if *inode != 0 && Self::identity(fd) == *inode && unsafe { dup3(null, fd as c_int, CLOEXEC) } < 0 {
                return Err(Failed { step: "letting go of the template's descriptors", errno: 0 });
            }
        }
        // SAFETY: it is ours.
        unsafe { close(null) };
        Ok(())
    }
}

// --- serving ----------------------------------------------------------------------------------------------------

/// Forks for each order until the launcher goes. Returns in every child, and at the end.
pub fn serve(socket: c_int, hooks: &Hooks) -> Role {
    let Some(programs) = receive_programs(socket) else { return Role::End };
    let own = Own::look();
    // SAFETY: numbers only. Of ourselves: the way back to our own process-id namespace.
    let home = unsafe { syscall(SYS_PIDFD_OPEN, c_long::from(getpid()), 0 as c_long) } as c_int;
    // Children are put away by the kernel: whether one lives shows on its control socket.
    // SAFETY: no handler of ours is installed.
    unsafe { signal(SIGCHLD, SIG_IGN) };
    share_memory();
    let mut buffer = [0u8; 64];
    let mut fds = [0; MAX_FDS];
    loop {
        let (size, count) = receive(socket, &mut buffer, &mut fds);
        if size == 0 {
            return Role::End;
        }
        let role = if &buffer[..size] == b"blank" { Role::Blank } else { Role::Wanted };
        let order = &fds[..count];
        if count >= 3 && fork_into(order[0], home, hooks) {
            // SAFETY: no handler of ours is installed.
            unsafe { signal(SIGCHLD, SIG_DFL) };
            let entry = Entry { first: order[0], log: order[1], control: order[2], doors: &order[3..], programs };
            become_child(&entry, order, home, hooks, &own);
            return role;
        }
        for fd in order {
            // SAFETY: it came with the order and is used nowhere else.
            unsafe { close(*fd) };
        }
    }
}

/// Some interpreters mark their memory as not to be passed on to children.
fn share_memory() {
    const DOFORK: c_int = 11;
    const USER_SPACE: usize = 0x7fff_ffff_f000;
    const USER_SPACE_ARM: usize = 0xffff_ffff_f000;
    let size = if cfg!(target_arch = "x86_64") { USER_SPACE } else { USER_SPACE_ARM };
    // Goes on over holes, and stops at the kernel's own pages, which lie above all others.
    // SAFETY: changes what a fork does, not the memory.
    unsafe { madvise(null_mut(), size, DOFORK) };
}

/// True in the child, which is then in the process-id namespace of the sandbox.
fn fork_into(first: c_int, home: c_int, hooks: &Hooks) -> bool {
    // SAFETY: numbers only.
    if unsafe { setns(first, NEWPID) } != 0 {
        // The sandbox ended before its process was made: its owner sees that.
        return false;
    }
    (hooks.before)();
    // SAFETY: the interpreter's hooks make the child fit to go on; it has this thread only.
    let pid = unsafe { fork() };
    if pid == 0 {
        return true;
    }
    (hooks.in_parent)();
    if pid < 0 {
        complain("the host refused a process");
    }
    // SAFETY: numbers only.
    if unsafe { setns(home, NEWPID) } != 0 {
        complain("there is no way back from a sandbox");
        // SAFETY: ends this process; the launcher starts another template.
        unsafe { _exit(1) };
    }
    false
}

fn become_child(entry: &Entry<'_>, order: &[c_int], home: c_int, hooks: &Hooks, own: &Own) {
    let entered = entry::enter(entry).and_then(|()| {
        if !hooks.keeps_descriptors {
            // SAFETY: nothing from 4 on is used any more.
            unsafe { close_range(4, u32::MAX, 0) };
            return Ok(());
        }
        for fd in order.iter().chain([&home]) {
            // SAFETY: they are used no more.
            unsafe { close(*fd) };
        }
        own.replace()
    });
    if let Err(Failed { step, errno }) = entered {
        complain_of(step, errno);
        // SAFETY: ends this process, before anything of a function's was in it.
        unsafe { _exit(1) };
    }
    (hooks.in_child)();
}

// --- Python -----------------------------------------------------------------------------------------------------

/// Called with the interpreter's lock held, which keeps its other threads, of which there are none, away.
#[unsafe(no_mangle)]
pub extern "C" fn sluice_serve(socket: c_int) -> c_int {
    fn hook(name: &CStr) {
        let found = symbol(name);
        if !found.is_null() {
            // SAFETY: Python's fork hooks take nothing and return nothing.
            let call: extern "C" fn() = unsafe { core::mem::transmute(found) };
            call();
        }
    }
    let hooks = Hooks {
        before: || hook(c"PyOS_BeforeFork"),
        in_parent: || hook(c"PyOS_AfterFork_Parent"),
        in_child: || hook(c"PyOS_AfterFork_Child"),
        keeps_descriptors: false,
    };
    serve(socket, &hooks) as c_int
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    complain("a mistake in the template library");
    // SAFETY: ends this process.
    unsafe { _exit(101) }
}

/// Named by the parts of the language that come compiled, for unwinding, which this library does not do.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
