"""SCF functions and namespaces: create, read, update, copy, list, delete."""

import base64
import hashlib

import pytest
import requests

from harness import parallel, zip_of
from scf_api import NODE, PYTHON, Scf, environment, refused

HELLO = zip_of({"index.py": "def main_handler(event, context):\n    return 'hello'\n"})


def answering(text):
    return zip_of({"index.py": f"def main_handler(event, context):\n    return {text!r}\n"})


@pytest.fixture
def namespace(scf, unique):
    scf.call("CreateNamespace", Namespace=unique, Description="of a test")
    yield unique
    for name in scf.names(unique):
        scf.delete(name, unique)
    scf.call("DeleteNamespace", Namespace=unique)


def test_a_function_lives_in_one_region_and_one_namespace(scf, scf_function, namespace):
    # spec: FUN-01
    name = scf_function(HELLO)
    assert name in scf.names()
    assert name not in scf.names(namespace)
    assert name not in scf.in_region("ap-shanghai").names()


def test_every_region_starts_with_the_default_namespace(server):
    # spec: FUN-02
    for region in ("ap-singapore", "ap-frankfurt", "ap-hongkong"):
        listed = Scf(server, region=region).call("ListNamespaces")
        assert [one["Name"] for one in listed["Namespaces"]] == ["default"]
        assert listed["TotalCount"] == 1
        assert listed["Namespaces"][0]["AddTime"] > "2024", "as old as the data directory"


def test_a_namespace_keeps_its_name_and_its_description_can_change(scf, namespace):
    # spec: FUN-03
    scf.call("UpdateNamespace", Namespace=namespace, Description="changed")
    by_name = {one["Name"]: one for one in scf.call("ListNamespaces", Limit=100)["Namespaces"]}
    assert by_name[namespace]["Description"] == "changed"
    refused(
        lambda: scf.call("UpdateNamespace", Namespace=f"{namespace}x", Description="renamed"),
        "ResourceNotFound.Namespace",
    )


def test_the_default_namespace_cannot_be_made_or_deleted(scf):
    refused(
        lambda: scf.call("CreateNamespace", Namespace="default"),
        "InvalidParameterValue.DefaultNamespace",
        "ResourceInUse.Namespace",
    )
    refused(
        lambda: scf.call("DeleteNamespace", Namespace="default"),
        "FailedOperation.DeleteNamespace",
        "InvalidParameterValue.Namespace",
    )


def test_a_namespace_that_holds_functions_cannot_be_deleted(scf, namespace):
    scf.create("held", HELLO, Namespace=namespace)
    refused(
        lambda: scf.call("DeleteNamespace", Namespace=namespace),
        "ResourceInUse.Namespace",
        "FailedOperation.DeleteNamespace",
    )


def test_a_name_is_taken_once_per_namespace(scf, scf_function):
    # spec: FUN-04
    name = scf_function(HELLO)
    refused(lambda: scf.create(name, HELLO, wait=False), "ResourceInUse.Function", "ResourceInUse.FunctionName")


def test_of_parallel_creates_of_one_name_one_wins(scf, unique):
    outcomes = parallel([lambda: scf.create(unique, HELLO, wait=False)] * 6)
    try:
        errors = [one for one in outcomes if isinstance(one, Exception)]
        assert len(errors) == 5, outcomes
        assert all(error.code.startswith("ResourceInUse.Function") for error in errors), errors
        scf.wait_active(unique)
        assert scf.invoke(unique).value == "hello"
    finally:
        scf.delete(unique)


def test_two_namespaces_may_hold_the_same_name(scf, scf_function, namespace):
    # spec: FUN-05
    name = scf_function(answering("default"))
    scf.create(name, answering("other"), Namespace=namespace)
    assert scf.invoke(name).value == "default"
    assert scf.invoke(name, Namespace=namespace).value == "other"


def test_a_function_cannot_be_renamed(scf, scf_function):
    # spec: FUN-06
    name = scf_function(HELLO)
    refused(
        lambda: scf.call("UpdateFunctionConfiguration", FunctionName=f"{name}-new", Description="renamed"),
        "ResourceNotFound.Function",
        "ResourceNotFound.FunctionName",
    )
    assert name in scf.names() and f"{name}-new" not in scf.names()


def test_code_and_configuration_are_updated_apart(scf, scf_function):
    # spec: FUN-29
    name = scf_function(HELLO)

    def state():
        function = scf.settled(name)
        return (
            function["MemorySize"],
            function["Handler"],
            scf.call("GetFunctionAddress", FunctionName=name)["CodeSha256"],
        )

    before = state()
    scf.configure(name, MemorySize=256)
    after_configuration = state()
    assert after_configuration == (256, before[1], before[2])
    other = answering("other")
    scf.update_code(name, other)
    assert state() == (256, before[1], hashlib.sha256(other).hexdigest())
    assert scf.invoke(name).value == "other"


