"""Tries what code in a sandbox must not be able to do, and says how each attempt ended.

An attempt answers {"ok": what it got} or {"error": errno name or exception}.
"""

import ctypes
import errno
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

libc = ctypes.CDLL(None, use_errno=True)
NOBODY_ANSWERED = 1.5


def main_handler(event, context):
    if "mark" in event:
        libc.prctl(15, event["mark"].encode(), 0, 0, 0)
    return globals()["try_" + event["try"]](event)


def attempt(action, *args):
    try:
        return {"ok": action(*args)}
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno, str(error))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def system(name, *args):
    """A C library call whose -1 becomes an OSError."""

    def run():
        ctypes.set_errno(0)
        result = getattr(libc, name)(*args)
        if result == -1:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result

    return attempt(run)


def read(path):
    with open(path, "rb") as file:
        return file.read(16384).decode("latin-1")


def write(path):
    with open(path, "w") as file:
        file.write("x")
    os.unlink(path)
    return "written"


def connect(address, port):
    with socket.create_connection((address, port), timeout=NOBODY_ANSWERED) as link:
        return f"connected to {link.getpeername()}"


def try_read(event):
    return {path: attempt(read, path) for path in event["paths"]}


def try_list(event):
    return {path: attempt(lambda p: sorted(os.listdir(p))[:200], path) for path in event["paths"]}


def try_write(event):
    return {path: attempt(write, os.path.join(path, "e2e-write")) for path in event["paths"]}


def try_connect(event):
    # All at once: each that nobody answers takes its time.
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda target: attempt(connect, *target), event["targets"]))


def try_default_gateway(event):
    with open("/proc/net/route") as table:
        for line in table.read().splitlines()[1:]:
            fields = line.split()
            if fields[1] == "00000000":
                return ".".join(str(part) for part in bytes.fromhex(fields[2])[::-1])
    return None


def try_addresses(event):
    """Addresses of this instance as the kernel lists them."""
    found = set()
    with open("/proc/net/fib_trie") as table:
        lines = table.read().splitlines()
    for above, line in zip(lines, lines[1:]):
        if "host LOCAL" in line:
            found.add(above.split()[-1])
    return sorted(address for address in found if not address.startswith("127."))


def try_listen(event):
    """Listens for a while; says whether it could call itself and who else did."""
    server = socket.create_server(("0.0.0.0", event["port"]))
    server.settimeout(0.1)
    callers = []
    own = attempt(connect, event["address"], event["port"])
    end = time.monotonic() + event["seconds"]
    while time.monotonic() < end:
        try:
            link, caller = server.accept()
        except OSError:
            continue
        link.close()
        callers.append(caller[0])
    return {"own": own, "callers": callers}


def try_call_until(event):
    """Calls an address again and again for some seconds."""
    end = time.monotonic() + event["seconds"]
    outcome = None
    while time.monotonic() < end:
        outcome = attempt(connect, event["address"], event["port"])
        if "ok" in outcome:
            break
    return outcome


def try_privileges(event):
    with open("/proc/self/status") as file:
        full = dict(line.split(":", 1) for line in file if ":" in line)
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "effective": full["CapEff"].strip(),
        "permitted": full["CapPrm"].strip(),
        "bounding": full["CapBnd"].strip(),
        "no_new_privs": full["NoNewPrivs"].strip(),
        "seccomp": full["Seccomp"].strip(),
    }


def try_calls(event):
    """Privileged system calls, one by one."""
    new_user, new_mount, new_net, new_pid = 0x10000000, 0x00020000, 0x40000000, 0x20000000
    return {
        "mount": system("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "umount": system("umount2", b"/tmp", 2),
        "unshare_user": system("unshare", new_user),
        "unshare_mount": system("unshare", new_mount),
        "unshare_net": system("unshare", new_net),
        "unshare_pid": system("unshare", new_pid),
        "ptrace_parent": system("ptrace", 16, 1, None, None),
        "setuid_root": system("setuid", 0),
        "setgid_root": system("setgid", 0),
        "chroot": system("chroot", b"/tmp"),
        "sethostname": system("sethostname", b"mine", 4),
        "settimeofday": system("clock_settime", 0, ctypes.byref((ctypes.c_long * 2)(1, 0))),
        "reboot": system("reboot", 0x01234567),
        "init_module": system("syscall", 175, None, 0, b""),
        "bpf": system("syscall", 321, 0, None, 0),
        "keyctl": system("syscall", 250, 0, -3, 0, 0, 0),
        "perf_event_open": system("syscall", 298, None, 0, -1, -1, 0),
        "pivot_root": system("syscall", 155, b"/tmp", b"/tmp"),
        "raw_socket": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()),
        "packet_socket": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        "mknod": attempt(os.mknod, "/tmp/disk", 0o60600, os.makedev(8, 0)),
        "set_user_id_bit": attempt(set_user_id_bit),
    }


