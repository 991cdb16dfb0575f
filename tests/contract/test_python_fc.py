"""Python under the FC contract."""

import json
import os
import re
import unittest

from instance import REQUEST_ID, Instance


def python(code, **init):
    init.setdefault("handler", "index.handler")
    return Instance("python", {"index.py": code}, dialect="fc", **init)


class Values(unittest.TestCase):
    def test_event_is_bytes_and_bytes_come_back(self):
        # spec: RTM-17
        code = "def handler(event, context):\n    assert type(event) is bytes\n    return event[::-1]\n"
        with python(code).ready() as instance:
            self.assertEqual(instance.raw(b"\x00\xffabc"), b"cba\xff\x00")
            self.assertEqual(instance.raw(b""), b"")

    def test_other_results(self):
        # spec: RTM-17
        results = {"'h\\u00e9'": "hé".encode(), "None": b"", "7": b"7", "{'a': [1]}": b'{"a": [1]}', "bytearray(b'x')": b"x"}
        code = "def handler(event, context):\n    return eval(event.decode())\n"
        with python(code).ready() as instance:
            for expression, expected in results.items():
                self.assertEqual(instance.raw(expression.encode()), expected)
            self.assertEqual(instance.failure(b"object()")["kind"], "bad_return")

    def test_context(self):
        # spec: RTM-17
        code = """
import json
def handler(event, context):
    f, s, k = context.function, context.service, context.credentials
    return json.dumps([
        context.request_id == context.requestId, context.request_id, context.region, context.account_id,
        [f.name, f.handler, f.memory, f.timeout, f.initializer, f.initialization_timeout],
        [s.name, s.log_project, s.log_store, s.qualifier, s.version_id, s.logProject],
        [k.access_key_id, k.access_key_secret, k.security_token, k.accessKeyId],
        context.retry_count, context.tracing.span_context,
    ])
"""
        keys = {"access_key_id": "STS.a", "access_key_secret": "b", "security_token": "c"}
        with python(code, credentials=keys, namespace="shop", version="3", timeout_ms=60000).ready() as instance:
            got = json.loads(instance.raw(b"", qualifier="live"))
        self.assertEqual(got[:4], [True, REQUEST_ID, "ap-guangzhou", "1250000000"])
        self.assertEqual(got[4], ["hello", "index.handler", 128, 60, "", 60])
        self.assertEqual(got[5], ["shop", "p1", "s1", "live", "3", "p1"])
        self.assertEqual(got[6:], [["STS.a", "b", "c", "STS.a"], 0, ""])

    def test_qualifier_may_change_from_call_to_call(self):
        with python("def handler(e, c):\n    return c.service.qualifier\n").ready() as instance:
            self.assertEqual([instance.raw(qualifier=q) for q in ("a", "b", "a")], [b"a", b"b", b"a"])

    def test_async_handler(self):
        with python("async def handler(event, context):\n    return event\n").ready() as instance:
            self.assertEqual(instance.raw(b"x"), b"x")


class Initializers(unittest.TestCase):
    CODE = """
count = 0
def init(context):
    global count
    count += 1
    print("in init")
def handler(event, context):
    return str(count)
"""

    def test_runs_once_before_the_first_call(self):
        # spec: FFN-06
        with python(self.CODE, initializer="index.init", request_id="first").ready() as instance:
            marks = "FC Initialize Start RequestId: first\nin init\nFC Initialize End RequestId: first\n"
            self.assertEqual(instance.log(), marks)
            self.assertTrue(instance.is_loaded, "its own time limit begins with the initializer")
            self.assertEqual([instance.raw() for _ in range(3)], [b"1", b"1", b"1"])
            self.assertEqual(instance.log().count("in init"), 1)

    def test_a_failing_initializer_fails_the_instance(self):
        # spec: FFN-06
        code = "def init(context):\n    raise KeyError('gone')\ndef handler(event, context):\n    pass\n"
        with python(code, initializer="index.init") as instance:
            failure = instance.refusal()
            self.assertEqual((failure["kind"], failure["type"]), ("user_exception", "KeyError"))
            self.assertIn("FC Initialize End RequestId: , Error: Unhandled function error\n", instance.log())

    def test_missing_initializer(self):
        with python(self.CODE, initializer="index.nothing") as instance:
            failure = instance.refusal()
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertEqual(failure["message"], "Handler 'nothing' is missing on module 'index'")


class FailuresAndLogs(unittest.TestCase):
    def test_exception(self):
        code = "def my_handler(event, context):\n    raise RuntimeError('oops')\n"
        with python(code, handler="index.my_handler").ready() as instance:
            failure = instance.failure()
            path = os.path.join(instance.code_dir, "index.py")
            self.assertEqual(failure["frames"], [['File "%s"' % path, "line 2", "in my_handler", "raise RuntimeError('oops')"]])
            self.assertEqual((failure["message"], failure["type"], failure["handled"]), ("oops", "RuntimeError", False))
            log = instance.log()
        self.assertIn("RuntimeError: oops\n", log)

    def test_missing_handler(self):
        with python("x = 1\n") as instance:
            failure = instance.refusal()
        self.assertEqual(failure["message"], "Handler 'handler' is missing on module 'index'")

    def test_lines_around_a_call(self):
        with python("def handler(event, context):\n    print('plain')\n").ready() as instance:
            instance.raw()
            # The lines around a call are the platform's: it prints them for calls that do not come back, too.
            self.assertEqual(instance.log(), "plain\n")

    def test_logger_lines(self):
        code = "import logging\ndef handler(event, context):\n    logging.getLogger().info('hi %d', 1)\n    logging.debug('hidden')\n"
        with python(code).ready() as instance:
            instance.raw()
            line = instance.log().split("\n")[0]
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z %s \[INFO\] hi 1$" % re.escape(REQUEST_ID))
        self.assertNotIn("hidden", instance.log_text)

    def test_import_error_at_run_time_is_the_users_exception(self):
        with python("def handler(event, context):\n    import no_such_package\n").ready() as instance:
            self.assertEqual(instance.failure()["kind"], "user_exception")

    def test_packages_beside_the_code_that_another_minor_version_installed(self):
        files = {"index.py": "import extra\ndef handler(e, c):\n    return extra.NAME\n",
                 ".fun/python/lib/python3.6/site-packages/extra.py": "NAME = 'extra'\n"}
        with Instance("python", files, dialect="fc", handler="index.handler") as instance:
            instance.message["env"]["PYTHONUSERBASE"] = instance.code_dir + "/.fun/python"
            self.assertEqual(instance.ready().raw(), b"extra")
