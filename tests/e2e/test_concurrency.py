"""Concurrency: who gets an instance, how long instances are kept, and which limit says no."""

import uuid

import pytest

import host
from fc_api import Fc
from harness import Background, parallel, sample, wait_until, zip_of
from scf_api import Scf


@pytest.fixture
def region():
    """A region that only this test uses, so that its limits can be changed."""
    return f"ap-e2e-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def own(server, region):
    """A client of the test's own region, with a probe function in it."""
    scf = Scf(server, region=region)
    scf.create("probe", sample("scf_probe"), Timeout=30)
    yield scf
    scf.delete("probe")


def held_open(scf, count, name="probe", seconds=5, **fields):
    """Calls that are certain to be running when this returns."""
    calls = []
    for _ in range(count):
        mark = host.mark()
        calls.append(Background(scf.invoke, name, {"do": "sleep", "seconds": seconds, "mark": mark}, **fields))
        wait_until(lambda: host.marked(mark), 30, "the call runs")
    return calls


def instances(server, region, name="probe"):
    found = server.admin("GET", "instances").json()["instances"]
    return [one for one in found if one["function"] == name and one["region"] == region]


def test_concurrency_is_the_number_of_calls_being_processed(server, own, region):
    calls = held_open(own, 3)
    busy = [one for one in instances(server, region) if one["state"] == "busy"]
    # spec: CON-01
    assert len(busy) == 3
    for call in calls:
        call.result()
    # spec: CON-01
    assert [one for one in instances(server, region) if one["state"] == "busy"] == []


def test_an_idle_instance_is_used_before_a_new_one(own):
    first = own.invoke("probe", {"do": "who"}).value["instance"]
    # spec: CON-02
    assert own.invoke("probe", {"do": "who"}).value["instance"] == first
    (running,) = held_open(own, 1)
    other = own.invoke("probe", {"do": "who"}).value["instance"]
    # spec: CON-02
    assert other != first
    assert running.result().value["instance"] == first


def test_an_instance_handles_one_event_at_a_time(own):
    results = parallel([lambda: own.invoke("probe", {"do": "sleep", "seconds": 0.05}).value for _ in range(60)])
    # spec: CON-03
    assert {result["widest"] for result in results} == {1}
    assert len({result["instance"] for result in results}) > 1


def test_two_calls_at_a_time_have_two_instances(server, own, region):
    own.invoke("probe", {"do": "who"})
    calls = held_open(own, 2, seconds=3)
    # spec: RQC-01
    assert [(one["state"], one["in_flight"]) for one in instances(server, region)] == [("busy", 1)] * 2
    results = [call.result().value for call in calls]
    # spec: RQC-01
    assert len({result["instance"] for result in results}) == 2
    # spec: RQC-01
    assert {result["widest"] for result in results} == {1}
    (pool,) = [one for one in server.admin("GET", "pools").json()["versions"] if one["region"] == region]
    # spec: RQC-01
    assert pool["concurrency"] == 1


def test_a_failed_call_runs_once(server, own, region):
    own.invoke("probe", {"do": "who"})
    failed = own.invoke("probe", {"do": "raise"})
    assert failed.status == 430
    # spec: CON-07
    assert own.invoke("probe", {"do": "who"}).value["calls"] == 3
    records = server.admin("GET", f"invocations?region={region}&function=probe&limit=100").json()["invocations"]
    # spec: CON-07
    assert [one["request_id"] for one in records].count(failed.request_id) == 1 and len(records) == 3


def test_an_instance_is_kept_for_a_while_and_then_reclaimed(server, own, region):
    server.patch_quota(region, keep_alive_s=2)
    mark = host.mark()
    first = own.invoke("probe", {"do": "who", "mark": mark}).value["instance"]
    # spec: CON-09
    assert own.invoke("probe", {"do": "who"}).value["instance"] == first
    pids = host.marked(mark)
    assert len(pids) == 1
    wait_until(lambda: not host.alive(pids), 20, "the idle instance is reclaimed")
    wait_until(lambda: not instances(server, region), 5, "the instance is no longer listed")
    # spec: CON-09
    assert own.invoke("probe", {"do": "who"}).value["instance"] != first


def test_instances_belong_to_one_version_of_the_code(own):
    before = own.invoke("probe", {"do": "who"}).value["instance"]
    own.configure("probe", Description="another revision")
    # spec: CON-11
    assert own.invoke("probe", {"do": "who"}).value["instance"] != before


