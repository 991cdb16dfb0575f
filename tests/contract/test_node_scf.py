"""Node.js under the SCF contract."""

import json
import os
import unittest

from instance import REQUEST_ID, Instance


def node(code, **init):
    return Instance("node", {"index.js": code}, **init)


ECHO = "exports.main_handler = async (event) => event;\n"


class Values(unittest.TestCase):
    def test_event_and_result(self):
        # spec: RTM-14
        with node(ECHO).ready() as instance:
            for text in ('{"key":[1,2.5,null,true,"é你"]}', "[1]", '"a"', "3", "null"):
                self.assertEqual(instance.raw(text.encode()), text.encode())
            self.assertEqual(instance.raw(b""), b"{}")

    def test_context_keys(self):
        # spec: RTM-14
        code = "exports.main_handler = async (e, context) => ({ ...context, left: context.getRemainingTimeInMillis() });"
        env = {"SCF_NAMESPACE": "default", "COLOUR": "blue", "TENCENTCLOUD_SECRETKEY": "hidden", "TENCENTCLOUD_UIN": "100"}
        with node(code, env=env).ready() as instance:
            context = instance.call(left_ms=3000)
        self.assertEqual(json.loads(context.pop("environment")), {"SCF_NAMESPACE": "default", "COLOUR": "blue"})
        left = context.pop("left")
        self.assertTrue(0 < left <= 3000, left)
        expected = {
            "callbackWaitsForEmptyEventLoop": True,
            "memory_limit_in_mb": 128,
            "time_limit_in_ms": 3000,
            "request_id": REQUEST_ID,
            "environ": "SCF_NAMESPACE=default;COLOUR=blue",
            "function_version": "$LATEST",
            "function_name": "hello",
            "namespace": "default",
            "tencentcloud_region": "ap-guangzhou",
            "tencentcloud_appid": "1250000000",
            "tencentcloud_uin": "100",
        }
        self.assertEqual(context, expected)

    def test_undefined_is_null(self):
        with node("exports.main_handler = async () => {};").ready() as instance:
            self.assertEqual(instance.raw(), b"null")

    def test_result_that_is_not_json(self):
        with node("exports.main_handler = async () => { const a = {}; a.a = a; return a; };").ready() as instance:
            failure = instance.failure()
        self.assertEqual(failure["kind"], "bad_return")
        self.assertIn("circular", failure["message"])

    def test_result_over_the_limit(self):
        with node("exports.main_handler = async (n) => 'é'.repeat(n);", response_limit=100).ready() as instance:
            self.assertEqual(len(instance.raw(b"49")), 100)
            failure = instance.failure(b"50")
            instance.response_limit = 102
            self.assertEqual(len(instance.raw(b"50")), 102, "each request has its own")
        self.assertEqual(failure["kind"], "response_too_large")
        self.assertIn("102", failure["message"])

    def test_event_that_is_not_json(self):
        with node(ECHO).ready() as instance:
            self.assertEqual(instance.failure(b"{'a': 1}")["kind"], "event_not_json")
            self.assertEqual(instance.call({"a": 1}), {"a": 1})

    def test_six_megabytes_both_ways(self):
        with node(ECHO).ready() as instance:
            text = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
            self.assertEqual(instance.raw(text), text)
            self.assertEqual(instance.call({"a": 1}), {"a": 1})


class Replies(unittest.TestCase):
    def result(self, body, event=None, **request):
        with node("exports.main_handler = (event, context, callback) => { %s };" % body).ready() as instance:
            return instance.call(event, **request), instance.log()

    def test_callback_waits_for_the_event_loop_by_default(self):
        result, log = self.result("setTimeout(() => process.stdout.write('late\\n'), 30); callback(null, 'done');")
        self.assertEqual((result, log), ("done", "late\n"))

    def test_callback_replies_at_once_when_told_so(self):
        body = (
            "context.callbackWaitsForEmptyEventLoop = false;"
            "setTimeout(() => process.stdout.write('late\\n'), 100); callback(null, 'done');"
        )
        with node("exports.main_handler = (event, context, callback) => { %s };" % body).ready() as instance:
            self.assertEqual(instance.call(), "done")
            self.assertNotIn("late", instance.log())
            instance.log_until("late\n")  # and what it left runs on

    def test_open_handles_of_module_code_do_not_hold_a_promise(self):
        code = "setInterval(() => {}, 1000); exports.main_handler = async (e) => e;"
        with node(code).ready() as instance:
            self.assertEqual(instance.call({"a": 1}), {"a": 1})

    def test_first_callback_wins(self):
        self.assertEqual(self.result("callback(null, 1); callback(null, 2);")[0], 1)

    def test_callback_after_waiting(self):
        self.assertEqual(self.result("setTimeout(() => callback(null, event.n + 1), 5);", {"n": 1})[0], 2)

    def test_neither_callback_nor_promise_is_null(self):
        self.assertIsNone(self.result("setTimeout(() => {}, 5); return 'ignored';")[0])

    def test_callback_of_an_async_handler_is_ignored(self):
        code = "exports.main_handler = async (e, c, callback) => { callback(null, 'callback'); return 'promise'; };"
        with node(code).ready() as instance:
            self.assertEqual([instance.call(), instance.call()], ["promise", "promise"])

    def test_thenable(self):
        self.assertEqual(self.result("return { then(resolve) { setImmediate(resolve, 'later'); } };")[0], "later")

    def test_legacy_context_methods(self):
        self.assertEqual(self.result("context.succeed(1);")[0], 1)
        self.assertEqual(self.result("setInterval(() => {}, 1000); context.done(null, 2);")[0], 2)
        with node("exports.main_handler = (e, context) => context.fail(new Error('no'));").ready() as instance:
            self.assertEqual(instance.failure()["message"], "no")

    def test_many_calls(self):
        code = "let n = 0; exports.main_handler = (e, c, callback) => { setImmediate(() => callback(null, ++n)); };"
        with node(code).ready() as instance:
            self.assertEqual([instance.call() for _ in range(200)], list(range(1, 201)))


