"""FC services and functions through Alibaba's aliyun-fc2: CRUD, rules about values, ETags, lists."""

import base64
import hashlib
import json
import re

import pytest
import requests
from fc2.fc_exceptions import FcError

from harness import parallel, sample, zip_of

HELLO = zip_of({"index.py": "def handler(event, context):\n    return 'hello'\n"})
UUID_LENGTH = 36


def refused(call, status, code=None):
    with pytest.raises(FcError) as caught:
        call()
    error = caught.value
    assert error.status_code == status and (code is None or error.err_code == code), (
        f"{error.status_code} {error.message}"
    )
    return error


def crc64(data):
    """CRC-64/XZ polynomial as FC reports it, computed bit by bit."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0xC96C5795D7870F42 if value & 1 else 0)
        table.append(value)
    value = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFFFFFFFFFF


def test_a_function_needs_its_service(fc, unique):
    # spec: FSV-01
    refused(lambda: fc.create(unique, "f", HELLO), 404, "ServiceNotFound")


@pytest.mark.parametrize("good", ["a", "_x", "A-b_1", "s" * 128])
def test_good_service_names(fc, good):
    # spec: FSV-02
    fc.sdk.create_service(good)
    fc.sdk.delete_service(good)


@pytest.mark.parametrize("bad", ["1a", "-a", "a.b", "a b", "s" * 129])
def test_bad_service_names(fc, bad):
    # spec: FSV-02
    refused(lambda: fc.sdk.create_service(bad), 400, "InvalidArgument")


def test_service_names_are_unique_and_case_sensitive(fc, unique):
    # spec: FSV-02
    lower, upper = f"a{unique}", f"A{unique}"
    fc.sdk.create_service(lower)
    fc.sdk.create_service(upper)
    try:
        refused(lambda: fc.sdk.create_service(lower), 409, "ServiceAlreadyExists")
        assert fc.sdk.get_service(upper).data["serviceName"] == upper
    finally:
        fc.sdk.delete_service(lower)
        fc.sdk.delete_service(upper)


def test_a_service_keeps_its_attributes(fc, unique):
    log = {"project": "p", "logstore": "l"}
    role = "acs:ram::123456:role/fc"
    made = fc.sdk.create_service(unique, description="first", logConfig=log, role=role, internetAccess=False)
    try:
        # spec: FSV-03
        seen = fc.sdk.get_service(unique).data
        assert (seen["description"], seen["role"], seen["internetAccess"]) == ("first", role, False)
        assert {key: seen["logConfig"][key] for key in log} == log
        assert seen["serviceId"] and seen["createdTime"].endswith("Z")
        assert made.headers["etag"] and len(made.headers["x-fc-request-id"]) == UUID_LENGTH
        changed = fc.sdk.update_service(unique, description="second").data
        assert (changed["description"], changed["role"], changed["internetAccess"]) == ("second", role, False)
    finally:
        fc.sdk.delete_service(unique)


def test_internet_access_is_on_by_default(fc, service):
    # spec: FSV-04
    assert fc.sdk.get_service(service).data["internetAccess"] is True


def test_a_service_with_functions_cannot_be_deleted(fc, unique):
    fc.sdk.create_service(unique)
    fc.create(unique, "held", HELLO)
    # spec: FSV-05
    refused(lambda: fc.sdk.delete_service(unique), 409, "ServiceNotEmpty")
    fc.sdk.delete_function(unique, "held")
    fc.sdk.delete_service(unique)
    refused(lambda: fc.sdk.get_service(unique), 404, "ServiceNotFound")


def test_what_one_client_makes_another_sees(server, fc, fc_open, service):
    from alibabacloud_fc_open20210406 import models

    fc.create(service, "seen", HELLO)
    # spec: FSV-06
    assert fc_open.get_function(service, "seen", models.GetFunctionRequest()).body.function_name == "seen"
    listed = server.client("list", "--dialect", "fc", "--service", service, "--output", "json").stdout
    assert [one["name"] for one in json.loads(listed)["functions"]] == ["seen"]


@pytest.mark.parametrize("good", ["f", "_f", "F-1_a", "f" * 128])
def test_good_function_names(fc, service, good):
    # spec: FFN-01
    fc.create(service, good, HELLO)
    assert fc.sdk.get_function(service, good).data["functionName"] == good


@pytest.mark.parametrize("bad", ["1f", "-f", "f.g", "f g", "f" * 129])
def test_bad_function_names(fc, service, bad):
    # spec: FFN-01
    refused(lambda: fc.create(service, bad, HELLO), 400, "InvalidArgument")


def test_a_function_name_is_taken_once_per_service(fc, service, unique):
    fc.create(service, "one", HELLO)
    # spec: FFN-01
    refused(lambda: fc.create(service, "one", HELLO), 409, "FunctionAlreadyExists")
    fc.sdk.create_service(unique)
    fc.create(unique, "one", HELLO)
    fc.delete_service(unique)


def test_of_parallel_creates_of_one_name_one_wins(fc, service):
    outcomes = parallel([lambda: fc.create(service, "race", HELLO)] * 6)
    errors = [one for one in outcomes if isinstance(one, Exception)]
    assert len(errors) == 5 and all(error.err_code == "FunctionAlreadyExists" for error in errors), outcomes
    assert fc.invoke(service, "race").body == b"hello"


@pytest.mark.parametrize("size", [128, 192, 3072])
def test_memory_sizes_that_exist(fc, service, size):
    # spec: FFN-03
    assert fc.create(service, "sized", HELLO, memorySize=size)["memorySize"] == size


@pytest.mark.parametrize("size", [100, 64, 3136])
def test_memory_sizes_that_do_not(fc, service, size):
    # spec: FFN-03
    refused(lambda: fc.create(service, "sized", HELLO, memorySize=size), 400, "InvalidArgument")


def test_the_timeout_is_60_seconds_and_at_most_600(fc, service):
    # The SDK leaves a value of 0 out of the request.
    # spec: FFN-04
    assert fc.create(service, "default", HELLO, timeout=0)["timeout"] == 60
    assert fc.create(service, "longest", HELLO, timeout=600)["timeout"] == 600
    refused(lambda: fc.create(service, "longer", HELLO, timeout=601), 400, "InvalidArgument")


def test_an_instance_type_may_be_raised_and_not_lowered(fc, service):
    assert fc.create(service, "typed", HELLO)["instanceType"] == "e1"
    # spec: FFN-05
    assert fc.update(service, "typed", instanceType="c1")["instanceType"] == "c1"
    refused(lambda: fc.update(service, "typed", instanceType="e1"), 400, "InvalidArgument")


def test_every_attribute_but_the_name_can_be_updated(fc, service):
    fc.create(
        service,
        "changing",
        zip_of({"index.js": "exports.handler = (e, c, cb) => cb(null, 'js');\n"}),
        runtime="nodejs12",
        memorySize=128,
    )
    new = {
        "handler": "main.go",
        "runtime": "nodejs16",
        "memorySize": 256,
        "timeout": 30,
        "initializer": "main.start",
        "initializationTimeout": 20,
        "description": "changed",
        "environmentVariables": {"A": "1"},
        "instanceConcurrency": 5,
        "instanceType": "c1",
    }
    for key, value in new.items():
        # spec: FFN-07
        assert fc.update(service, "changing", **{key: value})[key] == value
    seen = fc.sdk.get_function(service, "changing").data
    assert {key: seen[key] for key in new} == new


def test_a_partial_update_leaves_the_rest(fc, service):
    fc.create(service, "partial", HELLO, description="kept", environmentVariables={"A": "1"}, memorySize=128)
    seen = fc.update(service, "partial", memorySize=192)
    assert (seen["description"], seen["environmentVariables"], seen["memorySize"]) == ("kept", {"A": "1"}, 192)
    assert fc.update(service, "partial", environmentVariables={})["environmentVariables"] == {}


def test_the_code_has_a_checksum_and_can_be_fetched(fc, service):
    made = fc.create(service, "coded", HELLO)
    assert made["codeChecksum"] == str(crc64(HELLO)) and made["codeSize"] == len(HELLO)
    code = fc.sdk.get_function_code(service, "coded").data
    assert code["checksum"] == made["codeChecksum"]
    assert hashlib.sha256(requests.get(code["url"], timeout=30).content).digest() == hashlib.sha256(HELLO).digest()


def test_concurrent_writers_are_told(fc, service):
    fc.create(service, "locked", HELLO)
    etag = fc.sdk.get_function(service, "locked").headers["etag"]
    fc.update(service, "locked", description="first", headers={"if-match": etag})
    refused(
        lambda: fc.update(service, "locked", description="second", headers={"if-match": etag}),
        412,
        "PreconditionFailed",
    )
    refused(lambda: fc.sdk.delete_function(service, "locked", headers={"if-match": etag}), 412, "PreconditionFailed")
    assert fc.sdk.get_function(service, "locked").data["description"] == "first"
    stale = fc.sdk.get_service(service).headers["etag"]
    fc.sdk.update_service(service, description="new")
    refused(
        lambda: fc.sdk.update_service(service, description="newer", headers={"if-match": stale}),
        412,
        "PreconditionFailed",
    )


def test_lists_have_pages_prefixes_and_start_keys(fc, service):
    for name in ("a1", "a2", "a3", "b1"):
        fc.create(service, name, HELLO)

    def names(**query):
        data = fc.sdk.list_functions(service, **query).data
        return [one["functionName"] for one in data["functions"]], data.get("nextToken")

    first, token = names(limit=2, prefix="a")
    assert first == ["a1", "a2"] and token
    rest, token = names(limit=2, prefix="a", nextToken=token)
    assert rest == ["a3"] and not token
    assert names(startKey="a3")[0] == ["a3", "b1"]
    assert names(prefix="zzz") == ([], None) or names(prefix="zzz") == ([], "")
    prefix = service[:-1]
    assert service in [one["serviceName"] for one in fc.sdk.list_services(prefix=prefix, limit=100).data["services"]]


def test_what_is_not_there_is_404(fc, service):
    refused(lambda: fc.sdk.get_function(service, "absent"), 404, "FunctionNotFound")
    refused(lambda: fc.sdk.delete_function(service, "absent"), 404, "FunctionNotFound")
    refused(lambda: fc.sdk.get_service("absent-service"), 404, "ServiceNotFound")
    refused(lambda: fc.invoke(service, "absent"), 404, "FunctionNotFound")


ALL_RUNTIMES = [
    "nodejs6", "nodejs8", "nodejs10", "nodejs12", "python2.7", "python3", "php7.2", "java8", "dotnetcore2.1", "custom", "custom-container",
]  # fmt: skip


@pytest.mark.parametrize("runtime", ALL_RUNTIMES)
def test_every_runtime_id_of_the_vendor_is_known(fc, service, runtime):
    handler = "example.Hello::handleRequest" if runtime == "java8" else "index.handler"
    extra = {"customContainerConfig": {"image": "registry.example/image:1"}} if runtime == "custom-container" else {}
    # spec: RTM-16
    try:
        made = fc.create(service, "known", HELLO, runtime=runtime, handler=handler, **extra)
    except FcError as error:
        assert error.status_code == 400, error.message
        assert "set to an invalid value" not in error.message and re.search("install|support", error.message), (
            error.message
        )
    else:
        assert made["runtime"] == runtime


def test_an_unknown_runtime_is_refused_in_the_vendors_words(fc, service):
    error = refused(lambda: fc.create(service, "odd", HELLO, runtime="cobol85"), 400, "InvalidArgument")
    assert "Runtime is set to an invalid value" in error.message


def test_environment_variables(fc, service):
    refused(lambda: fc.create(service, "env", HELLO, environmentVariables={"FC_MINE": "x"}), 400, "InvalidArgument")
    refused(lambda: fc.create(service, "env", HELLO, environmentVariables={"K": "v" * 4096}), 400, "InvalidArgument")
    fc.create(service, "env", HELLO, environmentVariables={"K": "v" * 4095})


def test_python_has_one_request_per_instance(fc, service):
    refused(lambda: fc.create(service, "wide", HELLO, instanceConcurrency=2), 400, "InvalidArgument")
    made = fc.create(service, "wide", sample("fc_probe_node"), runtime="nodejs16", instanceConcurrency=10)
    assert made["instanceConcurrency"] == 10


def test_account_settings(fc):
    assert isinstance(fc.sdk.get_account_settings().data["availableAZs"], list)


def test_wrong_keys_are_refused(server):
    from fc_api import Fc

    refused(lambda: Fc(server, key_secret="wrong").sdk.list_services(), 403, "SignatureNotMatch")
    refused(lambda: Fc(server, key_id="nobody").sdk.list_services(), 403, "InvalidAccessKeyID")


def sign_fc(path, date, secret=None, method="GET"):
    import hmac

    from harness import KEY_ID, KEY_SECRET

    text = f"{method}\n\napplication/json\n{date}\n{path}"
    digest = hmac.new((secret or KEY_SECRET).encode(), text.encode(), hashlib.sha256).digest()
    return {
        "Authorization": f"FC {KEY_ID}:{base64.b64encode(digest).decode()}",
        "Date": date,
        "Content-Type": "application/json",
    }


def test_a_date_more_than_fifteen_minutes_off_is_refused(server):
    import time
    from email.utils import formatdate

    path = "/2016-08-15/services"

    def status(seconds):
        answer = requests.get(
            server.url + path, headers=sign_fc(path, formatdate(time.time() + seconds, usegmt=True)), timeout=30
        )
        return answer.status_code

    assert status(0) == 200
    assert status(-840) == 200
    assert status(-960) == 403
    assert status(960) == 403


def test_an_unsigned_call_is_refused(server):
    answer = requests.get(server.url + "/2016-08-15/services", timeout=30)
    assert answer.status_code in (400, 403)
    body = answer.json()
    assert body["ErrorCode"] and body["ErrorMessage"] and body["RequestId"] == answer.headers["x-fc-request-id"]
