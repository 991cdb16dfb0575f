"""Aliases of SCF functions: names for versions, and shares of the calls."""

import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

from harness import KEY_ID, KEY_SECRET, REGION, parallel, zip_of
from scf_api import refused


def package(text):
    return zip_of({"index.py": f"def main_handler(event, context):\n    return {text!r}\n"})


@pytest.fixture
def numbered(scf, scf_function):
    """A function whose version 1 returns 'one', version 2 'two' and $LATEST 'three'."""
    name = scf_function(package("one"))
    scf.publish(name)
    scf.update_code(name, package("two"))
    scf.publish(name)
    scf.update_code(name, package("three"))
    return name


def weights(scf, name, alias):
    found = scf.call("GetAlias", FunctionName=name, Name=alias)
    additional = found["RoutingConfig"]["AdditionalVersionWeights"] or []
    return found["FunctionVersion"], [(one["Version"], one["Weight"]) for one in additional]


def test_an_alias_is_made_moved_and_deleted(scf, numbered):
    scf.point(numbered, "prod", "1", action="CreateAlias", Description="what users run")
    # spec: ALI-10
    assert scf.invoke(numbered, Qualifier="prod").value == "one"
    found = scf.call("GetAlias", FunctionName=numbered, Name="prod")
    assert (found["Name"], found["FunctionVersion"], found["Description"]) == ("prod", "1", "what users run")
    assert found["AddTime"] and found["ModTime"]
    scf.point(numbered, "prod", "2")
    # spec: ALI-10
    assert scf.invoke(numbered, Qualifier="prod").value == "two"
    assert scf.call("GetAlias", FunctionName=numbered, Name="prod")["Description"] == "what users run"
    shown = scf.call("GetFunction", FunctionName=numbered, Qualifier="prod")
    assert (shown["FunctionVersion"], shown["Qualifier"]) == ("2", "prod")
    scf.call("DeleteAlias", FunctionName=numbered, Name="prod")
    refused(lambda: scf.invoke(numbered, Qualifier="prod"), "ResourceNotFound.Qualifier")
    refused(lambda: scf.call("GetAlias", FunctionName=numbered, Name="prod"), "ResourceNotFound.Alias")
    refused(lambda: scf.point(numbered, "prod", "1"), "ResourceNotFound.Alias")
    refused(lambda: scf.call("DeleteAlias", FunctionName=numbered, Name="prod"), "ResourceNotFound.Alias")


def test_calls_without_a_qualifier_go_to_the_default_alias(scf, numbered):
    # spec: ALI-09
    assert weights(scf, numbered, "$DEFAULT") == ("$LATEST", [])
    assert scf.invoke(numbered).value == "three"
    scf.point(numbered, "$DEFAULT", "1")
    # spec: ALI-09, VER-07
    assert scf.invoke(numbered).value == "one"
    # The older action means $LATEST when it names nothing.
    assert json.loads(scf.call("Invoke", FunctionName=numbered)["Result"]["RetMsg"]) == "three"
    # spec: ALI-09
    refused(lambda: scf.call("DeleteAlias", FunctionName=numbered, Name="$DEFAULT"), "InvalidParameterValue.Alias")
    refused(lambda: scf.point(numbered, "$DEFAULT", "1", action="CreateAlias"), "ResourceInUse.Alias")
    scf.point(numbered, "$DEFAULT", "$LATEST")
    assert scf.invoke(numbered).value == "three"


@pytest.mark.parametrize(
    "main, second, weight, runs",
    [
        ("1", "2", 0.0, "one"),
        ("1", "2", 1.0, "two"),
        ("$LATEST", "1", 0.0, "three"),
        ("$LATEST", "1", 1.0, "one"),
        ("1", "$LATEST", 0.0, "one"),
        ("1", "$LATEST", 1.0, "three"),
    ],
)
def test_all_or_nothing_is_a_share_too(scf, numbered, main, second, weight, runs):
    scf.point(numbered, "prod", main, second, weight, action="CreateAlias")
    # spec: ALI-02
    assert weights(scf, numbered, "prod") == (main, [(second, weight)])
    assert {scf.invoke(numbered, Qualifier="prod").value for _ in range(20)} == {runs}


