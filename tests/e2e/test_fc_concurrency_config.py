"""Settings of FC that say how many instances there are: provisioned, on-demand, requests per instance.

What they do over time is tested under the virtual clock, in test_fc_scaling.py.
"""

import json

import pytest
from alibabacloud_fc_open20210406 import models
from Tea.exceptions import TeaException

from fc_api import Fc, refused
from harness import ACCOUNT_ID, sample, wait_until, zip_of

HELLO = zip_of({"index.py": "def handler(event, context):\n    return context.service.version_id\n"})
INVALID = (400, "InvalidArgument")

# The request of the vendor's own document, as it stands there.
DOCUMENTED = """{
    "scheduledActions":[
        {
            "endTime":"2020-12-10T10:10:10Z",
            "name":"demoScheduler",
            "scheduleExpression":"cron(0 30 8 * * *)",
            "startTime":"2020-10-10T10:10:10Z",
            "target":5
        }
    ],
    "target":15,
    "targetTrackingPolicies":[
        {
            "endTime":"2020-12-10T10:10:10Z",
            "maxCapacity":100,
            "metricTarget":0.6,
            "metricType":"ProvisionedConcurrencyUtilization",
            "minCapacity":10,
            "name":"demoScheduler",
            "startTime":"2020-10-10T10:10:10Z"
        }
    ]
}"""


def kind(error):
    return error.status_code, error.err_code


@pytest.fixture
def aliased(fc, service):
    """A service whose function `f` has version 1, which the alias `test` names."""
    fc.create(service, "f", HELLO, memorySize=128)
    fc.publish(service)
    fc.sdk.create_alias(service, "test", "1")
    return service


def put(fc, service, body, qualifier="test", function="f", headers=None):
    """PutProvisionConfig with more than the SDK's own function can send."""
    path = f"/services/{service}.{qualifier}/functions/{function}/provision-config"
    return fc.request("PUT", path, body, headers)


def action(**fields):
    return {**json.loads(DOCUMENTED)["scheduledActions"][0], **fields}


def policy(**fields):
    return {**json.loads(DOCUMENTED)["targetTrackingPolicies"][0], **fields}


def test_the_documented_request_works_as_it_is_written(fresh_server):
    fc = Fc(fresh_server())
    fc.sdk.create_service("service_name")
    fc.create("service_name", "function_name", HELLO, memorySize=128)
    fc.publish("service_name")
    fc.sdk.create_alias("service_name", "test", "1")
    path = "/2016-08-15/services/service_name.test/functions/function_name/provision-config"
    signed = fc.sdk._build_common_headers("PUT", path, {})
    answer = fc.sdk._do_request("PUT", path, signed, body=DOCUMENTED.encode())
    # spec: FPC-01
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    shown = answer.json()
    # spec: FPC-02
    assert {name: shown[name] for name in json.loads(DOCUMENTED)} == json.loads(DOCUMENTED)
    # spec: FPC-11
    assert shown["resource"] == f"{ACCOUNT_ID}#service_name#test#function_name"
    assert isinstance(shown["current"], int)
    # spec: FPC-03, FPC-05 (windows that are long over are legal, and change nothing)
    got = fc.sdk.get_provision_config("service_name", "test", "function_name").data
    assert got["target"] == 15 and got["scheduledActions"] == [action()] and got["targetTrackingPolicies"] == [policy()]


def test_current_climbs_to_the_target(fc, aliased):
    # spec: FRE-02
    made = fc.sdk.put_provision_config(aliased, "test", "f", 2)
    assert made.data["resource"] == f"{ACCOUNT_ID}#{aliased}#test#f" and made.data["target"] == 2
    assert made.data["scheduledActions"] == [] == made.data["targetTrackingPolicies"]
    assert 0 <= made.data["current"] <= 2 and made.headers["etag"]
    # spec: FPC-11
    wait_until(lambda: fc.provisioned(aliased, "test", "f") == (2, 2), what="two instances")
    got = fc.sdk.get_provision_config(aliased, "test", "f")
    assert got.data["currentError"] == "" and got.headers["etag"] == made.headers["etag"]
    answer = fc.invoke(aliased, "f", qualifier="test")
    assert answer.body == b"1" and answer.headers["x-fc-invocation-service-version"] == "1"
    for call in (lambda: fc.sdk.delete_function(aliased, "f"), lambda: fc.sdk.delete_alias(aliased, "test")):
        assert kind(refused(call)) == (409, "ProvisionConfigExist")
    assert kind(refused(lambda: fc.sdk.delete_version(aliased, "1"))) == (409, "ProvisionConfigExist")
    # spec: FRE-02
    fc.sdk.put_provision_config(aliased, "test", "f", 0)
    wait_until(lambda: fc.provisioned(aliased, "test", "f") == (0, 0), what="no instance")
    assert fc.sdk.list_provision_configs(aliased, "test").data["provisionConfigs"] == []
    fc.sdk.delete_alias(aliased, "test")


