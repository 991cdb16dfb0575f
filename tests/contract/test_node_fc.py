"""Node.js under the FC contract."""

import json
import re
import unittest

from instance import REQUEST_ID, Instance


def node(code, **init):
    init.setdefault("handler", "index.handler")
    return Instance("node", {"index.js": code}, dialect="fc", **init)


class Values(unittest.TestCase):
    def test_event_is_a_buffer_and_a_buffer_comes_back(self):
        # spec: RTM-17
        code = "exports.handler = (event, context, callback) => callback(null, Buffer.isBuffer(event) && event.reverse());"
        with node(code).ready() as instance:
            self.assertEqual(instance.raw(b"\x00\xffabc"), b"cba\xff\x00")

    def test_the_event_stays_as_it_was(self):
        code = "let first; exports.handler = (event, c, callback) => { first = first || event; callback(null, first); };"
        with node(code).ready() as instance:
            self.assertEqual([instance.raw(b"one"), instance.raw(b"two")], [b"one", b"one"])

    def test_other_results(self):
        # spec: RTM-17
        results = {"'hé'": "hé".encode(), "undefined": b"", "null": b"", "7": b"7", "({a: [1]})": b'{"a":[1]}'}
        with node("exports.handler = (event, c, callback) => callback(null, eval(event.toString()));").ready() as instance:
            for expression, expected in results.items():
                self.assertEqual(instance.raw(expression.encode()), expected)

    def test_promises(self):
        with node("exports.handler = async (event) => `got ${event}`;").ready() as instance:
            self.assertEqual(instance.raw(b"x"), b"got x")

    def test_async_handler_that_uses_its_callback(self):
        code = "exports.handler = async (event, c, callback) => { setTimeout(() => callback(null, 'late'), 5); };"
        with node(code).ready() as instance:
            self.assertEqual([instance.raw(), instance.raw()], [b"late", b"late"])

    def test_async_handler_that_ignores_its_callback(self):
        with node("exports.handler = async (event, context, callback) => {};").ready() as instance:
            self.assertEqual([instance.raw(), instance.raw()], [b"", b""])

    def test_callback_replies_at_once(self):
        code = "setInterval(() => {}, 1000); exports.handler = (event, c, callback) => callback(null, 'x');"
        with node(code).ready() as instance:
            self.assertEqual(instance.raw(), b"x")

    def test_context(self):
        # spec: RTM-17
        code = "exports.handler = (event, context, callback) => callback(null, context);"
        keys = {"access_key_id": "STS.a", "access_key_secret": "b", "security_token": "c"}
        with node(code, credentials=keys, namespace="shop", version="3", timeout_ms=60000).ready() as instance:
            got = json.loads(instance.raw(b"", qualifier="live"))
        self.assertEqual((got["requestId"], got["region"], got["accountId"]), (REQUEST_ID, "ap-guangzhou", "1250000000"))
        self.assertEqual(got["credentials"], {"accessKeyId": "STS.a", "accessKeySecret": "b", "securityToken": "c"})
        function = {"name": "hello", "handler": "index.handler", "memory": 128, "timeout": 60}
        self.assertEqual(got["function"], dict(function, initializer="", initializationTimeout=60))
        service = {"name": "shop", "logProject": "p1", "logStore": "s1", "qualifier": "live", "versionId": "3"}
        self.assertEqual(got["service"], service)
        self.assertEqual(got["retryCount"], 0)


class Initializers(unittest.TestCase):
    CODE = (
        "let count = 0;"
        "exports.init = (context, callback) => { count += 1; setTimeout(callback, 5); };"
        "exports.handler = (event, context, callback) => callback(null, String(count));"
    )

    def test_runs_once_before_the_first_call(self):
        # spec: FFN-06
        with node(self.CODE, initializer="index.init", request_id="first").ready() as instance:
            marks = "FC Initialize Start RequestId: first\nFC Initialize End RequestId: first\n"
            self.assertEqual(instance.log(), marks)
            self.assertTrue(instance.is_loaded, "its own time limit begins with the initializer")
            self.assertEqual([instance.raw() for _ in range(3)], [b"1", b"1", b"1"])

    def test_promise_of_an_initializer(self):
        code = "let up; exports.init = async () => { up = 'up'; }; exports.handler = async () => up;"
        with node(code, initializer="index.init").ready() as instance:
            self.assertEqual(instance.raw(), b"up")

    def test_a_failing_initializer_fails_the_instance(self):
        # spec: FFN-06
        for body in ("callback(new Error('gone'))", "throw new Error('gone')", "setTimeout(() => { throw new Error('gone') }, 1)"):
            code = "exports.init = (context, callback) => { %s }; exports.handler = () => {};" % body
            with node(code, initializer="index.init") as instance:
                failure = instance.refusal()
            self.assertEqual((failure["kind"], failure["message"]), ("user_exception", "gone"))

    def test_a_request_sent_with_init_waits_for_the_initializer(self):
        with node(self.CODE, initializer="index.init") as instance:
            self.assertEqual(instance.receive(), (b"B", b""))
            instance.send(b"I", json.dumps(instance.message).encode())
            instance.request(b"")
            self.assertEqual([instance.receive() for _ in range(3)], [(b"l", b""), (b"i", b""), (b"r", b"1")])


class FailuresAndLogs(unittest.TestCase):
    def test_unhandled(self):
        with node("exports.handler = (event, context, callback) => {\n  throw new Error('oops');\n};").ready() as instance:
            failure = instance.failure()
            self.assertEqual(len(failure["frames"]), 1, failure["frames"])
            self.assertRegex(failure["frames"][0], r"^at .*%s/index\.js:2:9" % re.escape(instance.code_dir))
            self.assertEqual((failure["message"], failure["type"], failure["handled"]), ("oops", "Error", False))
            self.assertIn("oops", instance.log())

    def test_handled(self):
        with node("exports.handler = (event, context, callback) => callback('words');").ready() as instance:
            failure = instance.failure()
            self.assertEqual((failure["message"], failure["type"], failure["frames"]), ("words", None, None))
            self.assertTrue(failure["handled"])

    def test_missing_module(self):
        with node("", handler="other.handler") as instance:
            failure = instance.refusal()
            self.assertTrue(failure["message"].startswith("Cannot find module '%s/other.js'" % instance.code_dir))
            self.assertEqual(failure["kind"], "handler_not_found")

    def test_log_lines(self):
        code = (
            "exports.handler = (event, context, callback) => {"
            " console.log('one'); console.warn('two'); context.logger.info('three %d', 3); callback(); };"
        )
        with node(code).ready() as instance:
            instance.raw()
            lines = instance.log().split("\n")
        stamp = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z %s " % REQUEST_ID
        self.assertRegex(lines[0], stamp + r"\[verbose\] one$")
        self.assertRegex(lines[1], stamp + r"\[warn\] two$")
        self.assertRegex(lines[2], stamp + r"\[info\] three 3$")
        self.assertEqual(lines[3:], [""])
