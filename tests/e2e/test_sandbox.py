"""Attempts to break out of, starve and outlive the sandbox. Each function does its worst; the host watches."""

import os
import socket
import threading
import time

import pytest

import host
from fc_api import FunctionError
from harness import KEY_SECRET, Background, sample, wait_until, zip_of
from scf_api import environment

REFUSED = {"EACCES", "EPERM", "EROFS", "ENOENT", "ENOSYS"}
SECRET = "e2e-secret-of-another-function-7d1f"


@pytest.fixture
def box(scf_function):
    """A function from tests/functions/sandbox."""
    return lambda **fields: scf_function(sample("sandbox"), **{"Timeout": 30, **fields})


@pytest.fixture
def neighbour(scf, scf_function):
    """Another function, with a secret in its code and its environment, and an instance that is up."""
    source = f"TOKEN = '{SECRET}'\ndef main_handler(event, context):\n    return len(TOKEN)\n"
    name = scf_function(zip_of({"index.py": source}), Environment=environment(TOKEN=SECRET))
    assert scf.invoke(name).value == len(SECRET)
    return name


def attempted(scf, name, what, **event):
    return scf.invoke(name, {"try": what, **event}).value


def test_privileges_are_gone(scf, box):
    seen = attempted(scf, box(), "privileges")
    assert seen["uid"] != 0 and seen["gid"] != 0 and 0 not in seen["groups"]
    assert {seen["effective"], seen["permitted"], seen["bounding"]} == {"0000000000000000"}
    assert seen["no_new_privs"] == "1"
    assert seen["seccomp"] == "2"


def test_the_uid_is_not_one_of_the_hosts(scf, box):
    name, mark = box(), host.mark()
    call = Background(scf.invoke, name, {"try": "burn", "seconds": 3, "mark": mark})
    (pid,) = wait_until(lambda: host.marked(mark), 20, "the process shows up")
    uid = os.stat(f"/proc/{pid}").st_uid
    assert uid >= 10000, f"the host sees uid {uid}"
    call.result()


def test_privileged_system_calls_are_refused(scf, box):
    outcomes = attempted(scf, box(MemorySize=256), "calls")
    succeeded = {name: outcome for name, outcome in outcomes.items() if "ok" in outcome}
    assert not succeeded, succeeded
    # Refused, not killed for: the function answered, and with the errors that programs know how to handle.
    odd = {
        name: outcome
        for name, outcome in outcomes.items()
        if outcome["error"] not in REFUSED | {"EINVAL", "ESRCH", "EFAULT", "EAFNOSUPPORT", "EPROTONOSUPPORT"}
    }
    assert not odd, odd


def test_the_data_directory_cannot_be_seen(scf, server, box, neighbour):
    folders = [str(server.data_dir), str(server.data_dir.parent), "/root", "/home", "/var/lib", "/run"]
    outcomes = attempted(scf, box(), "list", paths=folders)
    assert "ok" not in outcomes[str(server.data_dir)]
    assert "ok" not in outcomes["/root"] or outcomes["/root"]["ok"] == []
    files = [str(path) for path in server.data_dir.rglob("*") if path.is_file()][:50]
    assert files, "the data directory is empty, so this test would prove nothing"
    readable = {
        path: outcome for path, outcome in attempted(scf, box(), "read", paths=files).items() if "ok" in outcome
    }
    assert not readable, readable


def test_files_of_the_host_that_hold_secrets_cannot_be_read(scf, box):
    paths = [
        "/etc/shadow",
        "/root/.bashrc",
        "/root/.profile",
        "/proc/1/environ",
        "/proc/kcore",
        "/dev/mem",
        "/dev/sda",
        "/proc/sysrq-trigger",
    ]
    outcomes = attempted(scf, box(), "read", paths=paths)
    outcomes.pop("/proc/1/environ")
    assert not {path: outcome for path, outcome in outcomes.items() if "ok" in outcome}


def test_code_and_environment_of_other_functions_cannot_be_found(scf, box, neighbour):
    name = box(Timeout=60, MemorySize=512)
    found = attempted(
        scf,
        name,
        "search",
        needle=SECRET,
        roots=["/var", "/opt", "/tmp", "/code", "/run", "/home", "/mnt", "/srv", "/dev", "/etc"],
    )
    assert found["files"] > 0 and found["found"] == []
    environments = attempted(scf, name, "environments")
    assert SECRET not in str(environments) and KEY_SECRET not in str(environments)


