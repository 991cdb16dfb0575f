"""The native admin API: the token, quotas, and what it shows of instances, pools and calls."""

import pytest

from harness import ADMIN_TOKEN, REGION
from scf_api import Scf

PATHS = [
    ("GET", f"regions/{REGION}/quota"),
    ("PATCH", f"regions/{REGION}/quota"),
    ("GET", "instances"),
    ("GET", "pools"),
    ("GET", "runtimes"),
    ("GET", "invocations"),
    ("GET", "invocations/00000000-0000-4000-8000-000000000000"),
    ("GET", "nothing-here"),
]


@pytest.mark.parametrize("method, path", PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", ADMIN_TOKEN[:-1], ADMIN_TOKEN + "x"])
def test_nothing_answers_without_the_token(server, method, path, token):
    assert server.admin(method, path, {} if method == "PATCH" else None, token=token).status_code == 401


def test_quotas_are_read_with_the_documented_keys(server):
    quota = server.quota("ap-tokyo")
    expected = {"profile": "scf-64", "concurrency_mb": 64000, "burst_per_min": 500, "namespaces": 5, "functions_per_namespace": 50,
                "timeout_default_s": 3, "timeout_max_s": 900, "memory_default_mb": 128, "memory_step_mb": 128, "memory_max_mb": 3072,
                "env_kb": 4, "sync_payload_mb": 6, "response_mb": 6, "async_payload_kb": 128, "unallocatable_mb": 12800}  # fmt: skip
    assert {key: quota[key] for key in expected} == expected
    fc = server.quota("cn-hangzhou", "fc")
    assert (fc["profile"], fc["on_demand_instances"], fc["timeout_max_s"], fc["memory_step_mb"]) == ("fc", 300, 600, 64)


def test_a_change_applies_at_once_and_to_its_region_alone(server):
    scf = Scf(server, region="ap-jakarta")
    # spec: QUO-27
    server.patch_quota("ap-jakarta", concurrency_mb=2_000_000)
    assert server.quota("ap-jakarta")["concurrency_mb"] == 2_000_000
    assert scf.call("GetAccount")["AccountUsage"]["TotalConcurrencyMem"] == 2_000_000
    assert server.quota("ap-manila")["concurrency_mb"] == 64000


def test_null_removes_a_limit_and_a_profile_resets_all(server):
    assert server.patch_quota("ap-sydney", namespaces=None)["namespaces"] is None
    assert server.patch_quota("ap-sydney", profile="cloudbase-enterprise")["burst_per_min"] == 1000
    assert server.quota("ap-sydney")["namespaces"] == 5


@pytest.mark.parametrize(
    "patch", [{"unheard_of": 1}, {"namespaces": "many"}, {"namespaces": -1}, {"profile": "none-such"}]
)
def test_a_bad_change_changes_nothing(server, patch):
    before = server.quota("ap-hanoi")
    answer = server.admin("PATCH", "regions/ap-hanoi/quota", {**patch, "functions_per_namespace": 9})
    assert answer.status_code == 400 and answer.json()["error"]["message"]
    assert server.quota("ap-hanoi") == before


def test_instances_are_shown(server, scf, probe):
    name = probe(MemorySize=256)
    scf.invoke(name)
    shown = [one for one in server.admin("GET", "instances").json()["instances"] if one["function"] == name]
    assert len(shown) == 1
    assert (shown[0]["memory_mib"], shown[0]["dialect"], shown[0]["namespace"], shown[0]["region"]) == (
        256,
        "scf",
        "default",
        REGION,
    )


def test_a_call_is_shown_with_the_phases_of_its_cold_start(server, scf, probe):
    name = probe()
    cold, warm = scf.invoke(name), scf.invoke(name)
    record = server.admin("GET", f"invocations/{cold.request_id}").json()
    phases = record["cold_start"]["phases"]
    assert set(phases) == {"queue_ms", "sandbox_ms", "mount_ms", "init_ms"} and all(
        value >= 0 for value in phases.values()
    )
    assert record["cold_start"]["reason"] == "first_call" and record["cold_start"]["total_ms"] > 0
    assert isinstance(record["cold_start"]["from_blank"], bool)
    assert server.admin("GET", f"invocations/{warm.request_id}").json()["cold_start"] is None
    listed = server.admin("GET", f"invocations?function={name}").json()["invocations"]
    assert [one["request_id"] for one in listed] == [warm.request_id, cold.request_id]


def test_blanks_are_shown(server):
    answer = server.admin("GET", "pools").json()
    pools = answer["pools"]
    assert 0 <= answer["sandboxes"]["ready"] <= answer["sandboxes"]["target"]
    assert pools and all(pool["target"] >= 0 and pool["ready"] >= 0 for pool in pools)


def test_runtimes_are_shown(server):
    runtimes = {one["id"]: one for one in server.admin("GET", "runtimes").json()["runtimes"]}
    assert runtimes["Python3.10"]["interpreter"].startswith("/")
    assert runtimes["Python3.10"]["version"].startswith("3.")
    assert runtimes["Php7.4"]["interpreter"] or runtimes["Php7.4"]["reason"]


def test_an_unknown_record_is_404(server):
    assert server.admin("GET", "invocations/00000000-0000-4000-8000-000000000000").status_code == 404


def test_metrics_are_text(server):
    import requests

    answer = requests.get(server.url + "/metrics", timeout=10)
    assert answer.status_code == 200 and "sluice_http_requests_total" in answer.text
