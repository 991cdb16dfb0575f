"""Quotas, bursts and keep-alive of SCF, with numbers scaled down and a clock that the test moves."""

from harness import wait_until


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
    assert refused.error["errorMessage"] == "ResourceLimit" or "ResourceLimit" in str(refused.fields)
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
    # spec: BUR-04
    assert region.patch(profile="cloudbase-personal")["burst_per_min"] == 500
    assert region.patch(profile="cloudbase-enterprise")["burst_per_min"] == 1000


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