def test_a_put_replaces_the_whole_setting(fc, aliased):
    first = put(fc, aliased, {"target": 0, "scheduledActions": [action()], "alwaysAllocateCPU": False})
    assert first.json()["scheduledActions"] == [action()] and first.json()["alwaysAllocateCPU"] is False
    stale = refused(lambda: put(fc, aliased, {"target": 0}, headers={"If-Match": "other"}))
    assert kind(stale) == (412, "PreconditionFailed")
    second = put(fc, aliased, {"target": 0}, headers={"If-Match": first.headers["etag"]}).json()
    assert second["scheduledActions"] == [] and second["alwaysAllocateCPU"] is True


@pytest.mark.parametrize(
    "bad",
    [
        {"name": None},
        {"name": ""},
        {"startTime": "2020-10-10 10:10:10"},
        {"startTime": "2021-10-10T10:10:10Z"},
        {"endTime": "soon"},
        {"target": None},
        {"target": -1},
        {"target": 10_001},
        {"target": "many"},
        {"scheduleExpression": None},
    ],
    ids=str,
)
def test_each_field_of_a_scheduled_action_is_checked(fc, aliased, bad):
    error = refused(lambda: put(fc, aliased, {"target": 0, "scheduledActions": [action(**bad)]}))
    # spec: FPC-03
    assert kind(error) == INVALID and f"scheduledActions[0].{next(iter(bad))}" in error.message


def test_schedule_expressions_have_two_forms(fc, aliased):
    # spec: FPC-04
    once = "at(2020-11-10T10:10:10)"
    for good in ("cron(0 30 8 * * *)", "cron(0 0 8 ? * MON-FRI)", once, once.replace(")", "Z)")):
        put(fc, aliased, {"target": 0, "scheduledActions": [action(scheduleExpression=good)]})
    for bad in ("0 30 8 * * *", "cron(30 8 * * *)", "cron(0 61 8 * * *)", "rate(5 minutes)", "at(tomorrow)"):
        error = refused(lambda: put(fc, aliased, {"target": 0, "scheduledActions": [action(scheduleExpression=bad)]}))
        assert kind(error) == INVALID, bad
    zoned = put(fc, aliased, {"target": 0, "scheduledActions": [action(timeZone="Asia/Shanghai")]}).json()
    assert zoned["scheduledActions"][0]["timeZone"] == "Asia/Shanghai"


@pytest.mark.parametrize(
    "bad",
    [
        {"name": None},
        {"metricType": "CPUUtilization"},
        {"metricType": None},
        {"metricTarget": 0},
        {"metricTarget": 1.01},
        {"metricTarget": "0.6"},
        {"minCapacity": 101},
        {"minCapacity": -1},
        {"maxCapacity": None},
        {"maxCapacity": 10_001},
        {"endTime": "2020-10-10T10:10:10Z"},
    ],
    ids=str,
)
def test_each_field_of_a_tracking_policy_is_checked(fc, aliased, bad):
    error = refused(lambda: put(fc, aliased, {"target": 0, "targetTrackingPolicies": [policy(**bad)]}))
    # spec: FPC-07
    assert kind(error) == INVALID and next(iter(bad)) in error.message


def test_targets_and_names(fc, aliased):
    for body in ({}, {"target": -1}, {"target": 10_001}, {"target": 1.5}, {"target": "x"}, {"target": []}):
        assert kind(refused(lambda: put(fc, aliased, body))) == INVALID, body
    for body in (
        {"target": 0, "scheduledActions": [action(), action()]},
        {"target": 0, "targetTrackingPolicies": [policy(), policy()]},
    ):
        error = refused(lambda: put(fc, aliased, body))
        assert kind(error) == INVALID and "demoScheduler" in error.message


def test_what_is_not_there_is_not_found(fc, aliased):
    for service, qualifier, function, code in [
        ("absent", "test", "f", "ServiceNotFound"),
        ("", "test", "f", "ServiceNotFound"),
        (aliased, "none", "f", "AliasNotFound"),
        (aliased, "9", "f", "VersionNotFound"),
        (aliased, "test", "absent", "FunctionNotFound"),
    ]:
        for call in (
            lambda: fc.sdk.put_provision_config(service, qualifier, function, 1),
            lambda: fc.sdk.get_provision_config(service, qualifier, function),
        ):
            error = refused(call)
            # spec: FPC-13
            assert kind(error) == (404, code)


