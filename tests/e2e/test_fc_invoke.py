"""FC invocations through aliyun-fc2: values, answer headers, errors, limits, log tail, initializer."""

import pytest
from fc2.fc_exceptions import FcError

from fc_api import FunctionError
from harness import parallel, sample, zip_of

SIX_MB = 6 * 1024 * 1024


@pytest.fixture
def probe(fc_function):
    return lambda **fields: fc_function(sample("fc_probe"), **{"memorySize": 128, "timeout": 10, **fields})


@pytest.fixture
def node_probe(fc_function):
    return lambda **fields: fc_function(
        sample("fc_probe_node"), **{"runtime": "nodejs16", "memorySize": 128, "timeout": 10, **fields}
    )


def failure(fc, service, name, event):
    with pytest.raises(FunctionError) as caught:
        fc.invoke(service, name, event)
    return caught.value.document


def test_python_handlers_get_bytes_and_a_context(fc, service, probe):
    name = probe()
    # spec: RTM-17
    assert fc.invoke(service, name, {"do": "event", "text": "你"}).value["type"] == "bytes"
    answer = fc.invoke(service, name, {"do": "context"})
    context = answer.value
    assert context["request_id"] == context["requestId"] == answer.headers["x-fc-request-id"]
    assert context["function"] == {"name": name, "handler": "index.handler", "memory": 128, "timeout": 10}
    assert context["service"]["name"] == service and context["service"]["qualifier"] == "LATEST"
    assert context["account_id"] == "1250000000"
    assert all(isinstance(text, str) for text in context["credentials"])


def test_node_handlers_get_a_buffer_a_context_and_a_callback(fc, service, node_probe):
    name = node_probe()
    # spec: RTM-17
    assert fc.invoke(service, name, {"do": "event"}).value == {"buffer": True, "text": '{"do": "event"}'}
    context = fc.invoke(service, name, {"do": "context"}).value
    assert context["function"]["name"] == name and context["function"]["memory"] == 128
    assert context["service"]["name"] == service and context["accountId"] == "1250000000"
    assert context["credentials"] == ["accessKeyId", "accessKeySecret", "securityToken"]


def test_node_handlers_may_return_a_promise(fc, service, fc_function):
    name = fc_function(sample("fc_probe_node"), runtime="nodejs16", handler="index.promised", memorySize=128)
    assert fc.invoke(service, name, b"text").body == b"promised text"


def test_python_values_become_bytes(fc, service, probe):
    name = probe()
    assert fc.invoke(service, name, {"do": "bytes"}).body == bytes(range(256))
    assert fc.invoke(service, name, {"do": "number"}).body == b"42"
    assert fc.invoke(service, name, {"do": "object"}).value == {"as": "json"}
    assert fc.invoke(service, name, {"do": "none"}).body in (b"", b"null")


def test_node_values_become_bytes(fc, service, node_probe):
    name = node_probe()
    assert fc.invoke(service, name, {"do": "buffer"}).body == bytes(range(256))
    assert fc.invoke(service, name, {"do": "object"}).value == {"as": "json"}


def test_the_answer_says_how_it_went(fc, service, probe):
    headers = fc.invoke(service, probe()).headers
    assert len(headers["x-fc-request-id"]) == 36
    assert float(headers["x-fc-invocation-duration"]) >= 0
    assert 1 < float(headers["x-fc-max-memory-usage"]) < 128
    assert headers["x-fc-invocation-service-version"] == "LATEST"
    assert "x-fc-error-type" not in headers
    assert headers["x-fc-code-checksum"].isdigit()


def test_an_event_may_be_empty(fc, service, fc_function):
    source = "def handler(event, context):\n    return str(len(event)) + type(event).__name__\n"
    assert fc.invoke(service, fc_function(zip_of({"index.py": source})), b"").body == b"0bytes"


def test_tail_brings_the_printed_lines(fc, service, probe, node_probe):
    for make in (probe, node_probe):
        name = make()
        answer = fc.invoke(service, name, {"do": "print", "lines": ["one line", "another line"]}, tail=True)
        # spec: FLO-04
        assert "one line" in answer.log and "another line" in answer.log
        assert f"FC Invoke Start RequestId: {answer.headers['x-fc-request-id']}" in answer.log
        assert f"FC Invoke End RequestId: {answer.headers['x-fc-request-id']}" in answer.log
        assert "through" in answer.log and answer.headers["x-fc-request-id"] in answer.log
        assert "x-fc-log-result" not in fc.invoke(service, name).headers


