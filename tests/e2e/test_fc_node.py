"""FC through Alibaba's Node.js SDKs: fc2 (signature FC) and FC-Open (ACS3, chunked bodies)."""

import base64
import json

import pytest

import node_sdk
from harness import ACCOUNT_ID, KEY_ID, KEY_SECRET, sample


@pytest.mark.parametrize(
    "runtime, folder, binary, failing",
    [("nodejs16", "fc_probe_node", "buffer", "throws"), ("python3.10", "fc_probe", "bytes", "raise")],
)
def test_the_whole_life_of_a_function(server, unique, runtime, folder, binary, failing):
    out = node_sdk.run(
        "fc.js",
        {
            "url": server.url,
            "endpoint": server.endpoint,
            "account": ACCOUNT_ID,
            "keyId": KEY_ID,
            "keySecret": KEY_SECRET,
            "region": "ap-guangzhou",
            "service": unique,
            "runtime": runtime,
            "bytes": binary,
            "failing": failing,
            "zip": base64.b64encode(sample(folder)).decode(),
        },
    )
    classic, tea = out["classic"], out["tea"]
    assert classic["created"]["functionName"] == "classic" and classic["created"]["memorySize"] == 128
    assert "你" in json.loads(classic["invoked"]["data"])["text"]
    assert "RequestId" in base64.b64decode(classic["invoked"]["headers"]["x-fc-log-result"]).decode()
    assert base64.b64decode(classic["bytes"]) == bytes(range(256))
    assert classic["failed"]["type"] == "UnhandledInvocationError"
    failed = classic["failed"]["data"]
    assert (json.loads(failed) if isinstance(failed, str) else failed)["errorMessage"]
    assert classic["listed"] == ["classic"]
    assert classic["taken"]["code"] == "ServiceAlreadyExists"
    assert classic["gone"]["code"] == "ServiceNotFound"
    assert classic["wrongSecret"]["code"] == "SignatureNotMatch"
    assert tea["created"] == {"memorySize": 128, "functionName": "tea"}
    assert json.loads(tea["invoked"])["text"]
    assert tea["missing"]["code"] == "FunctionNotFound"
