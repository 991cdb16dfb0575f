"""Aliases of FC services: names for versions, and how calls are spread over two of them."""

import math

import pytest
from alibabacloud_fc_open20210406 import models
from Tea.exceptions import TeaException

from fc_api import refused
from harness import zip_of


def saying(text):
    return zip_of({"index.py": f"def handler(event, context):\n    return '{text}'\n"})


@pytest.fixture
def two(fc, service):
    """A service whose function `f` says `one` in version 1 and `two` in version 2."""
    fc.create(service, "f", saying("one"), memorySize=128)
    fc.publish(service)
    fc.update(service, "f", saying("two"))
    fc.publish(service)
    return service


def test_the_whole_life_of_an_alias(fc, two):
    # spec: FAL-07
    made = fc.sdk.create_alias(two, "prod", "1", description="live", additionalVersionWeight={"2": 0.05})
    assert made.data["aliasName"] == "prod" and made.data["versionId"] == "1"
    assert made.data["description"] == "live" and made.data["additionalVersionWeight"] == {"2": 0.05}
    assert made.data["createdTime"].endswith("Z") and made.headers["etag"]
    got = fc.sdk.get_alias(two, "prod")
    assert got.data == made.data and got.headers["etag"] == made.headers["etag"]
    changed = fc.sdk.update_alias(two, "prod", "2", additionalVersionWeight={})
    assert (changed.data["versionId"], changed.data["description"]) == ("2", "live")
    assert changed.data["additionalVersionWeight"] == {}
    stale = {"if-match": made.headers["etag"]}
    for call in (
        lambda: fc.sdk.update_alias(two, "prod", "1", headers=dict(stale)),
        lambda: fc.sdk.delete_alias(two, "prod", headers=dict(stale)),
    ):
        error = refused(call)
        assert (error.status_code, error.err_code) == (412, "PreconditionFailed")
    assert [one["aliasName"] for one in fc.sdk.list_aliases(two).data["aliases"]] == ["prod"]
    fc.sdk.delete_alias(two, "prod", headers={"if-match": changed.headers["etag"]})
    error = refused(lambda: fc.sdk.get_alias(two, "prod"))
    assert (error.status_code, error.err_code) == (404, "AliasNotFound")
    # spec: FAL-04
    assert fc.versions(two) == ["2", "1"]


def test_names(fc, two):
    # spec: FAL-01
    for name in ("a", "A", "_", "a-B_9", "n" * 128):
        assert fc.sdk.create_alias(two, name, "1").data["aliasName"] == name
    for name in ("LATEST", "1a", "-a", "a.b", "a b", "n" * 129, ""):
        error = refused(lambda: fc.sdk.create_alias(two, name, "1"))
        assert (error.status_code, error.err_code) == (400, "InvalidArgument"), name
    error = refused(lambda: fc.sdk.create_alias(two, "a", "2"))
    assert (error.status_code, error.err_code) == (409, "AliasAlreadyExists")
    error = refused(lambda: fc.request("PUT", f"/services/{two}/aliases/a", {"aliasName": "b"}))
    assert (error.status_code, error.err_code) == (400, "InvalidArgument")


def test_an_alias_points_to_a_version(fc, two):
    fc.sdk.create_alias(two, "prod", "1")
    for target, status, code in [
        # spec: FAL-02
        ("LATEST", 400, "InvalidArgument"),
        ("prod", 400, "InvalidArgument"),
        ("9", 404, "VersionNotFound"),
    ]:
        for call in (
            lambda: fc.sdk.create_alias(two, "other", target),
            lambda: fc.sdk.update_alias(two, "prod", target),
        ):
            error = refused(call)
            assert (error.status_code, error.err_code) == (status, code), target
    assert fc.sdk.get_alias(two, "prod").data["versionId"] == "1"


def test_weights(fc, two):
    for weights, status, code in [
        ({"2": 1.01}, 400, "InvalidArgument"),
        ({"2": -0.1}, 400, "InvalidArgument"),
        ({"2": "30"}, 400, "InvalidArgument"),
        ({"LATEST": 0.1}, 400, "InvalidArgument"),
        ({"1": 0.1, "2": 0.1}, 400, "InvalidArgument"),
        ({"9": 0.1}, 404, "VersionNotFound"),
    ]:
        error = refused(lambda: fc.sdk.create_alias(two, "a", "1", additionalVersionWeight=weights))
        assert (error.status_code, error.err_code) == (status, code), weights
    # Clients of this API name the main version too.
    made = fc.sdk.create_alias(two, "a", "1", additionalVersionWeight={"1": 0.9}).data
    assert made["additionalVersionWeight"] == {"1": 0.9}


