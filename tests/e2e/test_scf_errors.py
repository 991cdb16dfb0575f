"""SCF signatures and the errors around them: made by the SDK where it can, by hand where it cannot."""

import hashlib
import hmac
import http.client
import json
import time

import pytest
import requests

from harness import KEY_ID, KEY_SECRET, REGION, wait_until, zip_of
from scf_api import ApiError, Scf


def code_of(call):
    with pytest.raises(ApiError) as caught:
        call()
    assert caught.value.requestId, "an error carries a request id"
    return caught.value.code


def sign(
    server,
    body,
    action="ListFunctions",
    timestamp=None,
    version="2018-04-16",
    secret=KEY_SECRET,
    key_id=KEY_ID,
    service="scf",
    date=None,
):
    """Headers of a TC3-HMAC-SHA256 request."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    date = date or time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    canonical_headers = f"content-type:application/json\nhost:{server.endpoint}\n"
    hashed = hashlib.sha256(body).hexdigest()
    request = f"POST\n/\n\n{canonical_headers}\ncontent-type;host\n{hashed}"
    scope = f"{date}/{service}/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = ("TC3" + secret).encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        "Authorization": f"TC3-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders=content-type;host, Signature={signature}",
        "Content-Type": "application/json",
        "Host": server.endpoint,
        "X-TC-Action": action,
        "X-TC-Version": version,
        "X-TC-Timestamp": str(timestamp),
        "X-TC-Region": REGION,
    }


def post(server, body, headers):
    answer = requests.post(server.url + "/", data=body, headers=headers, timeout=30)
    assert answer.status_code == 200, f"the SDK loses the code of other statuses: {answer.status_code} {answer.text}"
    assert answer.headers["Content-Type"] == "application/json", "the SDK reads errors from exactly this type"
    return answer.json()["Response"]


def test_the_hand_made_signature_is_right(server):
    # Without this, the refusals below would prove nothing.
    assert "Error" not in post(server, b"{}", sign(server, b"{}"))


def test_an_unknown_key(server):
    assert code_of(lambda: Scf(server, key_id="AKIDnobody").call("ListFunctions")) == "AuthFailure.SecretIdNotFound"


def test_a_wrong_secret(server):
    assert code_of(lambda: Scf(server, key_secret="wrong").call("ListFunctions")) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("shift", [-301, 301, -86400])
def test_a_timestamp_more_than_five_minutes_off(server, shift):
    headers = sign(server, b"{}", timestamp=int(time.time()) + shift + (5 if shift > 0 else 0))
    assert post(server, b"{}", headers)["Error"]["Code"] == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize("shift", [-280, 280])
def test_a_timestamp_within_five_minutes(server, shift):
    assert "Error" not in post(server, b"{}", sign(server, b"{}", timestamp=int(time.time()) + shift))


def test_a_body_changed_after_signing(server):
    headers = sign(server, b'{"Limit": 1}')
    assert post(server, b'{"Limit": 2}', headers)["Error"]["Code"] == "AuthFailure.SignatureFailure"


def test_a_host_changed_after_signing(server):
    headers = {**sign(server, b"{}"), "Host": "elsewhere.example"}
    assert post(server, b"{}", headers)["Error"]["Code"] == "AuthFailure.SignatureFailure"


def test_a_date_that_is_not_that_of_the_timestamp(server):
    headers = sign(server, b"{}", date="2020-01-01")
    assert post(server, b"{}", headers)["Error"]["Code"].startswith("AuthFailure.")


@pytest.mark.parametrize("header", ["", "TC3-HMAC-SHA256", "TC3-HMAC-SHA256 Credential=x", "Basic YTpi"])
def test_an_authorization_that_cannot_be_read(server, header):
    headers = {**sign(server, b"{}"), "Authorization": header}
    if not header:
        del headers["Authorization"]
    code = post(server, b"{}", headers)["Error"]["Code"]
    assert code.startswith(("AuthFailure", "MissingParameter")), code


def test_an_unsigned_call_is_refused(server):
    headers = {**sign(server, b"{}"), "Authorization": "SKIP"}
    assert post(server, b"{}", headers)["Error"]["Code"].startswith("AuthFailure")


def test_an_unknown_action(server):
    assert post(server, b"{}", sign(server, b"{}", action="LaunchRocket"))["Error"]["Code"] == "InvalidAction"


def test_an_unknown_version(server):
    assert post(server, b"{}", sign(server, b"{}", version="1999-01-01"))["Error"]["Code"] == "NoSuchVersion"


def test_a_body_that_is_not_json(server):
    code = post(server, b"{", sign(server, b"{"))["Error"]["Code"]
    assert code in ("InvalidRequest", "InvalidParameter", "InvalidParameter.Payload")


def test_a_required_field_that_is_absent(server):
    answer = post(server, b"{}", sign(server, b"{}", action="DeleteFunction"))
    assert answer["Error"]["Code"] == "MissingParameter"
    assert "FunctionName" in answer["Error"]["Message"]


def test_a_field_of_a_wrong_type(server):
    body = json.dumps({"FunctionName": "typed", "Runtime": "Python3.10", "MemorySize": "much"}).encode()
    code = post(server, body, sign(server, body, action="CreateFunction"))["Error"]["Code"]
    assert code.startswith("InvalidParameter"), code


def test_fields_nobody_knows_are_ignored(server):
    body = b'{"ShowTriggers": "TRUE", "Unheard": {"Of": 1}}'
    assert "Error" not in post(server, body, sign(server, body))


def test_the_service_in_the_scope_does_not_matter(server):
    # The Node.js SDK puts the first label of the endpoint there.
    assert "Error" not in post(server, b"{}", sign(server, b"{}", service="127"))


@pytest.mark.parametrize("method", ["HmacSHA1", "HmacSHA256"])
@pytest.mark.parametrize("verb", ["POST", "GET"])
def test_the_older_signatures(server, method, verb):
    scf = Scf(server, sign_method=method, http_method=verb)
    assert (
        scf.call("ListFunctions", Limit=1, Filters=[{"Name": "Runtime", "Values": ["Python3.10", "a b+c"]}])[
            "Functions"
        ]
        == []
    )
    wrong = Scf(server, sign_method=method, http_method=verb, key_secret="wrong")
    assert code_of(lambda: wrong.call("ListFunctions")) == "AuthFailure.SignatureFailure"


def test_a_signed_get(server):
    scf = Scf(server, http_method="GET")
    assert "TotalCount" in scf.call("ListFunctions", Limit=1, Description="two words")


def test_an_endpoint_given_with_its_scheme(server):
    from tencentcloud.common import credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.scf.v20180416 import models, scf_client

    profile = ClientProfile(httpProfile=HttpProfile(endpoint=server.url))
    sdk = scf_client.ScfClient(credential.Credential(KEY_ID, KEY_SECRET), REGION, profile)
    assert sdk.ListFunctions(models.ListFunctionsRequest()).RequestId


def test_a_token_that_belongs_to_no_session(server):
    code = code_of(lambda: Scf(server, token="not-a-session").call("ListFunctions"))
    assert code.startswith("AuthFailure"), code


def test_health_needs_no_signature(server):
    assert requests.get(server.url + "/healthz", timeout=10).status_code == 200


def test_a_body_over_the_cap_is_cut_before_it_is_read(server):
    import socket

    # Only the announcement is sent: a server that believes in it answers without waiting for 1 TB.
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(f"POST / HTTP/1.1\r\nHost: {server.endpoint}\r\nX-TC-Action: Invoke\r\nContent-Length: {1 << 40}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(link)
        answer.begin()
        assert (answer.status, answer.headers["Content-Type"], answer.headers["Connection"]) == (200, "application/json", "close")
        response = json.loads(answer.read())["Response"]
    assert response["Error"]["Code"] == "RequestSizeLimitExceeded" and response["RequestId"]


def test_an_fc_body_over_the_cap_is_cut_in_the_words_of_fc(server):
    import socket

    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(f"POST /2016-08-15/services HTTP/1.1\r\nHost: {server.endpoint}\r\nContent-Length: {1 << 40}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(link)
        answer.begin()
        document = json.loads(answer.read())
    assert (answer.status, document["ErrorCode"], document["Code"]) == (400, "EntityTooLarge", "EntityTooLarge")
    assert answer.headers["x-fc-request-id"] == document["RequestId"] != ""


def test_a_change_is_whole_though_its_client_leaves_in_the_midst(server, scf):
    import base64
    import socket

    package = base64.b64encode(zip_of({"index.py": "def main_handler(event, context):\n    return 1\n"})).decode()
    fields = {"Runtime": "Python3.7", "Handler": "index.main_handler", "Code": {"ZipFile": package}}
    names = [f"left-{number}" for number in range(80)]
    for number, name in enumerate(names):
        body = json.dumps({"FunctionName": name, **fields}).encode()
        headers = {**sign(server, body, action="CreateFunction"), "Content-Length": str(len(body))}
        head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
            link.sendall(f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body)
            time.sleep(number / 10_000)  # leaves at another moment each time
    # What the server took in, it has made; nothing is there that it does not know of.
    for name in names:
        wait_until(lambda name=name: name in scf.names() or made(scf, name, fields), what=f"{name} or room for it")
        scf.settled(name)
        scf.delete(name)


def made(scf, name, fields):
    try:
        scf.call("CreateFunction", FunctionName=name, **fields)
    except ApiError as error:
        assert error.code == "ResourceInUse.Function", error
        return False
    return True
