"""The template of Python sandboxes: an interpreter with the bootstrap loaded that forks itself on demand.

Each order names a sandbox that exists already (its first process, as a pidfd) and the descriptors of the new
process. The child joins the sandbox's control groups and namespaces, gives up every right, and becomes a blank.
Nothing of a user's ever enters this process.
"""

import array
import ctypes
import fcntl
import gc
import os
import resource
import signal
import socket
import struct
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bootstrap  # noqa: E402

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
INSIDE_ID = 10000
OPEN_FILES = 1024
MAX_FDS = 16

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
SECCOMP_MODE_FILTER = 2

IS_X86 = os.uname().machine == "x86_64"
SYS_CAPSET, SYS_SETRESUID, SYS_SETRESGID = (126, 117, 119) if IS_X86 else (91, 147, 149)
SYS_PIDFD_OPEN = 434
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446

LIBC = ctypes.CDLL(None, use_errno=True)
SYSCALL = LIBC.syscall
SYSCALL.restype = ctypes.c_long

# Rights of landlock by the version of its interface that brought them.
READ_RIGHTS = (1 << 0) | (1 << 2) | (1 << 3)
ALL_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
NEWEST_RIGHTS = (1 << 16) - 1
DEVICE_RIGHTS = READ_RIGHTS | (1 << 1) | (1 << 15)


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]


def check(result):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def landlock_version():
    return SYSCALL(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)


def restrict_files(version):
    """Read and execute anywhere, write in /tmp only."""
    if version < 1:
        return
    handled = ALL_RIGHTS.get(version, NEWEST_RIGHTS)
    attributes = struct.pack("=Q", handled)
    ruleset = check(SYSCALL(SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))
    for path, rights in (("/", READ_RIGHTS), ("/tmp", handled), ("/dev", DEVICE_RIGHTS)):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights & handled, place)
        check(SYSCALL(SYS_LANDLOCK_ADD, ruleset, 1, rule, 0))
        os.close(place)
    check(SYSCALL(SYS_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def give_up_rights(filters, landlock):
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    check(SYSCALL(SYS_SETRESGID, INSIDE_ID, INSIDE_ID, INSIDE_ID))
    check(SYSCALL(SYS_SETRESUID, INSIDE_ID, INSIDE_ID, INSIDE_ID))
    for capability in range(64):
        if LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    check(SYSCALL(SYS_CAPSET, struct.pack("=Ii", 0x20080522, 0), bytes(24)))
    check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    check(LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
    restrict_files(landlock)
    for program in filters:
        check(LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)))


def place_streams(log, control):
    null = os.open("/dev/null", os.O_RDONLY)
    # Copies above the numbers that are placed, so that placing one does not close another.
    sources = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (null, log, log, control)]
    for number, source in enumerate(sources):
        os.dup2(source, number, inheritable=number < 3)
    os.closerange(4, 256)


def enter(order_fds, filters, landlock):
    """Turns the forked child into a process of its sandbox."""
    pidfd, log, control = order_fds[:3]
    for door in order_fds[3:]:
        os.write(door, b"0")
    check(LIBC.setns(pidfd, NEWNS | NEWNET | NEWIPC | NEWUTS | NEWCGROUP))
    check(LIBC.setns(pidfd, NEWUSER))
    os.chdir("/")
    place_streams(log, control)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    give_up_rights(filters, landlock)


def open_streams():
    """New text streams: those of the template remember what kind of file was behind their numbers."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def serve(is_blank):
    open_streams()
    if is_blank:
        # Time that nobody waits for: pages that the first request would fault in are touched now.
        bootstrap.warm()
    # Off in the template, so that its pages stay shared; functions that run for long need it.
    gc.enable()
    bootstrap.main(3)


def receive(orders):
    data, ancillary, _, _ = orders.recvmsg(65536, socket.CMSG_SPACE(MAX_FDS * 4))
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return data, list(fds)


def load_filters(orders):
    programs = []
    for _ in range(2):
        steps, _ = receive(orders)
        buffer = ctypes.create_string_buffer(steps, len(steps))
        program = Program(len(steps) // 8, ctypes.cast(buffer, ctypes.c_void_p))
        program.keep = buffer
        programs.append(program)
    return programs


def main():
    orders = socket.socket(fileno=3)
    os.set_inheritable(3, False)
    filters = load_filters(orders)
    landlock = landlock_version()
    # Of ourselves: the way back to our own process-id namespace.
    own = check(SYSCALL(SYS_PIDFD_OPEN, os.getpid(), 0))
    # Children are put away by the kernel: whether one lives shows on its control socket.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    bootstrap.warm()
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        data, fds = receive(orders)
        if not data:
            return
        if LIBC.setns(fds[0], NEWPID) == 0:
            try:
                pid = os.fork()
            except OSError as error:
                # The sandbox ended before the fork, or the host is short of something: its owner sees it silent.
                os.write(2, ("sluice sandbox template: %s\n" % error).encode())
                pid = -1
            if pid == 0:
                status = 1
                try:
                    # Its number goes to the control socket; only the number is let go of here.
                    orders.detach()
                    enter(fds, filters, landlock)
                    serve(data == b"blank")
                    status = 0
                except SystemExit as stop:
                    status = stop.code if isinstance(stop.code, int) else 1
                except BaseException as error:
                    os.write(2, traceback.format_exc().encode())
                finally:
                    os._exit(status)
            check(LIBC.setns(own, NEWPID))
        for fd in fds:
            os.close(fd)


main()