def test_a_call_ends_on_the_code_that_it_began_on(own, region):
    own.create(
        "changing",
        zip_of(
            {
                "index.py": "import time\ndef main_handler(event, context):\n    time.sleep(event.get('seconds', 0))\n    return 'old'\n"
            }
        ),
        Timeout=20,
    )
    try:
        assert own.invoke("changing").value == "old"
        running = Background(own.invoke, "changing", {"seconds": 3})
        wait_until(
            lambda: [one for one in instances(own.server, region, "changing") if one["state"] == "busy"],
            20,
            "the call runs",
        )
        own.update_code("changing", zip_of({"index.py": "def main_handler(event, context):\n    return 'new'\n"}))
        assert own.invoke("changing").value == "new"
        assert running.result().value == "old"
    finally:
        own.delete("changing")


def test_the_account_quota_is_a_sum_of_memory(server, own, region):
    server.patch_quota(region, concurrency_mb=256)
    calls = held_open(own, 2)
    refused = own.invoke("probe", {"do": "who"})
    # spec: QSY-02
    assert refused.status == 432
    # spec: QSY-02
    assert refused.error["errorCode"] == -1 and refused.error["errorMessage"] == "ResourceLimitReached"
    for call in calls:
        assert call.result().ok
    assert own.invoke("probe", {"do": "who"}).ok
    # spec: QUO-27
    server.patch_quota(region, concurrency_mb=384)
    calls = held_open(own, 2)
    assert own.invoke("probe", {"do": "who"}).ok
    for call in calls:
        call.result()


def test_a_namespace_has_a_quota_once_it_is_given_one(server, own, region):
    own.call("CreateNamespace", Namespace="capped")
    own.create("probe", sample("scf_probe"), Namespace="capped", Timeout=30)

    def quota():
        (mine,) = [one for one in server.admin("GET", "limits").json()["scopes"] if one["region"] == region]
        found = [one["limit"] for one in mine["limits"] if (one["kind"], one["name"]) == ("namespace", "capped")]
        return found[0] if found else None

    def three_run():
        return all(call.result().ok for call in held_open(own, 3, seconds=2, Namespace="capped"))

    try:
        # spec: QUO-05
        assert quota() is None and three_run()
        server.patch_quota(region, namespace_concurrency_mb={"capped": 256})
        # spec: QUO-05
        assert quota() == 256
        calls = held_open(own, 2, Namespace="capped")
        over = own.invoke("probe", {"do": "who"}, Namespace="capped")
        # spec: QUO-05
        assert (over.status, over.error["errorMessage"]) == (432, "ResourceLimitReached")
        assert "namespace quota 256 MB" in over.fields["ErrMsg"]
        # spec: QUO-05
        assert own.invoke("probe", {"do": "who"}).ok, "another namespace"
        assert all(call.result().ok for call in calls)
        server.patch_quota(region, namespace_concurrency_mb={})
        # spec: QUO-05
        assert quota() is None and three_run()
    finally:
        own.delete("probe", "capped")
        own.call("DeleteNamespace", Namespace="capped")


def test_new_instances_of_a_minute_are_limited(server, own, region):
    server.patch_quota(region, burst_per_min=2)
    calls = held_open(own, 2)
    refused = own.invoke("probe", {"do": "who"})
    assert refused.status == 429
    assert refused.error["errorMessage"] == "ResourceLimit"
    for call in calls:
        call.result()
    assert own.invoke("probe", {"do": "who"}).ok, "an instance that is there needs no new one"


def test_fc_counts_instances(server, unique):
    fc = Fc(server)
    fc.sdk.create_service(unique)
    try:
        fc.create(unique, "probe", sample("fc_probe"), memorySize=128, timeout=30)
        first = fc.invoke(unique, "probe").value["instance"]
        # spec: CON-02
        assert fc.invoke(unique, "probe").value["instance"] == first
        mark = host.mark()
        running = Background(fc.invoke, unique, "probe", {"do": "sleep", "seconds": 3, "mark": mark})
        wait_until(lambda: host.marked(mark), 20, "the call runs")
        # spec: CON-02
        assert fc.invoke(unique, "probe").value["instance"] != first
        assert running.result().value["instance"] == first
    finally:
        fc.delete_service(unique)
