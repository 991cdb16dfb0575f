"""Versions of SCF functions: code and settings that stay as they were published."""

import base64
import hashlib
import io
import json
import zipfile

import pytest
import requests

from harness import sample, zip_of
from scf_api import Scf, environment, refused


def package(text):
    return zip_of({"index.py": f"def main_handler(event, context):\n    return {text!r}\n"})


@pytest.fixture
def numbered(scf, scf_function):
    """A function whose version 1 returns 'one', version 2 'two' and $LATEST 'three'."""
    name = scf_function(package("one"))
    assert scf.publish(name, Description="the first") == "1"
    scf.update_code(name, package("two"))
    assert scf.publish(name) == "2"
    scf.update_code(name, package("three"))
    return name


def test_a_version_keeps_its_code(scf, numbered):
    # spec: VER-02
    assert scf.invoke(numbered, Qualifier="1").value == "one"
    # spec: VER-07
    assert scf.invoke(numbered, Qualifier="2").value == "two"
    assert scf.invoke(numbered, Qualifier="$LATEST").value == "three"
    assert scf.invoke(numbered).value == "three"
    # What was written as a version's code is what can be fetched of it.
    address = scf.call("GetFunctionAddress", FunctionName=numbered, Qualifier="1")
    fetched = requests.get(address["Url"], timeout=30).content
    # spec: VER-08
    assert hashlib.sha256(fetched).hexdigest() == address["CodeSha256"]
    assert b"'one'" in zipfile.ZipFile(io.BytesIO(fetched)).read("index.py")
    shown = scf.call("GetFunction", FunctionName=numbered, Qualifier="1", ShowCode="TRUE")
    assert "'one'" in shown["CodeInfo"]


def test_a_version_keeps_its_settings(scf, probe):
    name = probe(MemorySize=128, Timeout=5, Environment=environment(STAGE="first"), Description="before")
    scf.publish(name, Description="the first")
    scf.configure(name, MemorySize=256, Timeout=9, Environment=environment(STAGE="second"), Description="after")
    shown = scf.call("GetFunction", FunctionName=name, Qualifier="1")
    # spec: VER-02, VER-08
    assert (shown["MemorySize"], shown["Timeout"], shown["FunctionVersion"]) == (128, 5, "1")
    assert shown["Environment"]["Variables"] == [{"Key": "STAGE", "Value": "first"}]
    assert (shown["Qualifier"], shown["Description"], shown["Status"]) == ("1", "the first", "Active")
    latest = scf.call("GetFunction", FunctionName=name)
    assert (latest["MemorySize"], latest["FunctionVersion"], latest["Description"]) == (256, "$LATEST", "after")
    assert latest["FunctionId"] == shown["FunctionId"]
    assert scf.invoke(name, {"do": "env"}, Qualifier="1").value["STAGE"] == "first"
    assert scf.invoke(name, {"do": "env"}).value["STAGE"] == "second"
    seen = scf.invoke(name, {"do": "echo"}, Qualifier="1").value["context"]
    assert (seen["function_version"], seen["memory_limit_in_mb"]) == ("1", 128)
    assert scf.invoke(name, {"do": "env"}, Qualifier="1").value["SCF_FUNCTIONVERSION"] == "1"


def test_only_latest_can_be_changed(scf, numbered):
    # The SDK's own model has no Qualifier here, so the request goes through its generic call.
    for action, fields in (
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("UpdateFunctionCode", {"ZipFile": base64.b64encode(package("changed")).decode()}),
    ):
        # spec: VER-01
        refused(
            lambda: scf.sdk.call_json(action, {"FunctionName": numbered, "Qualifier": "1", **fields}),
            "UnsupportedOperation",
        )
    assert scf.invoke(numbered, Qualifier="1").value == "one"


def test_numbers_begin_at_one_and_are_never_used_again(scf, numbered):
    # spec: VER-03
    assert scf.publish(numbered) == "3"
    scf.call("DeleteFunction", FunctionName=numbered, Qualifier="3")
    # spec: VER-03
    assert scf.publish(numbered) == "4"
    assert scf.versions(numbered) == ["$LATEST", "4", "2", "1"]
    listed = scf.call("ListVersionByFunction", FunctionName=numbered, Order="ASC", OrderBy="AddTime", Offset=1, Limit=1)
    assert listed["TotalCount"] == 4
    (first,) = listed["Versions"]
    assert (first["Version"], first["Description"], first["Status"]) == ("1", "the first", "Active")
    refused(lambda: scf.invoke(numbered, Qualifier="3"), "ResourceNotFound.Qualifier")


def test_latest_is_always_there(scf, numbered):
    # spec: VER-06
    wrong = "InvalidParameterValue.Qualifier"
    refused(lambda: scf.call("DeleteFunction", FunctionName=numbered, Qualifier="$LATEST"), wrong)
    scf.call("DeleteFunction", FunctionName=numbered, Qualifier="1")
    scf.call("DeleteFunctionVersion", FunctionName=numbered, Qualifier="2")
    # spec: VER-06
    assert scf.versions(numbered) == ["$LATEST"]
    assert scf.invoke(numbered).value == "three"


def test_a_version_that_an_alias_leads_to_stays(scf, numbered):
    scf.point(numbered, "prod", "1", action="CreateAlias")
    refused(lambda: scf.call("DeleteFunction", FunctionName=numbered, Qualifier="1"), "UnsupportedOperation.AliasBind")
    scf.point(numbered, "prod", "2")
    scf.call("DeleteFunction", FunctionName=numbered, Qualifier="1")
    assert scf.versions(numbered) == ["$LATEST", "2"]