def test_processes_of_the_host_cannot_be_seen(scf, server, box, neighbour):
    processes = attempted(scf, box(), "processes")
    assert 1 <= len(processes) <= 4, processes
    text = " ".join(processes.values())
    assert str(server.data_dir) not in text and "serve" not in text


def test_only_tmp_can_be_written(scf, box):
    outside = [
        "/",
        "/var/user",
        "/opt",
        "/var/runtime",
        "/var/lang",
        "/etc",
        "/usr",
        "/usr/lib",
        "/home",
        "/root",
        "/var",
        "/mnt",
        "/proc",
        "/sys",
        "/run",
    ]
    name = box()
    # spec: RTM-07
    assert attempted(scf, name, "write", paths=["/tmp"]) == {"/tmp": {"ok": "written"}}
    outcomes = attempted(scf, name, "write", paths=outside)
    assert not {path: outcome for path, outcome in outcomes.items() if "ok" in outcome}, outcomes
    for path in ("/var/user", "/opt", "/"):
        assert outcomes[path]["error"] in ("EROFS", "EACCES"), outcomes[path]


def test_tmp_holds_512_megabytes_that_are_not_the_functions_memory(scf, box):
    name = box(MemorySize=64, Timeout=120)
    result = scf.invoke(name, {"try": "fill_tmp"})
    # spec: QUO-18
    assert result.status == 200, f"a 64 MB function was killed for filling /tmp: {result.fields}"
    assert result.value["reason"] == "ENOSPC" and 480 <= result.value["mib"] <= 512, result.value
    scf.configure(name, Description="a new revision needs a new instance")
    # spec: QUO-18
    assert attempted(scf, name, "list", paths=["/tmp"])["/tmp"]["ok"] == []
    assert attempted(scf, name, "fill_tmp", mib=300) == {"mib": 300, "reason": None}


def test_the_kernel_writes_no_tables_into_tmp_on_its_own(scf, box):
    mounts = attempted(scf, box(), "read", paths=["/proc/self/mounts"])["/proc/self/mounts"]["ok"]
    [options] = [line.split()[3] for line in mounts.splitlines() if line.split()[1] == "/tmp"]
    # Without it, 8 MB of zeros go to the disk for each sandbox, some time after it was made.
    assert "noinit_itable" in options.split(",")


def test_an_instance_opens_at_most_1024_files(scf, box):
    seen = attempted(scf, box(), "open_files")
    # spec: QUO-20
    assert seen["reason"] == "EMFILE" and seen["highest"] < 1024 and seen["opened"] > 900, seen


def test_an_instance_has_at_most_1024_processes_and_threads(scf, box, neighbour):
    name = box(MemorySize=3072, Timeout=120)
    call = Background(scf.invoke, name, {"try": "processes_until_refused", "forks": 300})
    served = 0
    while call.running:
        assert scf.invoke(neighbour).value == len(SECRET)
        served += 1
    seen = call.result(120).value
    # spec: QUO-21
    assert seen["reason"].startswith("EAGAIN"), seen
    assert 900 < seen["processes"] + seen["threads"] < 1024, seen
    assert served > 0
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_fork_bomb_stays_in_its_box(scf, scf_function, neighbour):
    mark = host.mark()
    source = (
        "import ctypes, os, time\n"
        "def main_handler(event, context):\n"
        "    ctypes.CDLL(None).prctl(15, event['mark'].encode(), 0, 0, 0)\n"
        "    while True:\n"
        "        try:\n"
        "            os.fork()\n"
        "        except OSError:\n"
        "            time.sleep(0.01)\n"
    )
    bomb = scf_function(zip_of({"index.py": source}), MemorySize=512, Timeout=3)
    call = Background(scf.invoke, bomb, {"mark": mark})
    wait_until(lambda: len(host.marked(mark)) > 20, 20, "the bomb goes off")
    assert scf.invoke(neighbour).value == len(SECRET)
    assert call.result(60).status in (433, 434)
    wait_until(lambda: not host.marked(mark), 5, "every process of the bomb is gone")


