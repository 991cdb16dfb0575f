"""What the host shows of running functions: processes by the name they gave themselves, and leftovers by tag.

Functions of these suites name their process (`prctl PR_SET_NAME`), which the host sees in /proc/PID/comm
through every namespace: that is how a test knows that a call is running, or that nothing is left of it.
"""

import os
import pathlib
import subprocess
import uuid


def mark():
    """A process name that nothing else has (15 bytes is the kernel's limit)."""
    return f"e2e{uuid.uuid4().hex[:12]}"


def marked(name):
    """Processes that bear this name now."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            comm = pathlib.Path(entry.path, "comm").read_text().strip()
        except OSError:
            continue
        if comm == name:
            found.append(int(entry.name))
    return found


def children_of(pid):
    """All living descendants of a process."""
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = pathlib.Path(entry.path, "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found, frontier = set(), {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return sorted(found)


def alive(pids):
    """Which of these processes exist and are not zombies."""
    living = []
    for pid in pids:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            living.append(pid)
    return living


def threads(pid):
    return [int(entry.name) for entry in os.scandir(f"/proc/{pid}/task")]


def processor_group(pid):
    """The control group that a process gets its processor time from; None where all controllers are in one tree."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return group
    return None


def is_frozen(pid):
    """Whether the kernel keeps the control group of a process from running."""
    states = []
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
                events = pathlib.Path(f"{root}{group}/cgroup.events")
                if events.exists():
                    states.append("frozen 1" in events.read_text())
                    break
        if controllers == "freezer":
            state = pathlib.Path(f"/sys/fs/cgroup/freezer{group}/freezer.state")
            if state.exists() and group != "/":
                states.append(state.read_text().strip() == "FROZEN")
    return any(states)


def slices_us(pid):
    """How long each thread of a process may have the processor before others are looked at; None where the kernel does
    not say. A thread that ends meanwhile has none."""
    slices = []
    for thread in threads(pid):
        try:
            lines = pathlib.Path(f"/proc/{thread}/sched").read_text().splitlines()
        except OSError:
            if not os.path.exists(f"/proc/{thread}"):
                continue
            lines = []
        slices.append(next((int(line.split(":")[1]) // 1000 for line in lines if line.startswith("se.slice")), None))
    return slices


def leftovers(tag, data_dir):
    """Everything on the host that carries the tag or lies under the data directory: cgroups, mounts, links,
    network namespaces and packet filter tables."""
    found = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        found += [f"cgroup {folder}/{name}" for name in names if tag in name]
    mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line}" for line in mounts if str(data_dir) in line or tag in line]
    for command, kind in (
        (["ip", "-o", "link"], "link"),
        (["ip", "netns", "list"], "netns"),
        (["nft", "list", "tables"], "table"),
    ):
        try:
            output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        except FileNotFoundError:
            continue
        found += [f"{kind} {line}" for line in output.splitlines() if tag in line]
    return found


def addresses():
    """The host's own IPv4 addresses, loopback excepted."""
    output = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    found = [line.split()[3].split("/")[0] for line in output.splitlines()]
    return [address for address in found if not address.startswith("127.")]
