"""FC through the 2021-04-06 API: Alibaba's Tea client, which signs with ACS3."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import pytest
import requests
from alibabacloud_fc_open20210406 import models
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from fc_api import open_client
from harness import KEY_ID, KEY_SECRET, sample, zip_of

HELLO = base64.b64encode(
    zip_of({"index.py": "def handler(event, context):\n    print('ran')\n    return event\n"})
).decode()
REQUIRED = {
    "function_name": "complete",
    "runtime": "python3.10",
    "handler": "index.handler",
    "code": models.Code(zip_file=HELLO),
}


def refused(call):
    with pytest.raises(TeaException) as caught:
        call()
    assert caught.value.code, "the client reads Code from the body"
    return caught.value


@pytest.fixture
def function(fc_open, service):
    fc_open.create_function(service, models.CreateFunctionRequest(**{**REQUIRED, "function_name": "f"}))
    return "f"


def test_the_whole_life_of_a_function(fc_open, unique):
    made = fc_open.create_service(models.CreateServiceRequest(service_name=unique, description="tea"))
    assert made.body.service_name == unique and made.headers["etag"]
    try:
        created = fc_open.create_function(unique, models.CreateFunctionRequest(**REQUIRED, memory_size=128)).body
        assert (created.function_name, created.memory_size, created.timeout) == ("complete", 128, 60)
        answer = fc_open.invoke_function(unique, "complete", models.InvokeFunctionRequest(body=b"bytes \xff"))
        assert answer.body == b"bytes \xff"
        assert len(answer.headers["x-fc-request-id"]) == 36
        changed = fc_open.update_function(unique, "complete", models.UpdateFunctionRequest(description="new")).body
        assert (changed.description, changed.memory_size) == ("new", 128)
        listed = fc_open.list_functions(unique, models.ListFunctionsRequest()).body.functions
        assert [one.function_name for one in listed] == ["complete"]
        code = fc_open.get_function_code(unique, "complete", models.GetFunctionCodeRequest()).body
        assert base64.b64encode(requests.get(code.url, timeout=30).content).decode() == HELLO
        fc_open.delete_function(unique, "complete")
    finally:
        fc_open.delete_service(unique)
    assert refused(lambda: fc_open.get_service(unique, models.GetServiceRequest())).code == "ServiceNotFound"


@pytest.mark.parametrize(
    "absent, named",
    [("function_name", "functionName"), ("runtime", "runtime"), ("handler", "handler"), ("code", "code")],
)
def test_what_a_function_must_have(fc_open, service, absent, named):
    fields = {key: value for key, value in REQUIRED.items() if key != absent}
    error = refused(lambda: fc_open.create_function(service, models.CreateFunctionRequest(**fields)))
    # spec: FFN-02
    assert error.code == "InvalidArgument" and error.data["statusCode"] == 400
    assert named.lower() in error.message.lower()


def test_defaults(fc_open, service):
    made = fc_open.create_function(service, models.CreateFunctionRequest(**REQUIRED)).body
    # spec: FFN-03
    assert made.memory_size == 512
    # spec: FFN-04
    assert made.timeout == 60


def test_the_qualifier_travels_in_the_query(fc_open, service, function):
    answer = fc_open.invoke_function(service, function, models.InvokeFunctionRequest(body=b"x", qualifier="LATEST"))
    assert answer.body == b"x"
    assert (
        refused(
            lambda: fc_open.invoke_function(service, function, models.InvokeFunctionRequest(body=b"x", qualifier="9"))
        ).data["statusCode"]
        == 404
    )


def test_the_log_tail(fc_open, service, function):
    # The Tea client sends header values as JSON text, quotes included, so the header is given as it is.
    headers = models.InvokeFunctionHeaders(common_headers={"x-fc-log-type": "Tail"})
    answer = fc_open.invoke_function_with_options(
        service, function, models.InvokeFunctionRequest(body=b"x"), headers, RuntimeOptions()
    )
    # spec: FLO-04
    assert "ran" in base64.b64decode(answer.headers["x-fc-log-result"]).decode()


def test_a_function_error_is_told_by_a_header(fc_open, service):
    fields = {**REQUIRED, "code": models.Code(zip_file=base64.b64encode(sample("fc_probe")).decode())}
    fc_open.create_function(service, models.CreateFunctionRequest(**fields))
    answer = fc_open.invoke_function(
        service, "complete", models.InvokeFunctionRequest(body=b'{"do": "raise", "message": "told"}')
    )
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert json.loads(answer.body)["errorMessage"] == "told"


def test_the_older_signature(server, service, function):
    older = open_client(server, algorithm="v2")
    names = [one.function_name for one in older.list_functions(service, models.ListFunctionsRequest()).body.functions]
    assert names == [function]
    wrong = open_client(server, algorithm="v2", key_secret="wrong")
    assert refused(lambda: wrong.list_functions(service, models.ListFunctionsRequest())).code == "SignatureNotMatch"


def test_wrong_keys(server):
    listing = models.ListServicesRequest()
    assert refused(lambda: open_client(server, key_secret="wrong").list_services(listing)).code == "SignatureNotMatch"
    assert refused(lambda: open_client(server, key_id="nobody").list_services(listing)).code == "InvalidAccessKeyID"


def signed(server, method, path, body, signed_body=None, at=None, query=""):
    """Headers of an ACS3-HMAC-SHA256 request."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at or time.time()))
    hashed = hashlib.sha256(body if signed_body is None else signed_body).hexdigest()
    headers = {
        "host": server.endpoint,
        "x-acs-action": "any",
        "x-acs-content-sha256": hashed,
        "x-acs-date": stamp,
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": "2021-04-06",
    }
    names = ";".join(sorted(headers))
    canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"{method}\n{path}\n{query}\n{canonical}\n{names}\n{hashed}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(KEY_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={names},Signature={signature}"
    return headers


def post_service(server, body, **options):
    path = "/2021-04-06/services"
    return requests.post(
        server.url + path, data=body, headers=signed(server, "POST", path, body, **options), timeout=30
    )


def test_a_body_changed_after_signing(server, unique):
    body = json.dumps({"serviceName": unique}).encode()
    changed = post_service(server, body, signed_body=b'{"serviceName": "other"}')
    assert changed.status_code == 403 and changed.json()["Code"] == "SignatureNotMatch"
    assert post_service(server, body).status_code == 200
    path = f"/2021-04-06/services/{unique}"
    assert (
        requests.delete(server.url + path, headers=signed(server, "DELETE", path, b""), timeout=30).status_code == 204
    )


def test_a_date_more_than_fifteen_minutes_off(server, unique):
    body = json.dumps({"serviceName": unique}).encode()
    for shift in (-960, 960):
        assert post_service(server, body, at=time.time() + shift).status_code == 403


def test_request_keys_are_read_in_any_case(server, unique):
    body = json.dumps({"SERVICENAME": unique, "DeScription": "any case"}).encode()
    made = post_service(server, body)
    assert made.status_code == 200, made.text
    assert made.json()["description"] == "any case"
    path = f"/2021-04-06/services/{unique}"
    requests.delete(server.url + path, headers=signed(server, "DELETE", path, b""), timeout=30)


def test_a_path_nobody_knows(server):
    path = "/2021-04-06/rockets"
    answer = requests.get(server.url + path, headers=signed(server, "GET", path, b""), timeout=30)
    body = answer.json()
    assert 400 <= answer.status_code < 500
    assert body["Code"] == body["ErrorCode"] and body["Message"] == body["ErrorMessage"] and body["RequestId"]
