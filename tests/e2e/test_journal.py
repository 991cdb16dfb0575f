"""The journal: every decision of a server under load is decided again, and nothing can be changed or cut unseen."""

import datetime
import json
import os
import pathlib
import subprocess

import pytest

from fc_api import Fc
from harness import REGION, parallel, sample, wait_until
from recordings import replayed, sluice
from scf_api import Scf, environment


def replay(path, *flags):
    return sluice("replay", path, *flags)


# Bytes from the end of a journal that are before its closing and within the last calls.
TAIL = 300


def load(server, waves=3):
    """Calls of all kinds, with refusals, in two dialects, while settings change under them."""
    scf = Scf(server)
    scf.create("load", sample("scf_probe"), MemorySize=128, Timeout=10)
    scf.create("other", sample("scf_probe"), MemorySize=256, Timeout=10)
    version = scf.publish("load")
    scf.point("load", "live", version, second="$LATEST", weight=0.3, action="CreateAlias")
    scf.provision("load", version, 2)
    scf.provisioned("load", version, 2)
    server.patch_quota(REGION, concurrency_mb=1280, unallocatable_mb=0, burst_per_min=40)

    def call(number):
        event = [{"do": "sleep", "seconds": 0.02}, {"do": "who"}, {"do": "raise"}, {"do": "exit"}][number % 4]
        if number % 3 == 0:
            return scf.invoke("other", {"do": "sleep", "seconds": 0.1})
        return scf.invoke("load", event, Qualifier=["$LATEST", version, "live"][number % 3])

    def reserve(wave):
        if wave % 2 == 0:
            return scf.reserve("other", 512)
        return scf.call("DeleteReservedConcurrencyConfig", FunctionName="other")

    for wave in range(waves):
        calls = [lambda number=number: call(number) for number in range(40)]
        changes = [
            lambda: server.patch_quota(REGION, concurrency_mb=[1024, None, 1280][wave % 3]),
            lambda: reserve(wave),
            lambda: scf.configure("other", Environment=environment(WAVE=str(wave))),
        ]
        results = parallel([*calls[:20], *changes, *calls[20:]])
        assert not [result for result in results if isinstance(result, Exception)], results
    scf.call("DeleteProvisionedConcurrencyConfig", FunctionName="load", Qualifier=version)
    fc = Fc(server)
    fc.sdk.create_service("journal")
    fc.create("journal", "f", sample("fc_probe"))
    fc.invoke("journal", "f")
    return scf


def recorded(path):
    """Calls whose end is in the journal so far."""
    return replayed(path, "--allow-unfinished")["totals"]["events"].get("done", 0)


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """A journal of a server that ran under load and stopped gracefully."""
    from harness import Server

    folder = tmp_path_factory.mktemp("journal")
    path = folder / "decisions.journal"
    with Server(data_dir=folder / "data", args=["--journal", str(path)]) as server:
        scf = load(server)
        # What is recorded after this is in a block of its own: there is something before the end, and at the end.
        wait_until(lambda: recorded(path) >= 60, 30, "the load is in the journal")
        assert all(scf.invoke("other", {"do": "who"}).ok for _ in range(40))
        assert server.stop() == 0
        assert "the journal is complete" in server.log()
    return path


def test_every_decision_of_a_load_run_is_decided_again(journal):
    document = replayed(journal)
    totals = document["totals"]
    assert document["accepted"] and document["fault"] is None
    assert totals["scopes"] >= 2 and document["covered_ms"] > 0
    assert totals["records"] == sum(totals["events"].values())
    events = totals["events"]
    assert events["arrived"] >= 120 and events["done"] > 0 and events["ready"] > 0
    assert events["pool_opened"] >= 4 and events["pool_retired"] >= 1
    assert events["limits_changed"] >= 4
    assert events["provision_changed"] == 1 and events["provision_removed"] >= 1
    assert sum(totals["refusals"].values()) == totals["commands"]["refuse"] > 0
    assert totals["starts"]["provisioned"] >= 2 and totals["starts"]["all_busy"] > 0


