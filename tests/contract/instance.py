"""A bootstrap process without a sandbox around it, driven over the instance protocol (`runtimes/README.md`)."""

import json
import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.environ.get("SLUICE_PYTHON", "/usr/bin/python3.11")
NODE = os.environ.get("SLUICE_NODE", "/usr/bin/node")
COMMANDS = {
    "python": [PYTHON, "-I", "-X", "utf8", os.path.join(ROOT, "runtimes/python/bootstrap.py")],
    "node": [NODE, os.path.join(ROOT, "runtimes/node/bootstrap.js")],
}
REQUEST_ID = "3f2a9c1e-0b7d-4e55-9a61-7c1d2e3f4a5b"
PATIENCE_S = 20  # a bootstrap that says nothing for so long has failed


class Instance:
    """One bootstrap process with a package of code; use as a context manager."""

    def __init__(self, language, files, dialect="scf", handler="index.main_handler", node_options=None, response_limit=6 << 20, **init):
        self.response_limit = response_limit
        self.is_loaded = False  # it has said so
        self.code_dir = tempfile.mkdtemp(prefix="contract-")
        for name, text in files.items():
            path = os.path.join(self.code_dir, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        self.message = {
            "dialect": dialect,
            "handler": handler,
            "initializer": "",
            "code_dir": self.code_dir,
            "env": {},
            "memory_mib": 128,
            "timeout_ms": 3000,
            "init_timeout_ms": 60000,
            "account": "1250000000",
            "region": "ap-guangzhou",
            "function_name": "hello",
            "namespace": "default",
            "version": "$LATEST" if dialect == "scf" else "LATEST",
            "service": {"log_project": "p1", "log_store": "s1"},
            "credentials": {"access_key_id": "", "access_key_secret": "", "security_token": ""},
        }
        self.message.update(init)
        self.message["env"] = dict({"PATH": "/usr/bin:/bin"}, **self.message["env"])
        if node_options is not None:  # there from the first instruction, and shown to the code
            self.message["env"]["NODE_OPTIONS"] = node_options.format(code_dir=self.code_dir)
        self.start(COMMANDS[language])

    def start(self, command):
        first_env = {name: text for name, text in self.message["env"].items() if name == "NODE_OPTIONS"}
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE_S)
        self.log_end, log = os.pipe()
        os.set_blocking(self.log_end, False)
        # A shell moves the descriptors to where the protocol wants them, without code between fork and exec here.
        fd = theirs.fileno()
        shell = 'exec 3<&%d %s "$@"' % (fd, "%d<&-" % fd if fd != 3 else "")
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", shell, "bash"] + command,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[fd],
            env=dict(first_env, PATH="/usr/bin:/bin", LC_ALL="C.UTF-8", FROM_BLANK="1"), cwd="/",
        )
        theirs.close()
        os.close(log)
        self.log_text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is not None and self.socket.fileno() < 0 and not os.path.exists(self.code_dir):
            return  # `ready` has failed and cleaned up
        self.socket.close()
        self.process.kill()
        self.process.wait()
        os.close(self.log_end)
        shutil.rmtree(self.code_dir)

    # Frames.

    def send(self, kind, body):
        self.socket.sendall(struct.pack("<I", len(body) + 1) + kind + body)

    def receive(self):
        """The next frame as (type, body); EOFError if the process closed its end."""
        (length,) = struct.unpack("<I", self.exactly(4))
        frame = self.exactly(length)
        return frame[:1], frame[1:]

    def exactly(self, size):
        parts = []
        give_up = time.monotonic() + PATIENCE_S
        while size > 0:
            assert time.monotonic() < give_up, "no answer; the log: " + self.log()
            self.drain()  # a full log pipe would stop the process
            if not select.select([self.socket], [], [], 0.05)[0]:
                if self.process.poll() is None or select.select([self.socket], [], [], 0)[0]:
                    continue
            part = self.socket.recv(size)
            if not part:
                raise EOFError("the bootstrap closed its socket; its log: " + self.log())
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    # Conversations.

    def init(self):
        """Blank, then init: the frame that answers it. Before that it must say that it is loaded, if it has an initializer
        and came so far."""
        blank = self.receive()
        assert blank == (b"B", b""), blank
        self.send(b"I", json.dumps(self.message).encode())
        answer = self.receive()
        if self.message["initializer"] and answer == (b"l", b""):
            self.is_loaded = True
            answer = self.receive()
        return answer

    def ready(self):
        answer = self.init()
        if answer != (b"i", b""):
            self.__exit__()
            raise AssertionError("init was answered with %r" % (answer,))
        return self

    def refusal(self):
        """The error that answers init."""
        kind, body = self.init()
        assert kind == b"e", (kind, body)
        return json.loads(body)

    def request(self, payload, qualifier="$LATEST", **rest):
        self.send(b"R", self.head(qualifier, **rest) + payload)

    def head(self, qualifier, request_id=REQUEST_ID, left_ms=3000):
        id_bytes, qualifier_bytes = request_id.encode(), qualifier.encode()
        names = bytes([len(id_bytes)]) + id_bytes + bytes([len(qualifier_bytes)]) + qualifier_bytes
        return names + struct.pack("<QI", int(time.time() * 1000) + left_ms, self.response_limit)

    def tagged(self, tag, payload=b"{}", qualifier="LATEST", **rest):
        """A request to an instance that takes several at a time."""
        self.send(b"T", struct.pack("<I", tag) + self.head(qualifier, **rest) + payload)

    def told(self):
        """The next tagged frame: what it is about, its type and body."""
        kind, body = self.receive()
        assert kind == b"t", (kind, body)
        (tag,) = struct.unpack("<I", body[:4])
        return tag, body[4:5], body[5:]

    def answers(self, count):
        """The next answers as {tag: (type, body)} in their order, and what was printed until then as {tag: text}."""
        answers, output = {}, {}
        while len(answers) < count:
            tag, kind, body = self.told()
            if kind == b"o":
                output[tag] = output.get(tag, "") + body.decode()
            else:
                assert tag not in answers, "answered twice"
                answers[tag] = (kind, body)
        return answers, output

    def raw(self, payload=b"{}", **request):
        self.request(payload, **request)
        kind, body = self.receive()
        assert kind == b"r", (kind, body)
        return body

    def call(self, event=None, **request):
        """What the function returns for a JSON event, as JSON."""
        return json.loads(self.raw(json.dumps({} if event is None else event).encode(), **request))

    def failure(self, payload=b"{}", **request):
        self.request(payload, **request)
        kind, body = self.receive()
        assert kind == b"e", (kind, body)
        return json.loads(body)

    def exit_code(self):
        """The exit status, once the process has closed its socket without an answer."""
        try:
            frame = self.receive()
        except EOFError:
            return self.process.wait(PATIENCE_S)
        raise AssertionError("answered %r instead of ending" % (frame,))

    # The log.

    def drain(self):
        while True:
            try:
                part = os.read(self.log_end, 65536)
            except BlockingIOError:
                return
            if not part:
                return
            self.log_text += part.decode("utf-8")

    def log(self):
        """All that has been written so far."""
        self.drain()
        return self.log_text

    def log_until(self, text):
        """Waits until the log holds the text."""
        give_up = time.monotonic() + PATIENCE_S
        while text not in self.log():
            assert time.monotonic() < give_up, "no %r in %r" % (text, self.log_text)
            select.select([self.log_end], [], [], 0.05)
        return self.log_text
