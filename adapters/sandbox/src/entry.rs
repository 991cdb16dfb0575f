//! The way of a forked process into its sandbox, up to the point where foreign code may run.
//!
//! Two programs walk it: the launcher's child, which then executes an interpreter, and the child of a template,
//! which is an interpreter already. The second has this file compiled into the library that `template/lib.rs` is,
//! so only `core` and system calls are used here; nothing allocates, and no lock of the parent is touched.

use core::ffi::{c_int, c_long, c_void};

/// The user and group that code sees itself as, whatever it is on the host.
pub const INSIDE_ID: u32 = 10_000;
/// spec: QUO-20
const OPEN_FILES: u64 = 1024;

/// How many filters of system calls there are.
pub const FILTERS: usize = 3;

/// A filter of system calls, as the kernel takes it (`struct sock_fprog`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Program {
    pub length: u16,
    pub steps: *const c_void,
}

/// What a process is put into. All descriptors have numbers above those that are placed (0 to 3).
pub struct Entry<'a> {
    /// The first process of the sandbox.
    pub first: c_int,
    pub log: c_int,
    pub control: c_int,
    /// Files of control groups: writing to one joins it.
    pub doors: &'a [c_int],
    /// In the order in which they are installed.
    pub programs: [Program; FILTERS],
}

/// The step that failed, and the number of its error.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    pub step: &'static str,
    pub errno: i32,
}

pub type Outcome = Result<(), Failed>;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

/// Numbers of system calls.
#[cfg(target_arch = "x86_64")]
mod number {
    pub const WRITE: i64 = 1;
    pub const CLOSE: i64 = 3;
    pub const CHDIR: i64 = 80;
    pub const SETRESUID: i64 = 117;
    pub const SETRESGID: i64 = 119;
    pub const CAPSET: i64 = 126;
    pub const PRCTL: i64 = 157;
    pub const OPENAT: i64 = 257;
    pub const DUP3: i64 = 292;
    pub const PRLIMIT: i64 = 302;
    pub const SETNS: i64 = 308;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const DUP3: i64 = 24;
    pub const CHDIR: i64 = 49;
    pub const OPENAT: i64 = 56;
    pub const CLOSE: i64 = 57;
    pub const WRITE: i64 = 64;
    pub const CAPSET: i64 = 91;
    pub const SETRESUID: i64 = 147;
    pub const SETRESGID: i64 = 149;
    pub const PRCTL: i64 = 167;
    pub const PRLIMIT: i64 = 261;
    pub const SETNS: i64 = 268;
}
const LANDLOCK_CREATE: c_long = 444;
const LANDLOCK_ADD: c_long = 445;
const LANDLOCK_RESTRICT: c_long = 446;

const CLOEXEC: c_long = 0o2_000_000;

const NEWNS: c_long = 0x0002_0000;
const NEWCGROUP: c_long = 0x0200_0000;
const NEWUTS: c_long = 0x0400_0000;
const NEWIPC: c_long = 0x0800_0000;
const NEWUSER: c_long = 0x1000_0000;
const NEWNET: c_long = 0x4000_0000;

/// Calls the kernel; on failure the outcome names the step.
///
/// SAFETY: every use below passes the arguments its system call wants, and memory that outlives the call.
macro_rules! call {
    ($step:expr, $number:expr $(, $argument:expr)*) => {{
        // SAFETY: see the macro.
        let result = unsafe { syscall($number as c_long $(, $argument)*) };
        // SAFETY: the location of this thread's error number is always valid.
        if result < 0 { Err(Failed { step: $step, errno: unsafe { *__errno_location() } }) } else { Ok(result) }
    }};
}

/// Joins the sandbox and gives up every right. Descriptors other than 0 to 3 are the caller's to close.
pub fn enter(entry: &Entry<'_>) -> Outcome {
    join(entry.doors)?;
    call!("joining namespaces", number::SETNS, entry.first, NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWNET)?;
    call!("joining the user namespace", number::SETNS, entry.first, NEWUSER)?;
    call!("changing directory", number::CHDIR, c"/".as_ptr())?;
    place_streams(entry.log, entry.control)?;
    give_up(&entry.programs)
}

/// Has the calling process join the control groups.
pub fn join(doors: &[c_int]) -> Outcome {
    let write = |door: &c_int| call!("joining cgroups", number::WRITE, *door, c"0".as_ptr(), 1usize).map(|_| ());
    doors.iter().try_for_each(write)
}

/// Opens a path with the given flags and closes it again when dropped.
struct Opened(c_long);

impl Opened {
    fn at(path: &core::ffi::CStr, flags: c_long) -> Result<Self, Failed> {
        const AT_FDCWD: c_long = -100;
        call!("opening a path", number::OPENAT, AT_FDCWD, path.as_ptr(), flags | CLOEXEC, 0).map(Self)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let _ = call!("closing", number::CLOSE, self.0);
    }
}