class Failures(unittest.TestCase):
    def failure(self, body):
        with node("exports.main_handler = (event, context, callback) => { %s };" % body).ready() as instance:
            failure = instance.failure()
            return failure, instance.log()

    def test_thrown(self):
        failure, log = self.failure("throw new TypeError('bad colour')")
        self.assertEqual((failure["kind"], failure["type"], failure["message"]), ("user_exception", "TypeError", "bad colour"))
        lines = failure["stack"].split("\n")
        self.assertEqual(lines[0], "TypeError: bad colour")
        self.assertIn("/index.js:1:", lines[1])
        self.assertEqual(len(lines), 2, failure["stack"])
        self.assertFalse(failure["handled"])
        self.assertIn(failure["stack"], log)

    def test_rejected(self):
        failure, _ = self.failure("return Promise.reject(new RangeError('far'))")
        self.assertEqual((failure["type"], failure["message"], failure["handled"]), ("RangeError", "far", False))

    def test_given_to_the_callback(self):
        failure, _ = self.failure("callback(new Error('said'))")
        self.assertEqual((failure["message"], failure["handled"]), ("said", True))
        failure, _ = self.failure("callback('words')")
        self.assertEqual((failure["message"], failure["type"], failure["stack"]), ("words", None, None))

    def test_uncaught_fails_the_call_and_ends_the_process(self):
        for body in ("setTimeout(() => { throw new Error('late') }, 1)", "Promise.reject(new Error('late')); setTimeout(() => {}, 1000)"):
            with node("exports.main_handler = (event, context, callback) => { %s };" % body).ready() as instance:
                failure = instance.failure()
                self.assertEqual((failure["kind"], failure["message"]), ("user_exception", "late"))
                self.assertEqual(instance.exit_code(), 1)

    def test_uncaught_is_left_to_a_listener_of_the_user(self):
        code = (
            "process.on('uncaughtException', (e) => console.log('seen', e.message));"
            "exports.main_handler = (event, context, callback) => {"
            "  setTimeout(() => callback(null, 'fine'), 20); setTimeout(() => { throw new Error('x') }, 1); };"
        )
        with node(code).ready() as instance:
            self.assertEqual(instance.call(), "fine")
            self.assertIn("seen x", instance.log())


