"""Provisioned concurrency of SCF over time: what is started, kept, replaced and let go, and what it does not change."""

import pytest

from harness import Background, wait_until, zip_of
from virtual import Region


@pytest.fixture(params=["virtual_server", "server"], ids=["virtual clock", "real clock"])
def place(request):
    """A region under a clock that stands still, and one under a clock that goes: scenarios come out the same."""
    made = Region(request.getfixturevalue(request.param))
    yield made
    made.clean()


def cold_starts(region, results):
    return sum(region.is_cold(result) for result in results)


def refusals(results):
    return [result for result in results if not result.ok]


def test_instances_start_at_once_and_stay(region):
    name = region.published()
    region.scf.provision(name, "1", 2)
    wait_until(lambda: region.provisioned(name) == (2, 2))
    # spec: PRO-01
    first = region.scf.invoke(name, Qualifier="1")
    assert first.ok and not region.is_cold(first)
    region.advance(3600)
    # spec: PRO-03
    assert len(region.instances(name, kind="provisioned")) == 2
    assert region.provisioned(name) == (2, 2)


def test_a_dead_instance_is_replaced(region):
    name = region.published()
    region.scf.provision(name, "1", 1)
    wait_until(lambda: region.provisioned(name) == (1, 1))
    before = region.instances(name)[0]["id"]
    result = region.scf.invoke(name, {"exit": True}, Qualifier="1")
    assert not result.ok
    # spec: PRO-04
    wait_until(lambda: region.provisioned(name) == (1, 1) and region.instances(name)[0]["id"] != before)
    assert region.scf.invoke(name, Qualifier="1").ok


def test_fewer_than_wanted_are_there_until_a_dead_one_is_replaced(region):
    code = (
        "import os, time\n"
        "time.sleep(3)\n"
        "def main_handler(event, context):\n"
        "    if event.get('exit'):\n"
        "        os._exit(3)\n"
        "    return 'up'\n"
    )
    name = region.scf.create("slow", zip_of({"index.py": code}), MemorySize=64, Timeout=60)
    assert region.scf.publish(name) == "1"
    region.scf.provision(name, "1", 2)
    wait_until(lambda: region.provisioned(name) == (2, 2))
    before = {one["id"] for one in region.instances(name)}
    assert region.scf.invoke(name, Qualifier="1").ok
    died = region.scf.invoke(name, {"exit": True}, Qualifier="1")
    assert not died.ok
    # The replacement imports for three seconds.
    # spec: PRO-04
    assert region.provisioned(name) == (2, 1)
    # spec: PRO-04
    assert region.scf.provisions(name)["1"]["Status"] == "InProgress"
    gauges = [region.gauge(gauge, name, "1") for gauge in ("provisioned_target", "provisioned_ready")]
    # spec: PRO-04
    assert gauges == [2, 1]
    record = region.record(died)
    # spec: PRO-04
    assert record["outcome"] == "failure" and record["instance"] in before, "what died is in the record"
    # spec: PRO-04
    wait_until(lambda: region.provisioned(name) == (2, 2))
    after = {one["id"] for one in region.instances(name)}
    assert before - after == {record["instance"]} and len(after) == 2


def test_none_of_what_is_wanted_is_there_while_its_code_cannot_be_imported(region):
    broken = zip_of({"index.py": "raise RuntimeError('no way')\n"})
    name = region.scf.create("broken", broken, MemorySize=64, Timeout=60)
    assert region.scf.publish(name) == "1"
    region.scf.provision(name, "1", 2)
    for _ in range(3):
        region.advance(60)
        # spec: PRO-04
        assert region.provisioned(name) == (2, 0), "it is tried again and fails again"
        assert region.scf.provisions(name)["1"]["Status"] == "Failed"
    assert "no way" in region.scf.provisions(name)["1"]["StatusReason"]
    # It would be tried every minute of the weeks that other tests let pass.
    region.scf.delete(name)


