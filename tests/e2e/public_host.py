"""A host of the public network that needs no network: a namespace of its own behind a veth pair.

Functions reach it, or do not, as they would any address on the Internet. 203.0.113.0/24 is reserved for
documentation, so nothing real is ever meant.
"""

import os
import subprocess
import sys
import threading

ADDRESS = "203.0.113.10"
GATEWAY = "203.0.113.1"
PORT = 8080

# Answers every request with the caller's address; says so when it listens.
LISTENER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"public host sees " + self.client_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer)
print("listening", flush=True)
server.serve_forever()
"""


def _ip(*args):
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")


class PublicHost:
    def __init__(self):
        self.name = f"e2epub{os.getpid()}"
        self.outside, self.inside = f"e2eo{os.getpid()}", f"e2ei{os.getpid()}"
        self.url = f"http://{ADDRESS}:{PORT}/"
        self._listener = None

    def __enter__(self):
        _ip("netns", "add", self.name)
        try:
            self._connect()
            self._listen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self):
        _ip("link", "add", self.outside, "type", "veth", "peer", "name", self.inside, "netns", self.name)
        _ip("addr", "add", f"{GATEWAY}/24", "dev", self.outside)
        _ip("link", "set", self.outside, "up")
        inside = ["-n", self.name]
        _ip(*inside, "addr", "add", f"{ADDRESS}/24", "dev", self.inside)
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "link", "set", self.inside, "up")
        _ip(*inside, "route", "add", "default", "via", GATEWAY)

    def _listen(self):
        self._listener = subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, "-c", LISTENER, ADDRESS, str(PORT)],
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._listener.stdout.readline().strip() != "listening":
            raise RuntimeError("the public host's listener did not start")

    def __exit__(self, *_):
        if self._listener is not None:
            self._listener.kill()
            self._listener.wait()
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
        subprocess.run(["ip", "link", "del", self.outside], capture_output=True)


class ToyDns:
    """A name server that knows one name. It listens on the host's loopback, as local resolvers do."""

    def __init__(self, name, address, listen="127.0.0.77"):
        import socket

        self.listen = listen
        self._name = name.encode()
        self._address = bytes(int(part) for part in address.split("."))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((listen, 53))
        self.asked = []

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, sender = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(query), sender)
            except OSError:
                return

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]])
            at += 1 + query[at]
        question = query[12 : at + 5]
        kind = int.from_bytes(query[at + 1 : at + 3], "big")
        name = b".".join(labels).lower()
        self.asked.append(name.decode())
        known = name == self._name
        answers = [b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + self._address] if known and kind == 1 else []
        flags = b"\x81\x80" if known else b"\x81\x83"
        counts = b"\x00\x01" + len(answers).to_bytes(2, "big") + b"\x00\x00\x00\x00"
        return query[:2] + flags + counts + question + b"".join(answers)
