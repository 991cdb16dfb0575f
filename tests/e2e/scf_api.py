"""Tencent's own Python SDK pointed at a server under test.

`Scf` adds names for what tests do all the time; every request is built, signed, sent and parsed by
`tencentcloud-sdk-python-scf`, unchanged.
"""

import base64
import json
import os

from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416 import models, scf_client

from harness import KEY_ID, KEY_SECRET, REGION, wait_until

ApiError = TencentCloudSDKException
PYTHON = "Python3.10"
NODE = "Nodejs18.15"

# The SDK goes through a proxy even for loopback addresses when one is configured.
for _name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
    del os.environ[_name]


def client(
    server,
    region=REGION,
    key_id=KEY_ID,
    key_secret=KEY_SECRET,
    sign_method=None,
    http_method="POST",
    token=None,
    timeout=120,
):
    """The SDK's client object."""
    http = HttpProfile(protocol="http", endpoint=server.endpoint, reqMethod=http_method, reqTimeout=timeout)
    profile = ClientProfile(signMethod=sign_method, httpProfile=http)
    return scf_client.ScfClient(credential.Credential(key_id, key_secret, token), region, profile)


class Result:
    """The answer of an invocation."""

    def __init__(self, fields):
        self.fields = fields
        self.ret_msg = fields.get("RetMsg")
        self.log = fields.get("Log") or ""
        self.request_id = fields.get("FunctionRequestId")
        self.invoke_result = fields.get("InvokeResult")
        self.duration_ms = fields.get("Duration")
        self.memory_bytes = fields.get("MemUsage")

    @property
    def ok(self):
        return self.invoke_result == 0

    @property
    def value(self):
        """What the function returned; fails when the function did."""
        assert self.ok, f"the function failed: {self.fields}"
        return json.loads(self.ret_msg)

    @property
    def error(self):
        """The error document of a function that failed."""
        assert not self.ok, f"the function did not fail: {self.fields}"
        return json.loads(self.ret_msg)

    @property
    def status(self):
        return 200 if self.ok else self.error["statusCode"]


class Scf:
    def __init__(self, server, **options):
        self.server = server
        self.sdk = client(server, **options)

    def in_region(self, region):
        return Scf(self.server, region=region)

    def call(self, action, **fields):
        """Any action through the SDK's own model and method; returns the response's fields as a dict."""
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps(fields))
        return json.loads(getattr(self.sdk, action)(request).to_json_string())

    def create(self, name, package=None, runtime=PYTHON, handler="index.main_handler", wait=True, **fields):
        """CreateFunction, and waits for Active as clients do."""
        if package is not None:
            fields["Code"] = {"ZipFile": base64.b64encode(package).decode()}
        self.call("CreateFunction", FunctionName=name, Runtime=runtime, Handler=handler, **fields)
        if wait:
            self.wait_active(name, fields.get("Namespace", "default"))
        return name

    def settled(self, name, namespace="default", **fields):
        """GetFunction once no work is pending on it."""

        def read():
            function = self.call("GetFunction", FunctionName=name, Namespace=namespace, **fields)
            return function["Status"] not in ("Creating", "Updating", "Deleting") and function

        return wait_until(read, 60, f"{name} settles")

    def wait_active(self, name, namespace="default"):
        function = self.settled(name, namespace)
        assert function["Status"] == "Active", (
            f"{name}: {function['Status']} {function.get('StatusReasons')} {function.get('StatusDesc')}"
        )
        return function

    def update_code(self, name, package, namespace="default", **fields):
        self.call(
            "UpdateFunctionCode",
            FunctionName=name,
            Namespace=namespace,
            ZipFile=base64.b64encode(package).decode(),
            **fields,
        )
        return self.wait_active(name, namespace)

    def configure(self, name, namespace="default", **fields):
        self.call("UpdateFunctionConfiguration", FunctionName=name, Namespace=namespace, **fields)
        return self.wait_active(name, namespace)

    def publish(self, name, **fields):
        """PublishVersion; the new version's number, as text."""
        return self.call("PublishVersion", FunctionName=name, **fields)["FunctionVersion"]

    def versions(self, name, **fields):
        return self.call("ListVersionByFunction", FunctionName=name, Limit=100, **fields)["FunctionVersion"]

    def point(self, name, alias, version, second=None, weight=0.0, action="UpdateAlias", **fields):
        """Points an alias at a version, and at a second one with a share of the calls."""
        if second is not None:
            fields["RoutingConfig"] = {"AdditionalVersionWeights": [{"Version": second, "Weight": weight}]}
        self.call(action, FunctionName=name, Name=alias, FunctionVersion=version, **fields)

    def reserve(self, name, mb, **fields):
        self.call("PutReservedConcurrencyConfig", FunctionName=name, ReservedConcurrencyMem=mb, **fields)

    def reserved(self, name):
        return self.call("GetReservedConcurrencyConfig", FunctionName=name)["ReservedMem"]

    def provision(self, name, version, count=0, **fields):
        self.call(
            "PutProvisionedConcurrencyConfig",
            FunctionName=name,
            Qualifier=version,
            VersionProvisionedConcurrencyNum=count,
            **fields,
        )

    def provisions(self, name, **fields):
        """What is provisioned of a function, by version."""
        found = self.call("GetProvisionedConcurrencyConfig", FunctionName=name, **fields)["Allocated"]
        return {one["Qualifier"]: one for one in found}

    def provisioned(self, name, version, count, timeout=60):
        """Waits until as many instances of a version are ready as were asked for."""

        def done():
            found = self.provisions(name).get(version)
            ready = found and found["AvailableProvisionedConcurrencyNum"] == count
            return found if ready and found["Status"] == "Done" else None

        return wait_until(done, timeout, f"{count} instances of {name} {version} are ready")

    def delete(self, name, namespace="default"):
        self.call("DeleteFunction", FunctionName=name, Namespace=namespace)

    def invoke(self, name, event=None, tail=False, raw=None, **fields):
        """InvokeFunction with a JSON event, or with `raw` text as it is."""
        fields["Event"] = json.dumps({} if event is None else event) if raw is None else raw
        if tail:
            fields["LogType"] = "Tail"
        return Result(self.call("InvokeFunction", FunctionName=name, **fields)["Result"])

    def names(self, namespace="default", **fields):
        listed = self.call("ListFunctions", Namespace=namespace, Limit=100, **fields)
        return [function["FunctionName"] for function in listed["Functions"]]

    def rejection(self, name, package, namespace="default", **fields):
        """Creates a function that must be refused, at once or when its package is unpacked; returns the reason."""
        try:
            self.create(name, package, wait=False, Namespace=namespace, **fields)
        except ApiError as error:
            return f"{error.code}: {error.message}"
        function = self.settled(name, namespace)
        assert function["Status"] == "CreateFailed", f"it was accepted: {function['Status']}"
        return " ".join(
            f"{reason['ErrorCode']}: {reason['ErrorMessage']}" for reason in function["StatusReasons"] or []
        )


def environment(**variables):
    return {"Variables": [{"Key": key, "Value": value} for key, value in variables.items()]}


def refused(call, *codes):
    """The call must fail with one of these API codes; returns the error."""
    try:
        call()
    except ApiError as error:
        assert error.code in codes, f"{error.code}: {error.message}"
        return error
    raise AssertionError(f"it was accepted; {' or '.join(codes)} was due")
