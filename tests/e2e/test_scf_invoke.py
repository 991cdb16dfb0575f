"""SCF invocations through Tencent's Python SDK: results, limits, log lines, records."""

import json
import re

import pytest

from harness import parallel, wait_until, zip_of
from scf_api import ApiError, environment

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
SIX_MB = 6 * 1024 * 1024


def test_a_call_answers_with_the_value_its_duration_and_memory(scf, probe):
    result = scf.invoke(probe(), {"do": "echo", "x": 1})
    assert result.value["event"] == {"do": "echo", "x": 1}
    assert UUID.match(result.request_id)
    assert result.value["context"]["request_id"] == result.request_id
    assert result.duration_ms >= 0
    assert 1 << 20 < result.memory_bytes < 128 << 20
    assert result.fields["BillDuration"] >= 1
    assert not result.fields["ErrMsg"]


def test_both_call_actions_work(scf, probe):
    name = probe()
    answer = scf.call("Invoke", FunctionName=name, ClientContext=json.dumps({"do": "echo", "by": "Invoke"}))["Result"]
    assert answer["InvokeResult"] == 0
    assert json.loads(answer["RetMsg"])["event"]["by"] == "Invoke"
    assert scf.invoke(name, {"do": "echo", "by": "InvokeFunction"}).value["event"]["by"] == "InvokeFunction"


def test_a_call_of_a_function_that_is_not_there(scf, unique):
    with pytest.raises(ApiError) as caught:
        scf.invoke(unique)
    assert caught.value.code in ("ResourceNotFound.Function", "ResourceNotFound.FunctionName")


def test_tail_brings_the_log_in_the_vendors_form(scf, probe):
    name = probe()
    cold = scf.invoke(name, {"do": "print", "lines": ["first line", "second line"]}, tail=True)
    identity = re.escape(cold.request_id)
    order = [rf"START RequestId: ?{identity}", "first line", "second line", rf"END RequestId: ?{identity}"]
    at = 0
    for pattern in order:
        found = re.compile(pattern).search(cold.log, at)
        assert found, f"{pattern!r} is missing or out of order in:\n{cold.log}"
        at = found.end()
    assert "to stderr" in cold.log
    report = rf"Report RequestId: ?{identity} Duration: ?[\d.]+ms Memory: ?128MB MemUsage: ?[\d.]+MB"
    assert re.search(report, cold.log), cold.log
    assert re.search(rf"Init Report RequestId: ?{identity} Coldstart: ?[\d.]+ms", cold.log), cold.log
    warm = scf.invoke(name, {"do": "print", "lines": ["again"]}, tail=True)
    assert "Init Report" not in warm.log and "again" in warm.log and "first line" not in warm.log
    assert not scf.invoke(name, {"do": "print", "lines": ["unseen"]}).log


def test_the_report_shows_the_default_memory(scf, probe):
    # spec: FUN-23
    assert re.search(r"Memory: ?128MB", scf.invoke(probe(), tail=True).log)


def test_tail_is_the_last_four_kilobytes(scf, probe):
    result = scf.invoke(probe(), {"do": "print", "lines": ["x" * 100] * 100}, tail=True)
    assert len(result.log.encode()) <= 4096
    assert "END RequestId" in result.log


def test_an_exception_is_430_with_its_stack(scf, probe):
    # spec: WEB-22
    result = scf.invoke(probe(), {"do": "raise", "message": "on purpose"}, tail=True)
    assert result.status == 430 and result.invoke_result == 1
    assert result.error["errorCode"] == -1
    assert result.error["requestId"] == result.request_id
    assert "ValueError" in result.error["stackTrace"] and "on purpose" in result.error["stackTrace"]
    assert "/var/user/index.py" in result.error["stackTrace"]
    assert "do_raise" in result.log and "on purpose" in result.log


def test_overrunning_the_timeout_is_433(scf, probe):
    # spec: WEB-23
    result = scf.invoke(probe(Timeout=1), {"do": "sleep", "seconds": 30})
    assert result.status == 433
    assert "timed out after 1 seconds" in result.error["errorMessage"]
    assert 900 <= result.duration_ms < 5000


