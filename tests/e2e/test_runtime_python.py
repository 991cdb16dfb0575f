"""What Python code of SCF finds around it: layout, environment, context, log, threads."""

import json

from harness import Background, wait_until, zip_of
from scf_api import environment


def test_python_is_one_of_the_families(scf, probe):
    # spec: RTM-01
    assert scf.invoke(probe()).value["event"] == {}


def test_the_handler_gets_the_event_and_a_dict(scf, probe):
    name = probe(MemorySize=256, Timeout=5, Environment=environment(MINE="1"))
    event = {"do": "echo", "list": [1, 2.5, None, True], "text": "你好"}
    result = scf.invoke(name, event)
    seen = result.value
    # spec: RTM-14
    assert seen["event"] == event
    context = seen["context"]
    assert context["memory_limit_in_mb"] == 256 and context["time_limit_in_ms"] == 5000
    assert context["request_id"] == result.request_id
    assert (
        context["function_name"] == name
        and context["function_version"] == "$LATEST"
        and context["namespace"] == "default"
    )
    assert context["tencentcloud_region"] == "ap-guangzhou" and context["tencentcloud_appid"] == "1250000000"
    assert isinstance(context["tencentcloud_uin"], str)
    assert json.loads(context["environment"])["MINE"] == "1"
    assert "SCF_NAMESPACE=default" in context["environ"].split(";")


def test_any_json_value_may_be_the_event(scf, scf_function):
    name = scf_function(
        zip_of({"index.py": "def main_handler(event, context):\n    return [type(event).__name__, event]\n"})
    )
    for event, kind in (([1], "list"), ("text", "str"), (7, "int"), ({"a": {}}, "dict"), (None, "NoneType")):
        assert scf.invoke(name, raw=json.dumps(event)).value == [kind, event]


def test_any_json_value_may_be_the_result(scf, scf_function):
    name = scf_function(zip_of({"index.py": "def main_handler(event, context):\n    return event['give']\n"}))
    for value in (None, True, 1.5, "你好 \u2713", [], {"a": [1]}):
        assert scf.invoke(name, {"give": value}).value == value
    assert "你好" in scf.invoke(name, {"give": "你好"}).ret_msg


def test_the_documented_environment(scf, probe):
    name = probe()
    seen = scf.invoke(name, {"do": "env"}).value
    # spec: RTM-10
    assert seen["PYTHONPATH"].split(":")[:2] == ["/var/user", "/opt"]
    assert (
        seen["SCF_FUNCTIONNAME"] == name
        and seen["SCF_FUNCTIONVERSION"] == "$LATEST"
        and seen["SCF_NAMESPACE"] == "default"
    )
    assert seen["TENCENTCLOUD_REGION"] == "ap-guangzhou" and seen["TENCENTCLOUD_APPID"] == "1250000000"
    assert seen["TENCENTCLOUD_RUNENV"] == "SCF" and seen["USER_CODE_ROOT"] == "/var/user/"
    assert "TZ" not in seen
    assert "utf" in (seen.get("LC_ALL") or seen["LANG"]).lower()


def test_where_things_are(scf, probe):
    seen = scf.invoke(probe(), {"do": "paths"}).value
    # spec: RTM-08
    assert seen["cwd"] == "/var/user"
    for path in ("/var/user", "/var/runtime", "/var/lang", "/opt"):
        assert seen["roots"][path] == {"directory": True, "writable": False}, path
    assert seen["roots"]["/"]["writable"] is False
    assert seen["roots"]["/tmp"] == {"directory": True, "writable": True}
    assert "/var/user" in seen["python"] and "/opt" in seen["python"]


def test_modules_of_the_package_can_be_imported(scf, scf_function):
    files = {
        "index.py": "from lib.words import greet\nimport top\ndef main_handler(event, context):\n    return greet() + top.MARK\n",
        "lib/__init__.py": "",
        "lib/words.py": "def greet():\n    with open('lib/word.txt', encoding='utf-8') as f:\n        return f.read()\n",
        "lib/word.txt": "你好",
        "top.py": "MARK = '!'\n",
    }
    assert scf.invoke(scf_function(zip_of(files))).value == "你好!"


def test_a_handler_in_a_folder(scf, scf_function):
    files = {"src/app.py": "def main(event, context):\n    return __file__\n"}
    assert scf.invoke(scf_function(zip_of(files), handler="src/app.main")).value == "/var/user/src/app.py"


def test_the_clock_is_utc_unless_told(scf, probe):
    # spec: FUN-10
    seen = scf.invoke(probe(), {"do": "time"}).value
    assert seen["zone"] == "+0000" and seen["hour"] == seen["utc_hour"]
    seen = scf.invoke(probe(Environment=environment(TZ="Asia/Shanghai")), {"do": "time"}).value
    assert seen["zone"] == "+0800" and seen["hour"] == (seen["utc_hour"] + 8) % 24


def test_text_is_utf_8(scf, probe):
    result = scf.invoke(probe(), {"do": "unicode", "text": "✓"}, tail=True)
    assert result.value["text"] == "✓"
    assert result.value["encoding"].lower().replace("-", "") == "utf8" and result.value["file_system"] == "utf-8"
    assert "打印 ✓" in result.log


