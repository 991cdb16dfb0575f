"""Receipts: a refused call names the limit, its value, its use, who holds it and when to come back; a cold start says why.

The clock is virtual, so that what depends on time is exact.
"""

import json
import threading

import pytest
import requests

from fc_api import Fc, FcError
from harness import Background, Server, sample, wait_until
from virtual import WHO

RECEIPT = ["x-sluice-limit", "x-sluice-limit-value", "x-sluice-limit-used", "x-sluice-limit-scope", "retry-after"]


@pytest.fixture
def answers(monkeypatch):
    """Every HTTP answer that an SDK gets, by the request id in its body or its headers."""
    seen, lock, send = {}, threading.Lock(), requests.Session.send

    def recording(session, request, **options):
        answer = send(session, request, **options)
        request_id = answer.headers.get("x-fc-request-id")
        if request_id is None and answer.headers.get("content-type") == "application/json":
            request_id = answer.json().get("Response", {}).get("RequestId")
        with lock:
            seen[request_id] = answer
        return answer

    monkeypatch.setattr(requests.Session, "send", recording)
    return seen


def headers(answer):
    return {name: answer.headers[name] for name in RECEIPT if name in answer.headers}


def explain(server, request_id):
    answer = server.admin("GET", f"explain/{request_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


class Refused:
    """A refused SCF call: what the caller was told, and its receipt."""

    def __init__(self, region, answers, name, status=432, **fields):
        result = region.scf.invoke(name, **fields)
        assert result.status == status, result.fields
        self.message = result.fields["ErrMsg"]
        self.headers = headers(answers[result.request_id])
        self.explained = explain(region.server, result.request_id)
        assert self.explained["outcome"] == "refused" and self.explained["cold_start"] is None
        assert self.message in self.explained["summary"], "the message is in the explanation"
        self.receipt = self.explained["refusal"]
        assert region.record(result)["failure"]["refusal"] == self.receipt, "and the record has it whole"
        facts = (self.receipt["throttle"], str(self.receipt["limit"]), str(self.receipt["used"]))
        assert facts == tuple(self.headers[name] for name in RECEIPT[:3])
        assert self.receipt["scope"] == self.headers.get("x-sluice-limit-scope")

    @property
    def limit(self):
        return tuple(self.receipt[name] for name in ("throttle", "scope", "limit", "used"))

    @property
    def holders(self):
        return [(one["name"], one["used"]) for one in self.receipt["holders"]]


def experienced(region, name, seconds=10):
    """Has a call of the function take a while by the clock, so that something is known of how long calls take."""
    with region.hold(name, 1, seconds=2):
        region.advance(seconds)


def test_the_account_s_quota(region, answers):
    region.patch(concurrency_mb=512)
    name, other = region.function(), region.function(memory=256)
    experienced(region, name)
    with region.hold(name, 2), region.hold(other, 1):
        refused = Refused(region, answers, name)
        assert refused.limit == ("account", None, 512, 512)
        assert sorted(refused.holders) == sorted([(name, 256), (other, 256)])
        assert "512 MB" in refused.message and name in refused.message
        # One of the holders has to be done: of one it is known that its calls take 10 s, and two of them run.
        assert refused.receipt["retry"] == {"about": {"after_ms": 5000}}
        assert refused.explained["retry_after_ms"] == 5000 and refused.headers["retry-after"] == "5"
        assert "about 5000 ms" in refused.message


def test_a_namespace_s_quota(region, answers):
    region.patch(namespace_concurrency_mb={"default": 256})
    name = region.function()
    with region.hold(name, 2):
        refused = Refused(region, answers, name)
        assert refused.limit == ("namespace", "default", 256, 256)
        assert refused.holders == [(name, 256)]
        assert "namespace quota 256 MB" in refused.message
        assert "retry-after" not in refused.headers and "retry" not in refused.message, "nothing is known of its calls"


def test_a_function_s_reserved_quota(region, answers):
    name = region.published()
    region.scf.reserve(name, 384)
    with region.hold(name, 2), region.hold(name, 1, Qualifier="1"):
        refused = Refused(region, answers, name)
        assert refused.limit == ("reserved", name, 384, 384)
        assert refused.holders == [(f"{name}:$LATEST", 256), (f"{name}:1", 128)]
        assert "reserved quota 384 MB" in refused.message


def test_a_function_that_was_stopped(region, answers):
    name = region.function()
    region.scf.reserve(name, 0)
    refused = Refused(region, answers, name)
    assert refused.limit == ("reserved", name, 0, 0)
    assert refused.receipt["retry"] == "never" and refused.explained["retry_after_ms"] is None
    assert "retry-after" not in refused.headers and "no retry can pass" in refused.message


def test_the_starts_of_a_minute(region, answers):
    region.patch(burst_per_min=2)
    name, other = region.function(), region.function()
    region.turn_minute()
    region.advance(15)
    with region.hold(name, 2, seconds=8):
        refused = Refused(region, answers, other, status=429)
        assert refused.limit == ("burst", None, 2, 2)
        assert refused.holders == [(name, 2)]
        after = refused.receipt["retry"]["after"]["after_ms"]
        seconds = -(-after // 1000)
        assert 44_000 < after <= 45_000 and refused.headers["retry-after"] == str(seconds)
        assert f"retry after {after} ms" in refused.message
        # The time is the earliest: not a second before, and then indeed.
        region.advance(seconds - 1)
        assert region.scf.invoke(other).status == 429
        region.advance(1)
        assert region.scf.invoke(other).ok


@pytest.fixture(scope="module")
def fc_server():
    """FC's limits are of a region, and its SDKs name none: a server of our own."""
    with Server(args=["--clock", "virtual"]) as running:
        yield running


@pytest.fixture
def own_fc(fc_server, unique):
    fc = Fc(fc_server)
    fc.sdk.create_service(unique)
    fc.create(unique, "probe", sample("fc_probe"), memorySize=128, timeout=30)
    yield fc
    fc_server.patch_quota("ap-guangzhou", "fc", profile="fc")


def fc_held(fc, service):
    """One call that runs when this returns."""
    running = Background(fc.invoke, service, "probe", {"do": "sleep", "seconds": 4})

    def runs():
        pools = fc.server.admin("GET", "pools").json()["versions"]
        return [one for one in pools if one["namespace"] == service and one["in_flight"] == 1]

    wait_until(runs, 30, "the call runs")
    return running


def fc_refused(fc, service, answers, qualifier=None):
    """(message, headers, explanation) of a call that FC refuses."""
    with pytest.raises(FcError) as refusal:
        fc.invoke(service, "probe", qualifier=qualifier)
    assert refusal.value.status_code == 429, refusal.value
    (answer,) = [one for one in answers.values() if one.status_code == 429]
    body = answer.json()
    assert body["ErrorCode"] == "ResourceExhausted"
    explained = explain(fc.server, body["RequestId"])
    assert explained["outcome"] == "refused" and explained["dialect"] == "fc"
    assert body["ErrorMessage"] in explained["summary"]
    return body["ErrorMessage"], headers(answer), explained["refusal"]


def test_fc_instances_of_the_region(own_fc, unique, answers):
    own_fc.server.patch_quota("ap-guangzhou", "fc", on_demand_instances=1)
    running = fc_held(own_fc, unique)
    message, told, receipt = fc_refused(own_fc, unique, answers)
    assert told == {"x-sluice-limit": "region_instances", "x-sluice-limit-value": "1", "x-sluice-limit-used": "1"}
    assert (receipt["scope"], receipt["limit"], receipt["used"]) == (None, 1, 1)
    assert receipt["holders"] == [{"name": "probe", "used": 1}] and "about" in receipt["retry"]
    assert "1 on-demand instances are allowed in this region" in message
    running.result()


def test_fc_instances_of_a_function(own_fc, unique, answers):
    own_fc.sdk.publish_version(unique)
    own_fc.sdk.create_alias(unique, "prod", "1")
    own_fc.sdk.put_on_demand_config(unique, "prod", "probe", 0)
    message, told, receipt = fc_refused(own_fc, unique, answers, qualifier="prod")
    assert told == {
        "x-sluice-limit": "function_instances",
        "x-sluice-limit-value": "0",
        "x-sluice-limit-used": "0",
        "x-sluice-limit-scope": "probe",
    }
    assert receipt["retry"] == "never" and "function 'probe'" in message
    assert own_fc.invoke(unique, "probe").value["calls"] == 1, "only the alias has the limit"


def test_the_log_and_the_metrics_have_every_refusal(region):
    name = region.function()
    assert region.scf.invoke(name).ok
    region.scf.reserve(name, 0)
    before = region.server.metrics()
    refused = [region.scf.invoke(name) for _ in range(3)]
    record = '{"errorCode":-1,"errorMessage":"ResourceLimitReached","statusCode":432}'
    for result in refused:
        # spec: OVL-01
        assert result.status == 432 and result.ret_msg == record
    listed = region.scf.call("GetFunctionLogs", FunctionName=name, Filter={"RetCode": "ResourceLimitExceeded"})["Data"]
    # spec: OVL-07
    assert sorted(one["RequestId"] for one in listed) == sorted(result.request_id for result in refused)
    for one in listed:
        # spec: OVL-02
        assert one["RetMsg"] == record and f"RetMsg: {record}\n" in one["Log"] and one["RetCode"] == 432
    after = region.server.metrics()
    for series in ("sluice_throttles_total", 'sluice_throttles_by_limit_total{limit="reserved"}'):
        # spec: OVL-07
        assert after[series] - before[series] == 3, series
    assert after["sluice_errors_total"] == before["sluice_errors_total"], "a refusal is not an error of the function"


def test_concurrency_and_provision_are_gauges_of_each_version(region):
    name = region.published()
    with region.hold(name, 3), region.hold(name, 1, Qualifier="1"):
        # spec: CON-13 (by function and version)
        assert region.gauge("concurrent_executions", name, "$LATEST") == 3
        # spec: CON-13 (by function and version)
        assert region.gauge("concurrent_executions", name, "1") == 1
        used = {label: value for label, value in region.server.metrics().items() if region.name in label}
        (of_function,) = [value for label, value in used.items() if f'name="{name}"' in label]
        assert of_function == 4 * 128
    region.scf.provision(name, "1", 2)
    region.scf.provisioned(name, "1", 2)
    # spec: PRO-21
    assert region.gauge("provisioned_target", name, "1") == 2
    # spec: PRO-21
    assert region.gauge("provisioned_ready", name, "1") == 2


def cold(region, name, **fields):
    result = region.scf.invoke(name, **fields)
    explained = explain(region.server, result.request_id)
    assert explained["refusal"] is None
    return explained


def test_a_cold_start_says_why(region):
    region.patch(keep_alive_adaptive=False, keep_alive_s=60)
    name = region.published()
    first = cold(region, name)
    assert first["cold_start"]["reason"] == "first_call" and "first call of this function" in first["summary"]
    assert set(first["cold_start"]["phases"]) == {"queue_ms", "sandbox_ms", "mount_ms", "init_ms"}
    warm = cold(region, name)
    assert warm["cold_start"] is None and warm["summary"] == "ran on an instance that was there"
    version = cold(region, name, Qualifier="1")
    assert version["cold_start"]["reason"] == "new_version" and "this version" in version["summary"]
    with region.hold(name, 3):
        burst = cold(region, name)
        assert (burst["cold_start"]["reason"], burst["cold_start"]["busy"]) == ("all_busy", 3)
        assert "burst: all 3 instances were busy" in burst["summary"]


def test_a_start_after_a_reclaim_says_how_long_nobody_called(region):
    region.patch(keep_alive_adaptive=False, keep_alive_s=60)
    name = region.function()
    assert region.scf.invoke(name).ok
    region.advance(3600)
    assert region.instances(name) == []
    start = cold(region, name)
    assert (start["cold_start"]["reason"], start["cold_start"]["idle_ms"]) == ("reclaimed", 60_000)
    assert "60 s idle" in start["summary"]


def test_a_start_after_a_crash_says_so(region):
    name = region.function()
    assert region.scf.invoke(name, {"exit": True}).status == 439
    start = cold(region, name)
    assert start["cold_start"]["reason"] == "crashed" and "died" in start["summary"]


def test_a_start_of_new_code_says_so(region):
    name = region.function()
    assert region.scf.invoke(name).ok
    region.scf.update_code(name, WHO)
    assert cold(region, name)["cold_start"]["reason"] == "new_version"


def test_a_provisioned_instance_is_no_cold_start(region):
    name = region.published()
    region.scf.provision(name, "1", 1)
    region.scf.provisioned(name, "1", 1)
    assert [one["kind"] for one in region.instances(name)] == ["provisioned"]
    called = cold(region, name, Qualifier="1")
    assert called["cold_start"] is None and called["outcome"] == "success"
    assert called["instance"] == region.instances(name)[0]["id"]


def test_fc_calls_are_explained_by_the_id_that_the_api_answered(own_fc, unique):
    answer = own_fc.invoke(unique, "probe")
    request_id = {key.lower(): value for key, value in answer.headers.items()}["x-fc-request-id"]
    explained = explain(own_fc.server, request_id)
    assert (explained["dialect"], explained["function"], explained["outcome"]) == ("fc", "probe", "success")
    assert explained["cold_start"]["reason"] == "first_call"
    assert json.loads(answer.body)["calls"] == 1
