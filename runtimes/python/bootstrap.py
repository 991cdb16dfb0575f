"""Runs one Python function inside a sandbox: loads the user's module once, then answers requests on a socket.

Why one file of plain standard library: it is embedded in the server, must start on any CPython from 3.6 on, and
is imported by a template process that is forked for every instance. So importing it does nothing but import;
`main` serves, `warm` walks the paths of a first request beforehand so that the real one finds its pages in place.

The handlers run on the main thread, because signal handlers only work there. What a frame means is written in
`runtimes/README.md`; what a handler may expect is the vendors' contract (Tencent SCF or Alibaba FC).
"""

import atexit
import builtins
import gc
import importlib.util
import json
import keyword
import logging
import os
import select
import site
import socket
import struct
import sys
import time
import traceback
from types import CoroutineType

_OWN_NEEDS = frozenset(sys.modules)

# Not needed here: functions import these, and children of a template then share the pages.
import asyncio  # used for `async def` handlers
import base64
import datetime
import decimal
import hashlib
import http.client
import random  # children of one template start with the same state: see `template.py`
import threading
import urllib.request
import uuid

try:
    import ssl
except ImportError:  # an interpreter built without OpenSSL
    ssl = None

# A file of the user's with such a name must win over our preload, as it would in a fresh interpreter.
_PRELOADED = frozenset(name for name in sys.modules if "." not in name) - _OWN_NEEDS


def preload(name):
    """A module that is needed beforehand, but not by the function."""
    global _PRELOADED
    known = frozenset(sys.modules)
    module = importlib.import_module(name)
    _PRELOADED |= frozenset(name for name in sys.modules if "." not in name) - known
    return module


HEADER = struct.Struct("<IB")
INIT, REQUEST, COMPILE = b"IRC"
BLANK, LOADED, READY, RESULT, ERROR, COMPILED, DONE = b"Blirecd"

# Results up to this are not compared with the limit here; the server does it again.
_SMALL = 1 << 10

# Names that the platform sets; what remains of the environment is the user's own.
_PLATFORM_PREFIXES = ("SCF_", "_SCF_", "TENCENTCLOUD_", "QCLOUD_")
_PLATFORM_NAMES = frozenset(
    "CLASSPATH HOME HOSTNAME LANG LC_ALL LD_LIBRARY_PATH LOGNAME NODE_PATH PATH PWD PYTHONDONTWRITEBYTECODE"
    " PYTHONPATH SHELL SHLVL TRIGGER_SRC USER USER_CODE_ROOT".split()
)


def main(fd=3):
    """Serves the control socket until its other end closes."""
    channel = Channel(fd)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=channel.close)
    else:
        channel.owner = os.getpid()
    if not hasattr(builtins, "exit"):
        site.setquit()
    if hasattr(gc, "freeze"):
        gc.freeze()
    sys.dont_write_bytecode = True
    sys.stdout = utf8_lines(sys.stdout, 1)
    sys.stderr = utf8_lines(sys.stderr, 2)
    try:
        channel.send(BLANK, b"")
        serve(channel)
    except SystemExit as request:
        leave(request.code)


def serve(channel):
    kind, body = channel.receive()
    while kind == COMPILE:
        for path, content in about_package().compiled(json.loads(str(body, "utf-8"))):
            channel.send(COMPILED, struct.pack("<H", len(path)) + path + content)
        channel.send(DONE, b"")
        kind, body = channel.receive()
    function = start(channel, json.loads(str(body, "utf-8")))
    receive, send = channel.receive, channel.send
    while True:
        _, body = receive()
        if function is None:  # init failed and was reported; the server is about to end this process
            continue
        answer = function.invoke(body)
        flush()
        send(*answer)
        body = answer = None  # up to 6 MB each, not to be held while idle


def start(channel, init):
    """Answers 'I': the function, ready for requests, or None if it could not be loaded."""
    function = (Fc if init["dialect"] == "fc" else Scf)(init)
    try:
        enter(init)
        function.load(channel)
    except SystemExit:
        raise
    except BaseException as error:
        failure = function.failed_to_load(error)
        flush()
        channel.send(ERROR, failure)
        return None
    if hasattr(gc, "freeze"):
        gc.freeze()
    flush()
    channel.send(READY, b"")
    return function


