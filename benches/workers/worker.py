"""REF-PY's worker: JSON in, handler, JSON out, over a unix socket, and nothing else.

worker.py serve SOCKET            answers length-prefixed frames until the socket closes
worker.py echo SOCKET NS          always the same bytes, after as many nanoseconds of processor time spent on nothing
worker.py time SOCKET             as serve, and writes down the processor time that is not for the socket
"""

import gc
import json
import os
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


def timed(folder):
    """`answer`, keeping account of its processor time in a file: nanoseconds and frames."""
    clock = time.thread_time_ns
    note = os.open("%s/%d.times" % (folder, os.getpid()), os.O_CREAT | os.O_WRONLY)
    spent = frames = 0

    def account(frame):
        nonlocal spent, frames
        began = clock()
        reply = answer(frame)
        spent += clock() - began
        frames += 1
        if frames % 64 == 0:
            os.pwrite(note, b"%20d %20d" % (spent, frames), 0)
        return reply

    return account


def echo(nanoseconds):
    """Always the same answer, for a given price."""
    clock = time.thread_time_ns

    def spend(frame):
        until = clock() + nanoseconds
        while clock() < until:
            pass
        return SAME

    return spend


if sys.argv[1] == "serve":
    serve(sys.argv[2], answer)
elif sys.argv[1] == "echo":
    serve(sys.argv[2], echo(int(sys.argv[3])))
else:
    serve(sys.argv[2], timed(os.path.dirname(sys.argv[2])))
