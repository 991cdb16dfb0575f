"""Quotas, bursts and keep-alive of SCF, with numbers scaled down and a clock that the test moves."""

import time

from harness import Background, wait_until, zip_of


def statuses(results):
    return sorted(result.status for result in results)


def test_new_instances_of_all_functions_share_a_minute(region):
    region.patch(burst_per_min=5)
    one, two = region.function(), region.function()
    region.turn_minute()
    # spec: BUR-01
    assert statuses(region.attempt(one, 3, seconds=2)) == [200] * 3
    results = region.attempt(two, 3, seconds=2)
    assert statuses(results) == [200, 200, 429]
    refused = next(result for result in results if not result.ok)
    # spec: BUR-02
    assert refused.error == {"errorCode": -1, "errorMessage": "ResourceLimit", "statusCode": 429}
    assert region.scf.invoke(one).ok, "instances that are there serve on"
    region.turn_minute()
    # spec: BUR-02
    assert statuses(region.attempt(two, 3, seconds=2)) == [200] * 3


def test_two_minutes_reach_twice_the_burst(region):
    region.patch(burst_per_min=4, concurrency_mb=8 * 64)
    name = region.function(memory=64)
    region.turn_minute()
    with region.hold(name, 4, seconds=12):
        # spec: BUR-03
        assert statuses(region.attempt(name, 1, seconds=0)) == [429]
        region.turn_minute()
        with region.hold(name, 4, seconds=8):
            # spec: BUR-03
            assert region.scf.invoke(name).status == 432, "now the quota is the limit"