class Channel:
    """The control socket: u32 length, u8 type, body, both ways."""

    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=fd)
        self.sendall = self.sock.sendall
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        # A read that sleeps is also woken when the other end has taken the answer: a second time for each call.
        self.wait = poll.poll
        self.rest = b""  # what came with the last frame and belongs to the next
        self.owner = None  # the process that may answer, where children cannot be made to close the socket

    def receive(self):
        """The next frame as (type, body), which is bytes or a view of them."""
        frame = self.rest
        if not frame:
            self.wait()
            frame = self._some()
        if len(frame) >= 5:
            length, kind = HEADER.unpack_from(frame)
            if len(frame) == 4 + length:
                self.rest = b""
                return kind, frame[5:]
        return self._receive_in_parts(frame)

    def _some(self):
        got = self.sock.recv(65536)
        if not got:
            os._exit(0)
        return got

    def _receive_in_parts(self, have):
        while len(have) < 5:
            have += self._some()
        length, kind = HEADER.unpack_from(have)
        self.rest = have[4 + length :]
        have = have[5 : 4 + length]
        whole, at = memoryview(bytearray(length - 1)), len(have)
        whole[:at] = have
        while at < len(whole):
            got = self.sock.recv_into(whole[at:])
            if not got:
                os._exit(0)
            at += got
        return kind, whole

    def send(self, kind, body):
        if self.owner is not None and self.owner != os.getpid():
            os._exit(0)
        try:
            if len(body) < 65536:
                self.sendall(HEADER.pack(len(body) + 1, kind) + body)
            else:
                head = HEADER.pack(len(body) + 1, kind)
                sent = self.sock.sendmsg([head, body])
                if sent < len(head) + len(body):
                    self.sendall(memoryview(head + body)[sent:])
        except OSError:  # the server is gone, or this is a child that the user's code forked and did not end
            os._exit(0)

    def close(self):
        self.sock.close()


class Missing(Exception):
    """The entry file or the function in it is not there."""


class Function:
    """What both dialects share: loading, and the account of a failure."""

    def __init__(self, init):
        self.code_dir = init["code_dir"]
        self.entry = init["handler"]
        self.handler = None

    def load(self, _channel):
        self.handler = resolve(self.code_dir, self.entry)

    def failed_to_load(self, error):
        loaded = self.handler is not None  # then it was the initializer, which is user code like any other
        not_there = isinstance(error, Missing if loaded else (Missing, SyntaxError, ImportError))
        return self.failure("handler_not_found" if not_there else "user_exception", error)

    def failure(self, kind, error):
        """The body of 'e' for an exception."""
        if isinstance(error, Missing):
            return failure_body(kind, str(error), "HandlerNotFound")
        report = traceback.TracebackException(type(error), error, error.__traceback__)
        prune(report)
        frames = [
            ['File "%s"' % frame.filename, "line %s" % frame.lineno, "in " + frame.name, frame.line or ""]
            for frame in report.stack
        ]
        stack = "".join(report.format()).rstrip("\n")
        self.log_failure(stack)
        return failure_body(kind, text_of(error), type(error).__name__, stack, frames)

    def log_failure(self, stack):
        """SCF's log gets the failure from the server, as part of the answer."""

    def result(self, body, request, payload_at):
        if len(body) <= _SMALL:
            return RESULT, body
        limit = int.from_bytes(request[payload_at - 4 : payload_at], "little")
        if len(body) <= limit:
            return RESULT, body
        message = "The response has %d bytes, the limit is %d bytes" % (len(body), limit)
        return ERROR, failure_body("response_too_large", message)