def test_handlers_run_on_the_main_thread(scf, probe):
    assert scf.invoke(probe(), {"do": "main_thread"}).value is True


def test_only_the_users_frames_are_in_a_stack(scf, scf_function):
    source = "def deeper():\n    raise KeyError('k')\ndef main_handler(event, context):\n    deeper()\n"
    stack = scf.invoke(scf_function(zip_of({"index.py": source}))).error["stackTrace"]
    assert "deeper" in stack and "/var/user/index.py" in stack and "KeyError" in stack
    assert "bootstrap" not in stack and "/var/runtime" not in stack


def test_an_exception_while_loading(scf, scf_function):
    result = scf.invoke(scf_function(zip_of({"index.py": "raise RuntimeError('while loading')\n"})), tail=True)
    assert result.status in (430, 437)
    assert "while loading" in result.ret_msg + result.log


def test_sys_exit_ends_the_process(scf, probe):
    assert scf.invoke(probe(), {"do": "sys_exit"}).status == 439


def test_output_while_loading_belongs_to_the_first_call(scf, scf_function):
    name = scf_function(zip_of({"index.py": "print('loading now')\ndef main_handler(event, context):\n    return 1\n"}))
    assert "loading now" in scf.invoke(name, tail=True).log
    assert "loading now" not in scf.invoke(name, tail=True).log


def test_logging_goes_to_the_log(scf, scf_function):
    source = "import logging\ndef main_handler(event, context):\n    logging.getLogger().warning('a warning')\n"
    assert "a warning" in scf.invoke(scf_function(zip_of({"index.py": source})), tail=True).log


def test_output_without_a_newline_is_kept(scf, scf_function):
    source = "import sys, os\ndef main_handler(event, context):\n    sys.stdout.write('no newline')\n    os.write(2, b'raw bytes')\n"
    log = scf.invoke(scf_function(zip_of({"index.py": source})), tail=True).log
    assert "no newline" in log and "raw bytes" in log


def test_long_lines_and_many_lines_are_cut_and_counted(scf, scf_function):
    source = "def main_handler(event, context):\n    print('z' * 20000)\n    for n in range(6000):\n        print('line', n)\n"
    name = scf_function(zip_of({"index.py": source}), Timeout=20)
    result = scf.invoke(name)

    def record():
        found = [
            one
            for one in scf.call("GetFunctionLogs", FunctionName=name)["Data"]
            if one["RequestId"] == result.request_id
        ]
        return found and found[0]["Log"]

    lines = wait_until(record, 10, "the record").splitlines()
    assert max(len(line) for line in lines if line.startswith("z")) == 8192
    assert sum(line.startswith("line ") for line in lines) <= 5000
    assert sum(line.startswith("line ") for line in lines) > 4000


def test_tmp_keeps_files_between_calls_of_an_instance(scf, scf_function):
    source = (
        "import os\n"
        "def main_handler(event, context):\n"
        "    before = os.path.exists('/tmp/kept')\n"
        "    open('/tmp/kept', 'w').close()\n"
        "    return before\n"
    )
    name = scf_function(zip_of({"index.py": source}))
    assert [scf.invoke(name).value, scf.invoke(name).value] == [False, True]


def test_threads_and_subprocesses_work(scf, scf_function):
    source = (
        "import subprocess, sys, concurrent.futures\n"
        "def main_handler(event, context):\n"
        "    with concurrent.futures.ThreadPoolExecutor(4) as pool:\n"
        "        total = sum(pool.map(lambda n: n * n, range(10)))\n"
        "    child = subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True)\n"
        "    return [total, child.stdout.strip()]\n"
    )
    assert scf.invoke(scf_function(zip_of({"index.py": source}), Timeout=10)).value == [285, "42"]


def test_no_two_instances_draw_the_same_random_numbers(scf, scf_function):
    source = (
        "import os, random, time\ninstance = os.urandom(8).hex()\ndrawn = [random.random(), random.getrandbits(64)]\n"
        "def main_handler(event, context):\n    time.sleep(0.4)\n    return [instance, drawn]\n"
    )
    name = scf_function(zip_of({"index.py": source}), Timeout=30)
    calls = [Background(scf.invoke, name) for _ in range(6)]
    drawn = dict(call.result().value for call in calls)
    assert len(drawn) >= 2, "calls at the same time have instances of their own"
    for position in range(2):
        assert len({numbers[position] for numbers in drawn.values()}) == len(drawn), drawn


def test_a_package_may_replace_modules_that_a_template_has_loaded(scf, scf_function):
    replaced = ["ctypes", "decimal", "uuid", "ssl"]
    files = {f"{name}.py": "OURS = True\n" for name in replaced}
    files["index.py"] = (
        "def main_handler(event, context):\n"
        "    return [name for name in event if hasattr(__import__(name), 'OURS')]\n"
    )
    name = scf_function(zip_of(files))
    assert scf.invoke(name, replaced).value == replaced