def test_profiles_have_their_bursts(region):
    for profile, burst in [("cloudbase-personal", 500), ("cloudbase-enterprise", 1000)]:
        # spec: BUR-04
        assert region.patch(profile=profile)["burst_per_min"] == burst
        # spec: BUR-04
        assert region.limits("burst", "instances/min")[""][0] == burst
        # A thousand starts are too many here: the same number, made small, is what holds.
        region.patch(burst_per_min=burst // 250)
        name = region.function(memory=64)
        region.turn_minute()
        with region.hold(name, burst // 250):
            # spec: BUR-04
            assert region.limits("burst", "instances/min") == {"": (burst // 250, burst // 250)}
            over = region.scf.invoke(name)
            # spec: BUR-04
            assert (over.status, over.error["errorMessage"]) == (429, "ResourceLimit")
            region.turn_minute()
            # spec: BUR-04
            assert region.scf.invoke(name).ok
        region.scf.delete(name)


def test_a_raised_burst_counts_at_once(region):
    region.patch(burst_per_min=1)
    name = region.function()
    region.turn_minute()
    assert statuses(region.attempt(name, 2, seconds=2)) == [200, 429]
    # spec: BUR-08
    region.patch(burst_per_min=2)
    assert statuses(region.attempt(name, 2, seconds=2)) == [200, 200]


def test_a_namespace_may_have_a_burst_of_its_own(region):
    region.scf.call("CreateNamespace", Namespace="own")
    region.patch(burst_per_min=1, namespace_burst_per_min={"own": 2})
    shared, own = region.function(), region.function(Namespace="own")
    region.turn_minute()
    # spec: BUR-08
    assert statuses(region.attempt(own, 3, seconds=2, Namespace="own")) == [200, 200, 429]
    assert region.scf.invoke(shared).ok


def test_one_function_may_use_what_others_leave(region):
    region.patch(concurrency_mb=12_800 + 1024, unallocatable_mb=0)
    region.patch(concurrency_mb=8 * 128)
    one, two = region.function(), region.function()
    region.scf.reserve(two, 2 * 128)
    results = region.attempt(one, 7)
    # spec: CON-14, RSV-02
    assert statuses(results) == [200] * 6 + [432]


def test_a_reservation_protects_from_a_flood(region):
    region.patch(concurrency_mb=6 * 128, unallocatable_mb=0)
    key, flood = region.function(), region.function()
    region.scf.reserve(key, 2 * 128)
    with region.hold(flood, 4, seconds=6):
        assert region.scf.invoke(flood).status == 432
        # spec: CON-15
        assert statuses(region.attempt(key, 2, seconds=1)) == [200, 200]


def test_the_total_of_a_region_can_be_tuned(region):
    region.patch(unallocatable_mb=0)
    name = region.function()
    region.scf.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=256)
    # spec: QUO-28
    assert statuses(region.attempt(name, 3)) == [200, 200, 432]
    region.scf.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=384)
    # spec: QUO-28
    assert statuses(region.attempt(name, 3)) == [200, 200, 200]


def test_very_large_totals_can_be_set(region):
    # spec: QUO-29
    assert region.patch(concurrency_mb=2_000_000)["concurrency_mb"] == 2_000_000
    account = region.scf.call("GetAccount")
    assert account["AccountUsage"]["TotalConcurrencyMem"] == 2_000_000


def test_quota_is_counted_in_memory(region):
    name = region.function()
    region.scf.reserve(name, 256)
    # spec: CON-12
    assert statuses(region.attempt(name, 3)) == [200, 200, 432]
    region.scf.configure(name, MemorySize=256)
    # spec: CON-12, RSV-08
    assert statuses(region.attempt(name, 2)) == [200, 432]


def test_idle_instances_are_kept_for_a_while(region):
    region.patch(keep_alive_s=60, keep_alive_adaptive=False)
    name = region.function()
    first = region.scf.invoke(name).value["me"]
    region.advance(50)
    # spec: CON-09
    assert region.scf.invoke(name).value["me"] == first
    region.advance(61)
    wait_until(lambda: region.instances(name) == [])
    # spec: CON-09
    again = region.scf.invoke(name)
    assert again.value["me"] != first
    cold = region.record(again)["cold_start"]
    assert cold["reason"] == "reclaimed" and 60_000 <= cold["idle_ms"] < 62_000


def test_a_queue_takes_what_would_be_refused(region):
    region.patch(concurrency_mb=128, unallocatable_mb=0, wait_queue_depth=2, wait_queue_ms=20_000)
    name = region.function()
    with region.hold(name, 1, seconds=2):
        results = region.attempt(name, 3, seconds=0)
    assert statuses(results) == [200, 200, 432], "two wait and run, the third finds the queue full"
    region.patch(wait_queue_depth=2, wait_queue_ms=300)
    with region.hold(name, 1, seconds=4):
        assert statuses(region.attempt(name, 1, seconds=0)) == [432], "its time was up"


def test_concurrency_is_rate_times_duration(region):
    """Fifty calls a second that take 0.2 s each: in real time, because it is the calls that take their time here."""
    code = zip_of({"index.py": "import time\ndef main_handler(event, context):\n    time.sleep(0.2)\n    return 1\n"})
    name = region.scf.create("paced", code, MemorySize=64, Timeout=60)
    warm = [Background(region.scf.invoke, name) for _ in range(12)]
    assert all(call.result().ok for call in warm)
    started, calls, seen = time.monotonic(), [], []
    for number in range(100):
        wait_until(lambda: time.monotonic() >= started + number / 50, 10, "its time", interval=0.001)
        calls.append(Background(region.scf.invoke, name))
        if number >= 25 and number % 5 == 0:
            seen.append(region.gauge("concurrent_executions", name, "$LATEST"))
    assert all(call.result().ok for call in calls)
    # spec: CON-08
    assert 7 <= sum(seen) / len(seen) <= 15, seen


def test_how_long_idle_instances_are_kept_goes_by_the_traffic(region):
    region.patch(keep_alive_s=600)

    def kept(gap_s, name):
        """(window in seconds, why) after calls that were so far apart."""
        for _ in range(30):
            assert region.scf.invoke(name).ok
            region.advance(gap_s)
        assert region.scf.invoke(name).ok
        (pool,) = [pool for pool in region.pools(name) if pool["version"] == "$LATEST"]
        return pool["keep_alive_s"], pool["keep_alive_why"]

    unknown, quick, slow = region.function(), region.function(), region.function()
    assert region.scf.invoke(unknown).ok
    (pool,) = [pool for pool in region.pools(unknown) if pool["version"] == "$LATEST"]
    # spec: CON-10
    assert pool["keep_alive_s"] == 600 and pool["keep_alive_why"]
    windows = {"quick": kept(1, quick), "slow": kept(120, slow)}
    # spec: CON-10
    assert len({600, windows["quick"][0], windows["slow"][0]}) == 3, windows
    assert windows["quick"][1] != pool["keep_alive_why"], windows


def test_each_instance_is_one_cold_start_in_the_records_though_calls_wait(region):
    region.patch(wait_queue_depth=20, wait_queue_ms=30_000, burst_per_min=5)
    name = region.function()
    region.turn_minute()
    with region.hold(name, 3, seconds=2):
        # Two more may start; the others wait until an instance is free.
        results = region.attempt(name, 8, seconds=0.5)
    assert statuses(results) == [200] * 8
    there = {one["id"] for one in region.instances(name)}
    assert len(there) == 5
    with region.hold(name, len(there), seconds=1) as last:
        # Each of them serves now, if it has not before.
        assert all(result.ok for result in last())
    listed = region.server.admin("GET", f"invocations?region={region.name}&function={name}&limit=100").json()
    assert len(listed["invocations"]) == 3 + 8 + 5
    cold = [record["instance"] for record in listed["invocations"] if record["cold_start"] is not None]
    assert sorted(cold) == sorted(there)


def test_scaling_is_estimated_as_documented(virtual_server):
    def plan(**known):
        answer = virtual_server.admin("POST", "plan", known)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # spec: CON-08
    assert plan(requests_per_s=2000, duration_s=0.02)["concurrency"] == 40
    # spec: BUR-07
    assert plan(target_instances=50_000, starts_per_min=500)["minutes_to_scale"] == 100
    assert plan(target_instances=100_000, starts_per_min=1000)["minutes_to_scale"] == 100
    # spec: FOD-11
    assert plan(duration_s=0.1, instance_concurrency=2, instances=5)["requests_per_s"] == 100
    assert virtual_server.admin("POST", "plan", {"duration_s": 1}).status_code == 400
