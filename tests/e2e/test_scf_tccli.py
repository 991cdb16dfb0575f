"""Tencent's command line client, `tccli`, as a user runs it."""

import base64
import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness import KEY_ID, KEY_SECRET, REGION, wait_until, zip_of

TCCLI = pathlib.Path(sys.executable).with_name("tccli")


@pytest.fixture
def tccli(server, tmp_path):
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TENCENTCLOUD_SECRET_ID": KEY_ID,
        "TENCENTCLOUD_SECRET_KEY": KEY_SECRET,
        "TENCENTCLOUD_REGION": REGION,
    }

    def run(action, *args, fails=False):
        command = [str(TCCLI), "scf", action, "--endpoint", server.url, *args]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        if fails:
            assert done.returncode == 255, f"{done.returncode}\n{done.stdout}"
            return done.stderr + done.stdout
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    return run


def test_create_call_update_and_delete(tccli, unique):
    package = base64.b64encode(
        zip_of({"index.py": "def main_handler(event, context):\n    print('seen')\n    return event\n"})
    ).decode()
    code = json.dumps({"ZipFile": package})
    tccli(
        "CreateFunction",
        "--FunctionName",
        unique,
        "--Runtime",
        "Python3.10",
        "--Handler",
        "index.main_handler",
        "--Code",
        code,
    )
    try:
        wait_until(
            lambda: tccli("GetFunction", "--FunctionName", unique)["Status"] == "Active",
            60,
            "the function is active",
            0.2,
        )
        result = tccli("InvokeFunction", "--FunctionName", unique, "--Event", '{"文":1}', "--LogType", "Tail")["Result"]
        assert json.loads(result["RetMsg"]) == {"文": 1}
        assert "seen" in result["Log"]
        tccli("UpdateFunctionConfiguration", "--FunctionName", unique, "--MemorySize", "256")
        tccli(
            "GetFunction",
            "--FunctionName",
            unique,
            "--waiter",
            "{'expr':'Status','to':'Active','timeout':60,'interval':1}",
        )
        assert tccli("GetFunction", "--FunctionName", unique)["MemorySize"] == 256
        names = [one["FunctionName"] for one in tccli("ListFunctions", "--SearchKey", unique)["Functions"]]
        assert names == [unique]
    finally:
        tccli("DeleteFunction", "--FunctionName", unique)
    assert "ResourceNotFound.Function" in tccli("GetFunction", "--FunctionName", unique, fails=True)


def test_unfolded_arguments(tccli, unique):
    package = base64.b64encode(
        zip_of({"index.py": "import os\ndef main_handler(event, context):\n    return os.environ['A']\n"})
    ).decode()
    tccli(
        "CreateFunction", "--cli-unfold-argument", "--FunctionName", unique, "--Runtime", "Python3.10",
        "--Handler", "index.main_handler", "--Code.ZipFile", package,
        "--Environment.Variables.0.Key", "A", "--Environment.Variables.0.Value", "unfolded",
    )  # fmt: skip
    try:
        wait_until(
            lambda: tccli("GetFunction", "--FunctionName", unique)["Status"] == "Active",
            60,
            "the function is active",
            0.2,
        )
        assert json.loads(tccli("Invoke", "--FunctionName", unique)["Result"]["RetMsg"]) == "unfolded"
    finally:
        tccli("DeleteFunction", "--FunctionName", unique)


def test_an_error_is_printed_with_its_code(tccli):
    printed = tccli("CreateFunction", "--FunctionName", "1bad", "--Runtime", "Python3.10", "--Code", "{}", fails=True)
    assert "InvalidParameterValue.FunctionName" in printed


def test_the_account(tccli):
    assert tccli("GetAccount")["AccountUsage"]["UserConcurrencyMemLimit"] == 128000
