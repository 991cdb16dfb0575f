"""`sluice replay` and `sluice simulate` on what a server or somebody else recorded."""

import json
import subprocess

from harness import binary


def sluice(*arguments):
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=120)


def read(*arguments):
    """The document that a command prints, which must accept what it was given."""
    done = sluice(*arguments, "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def replayed(path, *flags):
    """What a replay found."""
    return read("replay", path, *flags)


def simulated(path, *flags):
    """The reports of a simulation, by the name of their rules."""
    return {run["rules"]: run["report"] for run in read("simulate", "--trace", path, *flags)["runs"]}