def test_memory_over_the_limit_is_434_and_an_exit_is_439(scf, scf_function, neighbour):
    source = (
        "import os\n"
        "def main_handler(event, context):\n"
        "    if event.get('exit'):\n"
        "        os._exit(137)\n"
        "    held = []\n"
        "    while True:\n"
        "        held.append(bytearray(os.urandom(1 << 20)))\n"
    )
    name = scf_function(zip_of({"index.py": source}), MemorySize=128, Timeout=30)
    assert scf.invoke(name).status == 434
    assert scf.invoke(name, {"exit": True}).status == 439
    assert scf.invoke(neighbour).value == len(SECRET)


def test_memory_of_children_counts_too(scf, scf_function):
    source = (
        "import os\n"
        "def main_handler(event, context):\n"
        "    for _ in range(4):\n"
        "        if os.fork() == 0:\n"
        "            held = os.urandom(60 << 20)\n"
        "            os.read(os.pipe()[0], 1)\n"
        "    os.wait()\n"
        "    return 'one child was killed'\n"
    )
    result = scf.invoke(scf_function(zip_of({"index.py": source}), MemorySize=128, Timeout=20))
    # Which process the kernel picks is its choice; that 240 MB do not fit in 128 is ours.
    assert result.status in (200, 434, 439), result.fields


def test_what_a_call_wakes_does_not_wait_for_the_hosts_other_work(scf, box, server):
    name, mark = box(), host.mark()
    call = Background(scf.invoke, name, {"try": "daemon", "daemon": mark, "stuck": True})
    function = wait_until(lambda: host.marked(mark), 20, "the function runs")
    slices = [found for pid in [server.pid, *function] for found in host.slices_us(pid)]
    scf.delete(name)
    call.result()
    if None in slices:
        pytest.skip("this kernel does not say how long a thread's slice is")
    assert set(slices) == {100}, "the shortest that there is"


BURNER = """
import ctypes, os, time

def name(mark):
    ctypes.CDLL(None).prctl(15, mark.encode(), 0, 0, 0)

def main_handler(event, context):
    name(event["mark"])
    children = []
    for _ in range(event.get("children", 0)):
        child = os.fork()
        if child == 0:
            while time.time() < event["until"]:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    times = os.times()
    return times.children_user + times.children_system
"""


@pytest.fixture
def resting(scf, scf_function, server):
    """A function whose instance has been idle since a short call; its process bears the mark."""

    def rest(**fields):
        function, mark = scf_function(zip_of({"index.py": BURNER}), **{"Timeout": 30, **fields}), host.mark()
        scf.invoke(function, {"mark": mark})
        (process,) = host.marked(mark)
        if host.processor_group(process) is not None:
            group = f"/sluice-{server.tag()}"
            wait_until(lambda: host.processor_group(process) == group, 20, "it shares with the light ones")
        return function, mark, process

    return rest


def test_processor_time_goes_by_memory(scf, resting):
    (small, small_mark, _), (large, large_mark, _) = resting(MemorySize=128), resting(MemorySize=1024)
    until = time.time() + 4
    burn = lambda name, mark: scf.invoke(name, {"mark": mark, "children": os.cpu_count(), "until": until}).value  # noqa: E731
    calls = [Background(burn, small, small_mark), Background(burn, large, large_mark)]
    used_by_small, used_by_large = [call.result() for call in calls]
    assert used_by_small > 0, "nobody starves"
    assert used_by_large > 3 * used_by_small, "eight times the memory, eight times the weight"


def test_who_works_gets_a_share_of_its_own_and_who_is_light_shares(scf, resting, server):
    name, mark, process = resting()
    common = f"/sluice-{server.tag()}"
    if host.processor_group(process) is None:
        pytest.skip("all controllers of this host are in one tree: each instance has a share of its own")
    shares = lambda: {host.processor_group(each) for each in host.marked(mark)}  # noqa: E731
    until = time.time() + 3
    call = Background(scf.invoke, name, {"mark": mark, "children": 3, "until": until})
    wait_until(lambda: len(host.marked(mark)) == 4, 3, "its children run")
    wait_until(lambda: common not in shares(), 3, "it has a share of its own, and so have its children")
    (own,) = shares()
    assert own.startswith(f"{common}/")
    call.result()
    assert time.time() >= until, "the call took as long as it was to"
    # Its next rest is that of one who has worked; the one after that is not.
    wait_until(lambda: scf.invoke(name, {"mark": mark}).value is not None and shares() == {common}, 20, "it is light", 0.7)


