"""What both bootstraps do with the process they run in: environment, descriptors, frames, ends."""

import json
import os
import struct
import subprocess
import unittest

from instance import COMMANDS, PYTHON, ROOT, Instance

# The same small functions in both languages.
CODE = {
    "python": {
        "echo": "def main_handler(event, context):\n    return event\n",
        "env": "import os\ndef main_handler(event, context):\n    return dict(os.environ)\n",
        "hour": "import time\ndef main_handler(event, context):\n    return time.localtime(event).tm_hour\n",
        "cwd": "import os\ndef main_handler(event, context):\n    return os.getcwd()\n",
        "descriptors": "import os, subprocess\ndef main_handler(event, context):\n"
                       "    return os.readlink('/proc/self/fd/3'), subprocess.check_output(['ls', '-l', '/proc/self/fd'], close_fds=False).decode()\n",
        "exit": "import sys\nprint('top')\ndef main_handler(event, context):\n    print('bye')\n    sys.exit(event)\n",
        "exit_at_once": "import os\ndef main_handler(event, context):\n    os._exit(event)\n",
        "exit_at_load": "import sys\nsys.exit(5)\n",
        "signal": "import os, signal\nseen = []\nsignal.signal(signal.SIGUSR1, lambda *_: seen.append(1))\n"
                  "def main_handler(event, context):\n    os.kill(os.getpid(), signal.SIGUSR1)\n    return len(seen)\n",
    },
    "node": {
        "echo": "exports.main_handler = async (event) => event;",
        "env": "exports.main_handler = async () => process.env;",
        "hour": "exports.main_handler = async (event) => new Date(event * 1000).getHours();",
        "cwd": "exports.main_handler = async () => process.cwd();",
        "descriptors": "const { execFileSync } = require('child_process'); const { readlinkSync } = require('fs');"
                       "exports.main_handler = async () => [readlinkSync('/proc/self/fd/3'),"
                       " execFileSync('ls', ['-l', '/proc/self/fd']).toString()];",
        "exit": "console.log('top'); exports.main_handler = async (event) => { console.log('bye'); process.exit(event); };",
        "exit_at_once": "exports.main_handler = async (event) => process.reallyExit(event);",
        "exit_at_load": "process.exit(5);",
        "signal": "const once = new Promise((seen) => process.on('SIGUSR2', seen));"
                  "exports.main_handler = async () => { const tick = setInterval(() => {}, 1000); process.kill(process.pid, 'SIGUSR2');"
                  " await once; clearInterval(tick); return 1; };",
    },
}
SUFFIX = {"python": ".py", "node": ".js"}