def test_provisions_are_listed_by_service_and_qualifier(fc, fc_open, aliased):
    for qualifier in ("test", "1", "LATEST"):
        fc.sdk.put_provision_config(aliased, qualifier, "f", 1)
    # Capitals come before small letters, digits before both.
    expected = [f"{ACCOUNT_ID}#{aliased}#{qualifier}#f" for qualifier in ("1", "LATEST", "test")]

    def listed(**query):
        found = fc.sdk.list_provision_configs(query.pop("serviceName", aliased), query.pop("qualifier", None), **query)
        return [one["resource"] for one in found.data["provisionConfigs"]], found.data.get("nextToken")

    assert listed() == (expected, None)
    page, token = listed(limit=2)
    assert page == expected[:2] and listed(limit=2, nextToken=token) == (expected[2:], None)
    assert listed(qualifier="test") == (expected[2:], None)
    assert set(expected) <= set(listed(serviceName=None, limit=100)[0])
    assert kind(refused(lambda: listed(serviceName="absent"))) == (404, "ServiceNotFound")
    with pytest.raises(TeaException) as caught:
        fc_open.list_provision_configs(models.ListProvisionConfigsRequest(qualifier="test"))
    assert caught.value.code == "InvalidArgument"
    request = models.ListProvisionConfigsRequest(service_name=aliased, qualifier="LATEST")
    assert [one.target for one in fc_open.list_provision_configs(request).body.provision_configs] == [1]


def test_provisions_through_the_newer_api(fc, fc_open, aliased):
    request = models.PutProvisionConfigRequest(
        qualifier="test",
        target=1,
        scheduled_actions=[
            models.ScheduledActions(
                name="a",
                start_time="2020-10-10T10:10:10Z",
                end_time="2020-12-10T10:10:10Z",
                target=3,
                schedule_expression="at(2020-11-10T10:10:10Z)",
            )
        ],
    )
    made = fc_open.put_provision_config(aliased, "f", request).body
    assert (made.resource, made.target) == (f"{ACCOUNT_ID}#{aliased}#test#f", 1)
    assert made.scheduled_actions[0].schedule_expression == "at(2020-11-10T10:10:10Z)"
    query = models.GetProvisionConfigRequest(qualifier="test")
    wait_until(lambda: fc_open.get_provision_config(aliased, "f", query).body.current == 1, what="one instance")
    got = fc_open.get_provision_config(aliased, "f", query).body
    assert got.target == 1 and got.always_allocate_cpu is True and not got.current_error


def test_on_demand_limits_are_set_read_listed_and_deleted(fc, aliased):
    resource = f"services/{aliased}.test/functions/f"
    assert kind(refused(lambda: fc.sdk.get_on_demand_config(aliased, "test", "f"))) == (404, "OnDemandConfigNotFound")
    made = fc.sdk.put_on_demand_config(aliased, "test", "f", 10)
    assert made.data == {"resource": resource, "maximumInstanceCount": 10}
    got = fc.sdk.get_on_demand_config(aliased, "test", "f")
    assert got.data == made.data and got.headers["etag"] == made.headers["etag"]
    stale = {"if-match": "other"}
    for call in (
        lambda: fc.sdk.put_on_demand_config(aliased, "test", "f", 1, headers=dict(stale)),
        lambda: fc.sdk.delete_on_demand_config(aliased, "test", "f", headers=dict(stale)),
    ):
        assert kind(refused(call)) == (412, "PreconditionFailed")
    # spec: FOD-02
    fc.sdk.put_on_demand_config(aliased, "LATEST", "f", 3)
    error = refused(lambda: fc.sdk.put_on_demand_config(aliased, "1", "f", 1))
    assert kind(error) == INVALID

    def listed(**query):
        found = fc.sdk.list_on_demand_config(**query).data
        return [one["resource"] for one in found["configs"]], found.get("nextToken")

    latest = f"services/{aliased}.LATEST/functions/f"
    assert listed(prefix=f"services/{aliased}.") == ([latest, resource], None)
    assert listed(prefix=f"services/{aliased}.", limit=1) == ([latest], resource)
    assert listed(prefix=f"services/{aliased}.", nextToken=resource) == ([resource], None)
    assert listed(prefix=f"services/{aliased}.t") == ([resource], None)
    fc.sdk.delete_on_demand_config(aliased, "test", "f")
    fc.sdk.delete_on_demand_config(aliased, "LATEST", "f")
    error = refused(lambda: fc.sdk.delete_on_demand_config(aliased, "test", "f"))
    assert kind(error) == (404, "OnDemandConfigNotFound")
    for service, qualifier, function, code in [
        ("absent", "test", "f", "ServiceNotFound"),
        (aliased, "none", "f", "AliasNotFound"),
        (aliased, "test", "absent", "FunctionNotFound"),
    ]:
        assert kind(refused(lambda: fc.sdk.put_on_demand_config(service, qualifier, function, 1))) == (404, code)
        assert kind(refused(lambda: fc.sdk.get_on_demand_config(service, qualifier, function))) == (404, code)


