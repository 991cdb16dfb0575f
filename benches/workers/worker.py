"""REF-PY's worker: JSON in, handler, JSON out, over a unix socket, and nothing else.

worker.py serve SOCKET            answers length-prefixed frames until the socket closes
worker.py echo SOCKET             the same without looking at them: always the same bytes
worker.py time PAYLOAD_FILE COUNT prints the nanoseconds one frame takes without the socket calls
"""

import gc
import json
import socket
import sys
import time

from index import main_handler

loads = json.loads
dumps = json.dumps
from_bytes = int.from_bytes


def answer(frame):
    """A whole frame in, a whole frame out."""
    reply = dumps(main_handler(loads(frame[4:]), {}), ensure_ascii=False).encode()
    return len(reply).to_bytes(4, "little") + reply


REPLY = b'{"ok": true, "call": 1234}'
SAME = len(REPLY).to_bytes(4, "little") + REPLY


def serve(path, answer):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    recv, send = sock.recv, sock.sendall
    gc.freeze()
    while True:
        frame = recv(65536)
        if not frame:
            return
        while len(frame) < 4 or len(frame) < 4 + from_bytes(frame[:4], "little"):
            more = recv(65536)
            if not more:
                return
            frame += more
        send(answer(frame))


def measure(payload_file, count):
    with open(payload_file, "rb") as file:
        payload = file.read()
    frame = len(payload).to_bytes(4, "little") + payload
    for _ in range(count // 10):
        answer(frame)
    started = time.perf_counter_ns()
    for _ in range(count):
        answer(frame)
    print((time.perf_counter_ns() - started) // count)


if sys.argv[1] == "serve":
    serve(sys.argv[2], answer)
elif sys.argv[1] == "echo":
    serve(sys.argv[2], lambda frame: SAME)
else:
    measure(sys.argv[2], int(sys.argv[3]))
