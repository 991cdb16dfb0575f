"""Versions of FC services: publish, list, delete, and what a qualifier shows and runs."""

import base64
import hashlib

import pytest
import requests
from alibabacloud_fc_open20210406 import models
from Tea.exceptions import TeaException

import node_sdk
from fc_api import refused
from harness import ACCOUNT_ID, KEY_ID, KEY_SECRET, REGION, sample, zip_of


def saying(text):
    """A package whose handler answers with a text, and with the version it believes to be."""
    source = (
        "def handler(event, context):\n"
        f"    return '{text} ' + context.service.qualifier + ' ' + str(context.service.version_id)\n"
    )
    return zip_of({"index.py": source})


@pytest.fixture
def two(fc, service):
    """A service whose function `f` says `one` in version 1, `two` in version 2 and `now` in LATEST."""
    fc.create(service, "f", saying("one"), memorySize=128)
    assert fc.publish(service, "the first") == "1"
    fc.update(service, "f", saying("two"))
    assert fc.publish(service) == "2"
    fc.update(service, "f", saying("now"), environmentVariables={"NEW": "1"})
    return service


def test_numbers_rise_and_are_never_used_again(fc, two):
    made = fc.sdk.publish_version(two, "the third").data
    assert made["versionId"] == "3" and made["description"] == "the third"
    assert made["createdTime"].endswith("Z") and made["lastModifiedTime"].endswith("Z")
    fc.sdk.delete_version(two, "3")
    error = refused(lambda: fc.sdk.delete_version(two, "3"))
    assert (error.status_code, error.err_code) == (404, "VersionNotFound")
    fc.update(two, "f", description="changed")
    # spec: FVE-02
    assert fc.publish(two) == "4"


def test_publishing_needs_a_change(fc, service):
    assert fc.publish(service) == "1", "right after it was made it may be published once"
    error = refused(lambda: fc.publish(service))
    assert (error.status_code, error.err_code) == (400, "InvalidArgument")
    assert "No changes were made since last publish" in error.message
    fc.sdk.update_service(service, description="changed")
    assert fc.publish(service) == "2"
    error = refused(lambda: fc.sdk.publish_version(service, headers={"if-match": "other"}))
    assert (error.status_code, error.err_code) == (412, "PreconditionFailed")


def test_lists_go_either_way_and_in_pages(fc, two):
    fc.publish(two)
    assert fc.versions(two) == ["3", "2", "1"]
    page = fc.sdk.list_versions(two, limit=2).data
    assert [one["versionId"] for one in page["versions"]] == ["3", "2"] and page["direction"] == "BACKWARD"
    rest = fc.sdk.list_versions(two, limit=2, nextToken=page["nextToken"]).data
    assert [one["versionId"] for one in rest["versions"]] == ["1"] and "nextToken" not in rest
    assert fc.versions(two, direction="FORWARD", startKey="2") == ["2", "3"]
    assert fc.versions(two, startKey="2") == ["2", "1"]


def test_latest_is_always_there(fc, service):
    assert fc.versions(service) == []
    # spec: FVE-04
    assert fc.sdk.get_service(service, qualifier="LATEST").data["serviceName"] == service
    error = refused(lambda: fc.sdk.delete_version(service, "LATEST"))
    assert error.status_code == 400 and "LATEST" in error.message


def test_a_version_keeps_settings_and_code(fc, two):
    fc.sdk.update_service(two, description="new", internetAccess=False)
    # spec: FVE-01
    frozen = fc.sdk.get_service(two, qualifier="1").data
    assert (frozen["description"], frozen["internetAccess"]) == ("the first", True)
    function = fc.sdk.get_function(two, "f", qualifier="1").data
    assert function["environmentVariables"] == {} and function["memorySize"] == 128
    assert fc.sdk.get_function(two, "f").data["environmentVariables"]["NEW"] == "1"
    code = fc.sdk.get_function_code(two, "f", qualifier="1").data
    package = requests.get(code["url"], timeout=30).content
    assert hashlib.sha256(package).digest() == hashlib.sha256(saying("one")).digest()
    assert code["checksum"] == function["codeChecksum"]
    fc.create(two, "later", saying("later"), memorySize=128)
    listed = fc.sdk.list_functions(two, qualifier="2").data["functions"]
    assert [one["functionName"] for one in listed] == ["f"]
    error = refused(lambda: fc.sdk.get_function(two, "later", qualifier="2"))
    assert (error.status_code, error.err_code) == (404, "FunctionNotFound")


def test_code_knows_its_version_from_the_environment_and_in_its_initializer(fc, service):
    source = (
        "import os\n"
        "def init(context):\n"
        "    global at_first\n"
        "    at_first = context.service.qualifier\n"
        "def handler(event, context):\n"
        "    return os.environ['FC_QUALIFIER'] + ' ' + at_first\n"
    )
    fc.create(service, "f", zip_of({"index.py": source}), memorySize=128, initializer="index.init")
    assert fc.publish(service) == "1"
    assert fc.invoke(service, "f").body == b"LATEST LATEST"
    assert fc.invoke(service, "f", qualifier="1").body == b"1 1"


def test_a_call_runs_the_version_that_it_names(fc, two):
    said = {}
    for qualifier in (None, "LATEST", "1", "2"):
        answer = fc.invoke(two, "f", qualifier=qualifier)
        said[qualifier] = answer.body.decode().split()
        # spec: FVE-08
        assert answer.headers["x-fc-invocation-service-version"] == said[qualifier][2]
    # spec: FVE-06, FVE-07
    assert said == {
        None: ["now", "LATEST", "LATEST"],
        "LATEST": ["now", "LATEST", "LATEST"],
        "1": ["one", "1", "1"],
        "2": ["two", "2", "2"],
    }
    checksums = {q: fc.invoke(two, "f", qualifier=q).headers["x-fc-code-checksum"] for q in ("1", "2")}
    assert checksums["1"] == fc.sdk.get_function(two, "f", qualifier="1").data["codeChecksum"] != checksums["2"]


