"""What Node.js code of SCF finds around it: callbacks, promises, the event loop, module paths."""

import json

from harness import parallel, wait_until, zip_of
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
    found = scf.invoke(node_probe(), {"do": "zone"}).value
    assert found["found"] in ("UTC", "Etc/UTC") and (found["offset"], found["zone"]) == (0, None)
    shanghai = node_probe(Environment=environment(TZ="Asia/Shanghai"))
    # spec: FUN-11
    found = scf.invoke(shanghai, {"do": "zone"}).value
    assert found == {"offset": -480, "zone": "Asia/Shanghai", "found": "Asia/Shanghai"}


def test_the_language_is_the_functions_own(scf, scf_function):
    source = (
        "exports.main_handler = async () => [(1234.5).toLocaleString(),"
        " Intl.NumberFormat.supportedLocalesOf('de').length];\n"
    )
    english, knows_german = scf.invoke(make(scf_function, source)).value
    german, _ = scf.invoke(make(scf_function, source, Environment=environment(LC_ALL="de_DE.UTF-8"))).value
    assert english == "1,234.5" and german == ("1.234,5" if knows_german else english)


def test_the_time_zone_is_found_at_once(scf, scf_function):
    """Node.js looks through all zones for one like the host's where no link says which it is."""
    source = (
        "const { readlinkSync, existsSync } = require('fs');\n"
        "exports.main_handler = async () => [readlinkSync('/etc/localtime'), existsSync('/etc/localtime'),"
        " existsSync('/usr/share/zoneinfo/Etc/UTC')];\n"
    )
    link, leads_somewhere, has_zone = scf.invoke(make(scf_function, source)).value
    assert link == "/usr/share/zoneinfo/Etc/UTC" and leads_somewhere == has_zone


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


EVERYTHING = """
const crypto = require('crypto'), dns = require('dns'), fs = require('fs'), http = require('http');
const { execFile, fork } = require('child_process');
const { promisify } = require('util');
const { Worker } = require('worker_threads');

const once = (make) => new Promise((resolve, reject) => make((error, value) => (error ? reject(error) : resolve(value))));

const checks = {
  file: async () => (await fs.promises.readFile('/var/user/index.js', 'utf8')).length > 100,
  hash: async () => (await promisify(crypto.pbkdf2)('a', 'b', 1000, 16, 'sha1')).length === 16,
  name: async () => (await dns.promises.lookup('localhost')).address.length > 2,
  web: async () => new Promise((resolve) => {
    const server = http.createServer((request, response) => response.end('here')).listen(0, '127.0.0.1', () => {
      http.get({ host: '127.0.0.1', port: server.address().port }, (response) => {
        response.on('data', (data) => { server.close(); resolve(String(data) === 'here'); });
      });
    });
  }),
  thread: async () => new Promise((resolve, reject) => {
    const worker = new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
    let said;
    worker.on('message', (message) => { said = message; });
    worker.on('error', reject);
    worker.on('exit', () => resolve(said === 42));
  }),
  program: async () => (await promisify(execFile)('echo', ['out'])).stdout.trim() === 'out',
  wasm: async () => (await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))) instanceof WebAssembly.Module,
  garbage: async () => {
    let kept = [];
    for (let n = 0; n < 3e6; n += 1) { kept.push({ n }); if (kept.length > 2e5) kept = []; }
    return kept.length > 0;
  },
  hot: async () => { let sum = 0; for (let n = 0; n < 3e7; n += 1) sum += n % 7; return sum > 0; },
  young: async () => process.uptime() < 60 && process.execArgv.length === 0,
};

exports.main_handler = (event, context, callback) => {
  const results = {};
  const all = Object.entries(checks).map(async ([name, check]) => { results[name] = await check(); });
  Promise.all(all).then(() => setTimeout(() => callback(null, results), 20), callback);
};
"""