class Process:
    """The tests of both languages; the subclasses name the language."""

    language = None

    def instance(self, name, **init):
        code = CODE[self.language][name]
        return Instance(self.language, {"index" + SUFFIX[self.language]: code}, **init)

    def test_environment_is_what_init_says_and_nothing_else(self):
        # spec: FUN-24
        with self.instance("env", env={"GREETING": "hé=llo", "EMPTY": ""}) as instance:
            got = instance.ready().call()
            self.assertEqual(got, {"PATH": "/usr/bin:/bin", "GREETING": "hé=llo", "EMPTY": ""})

    def test_time_zone(self):
        # spec: FUN-11
        with self.instance("hour", env={"TZ": "Asia/Shanghai"}) as instance:
            self.assertEqual(instance.ready().call(0), 8)

    def test_utc(self):
        # spec: FUN-10
        with self.instance("hour", env={"TZ": "UTC"}) as instance:
            self.assertEqual(instance.ready().call(3600), 1)

    def test_working_directory_is_the_code(self):
        with self.instance("cwd") as instance:
            self.assertEqual(instance.ready().call(), instance.code_dir)

    def test_children_do_not_get_the_control_socket(self):
        with self.instance("descriptors") as instance:
            own, of_child = instance.ready().call()
            self.assertTrue(own.startswith("socket:"), own)
            self.assertNotIn(own, of_child)

    def test_exit_in_the_handler_ends_the_process_with_its_code(self):
        with self.instance("exit") as instance:
            instance.ready().request(b"7")
            self.assertEqual(instance.exit_code(), 7)
            self.assertIn("bye", instance.log())

    def test_exit_at_once(self):
        with self.instance("exit_at_once") as instance:
            instance.ready().request(b"9")
            self.assertEqual(instance.exit_code(), 9)

    def test_exit_while_loading(self):
        with self.instance("exit_at_load") as instance:
            self.assertEqual(instance.receive(), (b"B", b""))
            instance.send(b"I", json.dumps(instance.message).encode())
            self.assertEqual(instance.exit_code(), 5)

    def test_signal_handlers_work(self):
        with self.instance("signal") as instance:
            self.assertEqual(instance.ready().call(), 1)

    def test_the_process_ends_when_the_server_is_gone(self):
        with self.instance("echo") as instance:
            instance.ready().call()
            instance.socket.close()
            self.assertEqual(instance.process.wait(20), 0)

    def test_frames_may_arrive_in_pieces_and_together(self):
        with self.instance("echo") as instance:
            instance.ready()
            body = b"\x02id\x01q" + bytes(8) + b"\0\0\1\0" + b'{"n": 1}'
            frame = struct.pack("<I", len(body) + 1) + b"R" + body
            for size in (1, 3, 4, 5, 6):  # the head of a frame cut everywhere
                instance.socket.sendall(frame[:size])
                instance.socket.sendall(frame[size:-1])
                instance.socket.sendall(frame[-1:] + frame)
                for _ in range(2):
                    kind, result = instance.receive()
                    self.assertEqual((kind, json.loads(result)), (b"r", {"n": 1}))

    def test_a_failed_init_leaves_the_process_waiting(self):
        with self.instance("echo", handler="index.nothing") as instance:
            instance.refusal()
            self.assertIsNone(instance.process.poll())
            instance.socket.close()
            self.assertEqual(instance.process.wait(20), 0)

    def test_code_directory_that_is_not_there(self):
        with self.instance("echo") as instance:
            instance.message["code_dir"] += "/nowhere"
            failure = instance.refusal()
            self.assertEqual(failure["kind"], "handler_not_found")
            self.assertIn("/nowhere", failure["message"])


class PythonProcess(Process, unittest.TestCase):
    language = "python"