class Scf(Function):
    """Tencent SCF: a parsed event and a dict in, JSON out."""

    def __init__(self, init):
        super().__init__(init)
        env = init["env"]
        shown = {"SCF_NAMESPACE": init["namespace"]}
        shown.update((k, v) for k, v in init.get("user_env", env).items() if not is_platform_name(k))
        self.context = {
            "memory_limit_in_mb": init["memory_mib"],
            "time_limit_in_ms": init["timeout_ms"],
            "request_id": "",
            "environment": json.dumps(shown, ensure_ascii=False, separators=(",", ":")),
            "environ": ";".join("%s=%s" % pair for pair in shown.items()),
            "function_version": init["version"],
            "function_name": init["function_name"],
            "namespace": init["namespace"],
            "tencentcloud_region": init["region"],
            "tencentcloud_appid": env.get("TENCENTCLOUD_APPID", init["account"]),
            "tencentcloud_uin": env.get("TENCENTCLOUD_UIN", init["account"]),
        }

    def load(self, channel):
        # No handler on the root logger, so that the user's own basicConfig still works; records that
        # nobody handles come here.
        logging.lastResort = _scf_handler
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        super().load(channel)

    def invoke(self, request):
        """Answers one 'R': (frame type, body)."""
        id_end = request[0] + 1
        payload_at = id_end + request[id_end] + 13
        try:
            event = parse_json(str(request[payload_at:], "utf-8"))
        except (ValueError, RecursionError) as error:
            return ERROR, failure_body("event_not_json", "The event is not JSON: %s" % error)
        context = self.context.copy()
        context["request_id"] = str(request[1:id_end], "ascii")
        try:
            value = self.handler(event, context)
            if type(value) is CoroutineType:
                value = run_coroutine(value)
        except SystemExit:
            raise
        except BaseException as error:
            return ERROR, self.failure("user_exception", error)
        try:
            body = render_json(value)
        except Exception as error:
            return ERROR, failure_body("bad_return", text_of(error), type(error).__name__)
        return self.result(body, request, payload_at)


class Fc(Function):
    """Alibaba FC: bytes and an object in, bytes out; markers around each call in the log."""

    log_fd = 1

    def __init__(self, init):
        super().__init__(init)
        self.initializer = init.get("initializer") or ""
        self.init_id = init.get("request_id") or ""
        self.request_id = self.init_id
        self.services = {}
        self.init = init
        keys = init.get("credentials") or {}
        timeout, init_timeout = seconds(init["timeout_ms"]), seconds(init["init_timeout_ms"])
        self.context = {
            "credentials": Part(
                access_key_id=keys.get("access_key_id", ""),
                access_key_secret=keys.get("access_key_secret", ""),
                security_token=keys.get("security_token", ""),
            ),
            "function": Part(
                name=init["function_name"],
                handler=self.entry,
                memory=init["memory_mib"],
                timeout=timeout,
                initializer=self.initializer,
                initialization_timeout=init_timeout,
            ),
            "region": init["region"],
            "account_id": init["account"],
            "accountId": init["account"],
            "retry_count": 0,
            "retryCount": 0,
            "tracing": Part(span_context="", span_baggages={}, jaeger_endpoint=""),
        }

    def load(self, channel):
        root = logging.getLogger()
        root.handlers[:] = [StdoutHandler("%(asctime)s %(request_id)s [%(levelname)s] %(message)s", self)]
        root.setLevel(logging.INFO)
        super().load(channel)
        if not self.initializer:
            return
        initializer = resolve(self.code_dir, self.initializer)
        request_id = self.init_id.encode()
        channel.send(LOADED, b"")
        self.log(b"FC Initialize Start RequestId: %s\n" % request_id)
        try:
            value = initializer(self.context_of(self.init_id, self.init["version"]))
            if type(value) is CoroutineType:
                run_coroutine(value)
        except SystemExit:
            raise
        except BaseException:
            self.log_end(b"Initialize", request_id, b", Error: Unhandled function error")
            raise
        self.log_end(b"Initialize", request_id)

    def invoke(self, request):
        """Answers one 'R': (frame type, body)."""
        id_end = request[0] + 1
        qualifier_end = id_end + 1 + request[id_end]
        self.request_id = request_id = str(request[1:id_end], "ascii")
        context = self.context_of(request_id, str(request[id_end + 1 : qualifier_end], "utf-8"))
        payload_at = qualifier_end + 12
        try:
            value = self.handler(bytes(request[payload_at:]), context)
            if type(value) is CoroutineType:
                value = run_coroutine(value)
        except SystemExit:
            raise
        except BaseException as error:
            return ERROR, self.failure("user_exception", error)
        if type(value) is not bytes:
            try:
                value = fc_bytes(value)
            except Exception as error:
                return ERROR, failure_body("bad_return", text_of(error), type(error).__name__)
        return self.result(value, request, payload_at)

    def context_of(self, request_id, qualifier):
        service = self.services.get(qualifier)
        if service is None:
            service = self.services[qualifier] = self.service_of(qualifier)
        context = Part()
        attributes = context.__dict__
        attributes.update(self.context)
        attributes["request_id"] = attributes["requestId"] = request_id
        attributes["service"] = service
        return context

    def service_of(self, qualifier):
        known = self.init.get("service") or {}
        return Part(
            name=self.init["namespace"],
            log_project=known.get("log_project", ""),
            log_store=known.get("log_store", ""),
            qualifier=qualifier,
            version_id=self.init["version"],
        )

    def log_failure(self, stack):
        flush()
        self.log(stack.encode("utf-8", "backslashreplace") + b"\n")

    def log_end(self, what, request_id, suffix=b""):
        flush()
        self.log(b"FC %s End RequestId: %s%s\n" % (what, request_id, suffix))

    def log(self, text):
        try:
            os.write(self.log_fd, text)
        except OSError:  # the user's code closed it
            pass