def test_all_that_node_offers_works_in_an_instance(scf, scf_function):
    # Instances are forked from one process, and threads do not survive a fork: what uses helpers is tried here, and
    # twice, since the second call comes after collections of garbage and with an event loop that has run empty.
    name = make(scf_function, EVERYTHING, Timeout=60, MemorySize=256)
    for _ in range(2):
        results = scf.invoke(name).value
        assert results and all(value is True for value in results.values()), results


def test_an_idle_instance_answers_after_a_collection_of_garbage(scf, scf_function):
    source = (
        "let kept = [];\n"
        "exports.main_handler = (event, context, callback) => {\n"
        "  for (let n = 0; n < 2e6; n += 1) { kept.push({ n }); if (kept.length > 1e5) kept = []; }\n"
        "  setTimeout(() => callback(null, kept.length), 5);\n"
        "};\n"
    )
    name = make(scf_function, source, Timeout=30)
    for _ in range(10):
        result = scf.invoke(name)
        assert result.ok, result.fields


def await_forks(scf, scf_function):
    """Whether a host's Node.js can be forked is tried when the server starts; until then it is executed."""
    source = (
        "const { readFileSync } = require('fs');\n"
        "exports.main_handler = async () => readFileSync('/proc/self/cmdline', 'utf8').includes('template.js');\n"
    )
    wait_until(lambda: scf.invoke(make(scf_function, source)).value, what="an instance that was forked")


def test_no_two_instances_draw_the_same_random_numbers(scf, scf_function):
    await_forks(scf, scf_function)
    source = (
        "const { randomUUID } = require('crypto');\n"
        "const drawn = [Math.random(), Math.random(), randomUUID()];\n"
        "exports.main_handler = async () => { await new Promise((done) => setTimeout(done, 400)); return drawn; };\n"
    )
    name = make(scf_function, source, Timeout=30)
    drawn = [result.value for result in parallel([lambda: scf.invoke(name)] * 6)]
    for position in range(3):
        assert len({numbers[position] for numbers in drawn}) == 6, drawn


def test_what_nodejs_loads_late_is_there_before_the_first_call(scf, scf_function):
    await_forks(scf, scf_function)
    source = (
        "exports.main_handler = async () => ({ major: parseInt(process.versions.node, 10),"
        " loaded: process.moduleLoadList });\n"
    )
    found = scf.invoke(make(scf_function, source)).value
    expected = {"tls", "https", "child_process"} | ({"internal/deps/undici/undici"} if found["major"] >= 20 else set())
    assert expected <= {entry.split(" ")[-1] for entry in found["loaded"]}


def test_fetch_works_in_a_process_that_was_forked(scf, scf_function):
    await_forks(scf, scf_function)
    source = (
        "const { createServer } = require('http');\n"
        "exports.main_handler = async () => {\n"
        "  if (typeof fetch !== 'function') return 'hello';\n"
        "  const server = createServer((request, response) => response.end('hello'));\n"
        "  await new Promise((done) => server.listen(0, '127.0.0.1', done));\n"
        "  const answer = await (await fetch(`http://127.0.0.1:${server.address().port}`)).text();\n"
        "  server.closeAllConnections();\n"
        "  server.close();\n"
        "  return answer;\n"
        "};\n"
    )
    for _ in range(5):
        assert scf.invoke(make(scf_function, source, Timeout=10)).value == "hello"


def test_a_process_knows_its_own_number(scf, scf_function):
    await_forks(scf, scf_function)
    source = (
        "const { readlinkSync } = require('fs');\n"
        "exports.main_handler = async () => [process.pid, Number(readlinkSync('/proc/self'))];\n"
    )
    known, true = scf.invoke(make(scf_function, source)).value
    assert known == true


def test_the_exit_of_a_process_has_its_code(scf, scf_function):
    source = "exports.main_handler = async () => { process.on('exit', () => console.log('last words')); process.exit(3); };\n"
    result = scf.invoke(make(scf_function, source), tail=True)
    assert result.status != 0 and "last words" in result.log