def test_letting_go_does_not_cut_a_request(region):
    name = region.published()
    region.scf.provision(name, "1", 2)
    wait_until(lambda: region.provisioned(name) == (2, 2))
    with region.hold(name, 1, Qualifier="1") as results:
        region.scf.call("DeleteProvisionedConcurrencyConfig", FunctionName=name, Qualifier="1")
        # spec: PRO-08
        assert len(region.instances(name)) == 1, "the idle one goes at once"
        assert [one["state"] for one in region.instances(name)] == ["draining"]
        assert results()[0].ok, "the busy one ends its request"
    wait_until(lambda: region.instances(name) == [])


def test_a_decrease_keeps_what_is_still_wanted(region):
    name = region.published()
    region.scf.provision(name, "1", 3)
    wait_until(lambda: region.provisioned(name) == (3, 3))
    region.scf.provision(name, "1", 1)
    # spec: PRO-08
    assert region.provisioned(name) == (1, 1)
    wait_until(lambda: len(region.instances(name)) == 1)


def test_starts_have_a_budget_of_their_own(region):
    region.patch(provisioned_burst_per_min=5)
    name = region.published()
    region.turn_minute()
    region.scf.provision(name, "1", 10)
    # spec: BUR-05, SCH-08
    wait_until(lambda: region.provisioned(name) == (10, 5))
    other = region.function()
    assert region.scf.invoke(other).ok, "elastic starts do not use it up"
    limits = region.server.admin("GET", "limits").json()["scopes"]
    mine = next(scope["limits"] for scope in limits if scope["region"] == region.name)
    used = {limit["kind"]: limit["used"] for limit in mine}
    assert used["provisioned_burst"] == 5 and used["burst"] == 1
    region.turn_minute()
    # spec: BUR-05
    assert region.provisioned(name) == (10, 10)


def test_adaptive_speed_starts_more_while_many_are_missing(region):
    region.patch(provisioned_burst_per_min=2, provisioned_burst_adaptive=True)
    name = region.published(memory=64)
    region.turn_minute()
    region.scf.provision(name, "1", 20)
    # spec: BUR-06
    wait_until(lambda: region.provisioned(name) == (20, 4))
    region.patch(provisioned_burst_adaptive=False)
    region.turn_minute()
    assert region.provisioned(name) == (20, 6)


def test_scenario_default(place):
    name = place.function()
    results = place.attempt(name, 3, seconds=2)
    # spec: PRO-11
    assert cold_starts(place, results) == 3


def test_scenario_shut_down(place):
    name = place.published()
    place.scf.reserve(name, 0)
    place.scf.provision(name, "1", 1)
    wait_until(lambda: place.provisioned(name) == (1, 1))
    # spec: PRO-12
    assert {place.scf.invoke(name, Qualifier="1").status for _ in range(3)} == {432}


def test_scenario_reserved_only(place):
    name = place.function()
    place.scf.reserve(name, 3 * 128)
    results = place.attempt(name, 4)
    # spec: PRO-13
    assert [result.status for result in refusals(results)] == [432]
    assert cold_starts(place, [result for result in results if result.ok]) == 3


def test_scenario_80_percent(place):
    name = place.published()
    place.scf.reserve(name, 7 * 128)
    place.scf.provision(name, "1", 4)
    wait_until(lambda: place.provisioned(name) == (4, 4))
    results = place.attempt(name, 5, Qualifier="1")
    # spec: PRO-14
    assert refusals(results) == [] and cold_starts(place, results) == 1
    again = place.attempt(name, 5, seconds=2, Qualifier="1")
    assert cold_starts(place, again) == 0, "the fifth has been initialised once"
    many = place.attempt(name, 8, Qualifier="1")
    assert [result.status for result in refusals(many)] == [432]


def test_scenario_100_percent(place):
    name = place.published()
    place.scf.reserve(name, 6 * 128)
    place.scf.provision(name, "1", 4)
    wait_until(lambda: place.provisioned(name) == (4, 4))
    # spec: PRO-15
    assert cold_starts(place, place.attempt(name, 4, seconds=2, Qualifier="1")) == 0
    results = place.attempt(name, 7, Qualifier="1")
    assert [result.status for result in refusals(results)] == [432]
    assert cold_starts(place, [result for result in results if result.ok]) == 2


