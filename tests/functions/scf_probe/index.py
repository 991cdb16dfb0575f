"""Does what its event says: {"do": "echo", ...}. One function for most questions about the runtime."""

import ctypes
import os
import sys
import threading
import time
import uuid

INSTANCE = uuid.uuid4().hex
calls = 0
running = 0
widest = 0
lock = threading.Lock()


def main_handler(event, context):
    global calls, running, widest
    with lock:
        calls += 1
        running += 1
        widest = max(widest, running)
    try:
        if "mark" in event:
            set_process_name(event["mark"])
        return globals()["do_" + event.get("do", "echo")](event, context)
    finally:
        with lock:
            running -= 1


def set_process_name(name):
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)


def do_echo(event, context):
    return {"event": event, "context": context}


def do_who(event, context):
    return {"instance": INSTANCE, "calls": calls, "widest": widest, "pid": os.getpid()}


def do_sleep(event, context):
    time.sleep(event["seconds"])
    return do_who(event, context)


def do_env(event, context):
    return dict(os.environ)


def do_time(event, context):
    return {"hour": time.localtime().tm_hour, "utc_hour": time.gmtime().tm_hour, "zone": time.strftime("%z")}


def do_print(event, context):
    for line in event["lines"]:
        print(line)
    print("to stderr", file=sys.stderr)
    return len(event["lines"])


def do_raise(event, context):
    raise ValueError(event.get("message", "deliberate failure"))


def do_exit(event, context):
    os._exit(event.get("code", 1))


def do_sys_exit(event, context):
    sys.exit(event.get("code", 1))


def do_allocate(event, context):
    held = bytearray(event["mib"] << 20)
    held[::4096] = b"x" * len(held[::4096])
    return len(held)


def do_length(event, context):
    return len(event["text"])


def do_text(event, context):
    return "a" * event["length"]


def do_unserialisable(event, context):
    return {"an object": object()}


def do_unicode(event, context):
    print("打印 ✓")
    return {"text": event["text"], "encoding": sys.stdout.encoding, "file_system": sys.getfilesystemencoding()}


def do_main_thread(event, context):
    import signal

    signal.signal(signal.SIGUSR1, lambda *_: None)
    return threading.current_thread() is threading.main_thread()


def do_paths(event, context):
    def state(path):
        return {"directory": os.path.isdir(path), "writable": os.access(path, os.W_OK)}

    roots = ["/var/user", "/opt", "/var/runtime", "/var/lang", "/tmp", "/"]
    return {"cwd": os.getcwd(), "roots": {path: state(path) for path in roots}, "python": sys.path}


def do_run(event, context):
    import subprocess

    done = subprocess.run(event["command"], capture_output=True, text=True)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}
