"""The demo: real functions, deployed and called with the vendors' own SDKs, against a real server.

Starts `sluice serve` with a data directory that is thrown away afterwards, deploys the four functions of
`examples/` through Tencent's Python SDK (SCF) and Alibaba's aliyun-fc2 (FC), calls each cold and then warm,
and shows what they answered, what they logged, and where the time went.

Run it with `make demo`; it needs what `scripts/setup.sh` installs.
"""

import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from fc_api import Fc  # noqa: E402
from harness import REGION, Server, binary, zip_of_folder  # noqa: E402
from scf_api import Scf, environment  # noqa: E402

EXAMPLES = ROOT / "examples"
SERVICE = "demo"
WARM_CALLS = 5
WIDTH = 96


def payload_of(folder):
    for name in ("event.json", "event.txt"):
        path = EXAMPLES / folder / name
        if path.exists():
            return path.read_bytes()
    raise FileNotFoundError(f"{folder} has no event")


class Call:
    """One call as the demo shows it, whichever SDK made it."""

    def __init__(self, request_id, answer, log, execution_ms, memory_mib, round_trip_ms):
        self.request_id, self.answer, self.log = request_id, answer, log
        self.execution_ms, self.memory_mib, self.round_trip_ms = execution_ms, memory_mib, round_trip_ms


class ScfExample:
    sdk = "tencentcloud-sdk-python"
    dialect = "SCF"

    def __init__(self, scf, folder, name, runtime):
        self.scf, self.folder, self.name, self.runtime = scf, folder, name, runtime

    def deploy(self):
        package = zip_of_folder(EXAMPLES / self.folder)
        self.scf.create(self.name, package, runtime=self.runtime, Environment=environment(CURRENCY="CNY"), Timeout=10)

    def call(self):
        event = payload_of(self.folder).decode()
        begin = time.perf_counter()
        result = self.scf.invoke(self.name, raw=event, tail=True)
        took = (time.perf_counter() - begin) * 1000
        if not result.ok:
            raise RuntimeError(f"{self.name} failed: {result.ret_msg}")
        return Call(
            result.request_id, result.ret_msg, result.log, result.duration_ms, result.memory_bytes / 2**20, took
        )


class FcExample:
    sdk = "aliyun-fc2"
    dialect = "FC"

    def __init__(self, fc, folder, name, runtime, **fields):
        self.fc, self.folder, self.name, self.runtime, self.fields = fc, folder, name, runtime, fields

    def deploy(self):
        package = zip_of_folder(EXAMPLES / self.folder)
        self.fc.create(SERVICE, self.name, package, runtime=self.runtime, memorySize=128, timeout=10, **self.fields)

    def call(self):
        event = payload_of(self.folder)
        begin = time.perf_counter()
        answer = self.fc.invoke(SERVICE, self.name, event, tail=True)
        took = (time.perf_counter() - begin) * 1000
        headers = answer.headers
        return Call(
            headers["x-fc-request-id"],
            answer.body.decode(),
            answer.log,
            float(headers["x-fc-invocation-duration"]),
            float(headers["x-fc-max-memory-usage"]),
            took,
        )


def cut(text, width):
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def table(header, rows):
    """Columns as wide as their content; numbers to the right."""
    cells = [header, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row):
        shown = []
        for text, width in zip(row, widths):
            number = text.replace(".", "").replace("–", "").isdigit() or text == "–"
            shown.append(text.rjust(width) if number else text.ljust(width))
        return "  ".join(shown).rstrip()

    print(line(header))
    print("  ".join("─" * width for width in widths))
    for row in cells[1:]:
        print(line(row))


def ms(value):
    return "–" if value is None else f"{value:.1f}"


def heading(text):
    print(f"\n{text}\n{'─' * len(text)}")


def phases_of(server, request_id):
    """Where a cold start spent its time, from the server's record of the call."""
    answer = server.admin("GET", f"invocations/{request_id}")
    answer.raise_for_status()
    return answer.json()["cold_start"] or {}


def show_answers(example, cold):
    print(f"\n{example.dialect} · {example.name} · {example.runtime} · through {example.sdk}")
    print(f"  answer  {cut(cold.answer, WIDTH - 10)}")
    for number, line in enumerate(cold.log.strip().splitlines()):
        print(f"  {'log' if number == 0 else '   '}     {cut(line, WIDTH - 10)}")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--keep", metavar="DIR", help="use this data directory and leave it there")
    arguments = options.parse_args()

    begin = time.perf_counter()
    with Server(data_dir=arguments.keep) as server:
        print(
            f"{binary()} serves {server.url} after {(time.perf_counter() - begin) * 1000:.0f} ms; data in {server.data_dir}"
        )
        scf, fc = Scf(server), Fc(server)
        fc.sdk.create_service(SERVICE, description="the demo's service")
        examples = [
            ScfExample(scf, "scf-python-order", "order", "Python3.10"),
            ScfExample(scf, "scf-node-webhook", "webhook", "Nodejs18.15"),
            FcExample(fc, "fc-python-access-log", "access-log", "python3.10", initializer="index.initialize"),
            FcExample(fc, "fc-node-page", "page", "nodejs16"),
        ]
        heading("1. Deploy four functions, with the SDKs their authors would use")
        for example in examples:
            at = time.perf_counter()
            example.deploy()
            print(
                f"  {example.dialect:<4} {example.name:<11} {example.runtime:<12} {(time.perf_counter() - at) * 1000:7.0f} ms  examples/{example.folder}"
            )

        heading("2. Call each one: nothing of it runs yet, so this is a cold start")
        rows, starts = [], []
        for example in examples:
            cold = example.call()
            show_answers(example, cold)
            warm = [example.call() for _ in range(WARM_CALLS)]
            middle = sorted(warm, key=lambda call: call.round_trip_ms)[len(warm) // 2]
            for kind, call in (("cold", cold), (f"warm, middle of {WARM_CALLS}", middle)):
                rows.append(
                    [
                        example.dialect,
                        example.name,
                        kind,
                        ms(call.round_trip_ms),
                        ms(call.execution_ms),
                        f"{call.memory_mib:.1f}",
                    ]
                )
            start = phases_of(server, cold.request_id)
            phases = start.get("phases", {})
            starts.append(
                [
                    example.dialect,
                    example.name,
                    "blank sandbox" if start.get("from_blank") else "new sandbox",
                    *[ms(phases.get(key)) for key in ("queue_ms", "sandbox_ms", "mount_ms", "init_ms")],
                    ms(start.get("total_ms")),
                ]
            )

        heading("3. What the calls took (milliseconds; memory in MB)")
        table(["", "function", "call", "seen by SDK", "execution", "memory"], rows)

        heading("4. Where each cold start spent its time (milliseconds)")
        table(["", "function", "from", "queue", "sandbox", "mount", "load code", "total"], starts)

        print(
            "\n'seen by SDK' is the whole round trip: signing in Python, HTTP, verifying, running, answering.\n"
            f"Everything above is in the server's records too: GET {server.url}/admin/v1/invocations (region {REGION})."
        )
    print("\nThe server has stopped and took everything it made on this host with it.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
