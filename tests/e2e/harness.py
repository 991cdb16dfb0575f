"""Starts the real `sluice` binary and waits for things, without sleeping and without guessing.

Every test talks to a server over its public HTTP port with a vendor's own SDK; what is here is only what
stands around that: the process, its log, its data directory, the admin API, and building code packages.
"""

import io
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "tests" / "functions"
ACCOUNT_ID = "1250000000"
KEY_ID = "AKIDe2eSuiteKey0000000000000000000001"
KEY_SECRET = "e2e-secret-0123456789abcdef0123456789"
ADMIN_TOKEN = "e2e-admin-token-0123456789abcdef"
REGION = "ap-guangzhou"
READY = re.compile(r"sluice ready on (http://[0-9a-fA-F.:\[\]]+:\d+)")
START_TIMEOUT = 60
STOP_TIMEOUT = 60


def binary():
    """The server under test: SLUICE_BIN, or what cargo built last."""
    given = os.environ.get("SLUICE_BIN")
    candidates = [given] if given else [ROOT / "target/release/sluice", ROOT / "target/debug/sluice"]
    for path in candidates:
        if os.access(path, os.X_OK):
            return str(path)
    raise RuntimeError(
        f"no sluice binary: looked for {', '.join(map(str, candidates))}; run `make build` or set SLUICE_BIN"
    )


def wait_until(condition, timeout=20.0, what="the condition", interval=0.02):
    """Polls until `condition()` is truthy and returns its value; fails with the last value otherwise."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s; last seen: {value!r}")
        threading.Event().wait(interval)


def zip_of(files):
    """A code package of {path: text or bytes}: the same bytes for the same files, whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)  # dated 1980, where a bare path would be dated now
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def zip_of_folder(folder):
    """A code package of a folder's files, the folder itself not included."""
    folder = pathlib.Path(folder)
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return zip_of({str(p.relative_to(folder)): p.read_bytes() for p in paths})


def sample(name):
    """The code package of a folder under tests/functions."""
    return zip_of_folder(FUNCTIONS / name)


class Server:
    """One `sluice serve` process on a free loopback port."""

    def __init__(self, data_dir=None, args=(), env=None, listen="127.0.0.1:0"):
        self._own_dir = None
        if data_dir is None:
            self._own_dir = tempfile.TemporaryDirectory(prefix="sluice-e2e-")
            data_dir = pathlib.Path(self._own_dir.name) / "data"
        self.data_dir = pathlib.Path(data_dir)
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"
        self.command = [binary(), "serve", "--data-dir", str(self.data_dir), "--listen", listen, *args]
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SLUICE_") and "proxy" not in k.lower()},
            "SLUICE_ACCOUNT_ID": ACCOUNT_ID,
            "SLUICE_ACCESS_KEY_ID": KEY_ID,
            "SLUICE_ACCESS_KEY_SECRET": KEY_SECRET,
            "SLUICE_ADMIN_TOKEN": ADMIN_TOKEN,
            **(env or {}),
        }
        self.process = None
        self.draining = False
        self.url = None

    def start(self):
        """Starts the process and returns once it says that it is ready."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        log = open(self.log_path, "ab")
        self.draining = False
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=self.env
        )
        ready = queue.Queue()
        threading.Thread(target=self._copy_output, args=(self.process.stdout, log, ready), daemon=True).start()
        try:
            self.url = ready.get(timeout=START_TIMEOUT)
        except queue.Empty:
            self.kill()
            raise AssertionError(f"sluice was not ready within {START_TIMEOUT} s; its log:\n{self.log()}") from None
        if self.url is None:
            code = self.process.wait()
            raise AssertionError(f"sluice ended with {code} before it was ready; its log:\n{self.log()}")
        return self

    @staticmethod
    def _copy_output(stream, log, ready):
        for line in iter(stream.readline, b""):
            log.write(line)
            log.flush()
            found = READY.search(line.decode("utf-8", "replace"))
            if found:
                ready.put(found.group(1))
        ready.put(None)
        log.close()

    @property
    def pid(self):
        return self.process.pid

    @property
    def endpoint(self):
        """host:port, as Tencent's SDKs want it."""
        return self.url.removeprefix("http://")

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def tag(self):
        """The mark that everything this server makes on the host carries."""
        return (self.data_dir / "tag").read_text().strip()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def terminate(self):
        """Asks it to drain, without waiting for that. Once: a second SIGTERM would have it leave at once."""
        if not self.draining:
            self.draining = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM, and waits for the exit code."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"sluice did not stop within {STOP_TIMEOUT} s of SIGTERM") from None

    def kill(self):
        """kill -9 of the server alone; what it leaves behind is its own business."""
        self.process.kill()
        self.process.wait()

    def admin(self, method, path, body=None, token=ADMIN_TOKEN):
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return requests.request(method, f"{self.url}/admin/v1/{path}", json=body, headers=headers, timeout=30)

    def patch_quota(self, region, dialect="scf", **values):
        """Changes limits while the server runs and returns the new profile."""
        answer = self.admin("PATCH", f"regions/{region}/quota?dialect={dialect}", values)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return answer.json()

    def quota(self, region, dialect="scf"):
        answer = self.admin("GET", f"regions/{region}/quota?dialect={dialect}")
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return answer.json()

    def metrics(self):
        """What /metrics answers: {series, labels and all: value}."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def client(self, *args, check=True, env=None, timeout=120):
        """Runs a client command of the same binary against this server."""
        environment = {
            **self.env,
            "SLUICE_ENDPOINT": self.url,
            **(env or {}),
        }
        done = subprocess.run(
            [binary(), *map(str, args)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check:
            assert done.returncode == 0, (
                f"sluice {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process is not None:
            if self.process.poll() is None:
                self.stop()
        if self._own_dir is not None:
            keep = os.environ.get("SLUICE_E2E_LOGS")
            if keep:
                target = pathlib.Path(keep)
                target.mkdir(parents=True, exist_ok=True)
                (target / f"{os.path.basename(self._own_dir.name)}.log").write_text(self.log())
            self._own_dir.cleanup()


class Background:
    """A call that goes on while the test does something else."""

    def __init__(self, call, *args, **kwargs):
        self._result = None
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(call, args, kwargs), daemon=True)
        self._thread.start()

    def _run(self, call, args, kwargs):
        try:
            self._result = call(*args, **kwargs)
        except BaseException as error:  # handed to the thread that asks for the result
            self._error = error

    @property
    def running(self):
        return self._thread.is_alive()

    def result(self, timeout=60):
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"the call did not end within {timeout} s"
        if self._error is not None:
            raise self._error
        return self._result


def parallel(calls):
    """Runs functions at the same time; returns their results, or the exceptions they ended with, in order."""

    def caught(call):
        try:
            return call()
        except Exception as error:
            return error

    return [running.result(120) for running in [Background(caught, call) for call in calls]]


def parse_json(text):
    """Parses, and on failure shows what was not JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise AssertionError(f"not JSON ({error}): {text!r}") from None


if __name__ == "__main__":
    sys.exit("run the suites with: scripts/e2e.sh")