def test_what_is_not_published_cannot_be_called_or_read(fc, two):
    for call, code in [
        (lambda: fc.invoke(two, "f", qualifier="9"), "VersionNotFound"),
        (lambda: fc.sdk.get_service(two, qualifier="9"), "VersionNotFound"),
        (lambda: fc.sdk.get_function(two, "f", qualifier="9"), "VersionNotFound"),
        (lambda: fc.invoke(two, "f", qualifier="none"), "AliasNotFound"),
        (lambda: fc.sdk.get_function_code(two, "f", qualifier="none"), "AliasNotFound"),
        (lambda: fc.sdk.list_versions("absent"), "ServiceNotFound"),
    ]:
        error = refused(call)
        assert (error.status_code, error.err_code) == (404, code)


def test_a_version_never_changes(fc, two):
    for method, path in [
        ("PUT", f"/services/{two}.1"),
        ("PUT", f"/services/{two}.1/functions/f"),
        ("DELETE", f"/services/{two}.1/functions/f"),
        ("PUT", f"/services/{two}/versions/1"),
    ]:
        error = refused(lambda: fc.request(method, path, {"description": "changed"}))
        # spec: FVE-03
        assert (error.status_code, error.err_code) == (400, "InvalidArgument")
    assert fc.sdk.get_service(two, qualifier="1").data["description"] == "the first"


def test_a_deleted_version_leaves_its_aliases_which_then_fail(fc, two):
    fc.sdk.create_alias(two, "old", "1")
    assert fc.invoke(two, "f", qualifier="old").body.startswith(b"one")
    fc.sdk.delete_version(two, "1")
    # spec: FVE-05
    assert fc.sdk.get_alias(two, "old").data["versionId"] == "1"
    error = refused(lambda: fc.invoke(two, "f", qualifier="old"))
    assert (error.status_code, error.err_code) == (404, "VersionNotFound")


def test_a_service_with_versions_cannot_be_deleted(fc, unique):
    fc.sdk.create_service(unique)
    fc.publish(unique)
    error = refused(lambda: fc.sdk.delete_service(unique))
    assert (error.status_code, error.err_code) == (409, "ServiceNotEmpty")
    fc.sdk.delete_version(unique, "1")
    fc.sdk.delete_service(unique)


def test_versions_through_the_newer_api(fc, fc_open, service):
    fc.create(service, "f", saying("one"), memorySize=128)
    made = fc_open.publish_service_version(service, models.PublishServiceVersionRequest(description="tea")).body
    assert (made.version_id, made.description) == ("1", "tea")
    fc.update(service, "f", saying("now"))
    listed = fc_open.list_service_versions(service, models.ListServiceVersionsRequest(direction="FORWARD")).body
    assert [one.version_id for one in listed.versions] == ["1"] and listed.direction == "FORWARD"
    got = fc_open.get_service(service, models.GetServiceRequest(qualifier="1")).body
    assert got.description == "tea"
    answer = fc_open.invoke_function(service, "f", models.InvokeFunctionRequest(qualifier="1"))
    assert answer.body == b"one 1 1" and answer.headers["x-fc-invocation-service-version"] == "1"
    fc_open.delete_service_version(service, "1")
    with pytest.raises(TeaException) as caught:
        fc_open.delete_service_version(service, "1")
    assert caught.value.code == "VersionNotFound"


def test_a_failing_function_of_a_version_reports_like_any_other(fc, service):
    fc.create(service, "f", sample("fc_probe_node"), runtime="nodejs16", memorySize=128)
    fc.publish(service)
    fc.update(service, "f", saying("now"), runtime="python3.10")
    answer = fc.request("POST", f"/services/{service}.1/functions/f/invocations", {"do": "throws"})
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert answer.headers["x-fc-invocation-service-version"] == "1"
    assert answer.json()["errorMessage"] == "thrown on purpose" and answer.json()["stackTrace"][0].startswith("at ")


def test_versions_aliases_and_instances_through_the_node_sdk(server, service):
    source = "def handler(event, context):\n    return context.service.version_id\n"
    out = node_sdk.run(
        "fc_versions.js",
        {
            "url": server.url,
            "account": ACCOUNT_ID,
            "keyId": KEY_ID,
            "keySecret": KEY_SECRET,
            "region": REGION,
            "service": service,
            "zip": base64.b64encode(zip_of({"index.py": source})).decode(),
        },
    )
    assert (out["published"]["versionId"], out["published"]["description"]) == ("1", "by fc2")
    assert out["unchanged"] == "InvalidArgument" and out["listed"] == ["1"]
    assert out["alias"]["additionalVersionWeight"] == {"1": 0.5} and out["updated"]["additionalVersionWeight"] == {}
    assert out["aliases"] == ["live"]
    # spec: FVE-06, FVE-08
    assert out["invoked"] == [["LATEST", "LATEST"], ["1", "1"], ["1", "1"]]
    assert out["described"] == "" and out["missing"] == ["VersionNotFound", "AliasNotFound"]
    assert out["provision"]["resource"] == f"{ACCOUNT_ID}#{service}#live#f"
    assert (out["provisions"], out["got"]) == (1, 1)
    assert out["limit"] == {"resource": f"services/{service}.live/functions/f", "maximumInstanceCount": 7}
    assert (out["limits"], out["deleted"], out["capacities"]) == ([7], "OnDemandConfigNotFound", [])