def test_calls_are_shared_by_weight(scf, numbered):
    scf.point(numbered, "prod", "1", "2", 0.1, action="CreateAlias")
    calls = 1000

    def some():
        return [scf.invoke(numbered, Qualifier="prod").value for _ in range(calls // 4)]

    values = [value for part in parallel([some] * 4) for value in part]
    assert set(values) <= {"one", "two"}
    sigma = math.sqrt(calls * 0.1 * 0.9)
    # spec: ALI-03. Three sigma would fail a sound server once in 370 runs; five do once in two million.
    assert abs(values.count("two") - calls * 0.1) < 5 * sigma, values.count("two")


def test_an_alias_leads_to_two_versions_at_most(scf, numbered):
    scf.publish(numbered)

    def routing(*shares):
        return {"AdditionalVersionWeights": [{"Version": version, "Weight": weight} for version, weight in shares]}

    share = "InvalidParameterValue.AdditionalVersionWeights"

    def make(version, *shares, **fields):
        scf.call(
            "CreateAlias",
            FunctionName=numbered,
            Name="prod",
            FunctionVersion=version,
            RoutingConfig=routing(*shares),
            **fields,
        )

    # spec: ALI-02
    refused(lambda: make("1", ("2", 0.1), ("3", 0.1)), share)
    # spec: ALI-03
    refused(lambda: make("1", ("2", 1.2)), share)
    refused(lambda: make("1", ("2", -0.1)), share)
    refused(lambda: make("1", ("1", 0.5)), share)
    refused(lambda: make("9"), "ResourceNotFound.FunctionVersion")
    refused(lambda: make("1", ("9", 0.5)), "ResourceNotFound.FunctionVersion")
    refused(lambda: scf.call("GetAlias", FunctionName=numbered, Name="prod"), "ResourceNotFound.Alias")


def test_names_of_aliases(scf, numbered):
    for name in ("a", "1st", "ends-", "ends_", "has space", "has.dot", "x" * 61):
        # spec: ALI-01
        refused(lambda name=name: scf.point(numbered, name, "1", action="CreateAlias"), "InvalidParameterValue.Name")
    for name in ("ab", "x" * 60, "Pre-prod_2"):
        scf.point(numbered, name, "1", action="CreateAlias", Description="d" * 1000)
        # spec: ALI-01
        assert scf.invoke(numbered, Qualifier=name).value == "one"
    # spec: ALI-01
    refused(
        lambda: scf.point(numbered, "prod", "1", action="CreateAlias", Description="d" * 1001),
        "InvalidParameterValue.Description",
    )
    refused(lambda: scf.point(numbered, "ab", "2", action="CreateAlias"), "ResourceInUse.Alias")


def test_aliases_are_listed_by_pages_and_by_version(scf, numbered):
    scf.point(numbered, "prod", "1", "2", 0.5, action="CreateAlias")
    scf.point(numbered, "test", "2", action="CreateAlias")

    def listed(**fields):
        answer = scf.call("ListAliases", FunctionName=numbered, **fields)
        return [one["Name"] for one in answer["Aliases"]], answer["TotalCount"]

    assert listed() == (["$DEFAULT", "prod", "test"], 3)
    assert listed(Offset="1", Limit="1") == (["prod"], 3)
    assert listed(FunctionVersion="2") == (["prod", "test"], 2)
    assert listed(FunctionVersion="$LATEST") == (["$DEFAULT"], 1)
    refused(lambda: scf.call("ListAliases", FunctionName="none"), "ResourceNotFound.Function")


def test_traffic_moves_without_a_gap(scf, numbered):
    """While an alias is moved, every call is answered, by the one version or the other."""
    scf.point(numbered, "prod", "1", action="CreateAlias")
    moving = {"on": True}

    def callers():
        values = []
        while moving["on"]:
            values.append(scf.invoke(numbered, Qualifier="prod").value)
        return values

    def mover():
        try:
            for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
                scf.point(numbered, "prod", "1", "2", weight)
            scf.point(numbered, "prod", "2")
        finally:
            moving["on"] = False

    first, second, _ = parallel([callers, callers, mover])
    assert set(first) | set(second) <= {"one", "two"}
    assert scf.invoke(numbered, Qualifier="prod").value == "two"


def test_the_command_line_publishes_and_points(server, numbered, tmp_path):
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TENCENTCLOUD_SECRET_ID": KEY_ID,
        "TENCENTCLOUD_SECRET_KEY": KEY_SECRET,
        "TENCENTCLOUD_REGION": REGION,
    }

    def tccli(action, *args):
        command = [str(pathlib.Path(sys.executable).with_name("tccli")), "scf", action, "--endpoint", server.url]
        done = subprocess.run(
            [*command, "--FunctionName", numbered, *args], env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{action}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    assert tccli("PublishVersion", "--Description", "from the shell")["FunctionVersion"] == "3"
    routing = json.dumps({"AdditionalVersionWeights": [{"Version": "2", "Weight": 1}]})
    tccli("CreateAlias", "--Name", "shell", "--FunctionVersion", "3", "--RoutingConfig", routing)
    assert json.loads(tccli("InvokeFunction", "--Qualifier", "shell")["Result"]["RetMsg"]) == "two"
    tccli("UpdateAlias", "--Name", "shell", "--FunctionVersion", "3")
    assert json.loads(tccli("InvokeFunction", "--Qualifier", "shell")["Result"]["RetMsg"]) == "three"
    assert [one["Name"] for one in tccli("ListAliases", "--Limit", "5")["Aliases"]] == ["$DEFAULT", "shell"]
    tccli("DeleteAlias", "--Name", "shell")