def test_on_demand_limits_have_limits(fc, server, aliased):
    # spec: FOD-03
    error = refused(lambda: fc.sdk.put_on_demand_config(aliased, "test", "f", 301))
    assert kind(error) == INVALID and "300" in error.message
    assert fc.sdk.put_on_demand_config(aliased, "test", "f", 300).data["maximumInstanceCount"] == 300
    for bad in (-1, "x", None, 1.5):
        assert kind(refused(lambda: fc.sdk.put_on_demand_config(aliased, "test", "f", bad))) == INVALID


def test_there_are_at_most_a_hundred_rules(fresh_server):
    server = fresh_server()
    fc = Fc(server)
    fc.sdk.create_service("s")
    fc.create("s", "f", HELLO, memorySize=128)
    fc.publish("s")
    for index in range(101):
        fc.sdk.create_alias("s", f"a{index}", "1")
    for index in range(100):
        fc.sdk.put_on_demand_config("s", f"a{index}", "f", 1)
    # spec: FOD-03
    assert kind(refused(lambda: fc.sdk.put_on_demand_config("s", "a100", "f", 1))) == (400, "LimitExceededError")
    fc.sdk.put_on_demand_config("s", "a99", "f", 2)
    listed = fc.sdk.list_on_demand_config(limit=100).data
    assert len(listed["configs"]) == 100 and "nextToken" not in listed


def test_zero_forbids_calls_through_that_alias_alone(fc, aliased):
    fc.sdk.create_alias(aliased, "other", "1")
    fc.sdk.put_on_demand_config(aliased, "test", "f", 0)
    error = refused(lambda: fc.invoke(aliased, "f", qualifier="test"))
    # spec: FOD-06, FOD-10
    assert kind(error) == (429, "ResourceExhausted")
    for qualifier in ("other", "1", "LATEST", None):
        assert fc.invoke(aliased, "f", qualifier=qualifier).body in (b"1", b"LATEST")
    fc.sdk.delete_on_demand_config(aliased, "test", "f")
    assert fc.invoke(aliased, "f", qualifier="test").body == b"1"


def test_settings_are_there_after_a_restart(fresh_server):
    server = fresh_server()
    fc = Fc(server)
    fc.sdk.create_service("s")
    fc.create("s", "f", HELLO, memorySize=128)
    fc.publish("s")
    fc.sdk.create_alias("s", "test", "1", additionalVersionWeight={"1": 0.5})
    put(fc, "s", {"target": 1, "scheduledActions": [action()]})
    fc.sdk.put_on_demand_config("s", "LATEST", "f", 0)
    before = fc.sdk.get_alias("s", "test").data
    assert server.stop() == 0
    fc = Fc(server.start())
    assert fc.sdk.get_alias("s", "test").data == before and fc.versions("s") == ["1"]
    wait_until(lambda: fc.provisioned("s", "test", "f") == (1, 1), what="the instance")
    assert fc.sdk.get_provision_config("s", "test", "f").data["scheduledActions"] == [action()]
    assert fc.sdk.get_on_demand_config("s", "LATEST", "f").data["maximumInstanceCount"] == 0
    assert fc.invoke("s", "f", qualifier="1").body == b"1"


def test_instance_concurrency(fc, fc_open, service):
    node = {"runtime": "nodejs16", "memorySize": 128}
    name = "n"
    fc.create(service, name, sample("fc_probe_node"), **node)
    # spec: FIC-01
    assert fc.sdk.get_function(service, name).data["instanceConcurrency"] == 1

    def set_to(count, function=name):
        request = models.UpdateFunctionRequest(instance_concurrency=count)
        return fc_open.update_function(service, function, request).body.instance_concurrency

    assert [set_to(count) for count in (1, 2, 100)] == [1, 2, 100]
    for count in (0, 101):
        with pytest.raises(TeaException) as caught:
            set_to(count)
        # spec: FIC-01
        assert caught.value.code == "InvalidArgument" and str(count) in caught.value.message
    fc.create(service, "p", HELLO, memorySize=128)
    assert set_to(1, "p") == 1
    with pytest.raises(TeaException) as caught:
        set_to(2, "p")
    # spec: FIC-02
    assert caught.value.code == "InvalidArgument" and caught.value.data["statusCode"] == 400


def test_nobody_has_reserved_capacity(fc, fc_open):
    assert fc.sdk.list_reserved_capacities().data["reservedCapacities"] == []
    assert fc_open.list_reserved_capacities(models.ListReservedCapacitiesRequest()).body.reserved_capacities == []