def test_the_timeout_is_three_seconds_by_default(scf, probe):
    # spec: FUN-22
    result = scf.invoke(probe(), {"do": "sleep", "seconds": 4})
    assert result.status == 433
    assert "3 seconds" in result.error["errorMessage"]


def test_a_process_that_ends_is_439(scf, probe, node_probe):
    # spec: WEB-24
    for name, order in ((probe(), {"do": "exit", "code": 1}), (node_probe(), {"do": "exit", "code": 3})):
        result = scf.invoke(name, order)
        assert result.status == 439, result.fields
        assert scf.invoke(name, {"do": "who"}).value["calls"] == 1


def test_memory_over_the_limit_is_434_and_not_439(scf, probe, node_probe):
    for name in (probe(), node_probe()):
        result = scf.invoke(name, {"do": "allocate", "mib": 400})
        assert result.status == 434, result.fields
        assert scf.invoke(name, {"do": "who"}).value["calls"] == 1


def test_an_event_that_is_not_json_is_refused(scf, probe):
    # The vendor documents both forms: an API error, and status 400 in the result.
    try:
        result = scf.invoke(probe(), raw="{not json")
    except ApiError as error:
        assert error.code in ("InvalidParameterValue.Param", "InvalidParameterValue.ClientContext"), error
    else:
        assert result.status == 400


def test_a_synchronous_event_is_at_most_six_megabytes(scf, scf_function):
    name = scf_function(
        zip_of({"index.py": "def main_handler(event, context):\n    return len(event)\n"}), MemorySize=256, Timeout=30
    )
    # spec: QUO-22
    assert scf.invoke(name, raw='"' + "a" * (SIX_MB - 2) + '"').value == SIX_MB - 2
    try:
        result = scf.invoke(name, raw='"' + "a" * (SIX_MB - 1) + '"')
    except ApiError as error:
        assert error.code == "InvalidParameter.RequestTooLarge", error
    else:
        pytest.fail(f"6 MB and a byte were accepted: {result.fields['InvokeResult']}")


def test_a_synchronous_response_is_at_most_six_megabytes(scf, probe):
    name = probe(MemorySize=256, Timeout=30)
    # spec: QUO-23
    assert len(scf.invoke(name, {"do": "text", "length": SIX_MB - 2}).value) == SIX_MB - 2
    assert scf.invoke(name, {"do": "text", "length": SIX_MB - 1}).status == 407
    assert scf.invoke(name, {"do": "who"}).value["calls"] == 3


def test_a_value_that_is_not_json_fails_clearly(scf, probe):
    result = scf.invoke(probe(), {"do": "unserialisable"})
    assert result.status in (430, 443)
    assert "object" in result.ret_msg


def test_environment_variables_reach_the_process(scf, probe, node_probe):
    # spec: FUN-24
    for make in (probe, node_probe):
        seen = scf.invoke(make(Environment=environment(GREETING="你好", EMPTY_VALUE="")), {"do": "env"}).value
        assert (seen["GREETING"], seen["EMPTY_VALUE"]) == ("你好", "")


def test_a_changed_environment_is_seen_by_the_next_call(scf, probe):
    name = probe(Environment=environment(STAGE="one"))
    assert scf.invoke(name, {"do": "env"}).value["STAGE"] == "one"
    scf.configure(name, Environment=environment(STAGE="two"))
    assert scf.invoke(name, {"do": "env"}).value["STAGE"] == "two"


def test_initialisation_has_a_timeout_of_its_own(scf, scf_function):
    slow_start = "import time\ntime.sleep(5)\ndef main_handler(event, context):\n    return 'up'\n"
    # spec: FUN-19
    result = scf.invoke(scf_function(zip_of({"index.py": slow_start}), InitTimeout=3, Timeout=1))
    assert result.status == 450, result.fields


