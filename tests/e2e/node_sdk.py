"""Runs the scripts of tests/e2e/node, which use the vendors' Node.js SDKs, and reads what they print."""

import json
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).parent / "node"


def run(script, order):
    if not (FOLDER / "node_modules").is_dir():
        raise RuntimeError("the Node.js SDKs are not installed: run scripts/setup.sh --tests")
    done = subprocess.run(["node", script, json.dumps(order)], cwd=FOLDER, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{script}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)