class NodeProcess(Process, unittest.TestCase):
    language = "node"

    def test_what_is_done_beforehand_leaves_no_trace(self):
        script = (
            "const state = () => JSON.stringify([Object.entries(process.env).sort(), process.cwd()]);"
            "const [before, bootstrap] = [state(), require(process.argv[1])];"
            "bootstrap.prepare(2); bootstrap.warm();"
            "process.exit(state() === before ? 0 : 1);"
        )
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/root", "GREETING": "hello"}
        command = [COMMANDS["node"][0], "-e", script, COMMANDS["node"][1]]
        done = subprocess.run(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_output_is_made_ready_beforehand(self):
        script = (
            "const fs = require('fs'); const { writeSync } = fs; const lines = [];"
            "fs.writeSync = (fd, bytes, ...rest) => { lines.push(String(bytes)); return writeSync(fd, bytes, ...rest); };"
            "require(process.argv[1]).prepare(1);"
            "const printed = (text) => lines.some((line) => line.includes(text));"
            "process.exit(printed('\\twarm\\t') && printed(' warm [error] ') && printed(' warm [info] ') ? 0 : 1);"
        )
        command = [COMMANDS["node"][0], "-e", script, COMMANDS["node"][1]]
        self.assertEqual(subprocess.call(command, env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL), 0)


def version(python):
    text = subprocess.check_output([python, "-c", "import sys; print(*sys.version_info[:2])"], universal_newlines=True)
    return tuple(int(part) for part in text.split())


class PythonOnly(unittest.TestCase):
    def test_a_forked_child_cannot_answer_or_hold_the_socket(self):
        code = (
            "import os\ndef main_handler(event, context):\n    child = os.fork()\n    if child == 0:\n        return 'child'\n"
            "    os.waitpid(child, 0)\n    return 'parent'\n"
        )
        with Instance("python", {"index.py": code}).ready() as instance:
            self.assertEqual([instance.call(), instance.call()], ["parent", "parent"])

    @unittest.skipIf(version(PYTHON) < (3, 7), "files that are valid whatever their times are came with 3.7")
    def test_compiled_files_are_used_instead_of_the_source(self):
        with Instance("python", {"index.py": "def main_handler(e, c):\n    return 'old'\n", "pkg/a.py": "X = 1\n", "bad.py": "def (\n"}) as instance:
            self.assertEqual(instance.receive(), (b"B", b""))
            job = {"code_dir": instance.code_dir, "files": ["index.py", "bad.py", "absent.py", "pkg/a.py"]}
            instance.send(b"C", json.dumps(job).encode())
            compiled = {}
            while True:
                kind, body = instance.receive()
                if kind == b"d":
                    break
                self.assertEqual(kind, b"c")
                (size,) = struct.unpack_from("<H", body)
                compiled[body[2 : 2 + size].decode()] = body[2 + size :]
            tag = "cpython-%d%d" % version(PYTHON)
            self.assertEqual(sorted(compiled), ["__pycache__/index.%s.pyc" % tag, "pkg/__pycache__/a.%s.pyc" % tag])
            os.mkdir(instance.code_dir + "/__pycache__")
            with open(instance.code_dir + "/__pycache__/index.%s.pyc" % tag, "wb") as file:
                file.write(compiled["__pycache__/index.%s.pyc" % tag])
            with open(instance.code_dir + "/index.py", "w") as file:
                file.write("def main_handler(e, c):\n    return 'newer and longer'\n")
            instance.send(b"I", json.dumps(instance.message).encode())
            self.assertEqual(instance.receive(), (b"i", b""))
            self.assertEqual(instance.call(), "old")

    def test_what_is_done_beforehand_leaves_no_trace(self):
        script = (
            "import gc, os, sys, logging, time\nsys.path.insert(0, sys.argv[1])\nimport bootstrap\n"
            "os.environ['TZ'] = 'JST-9'\ntime.tzset()\nlogging.getLogger('asyncio').setLevel(logging.ERROR)\n"
            "logging.getLogger().addHandler(logging.NullHandler())\n"
            "def state():\n"
            "    root = logging.getLogger()\n"
            "    levels = root.level, logging.getLogger('asyncio').level, logging.lastResort\n"
            "    return (dict(os.environ), list(sys.path), os.getcwd(), dict(sys.modules), list(root.handlers), levels,\n"
            "            time.tzname, getattr(gc, 'get_freeze_count', int)(), sorted(os.listdir('/proc/self/fd')))\n"
            "before = state()\nbootstrap.warm()\nbootstrap.warm()\n"
            "assert state() == before, (before, state())\nassert time.tzname[0] == 'JST'\n"
        )
        command = [PYTHON, "-I", "-c", script, os.path.join(ROOT, "runtimes/python")]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/root", "GREETING": "hello"}
        done = subprocess.run(command, env=environment, cwd="/tmp", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_what_a_template_has_loaded_may_be_replaced(self):
        """A package's own file goes before any module that Python does not need to start and the bootstrap to run."""
        script = (
            "import sys\nat_start = set(sys.modules)\npath = sys.argv[1]\n"
            "source = open(path).read().split('\\nORDERS', 1)[0]\n"
            "exec(compile(source, path, 'exec'), {'__file__': path, '__name__': 'template'})\n"
            "bootstrap = sys.modules['bootstrap']\n"
            "for name in ('random', 'bisect', 'hashlib', 'ctypes', 'uuid'):\n"
            "    assert name in bootstrap._PRELOADED or name in at_start, name\n"
        )
        path = os.path.join(ROOT, "runtimes/python/template.py")
        self.assertEqual(subprocess.call([PYTHON, "-I", "-S", "-c", script, path]), 0)

    def test_a_template_may_import_warm_and_fork(self):
        template = (
            "import os, sys\nsys.path.insert(0, %r)\nimport bootstrap\nbefore = dict(os.environ), list(sys.path)\n"
            "bootstrap.warm()\nassert before == (dict(os.environ), list(sys.path))\n"
            "child = os.fork()\nif child == 0:\n    bootstrap.warm()\n    bootstrap.main(3)\n"
            "os.close(3)\nos._exit(os.waitpid(child, 0)[1])\n"
        ) % os.path.join(ROOT, "runtimes/python")
        code = "import random\ndef main_handler(event, context):\n    return [random.random(), __name__]\n"
        original, draws = COMMANDS["python"], []
        COMMANDS["python"] = [PYTHON, "-I", "-X", "utf8", "-c", template]
        try:
            with Instance("python", {"index.py": code}).ready() as instance:
                draws.append(instance.call())
                self.assertEqual(instance.log(), "")
        finally:
            COMMANDS["python"] = original
        self.assertEqual(draws[0][1], "index")
