"""Alibaba's own Python SDKs pointed at a server under test: `aliyun-fc2` and the Tea client of FC-Open.

Both sign, send and parse by themselves; `Fc` only adds names for what tests do all the time.
"""

import base64
import json
import logging
import pathlib
import tempfile

import fc2
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

    def delete_service(self, service):
        """Deletes a service and all that is in it."""
        for function in self.sdk.list_functions(service, limit=100).data["functions"]:
            self.sdk.delete_function(service, function["functionName"])
        self.sdk.delete_service(service)