def test_code_at_the_top_level_counts_as_initialisation(scf, scf_function):
    source = "import time\ntime.sleep(2)\ndef main_handler(event, context):\n    return 'up'\n"
    # spec: FUN-19
    assert scf.invoke(scf_function(zip_of({"index.py": source}), InitTimeout=10, Timeout=1)).value == "up"


def test_a_warm_call_may_run_longer_than_the_initialisation_timeout(scf, probe):
    name = probe(InitTimeout=3, Timeout=10)
    assert scf.invoke(name, {"do": "who"}).value["calls"] == 1
    # spec: FUN-20
    assert scf.invoke(name, {"do": "sleep", "seconds": 4}).value["calls"] == 2


def test_the_platform_waits_for_initialisation_and_execution(scf, scf_function):
    source = "import time\ntime.sleep(5)\ndef main_handler(event, context):\n    time.sleep(5)\n    return 'both'\n"
    # spec: FUN-21
    result = scf.invoke(scf_function(zip_of({"index.py": source}), InitTimeout=6, Timeout=6))
    assert result.value == "both"
    assert 4900 <= result.duration_ms < 6500


def test_a_handler_that_is_missing_is_named(scf, scf_function):
    # spec: FUN-13
    result = scf.invoke(scf_function(zip_of({"index.py": "def other(event, context):\n    return 1\n"})))
    assert result.status in (430, 437)
    assert "main_handler" in result.ret_msg
    result = scf.invoke(scf_function(zip_of({"index.js": "exports.other = () => 1;\n"}), runtime="Nodejs18.15"))
    assert result.status in (430, 437)
    assert "main_handler" in result.ret_msg


def test_the_two_parts_of_a_handler_are_file_and_function(scf, scf_function):
    # spec: FUN-13
    package = zip_of({"app.py": "def greet(event, context):\n    return 'greeted'\n"})
    assert scf.invoke(scf_function(package, handler="app.greet")).value == "greeted"
    package = zip_of({"app.js": "exports.greet = async () => 'greeted';\n"})
    assert scf.invoke(scf_function(package, runtime="Nodejs18.15", handler="app.greet")).value == "greeted"


def test_the_file_of_a_handler_has_the_suffix_of_the_runtime(scf, scf_function):
    # spec: FUN-14
    result = scf.invoke(scf_function(zip_of({"index.js": "exports.main_handler = () => 1;\n"})))
    assert result.status in (430, 437)
    assert "index.py" in result.ret_msg


def test_a_syntax_error_says_where(scf, scf_function):
    result = scf.invoke(
        scf_function(zip_of({"index.py": "def main_handler(event, context)\n    return 1\n"})), tail=True
    )
    assert result.status in (430, 437)
    assert "SyntaxError" in result.ret_msg + result.log


def test_failed_calls_are_not_repeated(scf, probe):
    name = probe()
    assert scf.invoke(name, {"do": "raise"}).status == 430
    # spec: CON-07
    assert scf.invoke(name, {"do": "who"}).value["calls"] == 2


def test_calls_leave_records(scf, probe):
    name = probe()
    good = scf.invoke(name, {"do": "print", "lines": ["in the record"]})
    bad = scf.invoke(name, {"do": "raise"})

    def records():
        data = scf.call("GetFunctionLogs", FunctionName=name, Limit=10)["Data"]
        return len(data) >= 2 and {one["RequestId"]: one for one in data}

    found = wait_until(records, 10, "two records")
    assert found[good.request_id]["RetCode"] == 0
    assert "in the record" in found[good.request_id]["Log"]
    assert found[good.request_id]["InvokeFinished"] == 1
    assert found[bad.request_id]["RetCode"] not in (0, 2, 3)

    def status(request_id):
        return scf.call("GetRequestStatus", FunctionName=name, FunctionRequestId=request_id)["Data"][0]["RetCode"]

    assert status(good.request_id) == 0
    assert status(bad.request_id) == -1


def test_many_calls_at_once_are_answered_each_with_its_own(scf, probe):
    name = probe()
    calls = [lambda n=n: scf.invoke(name, {"do": "echo", "number": n}).value["event"]["number"] for n in range(40)]
    assert parallel(calls) == list(range(40))