def test_who_works_after_its_call_gets_a_share_of_its_own(scf, scf_function, server):
    source = (
        "import ctypes, threading, time\n"
        "def burn(until):\n"
        "    while time.time() < until:\n"
        "        pass\n"
        "def main_handler(event, context):\n"
        "    ctypes.CDLL(None).prctl(15, event['mark'].encode(), 0, 0, 0)\n"
        "    if 'until' in event:\n"
        "        threading.Thread(target=burn, args=(event['until'],)).start()\n"
    )
    name, mark = scf_function(zip_of({"index.py": source}), Timeout=30), host.mark()
    common = f"/sluice-{server.tag()}"
    scf.invoke(name, {"mark": mark})
    (process,) = host.marked(mark)
    if host.processor_group(process) is None:
        pytest.skip("all controllers of this host are in one tree: each instance has a share of its own")
    wait_until(lambda: host.processor_group(process) == common, 20, "it shares with the light ones")
    scf.invoke(name, {"mark": mark, "until": time.time() + 30})

    def moved():
        scf.invoke(name, {"mark": mark})
        return host.processor_group(process) != common

    wait_until(moved, 25, "its thread was noticed between short calls", 0.3)


def test_an_instance_may_use_every_processor_unless_it_chooses(scf, scf_function):
    source = (
        "import os\n"
        "def main_handler(event, context):\n"
        "    if event['choose'] is not None:\n"
        "        os.sched_setaffinity(0, event['choose'])\n"
        "    return sorted(os.sched_getaffinity(0))\n"
    )
    name = scf_function(zip_of({"index.py": source}))
    every = sorted(os.sched_getaffinity(0))

    def after_a_rest(choose=None):
        threading.Event().wait(0.02)  # one that was called just before is not steered
        return scf.invoke(name, {"choose": choose}).value

    assert [after_a_rest() for _ in range(20)] == 20 * [every]
    assert after_a_rest(every[:1]) == every[:1]
    assert [after_a_rest() for _ in range(5)] == 5 * [every[:1]]


def test_a_timeout_takes_the_whole_tree_with_it(scf, box):
    name, mark = box(Timeout=1), host.mark()
    call = Background(scf.invoke, name, {"try": "daemon", "daemon": mark, "stuck": True})
    daemons = wait_until(lambda: host.marked(mark), 20, "the daemon runs")
    result = call.result()
    assert result.status == 433
    answered = time.monotonic()
    wait_until(lambda: not host.alive(daemons), 5, "the daemon is gone", 0.005)
    assert time.monotonic() - answered < 0.5, "the tree has 100 ms after the limit, and this host some slack"


def test_a_daemon_does_not_outlive_its_instance(scf, box):
    name, mark = box(), host.mark()
    assert attempted(scf, name, "daemon", daemon=mark) == "left a daemon behind"
    scf.delete(name)
    wait_until(lambda: not host.marked(mark), 10, "the daemon is gone with its function")


@pytest.mark.parametrize("said", ["b'\\1\\0\\0\\0B'", "b'\\1\\0\\0\\0l'"])
def test_what_no_bootstrap_says_ends_the_start(fc, service, fc_function, said):
    source = f"import os\nwhile True:\n    os.write(3, {said} * 1000)\ndef handler(event, context):\n    return 'up'\n"
    name = fc_function(zip_of({"index.py": source}), timeout=60, initializationTimeout=60)
    with pytest.raises(FunctionError) as caught:
        fc.invoke(service, name, b"")
    assert "Process exited unexpectedly" in caught.value.document["errorMessage"]


def test_who_prints_without_end_is_ended_in_time_and_keeps_nobody_up(scf, scf_function):
    source = (
        "import os, threading\n"
        "def flood():\n"
        "    while True:\n"
        "        os.write(1, b'\\n' * 65536)\n"
        "def main_handler(event, context):\n"
        "    for _ in range(4):\n"
        "        threading.Thread(target=flood, daemon=True).start()\n"
        "    flood()\n"
    )
    loud, calm = scf_function(zip_of({"index.py": source}), Timeout=2), scf_function(zip_of({"index.py": "def main_handler(event, context):\n    return 'calm'\n"}))
    scf.invoke(calm)
    call = Background(scf.invoke, loud)
    while call.running:
        assert scf.invoke(calm).value == "calm"
    answer = call.result()
    assert answer.status == 433, answer.fields
    assert answer.duration_ms < 4000