class Part:
    """A part of FC's context; every name is there in camelCase as well."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            head, *rest = name.split("_")
            setattr(self, name, value)
            setattr(self, head + "".join(word.capitalize() for word in rest), value)


class StdoutHandler(logging.StreamHandler):
    """Writes to whatever `sys.stdout` is at that moment, stamped with the current request's id."""

    def __init__(self, layout, function=None):
        logging.Handler.__init__(self)
        self.function = function
        self.setFormatter(UtcFormatter(layout))

    @property
    def stream(self):
        return sys.stdout

    def format(self, record):
        record.request_id = self.function.request_id if self.function else ""
        return super().format(record)


class UtcFormatter(logging.Formatter):
    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


_scf_handler = StdoutHandler(logging.BASIC_FORMAT)

# --- loading the user's code ---------------------------------------------------------------------------------


def enter(init):
    """Makes this process the function's: environment, working directory, module search path."""
    env, code_dir = init["env"], init["code_dir"]
    set_environment(env)
    try:
        os.chdir(code_dir)
        names = os.listdir(code_dir)
    except OSError as error:
        raise Missing("The code directory '%s' cannot be opened: %s" % (code_dir, error.strerror))
    set_search_path([code_dir] + [entry for entry in env.get("PYTHONPATH", "").split(":") if entry])
    if "PYTHONUSERBASE" in env:
        add_user_site(env["PYTHONUSERBASE"])
    forget_shadowed(code_dir, names)


_environment = None  # what this module has put into `os.environ`, which is as slow to read as to write


def set_environment(env):
    global _environment
    before = dict(os.environ) if _environment is None else _environment
    for name in before:
        if name not in env:
            del os.environ[name]
    for name, value in env.items():
        if before.get(name) != value:
            os.environ[name] = value
    if before.get("TZ") != env.get("TZ"):
        time.tzset()
    _environment = env


def set_search_path(first):
    own = os.path.dirname(os.path.abspath(serve.__code__.co_filename))
    sys.path[:] = list(dict.fromkeys(first + [entry for entry in sys.path if entry not in ("", own)]))
    for entry in first:
        sys.path_importer_cache.pop(entry, None)


def add_user_site(base):
    """Packages installed with `pip install --user` beside the code, whatever 3.x installed them."""
    lib = os.path.join(base, "lib")
    for name in sorted(os.listdir(lib)) if os.path.isdir(lib) else ():
        packages = os.path.join(lib, name, "site-packages")
        if name.startswith("python3") and os.path.isdir(packages):
            site.addsitedir(packages)


