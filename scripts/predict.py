#!/usr/bin/env python3
"""Plays a trace against a real server, in real time, and against `sluice simulate`, and shows both.

    SLUICE_BIN=target/release/sluice .venv/bin/python scripts/predict.py TRACE [CONCURRENCY_MB [RUNS]]

TRACE is a folder in the iluvatar format. Each function sleeps for as long as the trace says that it runs warm. Memory is
rounded up to what the profile offers, in both. Two times are not taken from the trace but measured: how long a start
takes (the median of the first calls of the functions, less what they sleep), and what the platform adds to a call (the
median of what it says calls took, less what they sleep).

Under a limit two runs of the server differ, as which of two calls comes a millisecond earlier decides who is refused. So
the server plays it RUNS times, the simulation 31 times with calls up to 2 ms late, and medians are compared.
"""

import asyncio
import csv
import hashlib
import hmac
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import KEY_ID, KEY_SECRET, REGION, Server, binary, zip_of  # noqa: E402
from scf_api import Scf  # noqa: E402

SOURCE = "import time\ndef main_handler(event, context):\n    time.sleep(event['ms'] / 1000)\n    return 'done'\n"


def offered(mb):
    return 64 if mb <= 64 else -(-mb // 128) * 128


def signed(host, body, at):
    """The bytes of a call that is to be sent at that time (TC3-HMAC-SHA256)."""
    date = time.strftime("%Y-%m-%d", time.gmtime(at))
    named = f"content-type:application/json\nhost:{host}\n"
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\n{named}\ncontent-type;host\n{digest}"
    credential = f"{date}/scf/tc3_request"
    text = f"TC3-HMAC-SHA256\n{int(at)}\n{credential}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{KEY_SECRET}".encode()
    for part in (date, "scf", "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-TC-Action: Invoke\r\nX-TC-Version: 2018-04-16\r\nX-TC-Region: {REGION}\r\nX-TC-Timestamp: {int(at)}\r\n"
        f"Authorization: TC3-HMAC-SHA256 Credential={KEY_ID}/{credential}, SignedHeaders=content-type;host, "
        f"Signature={signature}\r\n\r\n"
    )
    return head.encode() + body


async def send(host, requests, begin, at_end):
    """Sends each at its time, on a connection that is free. Returns answers with their times, and what `at_end` says
    when the last was sent."""
    address, port = host.split(":")
    free, answers = [], []

    async def one(request):
        # The server closes those that were not used for a while.
        while free and free[-1][0].at_eof():
            free.pop()
        reader, writer = free.pop() if free else await asyncio.open_connection(address, int(port))
        sent = time.time()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
        answer = json.loads(await reader.readexactly(length))["Response"]
        free.append((reader, writer))
        return sent, time.time(), answer

    for at, request in requests:
        await asyncio.sleep(max(0, begin + at - time.time()))
        answers.append(asyncio.ensure_future(one(request)))
    seen = await asyncio.to_thread(at_end)
    return [await answer for answer in answers], seen


def played(trace, limit):
    """What the server did: counts, instance-seconds, and how long a start took."""
    with open(trace / "metadata-trace.csv") as table:
        functions = {row["func_name"]: row for row in csv.DictReader(table)}
    with open(trace / "trace.csv") as table:
        calls = [(int(row["invoke_time_ms"]) / 1000, row["func_name"]) for row in csv.DictReader(table)]
    with Server() as server:
        server.patch_quota(REGION, concurrency_mb=limit, concurrency_max_mb=None, burst_per_min=None)
        scf = Scf(server)
        package = zip_of({"index.py": SOURCE})
        for name, row in functions.items():
            scf.create(f"f{name}", package, MemorySize=offered(int(row["mem_mb"])), Timeout=60)
        begin = time.time() + 5
        requests = []
        for at, name in calls:
            event = json.dumps({"ms": int(functions[name]["warm_dur_ms"])})
            body = json.dumps({"FunctionName": f"f{name}", "ClientContext": event}).encode()
            requests.append((at, signed(server.endpoint, body, begin + at)))
        usage_now = lambda: server.admin("GET", "usage").json()["versions"]  # noqa: E731
        answers, usage = asyncio.run(send(server.endpoint, requests, begin, usage_now))
        cold = server.metrics()["sluice_cold_starts_total"]
    first, late, longer, throttles = {}, [], [], 0
    for (at, name), (sent, ended, answer) in zip(calls, answers):
        late.append(sent - begin - at)
        result = answer["Result"]
        throttles += result["InvokeResult"] != 0
        if result["InvokeResult"] == 0:
            longer.append(result["Duration"] - int(functions[name]["warm_dur_ms"]))
        first.setdefault(name, (ended - sent) * 1000 - int(functions[name]["warm_dur_ms"]))
    print(f"calls were late by {statistics.median(late) * 1000:.1f} ms, at most {max(late) * 1000:.0f} ms", file=sys.stderr)
    instance_s = sum(row["on_demand_ms"] for row in usage) / 1000
    counts = {"cold_starts": int(cold), "throttles": throttles, "instance_s": instance_s}
    return counts, max(1, round(statistics.median(first.values()))), statistics.median(longer)


def simulated(trace, limit, cold_ms, longer_ms):
    """The run in the middle, and (least, most) of all."""
    command = [binary(), "simulate", "--trace", str(trace), "--all-cold-ms", str(cold_ms), "--output", "json"]
    command += ["--set", f"concurrency_mb={json.dumps(limit)}", "--set", "burst_per_min=null"]
    command += ["--jitter-ms", "2", "--overhead-us", str(round(longer_ms * 1000)), "--runs", "31"]
    (played,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["runs"]
    report, spread = played["report"], played["spread"]
    instance_s = report["busy_instance_s"] + report["idle_instance_s"]
    told = {"cold_starts": report["cold_starts"], "throttles": report["throttles"], "instance_s": instance_s}
    return told, {key: (spread[key]["least"], spread[key]["most"]) for key in ("cold_starts", "throttles")}


def main():
    trace = pathlib.Path(sys.argv[1])
    limit = json.loads(sys.argv[2]) if len(sys.argv) > 2 else None
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    found = []
    for number in range(runs):
        found.append(played(trace, limit))
        print(f"run {number + 1}: {found[-1][0]}, a start took {found[-1][1]} ms, a call {found[-1][2]:.2f} ms more", file=sys.stderr, flush=True)
    cold_ms = round(statistics.median(took for _, took, _ in found))
    longer_ms = statistics.median(longer for _, _, longer in found)
    told, spread = simulated(trace, limit, cold_ms, longer_ms)
    print(f"a start took {cold_ms} ms, a call {longer_ms:.2f} ms more than it slept; concurrency_mb={limit}")
    for key in told:
        values = [counts[key] for counts, *_ in found]
        real = statistics.median(values)
        off = f"{(told[key] / real - 1) * 100:+.1f} %" if real else ""
        between = "{:.0f} to {:.0f}".format(*spread[key]) if key in spread else ""
        print(
            f"{key:12} real {real:10.1f} ({min(values):.0f} to {max(values):.0f})"
            f"   simulated {told[key]:10.1f} ({between})   {off}"
        )


main()