def test_an_update_may_publish_what_it_made(scf, scf_function):
    name = scf_function(package("one"))
    scf.call(
        "UpdateFunctionCode",
        FunctionName=name,
        ZipFile=base64.b64encode(package("two")).decode(),
        Publish="TRUE",
    )
    assert scf.versions(name) == ["$LATEST", "1"]
    scf.update_code(name, package("three"))
    assert scf.invoke(name, Qualifier="1").value == "two"
    scf.call("UpdateFunctionConfiguration", FunctionName=name, Timeout=7, Publish="TRUE")
    assert scf.call("GetFunction", FunctionName=name, Qualifier="2")["Timeout"] == 7
    assert scf.invoke(name, Qualifier="2").value == "three"


def test_a_new_version_has_no_triggers(scf, numbered):
    listed = scf.call("ListTriggers", FunctionName=numbered)
    # spec: VER-04 (no trigger can be made yet)
    assert (listed["Triggers"], listed["TotalCount"]) == ([], 0)
    # spec: VER-04 (no trigger can be made yet)
    assert scf.call("GetFunction", FunctionName=numbered, Qualifier="1")["Triggers"] == []
    retries = scf.call("GetFunctionEventInvokeConfig", FunctionName=numbered, Qualifier="1")["AsyncTriggerConfig"]
    assert (retries["MsgTTL"], [one["RetryNum"] for one in retries["RetryConfig"]]) == (21600, [2])


def test_instances_are_never_shared_between_versions(scf, probe):
    name = probe()
    scf.publish(name)
    scf.publish(name)
    who = {qualifier: scf.invoke(name, {"do": "who"}, Qualifier=qualifier).value for qualifier in ("1", "2", "$LATEST")}
    # spec: CON-11
    assert len({one["instance"] for one in who.values()}) == 3
    again = scf.invoke(name, {"do": "who"}, Qualifier="1").value
    # spec: CON-11
    assert (again["instance"], again["calls"]) == (who["1"]["instance"], 2)


def test_logs_are_found_by_version(scf, numbered):
    ids = {qualifier: scf.invoke(numbered, Qualifier=qualifier).request_id for qualifier in ("1", "2")}
    for qualifier, request_id in ids.items():
        logs = scf.call("GetFunctionLogs", FunctionName=numbered, Qualifier=qualifier)["Data"]
        assert [one["RequestId"] for one in logs] == [request_id]


def test_what_does_not_exist_cannot_be_named(scf, numbered):
    refused(lambda: scf.call("GetFunction", FunctionName=numbered, Qualifier="9"), "ResourceNotFound.Version")
    refused(
        lambda: scf.call("GetFunctionAddress", FunctionName=numbered, Qualifier="9"), "ResourceNotFound.FunctionVersion"
    )
    refused(lambda: scf.invoke(numbered, Qualifier="9"), "ResourceNotFound.Qualifier")
    refused(lambda: scf.invoke(numbered, Qualifier="nobody"), "ResourceNotFound.Qualifier")
    refused(lambda: scf.publish("none"), "ResourceNotFound.Function")
    refused(lambda: scf.publish(numbered, Description="x" * 1001), "InvalidParameterValue.Description")


def test_a_deleted_function_leaves_no_versions_behind(scf, unique):
    scf.create(unique, package("old"))
    scf.publish(unique)
    scf.point(unique, "prod", "1", action="CreateAlias")
    scf.delete(unique)
    refused(lambda: scf.invoke(unique, Qualifier="1"), "ResourceNotFound.Function")
    scf.create(unique, package("new"))
    try:
        assert scf.versions(unique) == ["$LATEST"]
        refused(lambda: scf.invoke(unique, Qualifier="prod"), "ResourceNotFound.Qualifier")
        assert scf.publish(unique) == "1"
        assert scf.invoke(unique, Qualifier="1").value == "new"
    finally:
        scf.delete(unique)


def test_versions_and_aliases_outlive_the_server(fresh_server):
    server = fresh_server()
    scf = Scf(server)
    scf.create("kept", package("one"))
    scf.publish("kept", Description="the first")
    scf.update_code("kept", package("two"))
    scf.publish("kept")
    scf.point("kept", "prod", "1", "2", 0.25, action="CreateAlias", Description="users")
    scf.point("kept", "$DEFAULT", "1")
    before = scf.call("GetAlias", FunctionName="kept", Name="prod")
    server.stop()
    scf = Scf(server.start())
    assert scf.versions("kept") == ["$LATEST", "2", "1"]
    assert scf.invoke("kept", Qualifier="1").value == "one"
    assert scf.invoke("kept").value == "one"
    assert scf.invoke("kept", Qualifier="$LATEST").value == "two"
    after = scf.call("GetAlias", FunctionName="kept", Name="prod")
    assert {key: after[key] for key in after if key != "RequestId"} == {
        key: before[key] for key in before if key != "RequestId"
    }
    assert scf.publish("kept") == "3"


@pytest.mark.parametrize(
    "options", [{"sign_method": "HmacSHA1"}, {"sign_method": "HmacSHA256"}, {"http_method": "GET"}]
)
def test_every_shape_of_request_publishes(server, scf_function, options):
    name = scf_function(sample("scf_probe"))
    scf = Scf(server, **options)
    assert scf.publish(name, Description="a b+c 你") == "1"
    scf.point(name, "prod", "1", "$LATEST", 0.5, action="CreateAlias")
    alias = scf.call("GetAlias", FunctionName=name, Name="prod")
    assert alias["RoutingConfig"]["AdditionalVersionWeights"] == [{"Version": "$LATEST", "Weight": 0.5}]
    (version,) = scf.call("ListVersionByFunction", FunctionName=name, Offset=1)["Versions"]
    assert version["Description"] == "a b+c 你"
    assert json.loads(scf.invoke(name, {"do": "echo"}, Qualifier="1").ret_msg)["context"]["function_version"] == "1"