def forget_shadowed(code_dir, names):
    """Drops preloaded modules that the package replaces, and this module's own name."""
    own = sys.modules.get(__name__)
    if __name__ != "__main__" and own is not None and getattr(own, "serve", None) is serve:
        del sys.modules[__name__]
    for name in names:
        if name.endswith(".py"):
            name = name[:-3]
        elif name not in _PRELOADED or not os.path.isfile(os.path.join(code_dir, name, "__init__.py")):
            continue
        if name in _PRELOADED:
            for module in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
                del sys.modules[module]


def resolve(code_dir, entry):
    """The function that an entry point of the form `dir/file.function` names."""
    module_path, _, name = entry.rpartition(".")
    if not module_path or not name:
        raise Missing("Handler '%s' must have the form file.function, such as index.main_handler" % entry)
    module = load_module(code_dir, module_path, entry)
    function = getattr(module, name, None)
    if not callable(function):
        raise Missing("Handler '%s' is missing on module '%s'" % (name, module_path))
    return function


def load_module(code_dir, module_path, entry):
    path = os.path.normpath(os.path.join(code_dir, module_path + ".py"))
    if not os.path.isfile(path) and "/" not in module_path:
        path = os.path.join(code_dir, module_path.replace(".", "/") + ".py")
    if not os.path.isfile(path):
        raise Missing(about_package().explain_missing(code_dir, module_path, entry))
    parent, _, last = module_path.replace("/", ".").strip(".").rpartition(".")
    name = parent + "." + last if parent else last
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == path:
        return loaded
    if parent:
        import_parent(parent, code_dir)
    return import_file(name, path)


def import_parent(name, code_dir):
    """Imports the package that the entry file lies in. Its folder may have the name of a module of Python's own,
    which the handler's path does not mean."""
    top = name.partition(".")[0]
    folder = os.path.join(code_dir, top)
    known = sys.modules.get(top)
    is_ours = known is not None and folder in list(getattr(known, "__path__", ()))
    if not is_ours and not os.path.isfile(os.path.join(folder, "__init__.py")):
        package = type(sys)(top)
        package.__path__ = [folder]
        sys.modules[top] = package
    __import__(name)