def test_an_update_of_code_may_come_inside_Code(scf, scf_function):
    name = scf_function(HELLO)
    scf.call("UpdateFunctionCode", FunctionName=name, Code={"ZipFile": base64.b64encode(answering("nested")).decode()})
    scf.wait_active(name)
    assert scf.invoke(name).value == "nested"


def test_details_show_configuration_triggers_and_code(scf, scf_function):
    # spec: FUN-30
    name = scf_function(HELLO, Description="shown")
    function = scf.call("GetFunction", FunctionName=name, ShowCode="TRUE")
    assert (
        function["Description"] == "shown"
        and function["Handler"] == "index.main_handler"
        and function["Runtime"] == PYTHON
    )
    assert function["Triggers"] == []
    assert "return 'hello'" in function["CodeInfo"]
    link = scf.call("GetFunctionAddress", FunctionName=name)
    answer = requests.get(link["Url"], timeout=30)
    assert answer.status_code == 200
    assert answer.content == HELLO
    assert link["CodeSha256"] == hashlib.sha256(HELLO).hexdigest()


def test_a_changed_code_link_is_worthless(scf, scf_function):
    link = scf.call("GetFunctionAddress", FunctionName=scf_function(HELLO))["Url"]
    last = "0" if link[-1] != "0" else "1"
    assert requests.get(link[:-1] + last, timeout=30).status_code in (403, 404)


def test_copying_to_another_region(scf, probe, unique):
    # spec: FUN-33
    source = probe(Environment=environment(COPIED="yes"), MemorySize=256, Timeout=7)
    other = scf.in_region("ap-nanjing")
    scf.call(
        "CopyFunction", FunctionName=source, NewFunctionName=unique, TargetRegion="ap-nanjing", CopyConfiguration=True
    )
    try:
        copied = other.wait_active(unique)
        assert (copied["MemorySize"], copied["Timeout"]) == (256, 7)
        other.configure(unique, MemorySize=128)
        assert scf.invoke(source, {"do": "echo"}).value["context"]["memory_limit_in_mb"] == 256
        context = other.invoke(unique, {"do": "echo"}).value["context"]
        assert (context["memory_limit_in_mb"], context["tencentcloud_region"]) == (128, "ap-nanjing")
        assert other.invoke(unique, {"do": "env"}).value["COPIED"] == "yes"
    finally:
        other.delete(unique)


def test_a_copy_does_not_replace_unless_told(scf, scf_function, unique):
    source, target = scf_function(answering("source")), scf_function(answering("target"))
    refused(
        lambda: scf.call("CopyFunction", FunctionName=source, NewFunctionName=target),
        "ResourceInUse.FunctionName",
        "ResourceInUse.Function",
    )
    scf.call("CopyFunction", FunctionName=source, NewFunctionName=target, Override=True)
    scf.wait_active(target)
    assert scf.invoke(target).value == "source"


@pytest.mark.parametrize("runtime", [PYTHON, NODE])
def test_name_and_runtime_are_enough(scf, unique, runtime):
    # spec: FUN-35
    scf.call("CreateFunction", FunctionName=unique, Runtime=runtime)
    try:
        scf.wait_active(unique)
        assert scf.invoke(unique, {"key": "value"}).ok
    finally:
        scf.delete(unique)


def test_the_list_shows_what_a_console_needs(scf, scf_function, namespace):
    # spec: FUN-43
    name = scf_function(HELLO, Description="in the list")
    by_name = {one["FunctionName"]: one for one in scf.call("ListFunctions", Limit=100, SearchKey=name)["Functions"]}
    assert list(by_name) == [name]
    shown = by_name[name]
    assert (shown["Runtime"], shown["Type"], shown["Namespace"], shown["Status"]) == (
        PYTHON,
        "Event",
        "default",
        "Active",
    )
    assert shown["Description"] == "in the list"
    assert len(shown["AddTime"]) == len("2024-01-01 00:00:00")
    assert scf.call("ListFunctions", Namespace=namespace)["TotalCount"] == 0


def test_lists_are_paged(scf, namespace):
    for letter in "abc":
        scf.create(f"page-{letter}", HELLO, Namespace=namespace)
    first = scf.call("ListFunctions", Namespace=namespace, Limit=2, Offset=0)
    rest = scf.call("ListFunctions", Namespace=namespace, Limit=2, Offset=2)
    assert (first["TotalCount"], len(first["Functions"]), len(rest["Functions"])) == (3, 2, 1)
    names = {one["FunctionName"] for one in first["Functions"] + rest["Functions"]}
    assert names == {"page-a", "page-b", "page-c"}


def test_a_deleted_function_is_gone(scf, unique):
    scf.create(unique, HELLO)
    scf.delete(unique)
    refused(lambda: scf.settled(unique), "ResourceNotFound.Function", "ResourceNotFound.FunctionName")
    refused(lambda: scf.invoke(unique), "ResourceNotFound.Function", "ResourceNotFound.FunctionName")
    assert unique not in scf.names()


def test_the_runtime_cannot_be_unknown(scf_function):
    refused(lambda: scf_function(HELLO, runtime="Cobol85"), "InvalidParameterValue.Runtime")