def test_the_result_is_shown_to_people(journal):
    done = replay(journal)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Every decision is the same: ")
    kinds = {tuple(line.split()[:2]) for line in done.stdout.splitlines()}
    assert {("events", "arrived"), ("commands", "dispatch"), ("starts", "first_call")} <= kinds


def test_the_journal_holds_no_more_than_it_must(journal):
    content = journal.read_bytes()
    assert b"seconds" not in content and b"WAVE" not in content
    assert os.stat(journal).st_mode & 0o777 == 0o600


def test_a_changed_byte_is_named(journal, tmp_path):
    content = bytearray(journal.read_bytes())
    content[-TAIL] ^= 0x10
    path = tmp_path / "changed"
    path.write_bytes(content)
    for flags in ([], ["--allow-unfinished"]):
        done = replay(path, *flags)
        assert done.returncode == 1
        assert "record " in done.stderr and "block " in done.stderr and "damaged" in done.stderr
    document = json.loads(replay(path, "--output", "json").stdout)
    assert not document["accepted"] and document["fault"]["record"] > 0 and not document["fault"]["unfinished"]


def test_a_cut_journal_is_named_and_can_be_accepted(journal, tmp_path):
    content = journal.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[:-TAIL])
    done = replay(path)
    assert done.returncode == 1
    assert "record " in done.stderr and "cut off" in done.stderr and "--allow-unfinished" in done.stderr
    document = replayed(path, "--allow-unfinished")
    assert document["fault"]["unfinished"] and 0 < document["totals"]["records"] < replayed(journal)["totals"]["records"]


def test_what_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "other"
    path.write_text(f"written on {datetime.date.today()}\n")
    done = replay(path)
    assert done.returncode == 1 and "not a journal" in done.stderr
    missing = replay(tmp_path / "missing")
    assert missing.returncode == 1 and "missing" in missing.stderr


def test_a_killed_server_leaves_all_but_the_last_second(fresh_server, tmp_path):
    path = tmp_path / "killed.journal"
    server = fresh_server(args=["--journal", str(path)])
    scf = Scf(server)
    scf.create("probe", sample("scf_probe"))
    assert all(scf.invoke("probe", {"do": "who"}).ok for _ in range(20))

    wait_until(lambda: recorded(path) == 20, 30, "the calls are in the journal")
    server.kill()
    done = replay(path)
    assert done.returncode == 1 and "it has no end" in done.stderr
    document = replayed(path, "--allow-unfinished")
    assert document["accepted"] and document["totals"]["events"]["arrived"] == 20

    again = fresh_server(args=["--journal", str(path)])
    assert Scf(again).invoke("probe", {"do": "who"}).ok
    assert again.stop() == 0
    # A restart begins another journal and keeps the one that was there.
    assert replayed(path)["totals"]["events"]["arrived"] == 1
    assert replayed(pathlib.Path(f"{path}.1"), "--allow-unfinished")["totals"]["events"]["arrived"] == 20


def test_a_full_disk_ends_the_journal_and_not_the_server(fresh_server, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this user cannot mount a small file system")
    try:
        path = folder / "decisions.journal"
        server = fresh_server(args=["--journal", str(path)])
        scf = Scf(server)
        scf.create("probe", sample("scf_probe"))

        def full():
            results = parallel([lambda: scf.invoke("probe", {"do": "who"}) for _ in range(40)])
            assert all(result.ok for result in results)
            return "the journal is incomplete from here on" in server.log()

        wait_until(full, 120, "the disk is full")
        assert scf.invoke("probe", {"do": "who"}).ok
        assert server.stop() == 0
        assert server.log().count("the journal is incomplete from here on") == 1
        done = replay(path)
        assert done.returncode == 1 and "incomplete from here: cannot write" in done.stderr
        assert replayed(path, "--allow-unfinished")["totals"]["records"] > 100
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