def set_user_id_bit():
    """Does a set-uid program, if there is one, give root?"""
    import subprocess

    for path in ("/usr/bin/su", "/bin/su", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/bin/passwd"):
        if os.path.exists(path) and os.stat(path).st_mode & 0o4000:
            done = subprocess.run([path, "--help"], capture_output=True)
            uid = os.geteuid()
            if uid == 0:
                return f"root through {path}"
            raise PermissionError(errno.EPERM, f"{path} ran with {done.returncode} and gave nothing")
    raise PermissionError(errno.EPERM, "no such program")


def try_processes(event):
    """What /proc shows: it must be this sandbox and nothing else."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            found[entry] = attempt(read, f"/proc/{entry}/cmdline").get("ok", "").replace("\0", " ")
    return found


def try_environments(event):
    return {pid: attempt(read, f"/proc/{pid}/environ") for pid in try_processes(event) if int(pid) != os.getpid()}


def try_search(event):
    """Looks for a text in every file below some roots that this process may read."""
    needle, found, seen = event["needle"].encode(), [], 0
    for root in event["roots"]:
        for folder, names, files in os.walk(root):
            if folder.startswith(("/proc/", "/sys/")):
                continue
            for name in files:
                path = os.path.join(folder, name)
                try:
                    if not os.path.isfile(path) or os.path.getsize(path) > 1 << 20:
                        continue
                    with open(path, "rb") as file:
                        seen += 1
                        if needle in file.read():
                            found.append(path)
                except OSError:
                    continue
    return {"found": found, "files": seen}


def try_fill_tmp(event):
    """Writes to /tmp until it is full or 600 MB are written."""
    block = os.urandom(1 << 20)
    written = 0
    reason = None
    try:
        with open("/tmp/filler", "wb", buffering=0) as file:
            for _ in range(event.get("mib", 600)):
                written += file.write(block)
    except OSError as error:
        reason = errno.errorcode[error.errno]
    return {"mib": written >> 20, "reason": reason}


def try_open_files(event):
    held, reason = [], None
    try:
        while len(held) < 5000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        reason = errno.errorcode[error.errno]
    highest = max(held)
    for descriptor in held:
        os.close(descriptor)
    return {"highest": highest, "opened": len(held), "reason": reason}


def try_processes_until_refused(event):
    """Forks and starts threads by turns until the kernel says no; all wait on one pipe and go when it closes."""
    wait_end, close_end = os.pipe()
    threading.stack_size(64 * 1024)
    stop = threading.Event()
    children, threads, reason = [], [], None
    try:
        while len(children) + len(threads) < 3000:
            if len(children) < event.get("forks", 300):
                pid = os.fork()
                if pid == 0:
                    os.close(close_end)
                    os.read(wait_end, 1)
                    os._exit(0)
                children.append(pid)
            else:
                thread = threading.Thread(target=stop.wait, daemon=True)
                thread.start()
                threads.append(thread)
    except OSError as error:
        reason = errno.errorcode[error.errno]
    except RuntimeError as error:
        reason = f"EAGAIN ({error})"
    result = {"processes": len(children), "threads": len(threads), "reason": reason}
    stop.set()
    os.close(close_end)
    for pid in children:
        os.waitpid(pid, 0)
    return result


def try_daemon(event):
    """Leaves a process of its own session behind, which ignores every signal it can, and returns."""
    import signal

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_IGN)
            libc.prctl(15, event["daemon"].encode(), 0, 0, 0)
            while True:
                time.sleep(3600)
        os._exit(0)
    os.wait()
    if event.get("stuck"):
        while True:
            time.sleep(3600)
    return "left a daemon behind"


def try_burn(event):
    end = time.monotonic() + event["seconds"]
    count = 0
    while time.monotonic() < end:
        count += 1
    return count


def try_hostname(event):
    return {"host": socket.gethostname(), "user": os.environ.get("USER"), "python": sys.executable}


def try_resolve(event):
    return attempt(socket.gethostbyname, event["name"])