def test_tail_is_at_most_four_kilobytes(fc, service, probe):
    answer = fc.invoke(service, probe(), {"do": "print", "lines": ["y" * 100] * 100}, tail=True)
    assert 3000 < len(answer.log.encode()) <= 4096


def test_a_python_exception(fc, service, probe):
    name = probe()
    document = failure(fc, service, name, {"do": "raise", "message": "deliberate"})
    assert document["errorMessage"] == "deliberate" and document["errorType"] == "RuntimeError"
    file, line, function, text = document["stackTrace"][-1]
    assert (
        file == 'File "/code/index.py"'
        and line.startswith("line ")
        and function == "in do_raise"
        and "raise RuntimeError" in text
    )


def test_node_errors(fc, service, node_probe):
    name = node_probe()
    handled = failure(fc, service, name, {"do": "handled", "message": "mine"})
    assert (
        handled["errorMessage"] == "mine"
        and handled["errorType"] == "Error"
        and isinstance(handled["stackTrace"], list)
    )
    assert failure(fc, service, name, {"do": "handledText"})["errorMessage"] == "only text"
    thrown = failure(fc, service, name, {"do": "throws"})
    assert thrown["errorType"] == "RangeError" and thrown["errorMessage"] == "thrown on purpose"


def test_the_error_type_tells_handled_from_unhandled(server, service, node_probe):
    import fc2.client

    from fc_api import Fc

    name = node_probe()
    seen = []
    original = fc2.client.requestWithTry

    def recording(*args, **kwargs):
        answer = original(*args, **kwargs)
        seen.append(answer.headers.get("x-fc-error-type"))
        return answer

    fc2.client.requestWithTry = recording
    try:
        for order in ("handled", "throws", "exit"):
            with pytest.raises(FcError):
                Fc(server).sdk.invoke_function(service, name, f'{{"do": "{order}"}}'.encode())
    finally:
        fc2.client.requestWithTry = original
    assert seen == ["HandledInvocationError", "UnhandledInvocationError", "UnhandledInvocationError"]


def test_a_timeout(fc, service, probe):
    document = failure(fc, service, probe(timeout=1), {"do": "sleep", "seconds": 30})
    assert "timed out after 1" in document["errorMessage"]


def test_a_process_that_ends(fc, service, probe):
    name = probe()
    assert "Process exited unexpectedly" in failure(fc, service, name, {"do": "exit"})["errorMessage"]
    assert fc.invoke(service, name).value["calls"] == 1


def test_memory_over_the_limit_fails_the_call_alone(fc, service, probe):
    name = probe()
    assert failure(fc, service, name, {"do": "allocate", "mib": 400})["errorMessage"]
    assert fc.invoke(service, name).value["calls"] == 1


def test_a_missing_handler_is_named(fc, service, fc_function):
    python = fc_function(zip_of({"index.py": "x = 1\n"}))
    assert "handler" in failure(fc, service, python, {})["errorMessage"]
    node = fc_function(zip_of({"index.js": "exports.other = 1;\n"}), runtime="nodejs16")
    assert "Handler 'handler' is missing on module 'index'" in failure(fc, service, node, {})["errorMessage"]
    absent = fc_function(zip_of({"other.js": "\n"}), runtime="nodejs16")
    assert "Cannot find module '/code/index.js'" in failure(fc, service, absent, {})["errorMessage"]


def test_payload_and_answer_are_at_most_six_megabytes(fc, service, fc_function, probe):
    length = fc_function(
        zip_of({"index.py": "def handler(event, context):\n    return str(len(event))\n"}), memorySize=256
    )
    assert fc.invoke(service, length, b"x" * SIX_MB).body == str(SIX_MB).encode()
    with pytest.raises(FcError) as caught:
        fc.invoke(service, length, b"x" * (SIX_MB + 1))
    assert caught.value.status_code in (400, 413) and caught.value.err_code == "EntityTooLarge"
    name = probe(memorySize=256, timeout=30)
    assert len(fc.invoke(service, name, {"do": "text", "length": SIX_MB}).body) == SIX_MB
    with pytest.raises((FcError, FunctionError)):
        fc.invoke(service, name, {"do": "text", "length": SIX_MB + 1})