def test_calls_follow_the_alias(fc, two):
    fc.sdk.create_alias(two, "prod", "1")

    def called():
        answer = fc.invoke(two, "f", qualifier="prod")
        return answer.body, answer.headers["x-fc-invocation-service-version"]

    assert called() == (b"one", "1")
    fc.sdk.update_alias(two, "prod", "2")
    # spec: FAL-06
    assert {called() for _ in range(20)} == {(b"two", "2")}
    fc.sdk.update_alias(two, "prod", None, additionalVersionWeight={"1": 1})
    assert {called() for _ in range(20)} == {(b"one", "1")}
    fc.sdk.update_alias(two, "prod", None, additionalVersionWeight={"1": 0})
    assert {called() for _ in range(20)} == {(b"two", "2")}
    # An alias reads as its main version.
    assert fc.sdk.get_function_code(two, "f", qualifier="prod").data["checksum"] == called_checksum(fc, two)


def called_checksum(fc, service):
    return fc.invoke(service, "f", qualifier="prod").headers["x-fc-code-checksum"]


def test_a_weight_is_the_share_of_calls(fc, two):
    fc.sdk.create_alias(two, "grey", "1", additionalVersionWeight={"2": 0.05})
    calls, share = 2000, 0.05
    said = [fc.invoke(two, "f", qualifier="grey") for _ in range(calls)]
    pairs = {(answer.body, answer.headers["x-fc-invocation-service-version"]) for answer in said}
    assert pairs == {(b"one", "1"), (b"two", "2")}
    grey = sum(answer.body == b"two" for answer in said)
    # spec: FAL-03
    assert abs(grey - calls * share) < 3 * math.sqrt(calls * share * (1 - share)), grey


def test_lists_are_in_pages(fc, two):
    for name in ("abc", "abd", "ade", "bcd"):
        fc.sdk.create_alias(two, name, "1")

    def listed(**query):
        found = fc.sdk.list_aliases(two, **query).data
        return [one["aliasName"] for one in found["aliases"]], found.get("nextToken")

    assert listed(limit=2) == (["abc", "abd"], "ade")
    assert listed(limit=2, nextToken="ade") == (["ade", "bcd"], None)
    assert listed(prefix="ab") == (["abc", "abd"], None)
    assert listed(startKey="b") == (["bcd"], None)
    error = refused(lambda: fc.sdk.list_aliases("absent"))
    assert (error.status_code, error.err_code) == (404, "ServiceNotFound")


def test_aliases_through_the_newer_api(fc, fc_open, two):
    policy = models.RoutePolicy(
        condition="AND", policy_items=[models.PolicyItem(type="Header", key="k", operator="=", value="v")]
    )
    request = models.CreateAliasRequest(
        alias_name="prod",
        version_id="1",
        additional_version_weight={"2": 0.5},
        resolve_policy="Random",
        route_policy=policy,
    )
    made = fc_open.create_alias(two, request).body
    assert (made.alias_name, made.version_id, made.additional_version_weight) == ("prod", "1", {"2": 0.5})
    got = fc_open.get_alias(two, "prod").body
    assert got.route_policy.policy_items[0].key == "k" and got.resolve_policy == "Random"
    with pytest.raises(TeaException) as caught:
        fc_open.update_alias(two, "prod", models.UpdateAliasRequest(version_id="2"))
    assert caught.value.code == "AdditionalVersionContainsMajorVersion"
    fc_open.update_alias(two, "prod", models.UpdateAliasRequest(version_id="2", additional_version_weight={}))
    answer = fc_open.invoke_function(two, "f", models.InvokeFunctionRequest(qualifier="prod"))
    assert answer.body == b"two" and answer.headers["x-fc-invocation-service-version"] == "2"
    listed = fc_open.list_aliases(two, models.ListAliasesRequest()).body.aliases
    assert [one.alias_name for one in listed] == ["prod"]
    fc_open.delete_alias(two, "prod")
