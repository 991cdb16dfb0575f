"""The native admin API, where it shows and moves what decides: limits, versions, usage, the clock, previews, plans."""

import pytest
from harness import REGION, Background, wait_until, zip_of

NEW_PATHS = [
    ("GET", "limits"),
    ("GET", "usage"),
    ("GET", "clock"),
    ("POST", "clock/advance"),
    ("POST", "preview"),
    ("POST", "plan"),
    ("GET", "explain/00000000-0000-4000-8000-000000000000"),
]


@pytest.mark.parametrize("method, path", NEW_PATHS)
def test_nothing_answers_without_the_token(server, method, path):
    body = {"seconds": 1} if method == "POST" else None
    assert server.admin(method, path, body, token=None).status_code == 401
    assert server.admin(method, path, body, token="wrong").status_code == 401


def message(answer, status=400, code="InvalidArgument"):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return answer.json()["error"]["message"]


def test_limits_and_versions_show_what_runs(region):
    region.patch(concurrency_mb=1024, unallocatable_mb=0, namespace_concurrency_mb={"default": 512}, burst_per_min=7)
    name = region.published()
    region.turn_minute()
    with region.hold(name, 2):
        assert region.limits("region") == {"": (1024, 256)}
        assert region.limits("namespace") == {"default": (512, 256)}
        assert region.limits("function") == {name: (None, 256)}
        assert region.limits("burst", "instances/min") == {"": (7, 2)}
        pools = {pool["version"]: pool for pool in region.pools(name)}
        latest = pools["$LATEST"]
        shown = tuple(latest[key] for key in ("instances", "busy", "idle", "in_flight", "waiting", "memory_mb"))
        assert shown == (2, 2, 0, 2, 0, 128)
        assert pools["1"]["instances"] == 0
    assert region.limits("region") == {"": (1024, 0)}
    region.scf.reserve(name, 256)
    assert region.limits("function") == {name: (256, 0)}
    assert region.limits("unreserved") == {"": (768, 0)}


def test_usage_is_instance_time_by_the_clock(region):
    region.patch(keep_alive_adaptive=False, keep_alive_s=60)
    name = region.function()
    with region.hold(name, 1):
        region.advance(30)
    region.advance(600)

    def of(name):
        (found,) = [one for one in region.server.admin("GET", "usage").json()["versions"] if one["function"] == name]
        return found

    usage = of(name)
    assert usage["on_demand_busy_ms"] == 30_000, "with a request"
    assert usage["on_demand_ms"] == 90_000, "and until it was reclaimed"
    assert (usage["provisioned_ms"], usage["provisioned_idle_ms"]) == (0, 0)


def test_a_start_takes_no_time_of_a_virtual_clock(region):
    code = zip_of({"index.py": "import time\ntime.sleep(1)\ndef main_handler(event, context):\n    time.sleep(3)\n"})
    name = region.scf.create("slow", code, MemorySize=128, Timeout=60)
    call = Background(region.scf.invoke, name, {})
    wait_until(lambda: sum(pool["starting"] for pool in region.pools(name)) == 1, 30, "a start")
    region.advance(30)
    assert [pool["starting"] for pool in region.pools(name)] == [0], "an advance waited for it"
    assert call.result(30).ok
    region.advance(0)
    (found,) = [one for one in region.server.admin("GET", "usage").json()["versions"] if one["function"] == name]
    assert found["on_demand_busy_ms"] == 30_000, "the call began before the clock moved"


def test_a_virtual_clock_stands_still_until_it_is_moved(virtual_server):
    before = virtual_server.admin("GET", "clock").json()
    assert before["mode"] == "virtual" and virtual_server.admin("GET", "clock").json() == before
    moved = virtual_server.admin("POST", "clock/advance", {"seconds": 86_400}).json()
    assert moved["unix_ms"] - before["unix_ms"] == 86_400_000
    for wrong in ({}, {"seconds": -1}, {"seconds": 1.5}, {"seconds": 1, "running": "stop"}, {"seconds": 1, "more": 1}):
        assert '{"seconds": 60' in message(virtual_server.admin("POST", "clock/advance", wrong))
    assert "at most" in message(virtual_server.admin("POST", "clock/advance", {"seconds": 10**12}))
    assert virtual_server.admin("GET", "clock").json() == moved, "a wrong request moves nothing"


def test_a_real_clock_is_not_moved(server):
    assert server.admin("GET", "clock").json()["mode"] == "real"
    refused = server.admin("POST", "clock/advance", {"seconds": 1})
    assert "--clock virtual" in message(refused, code="Unsupported")


def test_a_preview_is_what_then_happens(region):
    name = region.published()
    actions = [
        {"TriggerName": "up", "TriggerCronConfig": "0 0 9 * * * *", "TriggerProvisionedConcurrencyNum": 2},
        {"TriggerName": "down", "TriggerCronConfig": "0 30 9 * * * *", "TriggerProvisionedConcurrencyNum": 0},
    ]
    region.scf.provision(name, "1", 0, TriggerActions=actions)
    answer = region.server.admin("POST", "preview", {"seconds": 86_400}).json()
    (mine,) = [one for one in answer["provisions"] if one["region"] == region.name]
    assert (mine["function"], mine["qualifier"]) == (name, "1")
    changes = mine["changes"]
    assert sorted(change["target"] for change in changes) == [0, 2]
    for change in changes:
        now = region.server.admin("GET", "clock").json()["unix_ms"]
        wait_s = -(-(change["unix_ms"] - now) // 1000)
        if wait_s > 1:
            region.advance(wait_s - 1)
            assert region.provisioned(name)[0] != change["target"], "not a second before"
        region.advance(min(wait_s, 1))
        assert region.provisioned(name) == (change["target"], change["target"])
    assert "before now" in message(region.server.admin("POST", "preview", {"seconds": 1, "from": "2001-01-01T00:00:00Z"}))
    assert "'soon'" in message(region.server.admin("POST", "preview", {"seconds": 1, "from": "soon"}))


def test_plans_are_the_guides_formulas(server):
    plan = lambda **known: server.admin("POST", "plan", known)  # noqa: E731
    # spec: CON-08
    assert plan(requests_per_s=2000, duration_s=0.02).json() == {"concurrency": 40.0}
    # spec: BUR-07
    assert plan(target_instances=50_000, starts_per_min=500).json() == {"minutes_to_scale": 100.0}
    # spec: FOD-11
    assert plan(duration_s=0.1, instance_concurrency=2, instances=5).json() == {"requests_per_s": 100.0}
    assert "nothing can be said" in message(plan(instances=5))
    assert "starts_per_min" in message(plan(starts_per_minute=5)), "a wrong name is answered with the right ones"


def test_errors_say_what_would_be_right(server):
    assert "use GET or PATCH" in message(
        server.admin("DELETE", f"regions/{REGION}/quota"), status=405, code="MethodNotAllowed"
    )
    assert "/admin/v1/limit'" in message(server.admin("GET", "limit"), status=404, code="NotFound")
    assert "'no-such-id'" in message(server.admin("GET", "explain/no-such-id"), status=404, code="NotFound")