def test_the_initializer_runs_once_before_the_first_call(fc, service, probe, node_probe):
    for make in (probe, node_probe):
        name = make(initializer="index.initialize", initializationTimeout=5)
        # spec: FFN-06
        assert [fc.invoke(service, name).value["initialised"] for _ in range(3)] == [1, 1, 1]


def test_an_initializer_has_a_timeout_of_its_own(fc, service, probe):
    slow = probe(initializer="index.initialize", initializationTimeout=1, environmentVariables={"INIT_SLEEP": "5"})
    # spec: FFN-06
    assert "initialization timed out after 1 seconds" in failure(fc, service, slow, {})["errorMessage"]
    patient = probe(
        initializer="index.initialize", initializationTimeout=10, timeout=1, environmentVariables={"INIT_SLEEP": "2"}
    )
    assert fc.invoke(service, patient).value["initialised"] == 1


@pytest.mark.parametrize("runtime", ["python3", "nodejs16"])
def test_loading_code_has_the_time_of_a_call(fc, service, fc_function, runtime):
    sources = {
        "python3": ("index.py", "import time\ntime.sleep(2)\ndef init(context):\n    pass\ndef handler(event, context):\n    return 'up'\n"),
        "nodejs16": (
            "index.js",
            "const until = Date.now() + 2000; while (Date.now() < until);\n"
            "exports.init = (context, callback) => callback(); exports.handler = (e, c, callback) => callback(null, 'up');\n",
        ),
    }
    file, source = sources[runtime]
    for initializer in ({}, {"initializer": "index.init"}):
        fields = {"runtime": runtime, "initializationTimeout": 1, **initializer}
        patient = fc_function(zip_of({file: source}), timeout=20, **fields)
        # spec: FFN-06
        assert fc.invoke(service, patient, b"").body == b"up"
        hasty = fc_function(zip_of({file: source}), timeout=1, **fields)
        assert failure(fc, service, hasty, b"")["errorMessage"] == "Function timed out after 1 seconds"


def test_a_failing_initializer_fails_the_call(fc, service, probe):
    name = probe(initializer="index.initialize", environmentVariables={"INIT_FAIL": "1"})
    document = failure(fc, service, name, {})
    assert document["errorType"] == "RuntimeError" and document["errorMessage"] == "the initializer failed on purpose"


def test_where_code_runs(fc, service, probe):
    seen = fc.invoke(service, probe(), {"do": "paths"}).value
    assert seen["cwd"] == "/code" and seen["file"] == "/code/index.py" and "/code" in seen["python"]
    assert seen["code"] is not None and seen["tmp"] is None


def test_the_environment_of_a_function(fc, service, probe):
    name = probe(environmentVariables={"MINE": "yes"})
    seen = fc.invoke(service, name, {"do": "env"}).value
    assert seen["MINE"] == "yes"
    assert seen["FC_SERVICE_NAME"] == service and seen["FC_FUNCTION_NAME"] == name
    assert seen["FC_FUNC_CODE_PATH"] == "/code/" and seen["FC_ACCOUNT_ID"] == "1250000000"
    assert seen["FC_FUNCTION_HANDLER"] == "index.handler" and seen["FC_FUNCTION_MEMORY_SIZE"] == "128"
    assert seen["FC_QUALIFIER"] == "LATEST"


def test_a_qualifier_of_LATEST_and_one_that_is_not_there(fc, service, probe):
    name = probe()
    assert fc.invoke(service, name, qualifier="LATEST").value["calls"] == 1
    with pytest.raises(FcError) as caught:
        fc.invoke(service, name, qualifier="7")
    assert caught.value.status_code == 404


def test_many_calls_at_once(fc, service, fc_function):
    name = fc_function(zip_of({"index.py": "def handler(event, context):\n    return event\n"}), memorySize=128)
    bodies = [str(number).encode() for number in range(40)]
    assert parallel([lambda b=b: fc.invoke(service, name, b).body for b in bodies]) == bodies


def test_instances_of_the_region_have_a_limit(server, fc, service, probe):
    from harness import REGION

    name = probe()
    running = server.quota(REGION, "fc")["on_demand_instances"]
    server.patch_quota(REGION, "fc", on_demand_instances=0)
    try:
        with pytest.raises(FcError) as caught:
            fc.invoke(service, name)
        assert (caught.value.status_code, caught.value.err_code) == (429, "ResourceExhausted")
    finally:
        server.patch_quota(REGION, "fc", on_demand_instances=running)
    assert fc.invoke(service, name).value["calls"] == 1