def test_scenario_full(place):
    name = place.published()
    place.scf.reserve(name, 3 * 128)
    place.scf.provision(name, "1", 3)
    wait_until(lambda: place.provisioned(name) == (3, 3))
    results = place.attempt(name, 4, Qualifier="1")
    # spec: PRO-16
    assert [result.status for result in refusals(results)] == [432]
    assert cold_starts(place, [result for result in results if result.ok]) == 0


def test_scenario_more_than_can_run(place):
    name = place.published()
    place.scf.reserve(name, 2 * 128)
    place.scf.provision(name, "1", 3)
    # spec: PRO-17, QSY-07, PRO-10
    wait_until(lambda: place.provisioned(name) == (3, 3))
    results = place.attempt(name, 3, Qualifier="1")
    assert [result.status for result in refusals(results)] == [432]


def test_traffic_moves_between_versions_without_a_cold_start(place):
    name = place.published()
    place.scf.reserve(name, 3 * 128)
    # spec: PRO-19
    place.scf.call("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    place.scf.provision(name, "1", 2)
    place.scf.configure(name, Description="second")
    assert place.scf.publish(name) == "2"
    place.scf.provision(name, "2", 2)
    # spec: PRO-18
    wait_until(lambda: place.provisioned(name, "1") == (2, 2) and place.provisioned(name, "2") == (2, 2))
    served = set()
    for weight in (0.0, 0.3, 0.6, 1.0):
        if weight == 1.0:
            place.scf.point(name, "live", "2")
        else:
            place.scf.point(name, "live", "1", "2", weight)
        results = [place.scf.invoke(name, Qualifier="live") for _ in range(20)]
        # spec: PRO-18
        assert cold_starts(place, results) == 0
        served |= {place.record(result)["version"] for result in results}
        shares = sum(place.record(result)["version"] == "2" for result in results)
        assert {0.0: shares == 0, 1.0: shares == 20}.get(weight, 0 < shares < 20), f"{weight}: {shares} of 20"
    assert served == {"1", "2"}
    # spec: PRO-19
    place.scf.point(name, "live", "1")
    back = place.scf.invoke(name, Qualifier="live")
    assert place.record(back)["version"] == "1" and not place.is_cold(back), "rolled back"
    place.scf.point(name, "live", "2")
    place.scf.call("DeleteProvisionedConcurrencyConfig", FunctionName=name, Qualifier="1")
    wait_until(lambda: place.instances(name, version="1", kind="provisioned") == [])
    assert not place.is_cold(place.scf.invoke(name, Qualifier="live"))


def test_time_of_provisioned_instances_is_split(region):
    region.patch(provisioned_burst_per_min=1)
    name = region.published()
    region.turn_minute()
    region.scf.provision(name, "1", 2)
    wait_until(lambda: region.provisioned(name) == (2, 1))

    def usage():
        versions = region.server.admin("GET", "usage").json()["versions"]
        return next(one for one in versions if one["function"] == name and one["version"] == "1")

    region.advance(30)
    # spec: PRO-05
    assert usage()["provisioned_ms"] == 30_000, "the one that has not started costs nothing"
    with region.hold(name, 1, Qualifier="1"):
        region.advance(10)
    region.advance(10)
    # spec: PRO-20
    spent = usage()
    assert spent["provisioned_ms"] == 50_000 and spent["provisioned_busy_ms"] == 10_000
    assert spent["provisioned_idle_ms"] == 40_000


def test_more_than_is_provisioned_is_served_elastically(region):
    name = region.published()
    region.scf.provision(name, "1", 1)
    wait_until(lambda: region.provisioned(name) == (1, 1))
    calls = [Background(region.scf.invoke, name, {"sleep": 3}, Qualifier="1") for _ in range(3)]
    # spec: SCH-05
    assert all(call.result(60).ok for call in calls)
    assert len(region.instances(name, kind="provisioned")) == 1
    assert len(region.instances(name, kind="on_demand")) == 2
