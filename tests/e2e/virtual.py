"""A server whose clock stands still until a test moves it, and calls that are held while it does.

Each test works in a region of its own, so that limits, minutes and instances of one do not reach another.
"""

import contextlib
import uuid

from harness import Background, wait_until, zip_of
from scf_api import Scf

# Says which process it is and whether this is its first call, and takes as long as it is told to.
WHO = zip_of(
    {
        "index.py": (
            "import time, uuid\n"
            "me, calls = uuid.uuid4().hex, 0\n"
            "def main_handler(event, context):\n"
            "    global calls\n"
            "    calls += 1\n"
            "    time.sleep(event.get('sleep', 0))\n"
            "    if event.get('exit'):\n"
            "        import os; os._exit(3)\n"
            "    return {'me': me, 'calls': calls}\n"
        )
    }
)

HELD_SECONDS = 4


class Region:
    """One region of a server, mostly one with a virtual clock, through Tencent's SDK."""

    def __init__(self, server, **quota):
        self.server = server
        self.name = f"r-{uuid.uuid4().hex[:12]}"
        self.scf = Scf(server, region=self.name)
        if quota:
            self.patch(**quota)

    def patch(self, **quota):
        return self.server.patch_quota(self.name, **quota)

    def function(self, memory=128, name=None, **fields):
        name = name or f"f{uuid.uuid4().hex[:8]}"
        return self.scf.create(name, WHO, MemorySize=memory, Timeout=60, **fields)

    def published(self, **fields):
        """A function with a version 1; returns its name."""
        name = self.function(**fields)
        assert self.scf.publish(name) == "1"
        return name

    def clean(self):
        """Deletes its functions: what they keep started would otherwise stay."""
        for name in self.scf.names():
            self.scf.delete(name)

    def advance(self, seconds, running="hold"):
        answer = self.server.admin("POST", "clock/advance", {"seconds": seconds, "running": running})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def turn_minute(self):
        """To the beginning of the next minute of the clock."""
        now = self.server.admin("GET", "clock").json()["unix_ms"]
        self.advance(60 - now // 1000 % 60)

    def pools(self, name):
        pools = self.server.admin("GET", "pools").json()["versions"]
        return [pool for pool in pools if pool["region"] == self.name and pool["function"] == name]

    def in_flight(self, *names):
        return sum(pool["in_flight"] for name in names for pool in self.pools(name))

    def instances(self, name, **fields):
        found = self.server.admin("GET", "instances").json()["instances"]
        mine = [one for one in found if one["region"] == self.name and one["function"] == name]
        return [one for one in mine if all(one[key] == value for key, value in fields.items())]

    def gauge(self, gauge, name, version):
        """The value of a version's gauge, or None."""
        labels = [f'{key}="{text}"' for key, text in [("region", self.name), ("function", name), ("version", version)]]
        found = [
            value
            for series, value in self.server.metrics().items()
            if series.startswith(f"sluice_{gauge}{{") and all(label in series for label in labels)
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def limits(self, kind, unit="MB"):
        """{name: (limit, used)} of the region's limits of one kind."""
        scopes = self.server.admin("GET", "limits").json()["scopes"]
        (mine,) = [one for one in scopes if one["region"] == self.name]
        shown = [one for one in mine["limits"] if (one["kind"], one["unit"]) == (kind, unit)]
        return {one["name"]: (one["limit"], one["used"]) for one in shown}

    def provisioned(self, name, qualifier="1"):
        """(target now in force, instances ready) of a version."""
        found = self.scf.provisions(name).get(qualifier)
        if not found:
            return (0, 0)
        return (found["AllocatedProvisionedConcurrencyNum"], found["AvailableProvisionedConcurrencyNum"])

    def record(self, result):
        answer = self.server.admin("GET", f"invocations/{result.request_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def is_cold(self, result):
        return self.record(result)["cold_start"] is not None

    @contextlib.contextmanager
    def hold(self, name, count, seconds=HELD_SECONDS, **fields):
        """Has `count` calls running inside the block; yields a function that waits for their results."""
        before = self.in_flight(name)
        calls = [Background(self.scf.invoke, name, {"sleep": seconds}, **fields) for _ in range(count)]

        def running():
            # One look: between two, calls would have gone on.
            pools = self.pools(name)
            in_flight = sum(pool["in_flight"] for pool in pools)
            return all(pool["starting"] == 0 for pool in pools) and in_flight >= before + count

        wait_until(running, 30, f"{count} calls of {name} run")

        def results():
            return [call.result(60) for call in calls]

        yield results
        results()

    def attempt(self, name, count, seconds=HELD_SECONDS, **fields):
        """Calls `count` times at once; the results, some of which may be refusals."""
        calls = [Background(self.scf.invoke, name, {"sleep": seconds}, **fields) for _ in range(count)]
        return [call.result(60) for call in calls]

