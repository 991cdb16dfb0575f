"""SCF code packages: what is accepted, what is refused, where code may lie, and which interpreters run it."""

import base64
import io
import tarfile
import zipfile

import pytest
import requests

from harness import sample, zip_of
from scf_api import PYTHON, ApiError, refused

HELLO = zip_of({"index.py": "def main_handler(event, context):\n    return 'hello'\n"})


def test_unpacked_code_is_at_most_500_megabytes(scf, unique):
    # spec: QUO-09
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.py", "def main_handler(event, context):\n    return 1\n")
        block = bytes(1 << 20)
        with archive.open("zeros", "w", force_zip64=True) as zeros:
            for _ in range(501):
                zeros.write(block)
    reason = scf.rejection(unique, buffer.getvalue())
    assert "500" in reason, reason


def test_a_package_must_be_a_zip(scf, unique):
    # spec: DEP-01
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("index.py")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"\n"))
    error = refused(
        lambda: scf.create(unique, buffer.getvalue(), wait=False),
        "InvalidParameterValue.ZipFile",
        "InvalidParameterValue.Code",
    )
    assert "zip" in error.message.lower()


def test_a_package_must_be_base64(scf, unique):
    refused(
        lambda: scf.call(
            "CreateFunction", FunctionName=unique, Runtime=PYTHON, Handler="index.main_handler", Code={"ZipFile": "%%%"}
        ),
        "InvalidParameterValue.ZipFileBase64BinasciiError",
    )


def test_the_entry_file_must_be_at_the_root_of_the_package(scf, scf_function):
    # spec: DEP-02
    name = scf_function(zip_of({"project/index.py": "def main_handler(event, context):\n    return 1\n"}))
    result = scf.invoke(name)
    assert result.status in (430, 437), result.fields
    text = result.ret_msg
    assert "index" in text and ("root" in text or "folder" in text), f"no hint what to do: {text}"


def test_a_single_file_may_be_written_inline(scf, scf_function):
    # spec: DEP-03
    name = scf_function(HELLO)
    source = "def main_handler(event, context):\n    return 'inline'\n"
    scf.call(
        "UpdateFunctionCode",
        FunctionName=name,
        CodeSource="Inline",
        Code={"ZipFile": base64.b64encode(source.encode()).decode()},
    )
    scf.wait_active(name)
    assert scf.invoke(name).value == "inline"
    package = requests.get(scf.call("GetFunctionAddress", FunctionName=name)["Url"], timeout=30).content
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.namelist() == ["index.py"]
        assert archive.read("index.py").decode() == source


@pytest.mark.parametrize("runtime", ["Nodejs16.13", "Nodejs14.18", "Nodejs12.16", "Nodejs10.15"])
def test_node_runtimes_have_the_paths_of_the_vendor(scf, scf_function, runtime):
    # spec: RTM-02
    path = f"/var/lang/node{runtime.removeprefix('Nodejs').split('.')[0]}/bin/node"
    try:
        name = scf_function(sample("scf_probe_node"), runtime=runtime, Timeout=10)
    except ApiError as error:
        assert error.code == "InvalidParameterValue.Runtime" and "Nodejs" in error.message, error
        return
    assert scf.invoke(name, {"do": "run", "command": [path, "--version"]}).value.startswith("v")


@pytest.mark.parametrize(
    "runtime, path",
    [
        ("Python3.7", "/var/lang/python37/bin/python3"),
        ("Python3.6", "/var/lang/python3/bin/python3"),
        ("Python2.7", "/var/lang/python2/bin/python"),
    ],
)
def test_python_runtimes_have_the_paths_of_the_vendor(scf, scf_function, runtime, path):
    # spec: RTM-03
    try:
        name = scf_function(sample("scf_probe"), runtime=runtime, Timeout=10)
    except ApiError as error:
        assert error.code == "InvalidParameterValue.Runtime" and "Python" in error.message, error
        return
    ran = scf.invoke(name, {"do": "run", "command": [path, "--version"]}).value
    version = ran["out"] + ran["err"]
    assert version.startswith(f"Python {runtime.removeprefix('Python')[0]}."), version