TICKS = {
    "a thread": (
        "import threading\n"
        "def tick_on():\n"
        "    while True:\n"
        "        tick()\n"
        "        time.sleep(0.01)\n"
        "threading.Thread(target=tick_on, daemon=True).start()\n"
    ),
    "a timer": (
        "import signal\n"
        "signal.signal(signal.SIGALRM, tick)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\n"
    ),
}


@pytest.mark.parametrize("by", TICKS)
def test_an_idle_instance_does_not_run(scf, scf_function, by):
    source = (
        "import time\n"
        "ticks = 0\n"
        "def tick(*_):\n"
        "    global ticks\n"
        "    ticks += 1\n"
        "def main_handler(event, context):\n"
        "    return [ticks, time.monotonic()]\n"
    )
    name = scf_function(zip_of({"index.py": source + TICKS[by]}))
    scf.invoke(name)
    before, at = scf.invoke(name).value
    threading.Event().wait(2)  # the pause is what is measured
    after, later = scf.invoke(name).value
    assert later - at > 1.9
    assert after - before < 100, "a frozen instance would not have ticked 190 times"


def test_who_does_nothing_by_itself_is_frozen_later_than_others(scf, scf_function):
    source = (
        "import ctypes, threading\n"
        "def main_handler(event, context):\n"
        "    ctypes.CDLL(None).prctl(15, event['mark'].encode(), 0, 0, 0)\n"
        "    if event['thread']:\n"
        "        threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )

    def up(thread):
        """Calls a new function, and can call it once more; with its process."""
        name, event = scf_function(zip_of({"index.py": source})), {"mark": host.mark(), "thread": thread}
        call = lambda: scf.invoke(name, event).value  # noqa: E731
        call()
        return call, host.marked(event["mark"])[0]

    (call_quiet, quiet), (call_other, other) = up(False), up(True)
    called = time.monotonic()
    call_quiet(), call_other()
    wait_until(lambda: host.is_frozen(other), 20, "who has a thread is frozen")
    was_frozen, took = host.is_frozen(quiet), time.monotonic() - called
    assert not was_frozen or took > 9, "it was idle before the other was"
    wait_until(lambda: host.is_frozen(quiet), 30, "in the end it is frozen as well")


def test_loopback_of_the_host_cannot_be_reached(scf, box, server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        name = box(Timeout=30)
        gateway = attempted(scf, name, "default_gateway")
        addresses = ["127.0.0.1", "127.0.0.2", *([gateway] if gateway else []), *host.addresses()]
        outcomes = attempted(scf, name, "connect", targets=[(address, port) for address in addresses])
        assert not [outcome for outcome in outcomes if "ok" in outcome], outcomes


def test_the_servers_listener_cannot_be_reached(scf, box, server):
    name = box(Timeout=30)
    gateway = attempted(scf, name, "default_gateway")
    addresses = ["127.0.0.1", *([gateway] if gateway else []), *host.addresses()]
    outcomes = attempted(scf, name, "connect", targets=[(address, server.port) for address in addresses])
    assert not [outcome for outcome in outcomes if "ok" in outcome], outcomes


def test_other_instances_cannot_be_reached(scf, box):
    listener, caller = box(Timeout=30), box(Timeout=30)
    addresses = attempted(scf, listener, "addresses")
    assert addresses, "an instance with network has an address"
    listening = Background(attempted, scf, listener, "listen", address=addresses[0], port=8099, seconds=4)
    outcome = attempted(scf, caller, "call_until", address=addresses[0], port=8099, seconds=4)
    seen = listening.result()
    assert "ok" in seen["own"], "it listened, so that being unreachable means something"
    assert "ok" not in outcome and len(seen["callers"]) <= 1, (outcome, seen)


def test_a_busy_neighbour_does_not_starve_the_others(scf, box, neighbour):
    burners = [Background(attempted, scf, box(MemorySize=128, Timeout=20), "burn", seconds=4) for _ in range(4)]
    answered = []
    while any(burner.running for burner in burners):
        begin = time.monotonic()
        assert scf.invoke(neighbour).value == len(SECRET)
        answered.append(time.monotonic() - begin)
    for burner in burners:
        burner.result()
    assert len(answered) >= 5, "the neighbour hardly ran"
