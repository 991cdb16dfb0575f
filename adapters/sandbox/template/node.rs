//! The library as a Node.js addon: `claim()`, `serve(fd)`, `exit(status)`, `seed()` and `pid()`.
//!
//! Node's own interface for addons is looked up while running, because Python loads the same file.

use crate::{_exit, Hooks, complain, serve, symbol};
use core::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::transmute,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering},
};

type Value = *mut c_void;
type Environment = *mut c_void;
type Callback = extern "C" fn(Environment, *mut c_void) -> Value;

/// The environment of the call that is going on, for the hook in the child.
static ENVIRONMENT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Finds a function of Node's and calls it; a name that is missing answers as an error does.
macro_rules! node {
    ($name:literal, ($($kind:ty),*), $($argument:expr),*) => {{
        let found = symbol($name);
        if found.is_null() {
            complain("this Node.js has no interface for addons");
            -1
        } else {
            // SAFETY: the type is that of the function in Node's headers, and has not changed since it appeared.
            let function: extern "C" fn($($kind),*) -> c_int = unsafe { transmute(found) };
            function($($argument),*)
        }
    }};
}

#[unsafe(no_mangle)]
extern "C" fn napi_register_module_v1(environment: Environment, exports: Value) -> Value {
    let functions: [(&CStr, Callback); 5] =
        [(c"claim", claim_platform), (c"serve", serve_orders), (c"exit", exit_now), (c"seed", seed), (c"pid", pid)];
    for (name, callback) in functions {
        let mut function: Value = null_mut();
        node!(
            c"napi_create_function",
            (Environment, *const c_char, usize, Callback, *mut c_void, *mut Value),
            environment,
            name.as_ptr(),
            name.count_bytes(),
            callback,
            null_mut(),
            &raw mut function
        );
        node!(
            c"napi_set_named_property",
            (Environment, Value, *const c_char, Value),
            environment,
            exports,
            name.as_ptr(),
            function
        );
    }
    exports
}

/// Tells V8 that it has no helper threads, which is so in a forked child; 0 if that could not be done.
///
/// `--single-threaded` does not suffice: parts of the garbage collector hand work to helpers all the same, and Node.js
/// waits for that work whenever its event loop runs empty. V8 asks its platform how many helpers there are, by a
/// virtual function; the platform gets a table in which that function says none.
extern "C" fn claim_platform(environment: Environment, _: *mut c_void) -> Value {
    number(environment, i32::from(claim()))
}

/// Entries that are copied: more than there are. What follows the table is read-only data of the program.
const TABLE_ENTRIES: usize = 64;
/// Before the first function: the offset to the whole object and its type.
const BEFORE_TABLE: usize = 2;

fn claim() -> bool {
    static mut TABLE: [usize; BEFORE_TABLE + TABLE_ENTRIES] = [0; BEFORE_TABLE + TABLE_ENTRIES];
    let platform_of_v8 = symbol(c"_ZN2v88internal2V818GetCurrentPlatformEv");
    let helpers = symbol(c"_ZN4node12NodePlatform21NumberOfWorkerThreadsEv") as usize;
    let post = symbol(c"_ZN4node12NodePlatform18CallOnWorkerThreadESt10unique_ptrIN2v84TaskESt14default_deleteIS3_EE");
    if platform_of_v8.is_null() || helpers == 0 {
        return false;
    }
    // SAFETY: a function of V8's that takes nothing and returns a pointer.
    let platform_of_v8: extern "C" fn() -> *mut *const usize = unsafe { transmute(platform_of_v8) };
    let platform = platform_of_v8();
    // SAFETY: an object with virtual functions begins with the address of their table, which lies between other
    // tables; ours lives as long as the process, and this is called once.
    unsafe {
        let table = &mut *(&raw mut TABLE);
        core::ptr::copy_nonoverlapping((*platform).sub(BEFORE_TABLE), table.as_mut_ptr(), table.len());
        let mut found = false;
        for entry in table.iter_mut().skip(BEFORE_TABLE) {
            if *entry == helpers {
                *entry = no_helpers as *const () as usize;
                found = true;
            } else if !post.is_null() && *entry == post as usize {
                *entry = run_at_once as *const () as usize;
            }
        }
        if found {
            *platform = table.as_ptr().add(BEFORE_TABLE);
        }
        found
    }
}

extern "C" fn no_helpers(_platform: *mut c_void) -> c_int {
    0
}

/// What is meant for a helper thread runs here and now. The task comes in a `unique_ptr` and is ours.
extern "C" fn run_at_once(_platform: *mut c_void, owner: *mut *mut *const TaskTable) {
    // SAFETY: a task begins with the address of its table, whose first three functions are two destructors and `Run`.
    unsafe {
        let task = core::mem::replace(&mut *owner, null_mut());
        ((**task).run)(task.cast());
        ((**task).delete)(task.cast());
    }
}

#[repr(C)]
struct TaskTable {
    destroy: extern "C" fn(*mut c_void),
    delete: extern "C" fn(*mut c_void),
    run: extern "C" fn(*mut c_void),
}

/// The only argument of a call, a whole number.
fn argument(environment: Environment, call: *mut c_void) -> i32 {
    let mut count = 1usize;
    let mut value: Value = null_mut();
    let mut number = 0i32;
    node!(
        c"napi_get_cb_info",
        (Environment, *mut c_void, *mut usize, *mut Value, *mut Value, *mut *mut c_void),
        environment,
        call,
        &raw mut count,
        &raw mut value,
        null_mut(),
        null_mut()
    );
    node!(c"napi_get_value_int32", (Environment, Value, *mut i32), environment, value, &raw mut number);
    number
}

extern "C" fn serve_orders(environment: Environment, call: *mut c_void) -> Value {
    ENVIRONMENT.store(environment, Ordering::Relaxed);
    let hooks = Hooks { before: || {}, in_parent: || {}, in_child: renew_loop, keeps_descriptors: true };
    let role = serve(argument(environment, call), &hooks);
    number(environment, role as i32)
}

fn number(environment: Environment, value: i32) -> Value {
    let mut made: Value = null_mut();
    node!(c"napi_create_int32", (Environment, i32, *mut Value), environment, value, &raw mut made);
    made
}

/// A number from the kernel's generator, above zero.
extern "C" fn seed(environment: Environment, _: *mut c_void) -> Value {
    let mut bytes = [0u8; 4];
    // SAFETY: the buffer has the length that is passed.
    unsafe { crate::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    number(environment, (i32::from_ne_bytes(bytes) & i32::MAX) | 1)
}

/// The number that the process has in its own namespace: Node remembers the one that it started with.
extern "C" fn pid(environment: Environment, _: *mut c_void) -> Value {
    // SAFETY: takes nothing and cannot fail.
    number(environment, unsafe { crate::getpid() })
}

/// The event loop of the child waits on descriptors of its own.
fn renew_loop() {
    let mut event_loop: *mut c_void = null_mut();
    let environment = ENVIRONMENT.load(Ordering::Relaxed);
    let found = node!(c"napi_get_uv_event_loop", (Environment, *mut *mut c_void), environment, &raw mut event_loop);
    if found != 0 || node!(c"uv_loop_fork", (*mut c_void), event_loop) != 0 {
        complain("the event loop cannot go on in a child");
        // SAFETY: ends this process, before anything of a function's was in it.
        unsafe { _exit(1) };
    }
}

/// Ends the process at once: Node's own end waits for threads that a forked child does not have.
extern "C" fn exit_now(environment: Environment, call: *mut c_void) -> Value {
    // SAFETY: does not return.
    unsafe { _exit(argument(environment, call)) }
}
