"""SCF through Tencent's Node.js SDK, which signs host and service in its own way."""

import base64
import json

import pytest

import node_sdk
from harness import KEY_ID, KEY_SECRET, REGION, sample


@pytest.mark.parametrize(
    "sign_method, verb", [("TC3-HMAC-SHA256", "POST"), ("HmacSHA256", "POST"), ("HmacSHA1", "POST")]
)
def test_the_whole_life_of_a_function(server, unique, sign_method, verb):
    out = node_sdk.run(
        "scf.js",
        {
            "endpoint": server.endpoint,
            "keyId": KEY_ID,
            "keySecret": KEY_SECRET,
            "region": REGION,
            "name": unique,
            "runtime": "Nodejs18.15",
            "signMethod": sign_method,
            "reqMethod": verb,
            "zip": base64.b64encode(sample("scf_probe_node")).decode(),
        },
    )
    assert out["created"]["Status"] == "Active"
    assert out["created"]["Environment"]["Variables"] == [{"Key": "FROM", "Value": "node sdk"}]
    assert out["invoked"]["InvokeResult"] == 0
    assert json.loads(out["invoked"]["RetMsg"])["event"]["text"] == "a b+c 你"
    assert out["updated"]["MemorySize"] == 256
    assert out["listed"] == [unique]
    assert out["taken"]["code"].startswith("ResourceInUse.Function") and out["taken"]["requestId"]
    assert out["wrongSecret"]["code"] == "AuthFailure.SignatureFailure"
    assert out["gone"]["code"].startswith("ResourceNotFound.Function")
