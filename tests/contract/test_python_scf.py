"""Python under the SCF contract."""

import json
import os
import socket
import tempfile
import unittest

from instance import PATIENCE_S, REQUEST_ID, Instance


def python(code, **init):
    return Instance("python", {"index.py": code}, **init)


ECHO = "def main_handler(event, context):\n    return event\n"


class Values(unittest.TestCase):
    def test_event_and_result(self):
        # spec: RTM-14
        with python(ECHO).ready() as instance:
            for value in ({"key": [1, 2.5, None, True, "text"]}, [], "text", 7, None):
                self.assertEqual(instance.call({"v": value})["v"], value)
            for text in (b"[1]", b'"a"', b"3", b"null", b' {"a" : 1}\n'):
                self.assertEqual(json.loads(instance.raw(text)), json.loads(text))

    def test_context_keys(self):
        # spec: RTM-14
        code = "def main_handler(event, context):\n    assert type(context) is dict\n    return context\n"
        env = {"SCF_NAMESPACE": "default", "COLOUR": "blue", "TENCENTCLOUD_SECRETKEY": "hidden", "TENCENTCLOUD_UIN": "100"}
        with python(code, env=env).ready() as instance:
            context = instance.call()
        self.assertEqual(json.loads(context.pop("environment")), {"SCF_NAMESPACE": "default", "COLOUR": "blue"})
        expected = {
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

    def test_context_is_fresh_in_each_call(self):
        code = "def main_handler(event, context):\n    seen = 'mine' in context\n    context['mine'] = 1\n    return [seen, context['request_id']]\n"
        with python(code).ready() as instance:
            self.assertEqual(instance.call(request_id="one"), [False, "one"])
            self.assertEqual(instance.call(request_id="two"), [False, "two"])

    def test_text_is_kept_as_it_is(self):
        with python("def main_handler(e, c):\n    return {'s': e['s'] + '\\u4f60\\u597d'}\n").ready() as instance:
            self.assertEqual(instance.raw('{"s":"é"}'.encode()), '{"s": "é你好"}'.encode())
            self.assertEqual(json.loads(instance.raw(b'{"s":"\\ud800"}'))["s"][0], "\ud800")

    def test_decimal_becomes_a_string(self):
        code = "from decimal import Decimal\ndef main_handler(e, c):\n    return Decimal('1.50')\n"
        with python(code).ready() as instance:
            self.assertEqual(instance.call(), "1.50")

    def test_no_payload_is_an_empty_object(self):
        with python(ECHO).ready() as instance:
            self.assertEqual(instance.raw(b""), b"{}")

    def test_async_handler(self):
        code = "import asyncio\nasync def main_handler(event, context):\n    await asyncio.sleep(0)\n    return event['n'] + 1\n"
        with python(code).ready() as instance:
            self.assertEqual([instance.call({"n": n}) for n in (1, 2)], [2, 3])
            self.assertEqual(instance.log(), "")

    def test_six_megabytes_both_ways(self):
        with python(ECHO).ready() as instance:
            text = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
            self.assertEqual(instance.raw(text), text)
            self.assertEqual(instance.call({"a": 1}), {"a": 1})


class Failures(unittest.TestCase):
    def test_exception(self):
        code = "def helper():\n    raise ValueError('bad colour')\n\ndef main_handler(event, context):\n    return helper()\n"
        with python(code).ready() as instance:
            failure = instance.failure()
            path = os.path.join(instance.code_dir, "index.py")
        self.assertEqual((failure["kind"], failure["type"], failure["message"]), ("user_exception", "ValueError", "bad colour"))
        self.assertFalse(failure["handled"])
        lines = failure["stack"].split("\n")
        self.assertEqual(lines[0], "Traceback (most recent call last):")
        self.assertEqual(lines[1], '  File "%s", line 5, in main_handler' % path)
        self.assertEqual(lines[-1], "ValueError: bad colour")
        self.assertNotIn("bootstrap", failure["stack"])

    def test_chained_exceptions_keep_to_user_frames(self):
        code = (
            "import asyncio\ndef main_handler(event, context):\n    try:\n        {}['x']\n"
            "    except KeyError as error:\n        raise RuntimeError('later') from error\n"
        )
        with python(code).ready() as instance:
            failure = instance.failure()
        self.assertIn("KeyError: 'x'", failure["stack"])
        self.assertNotIn("bootstrap", failure["stack"])

    def test_the_instance_goes_on_after_an_exception(self):
        with python("def main_handler(event, context):\n    return 1 / event['by']\n").ready() as instance:
            self.assertEqual(instance.failure(b'{"by": 0}')["type"], "ZeroDivisionError")
            self.assertEqual(instance.call({"by": 4}), 0.25)

    def test_event_that_is_not_json(self):
        with python(ECHO).ready() as instance:
            for payload in (b"{'a': 1}", b"nonsense", b'{"a":1} x', b"\xff", b"[" * 100000):
                self.assertEqual(instance.failure(payload)["kind"], "event_not_json")

    def test_result_that_is_not_json(self):
        with python("def main_handler(event, context):\n    return {1, 2}\n").ready() as instance:
            failure = instance.failure()
        self.assertEqual(failure["kind"], "bad_return")
        self.assertIn("set is not JSON serializable", failure["message"])

    def test_a_result_that_failed_leaves_nothing_behind(self):
        code = (
            "RESULT = {'parts': [1]}\ndef main_handler(event, context):\n"
            "    RESULT['parts'][0] = {'circle': RESULT, 'set': {1}, 'fine': 2}[event]\n    return RESULT\n"
        )
        with python(code).ready() as instance:
            for _ in range(2):
                self.assertIn("Circular reference", instance.failure(b'"circle"')["message"])
                self.assertIn("set is not JSON serializable", instance.failure(b'"set"')["message"])
                self.assertEqual(instance.call("fine"), {"parts": [2]})

    def test_result_over_the_limit(self):
        code = "def main_handler(event, context):\n    return 'x' * event\n"
        with python(code, response_limit=2000).ready() as instance:
            self.assertEqual(len(instance.raw(b"1998")), 2000)
            failure = instance.failure(b"1999")
            instance.response_limit = 2001
            self.assertEqual(len(instance.raw(b"1999")), 2001, "each request has its own")
        self.assertEqual(failure["kind"], "response_too_large")
        self.assertIn("2001", failure["message"])


class Loading(unittest.TestCase):
    def refusal(self, files, **init):
        with Instance("python", files, **init) as instance:
            return instance.refusal()

    def test_missing_function_is_named(self):
        # spec: FUN-13
        failure = self.refusal({"index.py": "x = 1\n"})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertEqual(failure["message"], "Handler 'main_handler' is missing on module 'index'")

    def test_two_part_handler_runs(self):
        # spec: FUN-13
        with Instance("python", {"app/entry.py": ECHO}, handler="app/entry.main_handler").ready() as instance:
            self.assertEqual(instance.call({"a": 1}), {"a": 1})
        self.assertIn("file.function", self.refusal({"index.py": ECHO}, handler="main_handler")["message"])

    def test_file_of_another_language(self):
        # spec: FUN-14
        failure = self.refusal({"index.js": "exports.main_handler = () => 1"})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertIn("index.js", failure["message"])
        self.assertIn("a Python function needs a .py file", failure["message"])

    def test_package_with_a_top_folder(self):
        # spec: DEP-02
        failure = self.refusal({"project/index.py": ECHO})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertIn("inside the folder 'project'", failure["message"])
        self.assertIn("zip the files, not the folder", failure["message"])

    def test_no_such_file(self):
        failure = self.refusal({"main.py": ECHO})
        self.assertEqual(failure["kind"], "handler_not_found")
        self.assertIn("main.py", failure["message"])

    def test_syntax_error(self):
        failure = self.refusal({"index.py": "def main_handler(event, context)\n    return 1\n"})
        self.assertEqual((failure["kind"], failure["type"]), ("handler_not_found", "SyntaxError"))
        self.assertIn("index.py", failure["stack"])
        self.assertNotIn("bootstrap", failure["stack"])

    def test_import_error(self):
        failure = self.refusal({"index.py": "import no_such_package\n" + ECHO})
        self.assertEqual((failure["kind"], failure["message"]), ("handler_not_found", "No module named 'no_such_package'"))

    def test_exception_in_module_code(self):
        failure = self.refusal({"index.py": "raise RuntimeError('at start')\n"})
        self.assertEqual((failure["kind"], failure["message"]), ("user_exception", "at start"))
        self.assertNotIn("importlib", failure["stack"])

    def test_module_code_runs_once(self):
        code = "print('loading')\ncount = 0\ndef main_handler(e, c):\n    global count\n    count += 1\n    return count\n"
        with python(code).ready() as instance:
            self.assertEqual(instance.log(), "loading\n")
            self.assertEqual([instance.call() for _ in range(3)], [1, 2, 3])
            self.assertEqual(instance.log(), "loading\n")

    def test_imports_from_the_package_and_from_layers(self):
        # spec: RTM-10
        files = {"index.py": "import sister, layered\ndef main_handler(e, c):\n    return [sister.NAME, layered.NAME]\n",
                 "sister.py": "NAME = 'sister'\n", "layer/layered.py": "NAME = 'layered'\n"}
        with Instance("python", files) as instance:
            instance.message["env"]["PYTHONPATH"] = "%s:%s/layer" % (instance.code_dir, instance.code_dir)
            self.assertEqual(instance.ready().call(), ["sister", "layered"])

    def test_package_may_shadow_what_the_bootstrap_preloads(self):
        files = {"index.py": "import uuid, json, bootstrap\ndef main_handler(e, c):\n    return [uuid.OURS, json.dumps(1), bootstrap.OURS]\n",
                 "uuid.py": "OURS = 'mine'\n", "bootstrap.py": "OURS = 'too'\n"}
        with Instance("python", files).ready() as instance:
            self.assertEqual(instance.call(), ["mine", "1", "too"])

    def test_handler_file_named_like_a_standard_module(self):
        with Instance("python", {"code.py": ECHO}, handler="code.main_handler").ready() as instance:
            self.assertEqual(instance.call([1]), [1])


class Logs(unittest.TestCase):
    def test_lines_are_plain_and_there_before_the_reply(self):
        code = (
            "import sys, logging\ndef main_handler(event, context):\n    print('out')\n    print('err', file=sys.stderr)\n"
            "    print('\\u4f60')\n    print('no newline', end='')\n"
        )
        with python(code).ready() as instance:
            instance.call()
            self.assertEqual(instance.log(), "out\nerr\n你\nno newline")

    def test_whatever_way_it_is_written_it_is_there_before_the_reply(self):
        code = (
            "import codecs, io, os, sys\n"
            "def main_handler(event, context):\n"
            "    if event == 'text':\n        sys.stdout.write('text')\n"
            "    if event == 'error':\n        sys.stderr.write('error')\n"
            "    if event == 'lines':\n        sys.stdout.writelines(['a\\n', 'b'])\n"
            "    if event == 'bytes':\n        sys.stdout.buffer.write(b'bytes')\n"
            "    if event == 'number':\n        os.write(1, b'number')\n"
            "    if event == 'first':\n        print('first', end='', file=sys.__stdout__)\n"
            "    if event == 'other':\n"
            "        sys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'ascii', 'replace')\n        print('\\u4f60', end='')\n"
            "    if event == 'again':\n        print('again', end='')\n"
            "    if event == 'codec':\n        sys.stderr = codecs.getwriter('utf-8')(sys.stderr.buffer)\n        sys.stderr.write('codec')\n"
            "    if event == 'gone':\n        sys.stdout.close()\n        sys.stderr.write('gone')\n"
        )
        wanted = {"lines": "a\nb", "other": "?", "none": ""}
        with python(code).ready() as instance:
            for way in "text error none lines bytes number first text other again codec again".split():
                instance.call(way)
                self.assertEqual(instance.log(), wanted.get(way, way), way)
                instance.log_text = ""
            instance.call("gone")

    def test_lines_of_several_threads_stay_whole(self):
        code = (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "def say(letter):\n    for _ in range(1000):\n        print(letter * 5, letter * 5)\n"
            "def main_handler(event, context):\n    with ThreadPoolExecutor(4) as pool:\n        list(pool.map(say, 'abcd'))\n"
        )
        with python(code).ready() as instance:
            instance.call()
            lines = instance.log().splitlines()
        self.assertEqual(sorted(set(lines)), ["aaaaa aaaaa", "bbbbb bbbbb", "ccccc ccccc", "ddddd ddddd"])
        self.assertEqual(len(lines), 4000)

    def test_a_line_is_one_write(self):
        """So that what child processes print does not come in between."""
        code = (
            "import os, socket\nfar = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "def main_handler(event, context):\n    far.connect(event)\n    os.dup2(far.fileno(), 1)\n"
            "    print('a', 1, 'b')\n    print('c', 2, end='!')\n"
        )
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as near:
            near.bind(os.path.join(folder, "log"))
            near.listen()
            with python(code).ready() as instance:
                instance.call(near.getsockname())
                connection = near.accept()[0]
                with connection:
                    connection.settimeout(PATIENCE_S)
                    self.assertEqual([connection.recv(100), connection.recv(100)], [b"a 1 b\n", b"c 2!"])

    def test_logging_without_configuration(self):
        code = "import logging\nlog = logging.getLogger()\ndef main_handler(event, context):\n    log.debug('d %d', 1)\n    log.error('e')\n"
        with python(code).ready() as instance:
            instance.call()
            self.assertEqual(instance.log(), "DEBUG:root:d 1\nERROR:root:e\n")

    def test_the_users_own_logging_configuration_counts(self):
        code = (
            "import logging, sys\nlogging.basicConfig(level=logging.INFO, stream=sys.stdout, format='<%(message)s>')\n"
            "def main_handler(event, context):\n    logging.info('text')\n    logging.debug('hidden')\n"
        )
        with python(code).ready() as instance:
            instance.call()
            self.assertEqual(instance.log(), "<text>\n")
