"""Alibaba's own Python SDKs pointed at a server under test: `aliyun-fc2` and the Tea client of FC-Open.

Both sign, send and parse by themselves; `Fc` only adds names for what tests do all the time.
"""

import base64
import json
import logging
import pathlib
import tempfile

import fc2
import pytest
from alibabacloud_fc_open20210406.client import Client as OpenClient
from alibabacloud_tea_openapi.models import Config
from fc2.fc_exceptions import FcError

from harness import KEY_ID, KEY_SECRET

PYTHON = "python3.10"
NODE = "nodejs16"

# fc2 logs every refused request, key id and all, as an error of its own.
logging.getLogger().setLevel(logging.CRITICAL)


def open_client(server, region="ap-guangzhou", key_id=KEY_ID, key_secret=KEY_SECRET, algorithm=None):
    """The FC-Open (2021-04-06) client."""
    return OpenClient(
        Config(
            access_key_id=key_id,
            access_key_secret=key_secret,
            endpoint=server.endpoint,
            protocol="http",
            region_id=region,
            signature_algorithm=algorithm,
        )
    )


class Answer:
    """What an invocation returned."""

    def __init__(self, headers, body):
        self.headers = headers
        self.body = body

    @property
    def value(self):
        return json.loads(self.body)

    @property
    def log(self):
        return base64.b64decode(self.headers["x-fc-log-result"]).decode()


def refused(call):
    """The error with which the SDK reports a refusal."""
    with pytest.raises(FcError) as caught:
        call()
    return caught.value


class FunctionError(Exception):
    """The function failed; `document` is the error body that the SDK passed on."""

    def __init__(self, document, error):
        super().__init__(str(document))
        self.document = document
        self.error = error


class Fc:
    def __init__(self, server, key_id=KEY_ID, key_secret=KEY_SECRET):
        self.server = server
        self.sdk = fc2.Client(endpoint=server.url, accessKeyID=key_id, accessKeySecret=key_secret, Timeout=120)

    def create(self, service, name, package, runtime=PYTHON, handler="index.handler", **fields):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "code.zip"
            path.write_bytes(package)
            return self.sdk.create_function(service, name, runtime, handler, codeZipFile=str(path), **fields).data

    def update(self, service, name, package=None, **fields):
        if package is None:
            return self.sdk.update_function(service, name, **fields).data
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "code.zip"
            path.write_bytes(package)
            return self.sdk.update_function(service, name, codeZipFile=str(path), **fields).data

    def invoke(self, service, name, event=b"{}", tail=False, qualifier=None):
        """A synchronous call; a function that failed raises FunctionError."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {"x-fc-log-type": "Tail"} if tail else {}
        try:
            answer = self.sdk.invoke_function(service, name, payload, headers=headers, qualifier=qualifier)
        except FcError as error:
            if error.status_code == 200:
                raise FunctionError(json.loads(error.message), error) from None
            raise
        return Answer(answer.headers, answer.data)

    def request(self, method, path, body=None, headers=None):
        """A call that the SDK has no function for, signed and parsed by it; the path begins with `/services`."""
        path = f"/{self.sdk.api_version}{path}"
        signed = self.sdk._build_common_headers(method, path, dict(headers or {}))
        payload = None if body is None else json.dumps(body).encode()
        return self.sdk._do_request(method, path, signed, body=payload)

    def publish(self, service, description=None):
        """Publishes the service and returns the new version's id."""
        return self.sdk.publish_version(service, description).data["versionId"]

    def versions(self, service, **query):
        return [one["versionId"] for one in self.sdk.list_versions(service, **query).data["versions"]]

    def provisioned(self, service, qualifier, name):
        """(target in force, instances that are up)"""
        found = self.sdk.get_provision_config(service, qualifier, name).data
        return found["target"], found["current"]

    def release(self, service):
        """Takes back all provisioned instances of a service."""
        for one in self.sdk.list_provision_configs(service, None, limit=100).data["provisionConfigs"]:
            _, _, qualifier, function = one["resource"].split("#")
            self.sdk.put_provision_config(service, qualifier, function, 0)

    def delete_service(self, service):
        """Deletes a service and all that is in it."""
        self.release(service)
        for alias in self.sdk.list_aliases(service, limit=100).data["aliases"]:
            self.sdk.delete_alias(service, alias["aliasName"])
        for version in self.versions(service, limit=100):
            self.sdk.delete_version(service, version)
        for function in self.sdk.list_functions(service, limit=100).data["functions"]:
            self.sdk.delete_function(service, function["functionName"])
        self.sdk.delete_service(service)
