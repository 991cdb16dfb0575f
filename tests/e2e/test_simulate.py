"""What-if: a server's journal is played again with what was set in it, and with other settings."""

import json

import pytest

from harness import REGION, Background, Server, sample, wait_until
from recordings import replayed, simulated, sluice
from scf_api import Scf


def load(server):
    """Calls of a version with a reservation of one instance, which is provisioned, and of one without either."""
    scf = Scf(server)
    scf.create("own", sample("scf_probe"), MemorySize=128, Timeout=10)
    version = scf.publish("own")
    scf.reserve("own", 128)
    scf.provision("own", version, 1)
    wait_until(lambda: ready(scf, version))
    scf.create("free", sample("scf_probe"), MemorySize=256, Timeout=10)

    def own(seconds=0.0):
        return scf.invoke("own", {"do": "sleep", "seconds": seconds}, Qualifier=version)

    def busy():
        pools = server.admin("GET", "pools").json()["versions"]
        return sum(pool["in_flight"] for pool in pools) > 0

    assert own().ok
    held = Background(own, 2)
    wait_until(busy)
    assert [own().status for _ in range(3)] == [432] * 3, "the reservation is used up"
    assert held.result(30).ok
    held = Background(scf.invoke, "free", {"do": "sleep", "seconds": 1})
    wait_until(busy)
    assert scf.invoke("free", {"do": "who"}).ok
    assert held.result(30).ok
    # A change of limits is a setting too: after it nothing new can start.
    server.patch_quota(REGION, burst_per_min=0)
    held = Background(scf.invoke, "free", {"do": "sleep", "seconds": 1})
    wait_until(busy)
    other = Background(scf.invoke, "free", {"do": "sleep", "seconds": 1})
    wait_until(lambda: in_flight(server, "free") == 2)
    assert scf.invoke("free", {"do": "who"}).status == 429
    assert held.result(30).ok and other.result(30).ok


def in_flight(server, name):
    pools = server.admin("GET", "pools").json()["versions"]
    return sum(pool["in_flight"] for pool in pools if pool["function"] == name)


def ready(scf, version):
    found = scf.provisions("own").get(version)
    return bool(found) and found["AvailableProvisionedConcurrencyNum"] == 1


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulate")
    path = folder / "decisions.journal"
    with Server(data_dir=folder / "data", args=["--journal", str(path)]) as server:
        load(server)
        assert server.stop() == 0
    return path


def test_a_journal_is_played_with_what_was_set_in_it(journal):
    totals = replayed(journal)["totals"]
    (report,) = simulated(journal).values()
    assert report["requests"] == totals["events"]["arrived"]
    assert report["throttles_by_limit"] == totals["refusals"] and report["throttles"] >= 4
    starts = dict(totals["starts"])
    # A server that stops ends the provisioned instance, which the decisions then replace in vain.
    assert report["starts_ahead"] == starts.pop("provisioned") >= 1
    assert report["cold_starts_by_reason"] == starts and report["cold_starts"] == 2
    assert report["functions"] == 2
    assert report["busy_instance_s"] > 2 and report["idle_instance_s"] > 1


def test_what_is_set_holds_against_the_record(journal):
    reports = simulated(journal, "--compare", "burst_per_min=null")
    recorded, changed = reports["as recorded"], reports["burst_per_min=null"]
    assert recorded["throttles_by_limit"]["burst"] == 1
    assert "burst" not in changed["throttles_by_limit"], "also after the limit was recorded to change"
    assert changed["throttles_by_limit"]["reserved"] == recorded["throttles_by_limit"]["reserved"] == 3
    assert changed["cold_starts"] == recorded["cold_starts"] + 1
    (profile,) = simulated(journal, "--profile", "scf-64").values()
    assert profile["throttles_by_limit"] == changed["throttles_by_limit"]


def test_a_killed_servers_journal_is_played_up_to_its_end(journal, tmp_path):
    path = tmp_path / "cut.journal"
    content = journal.read_bytes()
    path.write_bytes(content[: len(content) - 20])
    refused = sluice("simulate", "--trace", path)
    assert refused.returncode == 1 and "--allow-unfinished" in refused.stderr
    done = sluice("simulate", "--trace", path, "--allow-unfinished", "--output", "json")
    assert done.returncode == 0 and "warning: " in done.stderr and "cut off" in done.stderr
    assert json.loads(done.stdout)["runs"][0]["report"]["requests"] > 0
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0x10
    path.write_bytes(damaged)
    assert sluice("simulate", "--trace", path, "--allow-unfinished").returncode == 1


def test_two_recordings_in_a_folder_are_refused(tmp_path):
    (tmp_path / "2021.csv").write_text("app,func,end_timestamp,duration\na,f,1.0,0.5\n")
    (tmp_path / "2019.csv").write_text("HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,1,0\n")
    done = sluice("simulate", "--trace", tmp_path)
    assert done.returncode == 1 and "2019.csv" in done.stderr and "2021.csv" in done.stderr
    # Each of them can be named.
    for name in ["2019.csv", "2021.csv"]:
        (report,) = simulated(tmp_path / name).values()
        assert report["requests"] == 1