def import_file(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    if name not in sys.modules:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def about_package():
    """What is seldom asked of a package."""
    return import_file("<package>", os.path.join(os.path.dirname(os.path.abspath(__file__)), "package.py"))


# --- values in and out -----------------------------------------------------------------------------------------

_scan_json = json.JSONDecoder().scan_once


def parse_json(text):
    """`json.loads` without its bookkeeping when the text is one value with nothing around it; {} for nothing."""
    try:
        value, end = _scan_json(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        if not text:
            return {}
    return json.loads(text)


def other_to_json(value):
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


_open_containers = {}
try:
    # What `JSONEncoder.encode` makes anew for each value, which costs more than the encoding of a short one.
    _json_parts = json.encoder.c_make_encoder(
        _open_containers, other_to_json, json.encoder.encode_basestring, None, ": ", ", ", False, False, True
    )
except (AttributeError, TypeError):  # not CPython, or one that makes it otherwise

    def _json_parts(value, _):
        return (json.JSONEncoder(ensure_ascii=False, default=other_to_json).encode(value),)


def render_json(value):
    try:
        text = "".join(_json_parts(value, 0))
    except BaseException:
        _open_containers.clear()  # those in which it failed would look like a circle the next time
        raise
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair: valid in JSON only when escaped
        return json.dumps(value, default=other_to_json).encode("ascii")


def fc_bytes(value):
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return render_json(value)


def run_coroutine(coroutine):
    if hasattr(asyncio, "run"):
        return asyncio.run(coroutine)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


MESSAGE_CHARS = 64 * 1024
STACK_FRAMES = 200


def failure_body(kind, message, type_name=None, stack=None, frames=None):
    # An exception may carry megabytes, and may be raised a thousand calls deep.
    message = message[:MESSAGE_CHARS]
    stack = stack and stack[-MESSAGE_CHARS:]
    frames = frames and [[part[:MESSAGE_CHARS // 64] for part in frame] for frame in frames[-STACK_FRAMES:]]
    failure = {"kind": kind, "message": message, "type": type_name, "stack": stack, "frames": frames, "handled": False}
    return json.dumps(failure).encode("ascii")


def prune(report):
    """Takes the frames of this file and of the import system out of a traceback report and those chained to it."""
    if report is None:
        return
    own = serve.__code__.co_filename
    report.stack[:] = [
        frame for frame in report.stack if frame.filename != own and not frame.filename.startswith("<frozen importlib")
    ]
    for other in [report.__cause__, report.__context__] + (getattr(report, "exceptions", None) or []):
        prune(other)


def text_of(error):
    try:
        return str(error)
    except Exception:
        return "<%s whose text cannot be made>" % type(error).__name__


def is_platform_name(name):
    return name in _PLATFORM_NAMES or name.startswith(_PLATFORM_PREFIXES)


def seconds(milliseconds):
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


# --- the process ---------------------------------------------------------------------------------------------


def utf8_lines(stream, fd):
    """The stream, writing UTF-8 and each line at once, whatever the locale of the process."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        return stream
    return open(fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def flush():
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, ValueError, OSError):  # replaced or closed by the user's code
        pass


def leave(code):
    """Ends the process as `sys.exit(code)` would, but does not wait for threads that still run."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    flush()
    os._exit(code & 0xFF if isinstance(code, int) else 0 if code is None else 1)


def warm():
    """Runs an initialisation and a request of each dialect through the code above, from bytes that arrive to bytes that
    are sent, leaving no trace outside this module."""
    undo = remember()
    near, far = socket.socketpair()
    with far, near:
        channel = Channel(near.detach())
        for dialect in ("scf", "fc"):
            init = json.dumps(dict(_WARM_INIT, dialect=dialect)).encode()
            request = b"\x04warm\x01q" + bytes(12) + b'{"key": [1, "v"]}'
            for kind, body in ((INIT, init), (REQUEST, request)):
                far.sendall(HEADER.pack(len(body) + 1, kind) + body)
            _, body = channel.receive()
            function = start(channel, json.loads(str(body, "utf-8")))
            _, body = channel.receive()
            answer = function.invoke(body)
            flush()
            channel.send(*answer)
            far.recv(4096)
        channel.close()
    import_file("<warm>", keyword.__file__)  # a short module that has been compiled
    undo()


def remember():
    """A function that makes the process again what it is now."""
    folder, path, environment = os.getcwd(), list(sys.path), dict(os.environ)
    root, modules, last_resort = logging.getLogger(), dict(sys.modules), logging.lastResort
    handlers, levels = list(root.handlers), [(logger, logger.level) for logger in (root, logging.getLogger("asyncio"))]

    def undo():
        os.chdir(folder)
        sys.path[:] = path
        set_environment(environment)
        root.handlers[:] = handlers
        logging.lastResort = last_resort
        for logger, level in levels:
            logger.setLevel(level)
        for name in [name for name in sys.modules if name not in modules]:
            del sys.modules[name]
        sys.modules.update(modules)
        if hasattr(gc, "unfreeze"):
            gc.unfreeze()

    return undo


# As the server has it.
_WARM_INIT = {
    "handler": "warm.handler",
    "initializer": "",
    "code_dir": os.path.dirname(os.path.abspath(__file__)),
    "env": dict.fromkeys(
        "_SCF_SERVER_PORT SCF_FUNCTIONNAME SCF_FUNCTIONVERSION SCF_NAMESPACE TENCENTCLOUD_APPID TENCENTCLOUD_REGION"
        " TENCENTCLOUD_RUNENV TENCENTCLOUD_SECRETID TENCENTCLOUD_SECRETKEY TENCENTCLOUD_SESSIONTOKEN"
        " TENCENTCLOUD_UIN".split() + sorted(_PLATFORM_NAMES),
        "",
    ),
    "user_env": {},
    "memory_mib": 128,
    "timeout_ms": 3000,
    "init_timeout_ms": 3000,
    "account": "0",
    "region": "",
    "function_name": "warm",
    "namespace": "",
    "version": "",
}

if __name__ == "__main__":
    warm()
    main()