fn place_streams(log: c_int, control: c_int) -> Outcome {
    let null = Opened::at(c"/dev/null", 0)?;
    for (from, to) in [(null.0, 0), (log.into(), 1), (log.into(), 2), (control.into(), 3)] {
        if from <= 3 {
            return Err(Failed { step: "placing descriptors: one has the number of another", errno: 0 });
        }
        // Children of the function do not get the control socket; an interpreter that is executed gets it from
        // its parent, which takes the mark off.
        call!("placing descriptors", number::DUP3, from, to as c_long, if to == 3 { CLOEXEC } else { 0 })?;
    }
    Ok(())
}

/// Gives up everything. The caller is in the sandbox's namespaces and about to run foreign code.
fn give_up(programs: &[Program; FILTERS]) -> Outcome {
    const RLIMIT_CORE: c_long = 4;
    const RLIMIT_NOFILE: c_long = 7;
    for (resource, value) in [(RLIMIT_NOFILE, OPEN_FILES), (RLIMIT_CORE, 0)] {
        let limit = [value, value];
        call!("setting limits", number::PRLIMIT, 0 as c_long, resource, limit.as_ptr(), core::ptr::null::<u64>())?;
    }
    let id = c_long::from(INSIDE_ID);
    call!("changing group", number::SETRESGID, id, id, id)?;
    call!("changing user", number::SETRESUID, id, id, id)?;
    drop_capabilities()?;
    control(PR_SET_NO_NEW_PRIVS, 1, 0)?;
    control(PR_SET_DUMPABLE, 1, 0)?;
    restrict_files()?;
    for program in programs {
        control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &raw const *program as c_long)?;
    }
    Ok(())
}

const PR_SET_DUMPABLE: c_long = 4;
const PR_SET_SECCOMP: c_long = 22;
const PR_CAPBSET_DROP: c_long = 24;
const PR_SET_NO_NEW_PRIVS: c_long = 38;
const PR_CAP_AMBIENT: c_long = 47;
const PR_CAP_AMBIENT_CLEAR_ALL: c_long = 4;
const SECCOMP_MODE_FILTER: c_long = 2;

fn control(option: c_long, first: c_long, second: c_long) -> Outcome {
    call!("prctl", number::PRCTL, option, first, second, 0 as c_long, 0 as c_long).map(|_| ())
}

/// Takes every capability away, for good.
pub fn drop_capabilities() -> Outcome {
    // The first number that the kernel does not know ends the list.
    let _ = (0..64).try_for_each(|capability| control(PR_CAPBSET_DROP, capability, 0));
    let _ = control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);
    // Version 3 of the interface takes a header of two and data of six 32-bit words.
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0u32; 6];
    call!("dropping capabilities", number::CAPSET, header.as_ptr(), none.as_ptr()).map(|_| ())
}

/// The version of landlock's interface, where the kernel has it.
pub fn landlock_version() -> Result<c_long, Failed> {
    const VERSION: c_long = 1;
    call!("landlock", LANDLOCK_CREATE, core::ptr::null::<c_void>(), 0usize, VERSION)
}

/// Read and execute anywhere, write in `/tmp` only. Where the kernel has no landlock, mounts alone say so.
fn restrict_files() -> Outcome {
    const O_PATH: c_long = 0o10_000_000;
    const EXECUTE: u64 = 1 << 0;
    const WRITE_FILE: u64 = 1 << 1;
    const READ_FILE: u64 = 1 << 2;
    const READ_DIR: u64 = 1 << 3;
    const IOCTL_DEV: u64 = 1 << 15;
    const READ: u64 = EXECUTE | READ_FILE | READ_DIR;
    const PATH_BENEATH: c_long = 1;
    let Ok(version) = landlock_version() else { return Ok(()) };
    // Rights by the version of the interface that brought them; later ones brought none for files.
    let handled: u64 = match version {
        1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    };
    let ruleset =
        Opened(call!("landlock ruleset", LANDLOCK_CREATE, &raw const handled, size_of::<u64>(), 0 as c_long)?);
    /// `struct landlock_path_beneath_attr`
    #[repr(C, packed)]
    struct Beneath {
        rights: u64,
        parent: i32,
    }
    for (path, rights) in [(c"/", READ), (c"/tmp", handled), (c"/dev", READ | WRITE_FILE | IOCTL_DEV)] {
        let place = Opened::at(path, O_PATH)?;
        let rule = Beneath { rights: rights & handled, parent: place.0 as i32 };
        call!("landlock rule", LANDLOCK_ADD, ruleset.0, PATH_BENEATH, &raw const rule, 0 as c_long)?;
    }
    call!("landlock", LANDLOCK_RESTRICT, ruleset.0, 0 as c_long).map(|_| ())
}