class Loading(unittest.TestCase):
    def test_a_file_is_the_same_module_for_the_platform_and_for_the_code(self):
        files = {
            "index.js": "const other = require('./other');\nexports.mine = 1;\n"
            "exports.main_handler = async () => [other.seen() === exports, __filename, module.loaded, require.main === module];\n",
            "other.js": "exports.seen = () => require('./index.js');\n",
        }
        with Instance("node", files).ready() as instance:
            self.assertEqual(instance.call(), [True, os.path.join(instance.code_dir, "index.js"), True, False])

    def test_a_file_behind_a_link_is_loaded_from_where_it_lies(self):
        files = {
            "lib/real.js": "exports.main_handler = async () => [__filename, require('./beside')];\n",
            "lib/beside.js": "module.exports = 'beside';\n",
        }
        instance = Instance("node", files)
        os.symlink("lib/real.js", os.path.join(instance.code_dir, "index.js"))
        with instance.ready():
            self.assertEqual(instance.call(), [os.path.join(instance.code_dir, "lib/real.js"), "beside"])

    def test_a_file_that_throws_is_not_left_half_loaded(self):
        code = (
            "globalThis.times = (globalThis.times || 0) + 1;\n"
            "function again() { try { require('./index.js'); } catch (error) { console.log(`then ${error.message}`); } }\n"
            "if (times === 1) process.nextTick(again);\n"
            "throw new Error(`load ${times}`);\n"
        )
        with node(code) as instance:
            refusal = instance.refusal()
            instance.log_until("then load 2")
        self.assertEqual((refusal["kind"], refusal["message"]), ("user_exception", "load 1"))
        self.assertFalse([frame for frame in refusal["frames"] if "runtimes/node" in frame], refusal["frames"])

    def test_who_watches_require_from_the_start_sees_the_file_of_the_handler(self):
        files = {
            "watch.js": "const Module = require('module');\nconst load = Module._load;\nglobalThis.seen = [];\n"
            "Module._load = function (name) { seen.push(name); return load.apply(this, arguments); };\n",
            "index.js": "exports.main_handler = async () => seen.filter(name => name.endsWith('index.js'));\n",
        }
        with Instance("node", files, node_options="--require {code_dir}/watch.js").ready() as instance:
            self.assertEqual(instance.call(), [os.path.join(instance.code_dir, "index.js")])

    def refusal(self, files, **init):
        with Instance("node", files, **init) as instance:
            failure = instance.refusal()
            failure["message"] = failure["message"].replace(instance.code_dir, "/code")
            return failure

    def test_missing_function_is_named(self):
        # spec: FUN-13
        failure = self.refusal({"index.js": "exports.other = 1;"})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertEqual(failure["message"], "Handler 'main_handler' is missing on module 'index'")

    def test_two_part_handler_runs(self):
        # spec: FUN-13
        with Instance("node", {"app/entry.js": ECHO}, handler="app/entry.main_handler").ready() as instance:
            self.assertEqual(instance.call({"a": 1}), {"a": 1})
        self.assertIn("file.function", self.refusal({"index.js": ECHO}, handler="main_handler")["message"])

    def test_file_of_another_language(self):
        # spec: FUN-14
        failure = self.refusal({"index.py": "x = 1"})
        self.assertTrue(failure["message"].startswith("Cannot find module '/code/index.js'"), failure["message"])
        self.assertIn("a Node.js function needs a .js file", failure["message"])

    def test_package_with_a_top_folder(self):
        # spec: DEP-02
        failure = self.refusal({"project/index.js": ECHO})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertIn("inside the folder 'project': zip the files, not the folder", failure["message"])

    def test_syntax_error(self):
        failure = self.refusal({"index.js": "exports.main_handler = ("})
        self.assertEqual((failure["kind"], failure["type"]), ("handler_not_found", "SyntaxError"))
        self.assertIn("index.js:1", failure["stack"])

    def test_missing_dependency(self):
        failure = self.refusal({"index.js": "require('no-such-package');"})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertIn("Cannot find module 'no-such-package'", failure["message"])
        self.assertNotIn("bootstrap", failure["message"] + failure["stack"])

    def test_exception_in_module_code(self):
        for code in ("throw new Error('at start');", "JSON.parse('{');"):
            failure = self.refusal({"index.js": code})
            self.assertEqual(failure["kind"], "user_exception")
            self.assertNotIn("bootstrap", failure["stack"])

    def test_es_modules(self):
        mjs = "import { readFileSync } from 'fs'; export const main_handler = async (e) => typeof readFileSync;"
        packages = (
            {"index.mjs": mjs},
            {"index.js": mjs, "package.json": '{"type": "module"}'},
            {"index.js": "export default { main_handler: async () => 'function' };", "package.json": '{"type": "module"}'},
            {"index.mjs": "const ready = await Promise.resolve(1);" + mjs},
        )
        for files in packages:
            with Instance("node", files).ready() as instance:
                self.assertEqual(instance.call(), "function")

    def test_package_that_lives_only_in_a_layer(self):
        # spec: RTM-12
        files = {"index.js": "const l = require('layered'); exports.main_handler = async () => l.name;",
                 "layer/node_modules/layered/index.js": "exports.name = 'layered';"}
        with Instance("node", files) as instance:
            instance.message["env"]["NODE_PATH"] = "%s:%s/layer/node_modules" % (instance.code_dir, instance.code_dir)
            self.assertEqual(instance.ready().call(), "layered")


class Logs(unittest.TestCase):
    STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t%s\t" % REQUEST_ID

    def test_console_lines_carry_the_request(self):
        code = "exports.main_handler = async () => { console.log('a %d', 1, { b: 2 }); console.error('é'); process.stdout.write('raw\\n'); };"
        with node(code).ready() as instance:
            instance.call()
            lines = instance.log().split("\n")
        self.assertRegex(lines[0], self.STAMP + r"a 1 \{ b: 2 \}$")
        self.assertRegex(lines[1], self.STAMP + "é$")
        self.assertEqual(lines[2:], ["raw", ""])

    def test_a_mebibyte_of_output_is_there_before_the_reply(self):
        code = "exports.main_handler = async () => { for (let i = 0; i < 1024; i++) console.log('x'.repeat(1024)); };"
        with node(code).ready() as instance:
            instance.call()
            self.assertEqual(instance.log().count("x" * 1024), 1024)

    def test_replaced_stdout_write_sees_console_lines(self):
        code = (
            "const seen = []; process.stdout.write = (text) => { seen.push(text); return true; };"
            "exports.main_handler = async () => { console.log('kept'); return seen.length; };"
        )
        with node(code).ready() as instance:
            self.assertEqual(instance.call(), 1)
            self.assertEqual(instance.log(), "")
