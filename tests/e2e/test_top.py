"""`sluice top`: one frame for people and programs, and a terminal that is as it was afterwards."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

from harness import binary, wait_until


def once(region, *args):
    return region.server.client("top", "--once", "--interval", "0.2", *args).stdout


def test_one_frame_for_people(region):
    region.patch(concurrency_mb=1024)
    name = region.published()
    region.scf.provision(name, "1", 1)
    region.scf.provisioned(name, "1", 1)
    with region.hold(name, 2):
        text = once(region)
    assert "\x1b" not in text and "(virtual clock)" in text
    assert re.search(r"calls [\d.]+/s \(\d+ in all\), cold starts", text) and "throttles" in text
    assert re.search(r"ready ahead: .*python3?.* sandboxes \d+/\d+", text), text
    (limit,) = [line for line in text.splitlines() if region.name in line and re.search(r"\sregion\s.*MB", line)]
    assert re.search(r"256\s+1024\s+MB\s+25 %", limit), limit
    latest, first = [[line.split() for line in text.splitlines() if f"{name}:{of}" in line] for of in ("$LATEST", "1")]
    header = next(line for line in text.splitlines() if "PROVISIONED" in line)
    columns = re.split(r"\s{2,}", header)
    shown = dict(zip(columns, latest[0]))
    assert (shown["INSTANCES"], shown["BUSY"], shown["IN FLIGHT"], shown["MB"]) == ("2", "2", "2", "128")
    assert dict(zip(columns, first[0]))["PROVISIONED"] == "1/1"


def test_a_pipe_gets_one_frame_without_being_asked(region):
    text = region.server.client("top", "--interval", "0.2").stdout
    assert text.count("ready ahead:") == 1 and "\x1b" not in text


def test_one_document_for_programs(region):
    name = region.function()
    region.scf.reserve(name, 0)
    with region.hold(region.function(name="busy"), 1):
        assert region.scf.invoke(name).status == 432
        shown = json.loads(once(region, "--output", "json"))
    assert shown["clock"] == "virtual" and set(shown["rates"]) >= {"invocations_per_s", "throttles_per_s", "cold_starts_per_s"}
    assert shown["totals"]["throttles_total"] >= 1
    (busy,) = [one for one in shown["versions"] if one["region"] == region.name]
    assert (busy["function"], busy["in_flight"]) == ("busy", 1), "only what has an instance"
    everything = json.loads(once(region, "--output", "json", "--all"))["versions"]
    assert name in [one["function"] for one in everything if one["region"] == region.name]


def test_errors_are_said_once(server):
    for args, said in ((["--interval", "0"], "0.1 to 3600"), (["--endpoint", "http://127.0.0.1:1"], "sluice serve")):
        done = server.client("top", "--once", *args, check=False)
        assert done.returncode != 0 and said in done.stderr, done.stderr


class Terminal:
    """`sluice top` on a terminal of its own."""

    def __init__(self, server, rows=24, columns=100):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        command = [binary(), "top", "--interval", "0.1"]
        env = {**server.env, "SLUICE_ENDPOINT": server.url}
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        self.slave = slave
        self.shown = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0.05)[0]:
            self.shown += os.read(self.master, 65536).decode(errors="replace")
        return self.shown

    def frames(self):
        return self.read().split("\x1b[H")[1:]

    def end(self, number):
        self.process.send_signal(number)
        wait_until(lambda: self.read() is not None and self.process.poll() is not None, 10, "top ends")
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        os.close(self.master)
        return self.process.returncode, after


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_redrawn_and_left_as_it_was(server, number):
    terminal = Terminal(server)
    wait_until(lambda: len(terminal.frames()) >= 3, 20, "three frames")
    frame = terminal.frames()[1]
    assert "sluice at" in frame and frame.count("\r\n") < 24
    assert terminal.shown.startswith("\x1b[?1049h\x1b[?25l")
    code, attributes = terminal.end(number)
    assert code == 0
    # The cursor is back, and so is the screen that was there before.
    assert terminal.shown.endswith("\x1b[?25h\x1b[?1049l")
    assert attributes == terminal.before


def test_a_small_terminal_is_not_written_beyond(server):
    terminal = Terminal(server, rows=6, columns=30)
    wait_until(lambda: len(terminal.frames()) >= 3, 20, "three frames")
    for frame in terminal.frames()[:-1]:
        lines = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", frame).split("\r\n")
        assert len(lines) <= 6 and max(len(line.rstrip("\r")) for line in lines) <= 30
    assert terminal.end(signal.SIGINT)[0] == 0
