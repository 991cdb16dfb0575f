"""What Node.js code of SCF finds around it: callbacks, promises, the event loop, module paths."""

import json

from harness import zip_of
from scf_api import NODE, environment


def index(source):
    return zip_of({"index.js": source})


def make(scf_function, source, **fields):
    return scf_function(index(source), runtime=NODE, **fields)


def test_node_is_one_of_the_families(scf, node_probe):
    # spec: RTM-01
    assert scf.invoke(node_probe()).value["event"] == {}


def test_the_handler_gets_the_event_and_a_context(scf, node_probe):
    name = node_probe(MemorySize=256, Timeout=5, Environment=environment(MINE="1"))
    result = scf.invoke(name, {"do": "echo", "text": "你好"})
    # spec: RTM-14
    assert result.value["event"] == {"do": "echo", "text": "你好"}
    context = result.value["context"]
    assert context["memory_limit_in_mb"] == 256 and context["time_limit_in_ms"] == 5000
    assert context["request_id"] == result.request_id and context["function_name"] == name
    assert json.loads(context["environment"])["MINE"] == "1"
    assert 0 < result.value["remaining"] <= 5000


def test_a_callback_gives_the_result(scf, scf_function):
    name = make(
        scf_function, "exports.main_handler = (event, context, callback) => callback(null, { via: 'callback' });\n"
    )
    assert scf.invoke(name).value == {"via": "callback"}


def test_the_first_callback_wins(scf, scf_function):
    source = "exports.main_handler = (event, context, callback) => { callback(null, 1); callback(null, 2); };\n"
    assert scf.invoke(make(scf_function, source)).value == 1


def test_an_error_given_to_the_callback_is_430(scf, scf_function):
    source = "exports.main_handler = (event, context, callback) => callback(new RangeError('through the callback'));\n"
    result = scf.invoke(make(scf_function, source), tail=True)
    # spec: WEB-22
    assert result.status == 430 and "through the callback" in result.ret_msg


def test_a_rejected_promise_is_430(scf, node_probe):
    result = scf.invoke(node_probe(), {"do": "raise", "message": "rejected"})
    # spec: WEB-22
    assert result.status == 430
    assert "rejected" in result.error["stackTrace"] and "/var/user/index.js" in result.error["stackTrace"]


def test_neither_callback_nor_promise_is_null(scf, scf_function, node_probe):
    assert scf.invoke(make(scf_function, "exports.main_handler = () => {};\n")).value is None
    assert scf.invoke(node_probe(), {"do": "nothing"}).value is None


def test_the_reply_of_a_callback_waits_for_the_empty_event_loop(scf, scf_function):
    waiting = (
        "exports.main_handler = (event, context, callback) => {\n"
        "  context.callbackWaitsForEmptyEventLoop = event.wait;\n"
        "  setTimeout(() => console.log('timer ran'), 600);\n"
        "  callback(null, 'given');\n"
        "};\n"
    )
    name = make(scf_function, waiting)
    at_once = scf.invoke(name, {"wait": False}, tail=True)
    assert at_once.value == "given" and at_once.duration_ms < 500 and "timer ran" not in at_once.log


def test_an_error_nobody_catches_ends_the_call(scf, scf_function):
    source = "exports.main_handler = async () => { setTimeout(() => { throw new Error('nobody catches'); }, 10); await new Promise(() => {}); };\n"
    result = scf.invoke(make(scf_function, source, Timeout=5), tail=True)
    assert result.status in (430, 439)
    assert "nobody catches" in result.ret_msg + result.log


def test_console_lines_carry_time_and_request(scf, node_probe):
    result = scf.invoke(node_probe(), {"do": "print", "lines": ["a line", "second"]}, tail=True)
    line = next(line for line in result.log.splitlines() if line.endswith("a line"))
    stamp, request, text = line.split("\t")
    assert stamp.endswith("Z") and len(stamp) == len("2024-01-01T00:00:00.000Z")
    assert (request, text) == (result.request_id, "a line")
    assert "to stderr" in result.log


def test_modules_are_found_where_documented(scf, scf_function):
    files = {
        "index.js": "const dep = require('dep');\nconst own = require('./lib/own');\nexports.main_handler = async () => [dep, own, process.env.NODE_PATH, process.cwd()];\n",
        "lib/own.js": "module.exports = 'own';\n",
        "node_modules/dep/package.json": '{"name": "dep", "main": "main.js"}',
        "node_modules/dep/main.js": "module.exports = 'dep';\n",
    }
    dep, own, node_path, cwd = scf.invoke(scf_function(zip_of(files), runtime=NODE)).value
    assert (dep, own, cwd) == ("dep", "own", "/var/user")
    paths = node_path.split(":")
    # spec: RTM-12
    assert {"/var/user", "/var/user/node_modules", "/opt", "/opt/node_modules"} <= set(paths)
    assert any(path.startswith("/var/lang/node") and path.endswith("lib/node_modules") for path in paths)


def test_the_clock_is_utc_unless_told(scf, node_probe):
    # spec: FUN-10
    assert scf.invoke(node_probe(), {"do": "zone"}).value == {"offset": 0, "zone": None}
    shanghai = node_probe(Environment=environment(TZ="Asia/Shanghai"))
    # spec: FUN-11
    assert scf.invoke(shanghai, {"do": "zone"}).value == {"offset": -480, "zone": "Asia/Shanghai"}


def test_a_timeout_is_433(scf, node_probe):
    # spec: WEB-23
    assert scf.invoke(node_probe(Timeout=1), {"do": "sleep", "seconds": 30}).status == 433


def test_an_endless_loop_is_433(scf, scf_function):
    name = make(scf_function, "exports.main_handler = () => { for (;;); };\n", Timeout=1)
    # spec: WEB-23
    assert scf.invoke(name).status == 433


def test_a_response_over_six_megabytes_is_407(scf, node_probe):
    name = node_probe(MemorySize=256, Timeout=30)
    # spec: QUO-23
    assert scf.invoke(name, {"do": "text", "length": 6 * 1024 * 1024 - 1}).status == 407
    assert scf.invoke(name, {"do": "who"}).value["calls"] == 2


def test_a_syntax_error_is_told(scf, scf_function):
    result = scf.invoke(make(scf_function, "exports.main_handler = (event => {\n"), tail=True)
    assert result.status in (430, 437)
    assert "SyntaxError" in result.ret_msg + result.log
