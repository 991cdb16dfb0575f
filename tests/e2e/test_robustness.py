"""Killing the server, stopping it, hostile packages, two servers, formats, races, and what the log may hold."""

import io
import json
import stat
import zipfile

import pytest
import requests

import host
import hostile_zip
from fc_api import Fc
from harness import ACCOUNT_ID, ADMIN_TOKEN, KEY_SECRET, Background, Server, parallel, sample, wait_until, zip_of
from hostile_zip import entry, package
from scf_api import ApiError, Scf, environment

HELLO = zip_of({"index.py": "def main_handler(event, context):\n    return 'hello'\n"})


def busy(scf, name, mark, seconds=60):
    """A call that is certain to be running when this returns."""
    call = Background(scf.invoke, name, {"do": "sleep", "seconds": seconds, "mark": mark})
    wait_until(lambda: host.marked(mark), 30, "the call runs")
    return call


def test_kill_9_while_calls_run(fresh_server):
    server = fresh_server()
    scf, fc, mark = Scf(server), Fc(server), host.mark()
    scf.create("probe", sample("scf_probe"), Timeout=60, Environment=environment(KEPT="yes"))
    scf.call("CreateNamespace", Namespace="second", Description="kept")
    fc.sdk.create_service("service", description="kept")
    fc.create("service", "probe", sample("fc_probe"), memorySize=128)
    server.patch_quota("ap-guangzhou", functions_per_namespace=77)
    calls = [busy(scf, "probe", mark) for _ in range(3)]
    assert fc.invoke("service", "probe").value["calls"] == 1
    tag, below = server.tag(), host.children_of(server.pid)
    assert len(below) >= 4

    server.kill()

    wait_until(lambda: not host.alive(below), 2, "all processes die with the server")
    for call in calls:
        with pytest.raises(ApiError):
            call.result()

    server.start()
    scf, fc = Scf(server), Fc(server)
    assert scf.invoke("probe", {"do": "env"}).value["KEPT"] == "yes"
    assert fc.invoke("service", "probe").value["calls"] == 1
    namespaces = {one["Name"]: one["Description"] for one in scf.call("ListNamespaces")["Namespaces"]}
    assert namespaces["second"] == "kept"
    assert fc.sdk.get_service("service").data["description"] == "kept"
    assert server.quota("ap-guangzhou")["functions_per_namespace"] == 77
    assert server.tag() == tag
    assert server.stop() == 0
    assert host.leftovers(tag, server.data_dir) == []


def test_what_was_acknowledged_survives_kill_9(fresh_server):
    server = fresh_server()
    scf, made = Scf(server), []
    for number in range(10):
        scf.create(f"made-{number}", HELLO, wait=False)
        made.append(f"made-{number}")
    server.kill()
    server.start()
    scf = Scf(server)
    assert sorted(scf.names()) == made
    for name in made:
        scf.wait_active(name)
    assert scf.invoke(made[-1]).value == "hello"


def test_sigterm_drains(fresh_server):
    server = fresh_server()
    scf, mark = Scf(server), host.mark()
    scf.create("probe", sample("scf_probe"), Timeout=30)
    call = busy(scf, "probe", mark, seconds=3)
    tag, below = server.tag(), host.children_of(server.pid)
    server.terminate()
    assert call.result().ok, "a call that was accepted is answered"
    assert server.stop() == 0
    assert host.alive(below) == []
    assert host.leftovers(tag, server.data_dir) == []


def test_sigterm_ends_parked_instances_of_every_runtime(fresh_server):
    server = fresh_server()
    scf = Scf(server)
    scf.create("python", HELLO)
    scf.create("node", sample("scf_probe_node"), runtime="Nodejs18.15")
    for name in ("python", "node"):
        assert scf.invoke(name).ok
    tag = server.tag()
    assert server.stop() == 0
    assert host.leftovers(tag, server.data_dir) == []


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param([entry("../escape.py")], id="parent"),
        pytest.param([entry("a/../../escape.py")], id="parent-inside"),
        pytest.param([entry("/etc/escape")], id="absolute"),
        pytest.param([entry("link", b"/etc/passwd", stat.S_IFLNK | 0o777)], id="absolute-link"),
        pytest.param([entry("link", b"../../etc/passwd", stat.S_IFLNK | 0o777)], id="link-out"),
        pytest.param([entry("d", b"/tmp", stat.S_IFLNK | 0o777), entry("d/inside")], id="through-a-link"),
        pytest.param([entry("device", b"", stat.S_IFCHR | 0o666)], id="device"),
        pytest.param([entry("a\\..\\..\\b")], id="backslashes"),
    ],
)
def test_packages_that_reach_outside_are_refused(server, unique, hostile):
    scf = Scf(server)
    reason = scf.rejection(unique, package(*hostile))
    named = hostile[0][0].filename.replace("\\", "/").rsplit("/", 1)[-1]
    assert named in reason or "link" in reason or "path" in reason, f"the reason does not say what is wrong: {reason}"
    before = set(server.data_dir.parent.iterdir())
    assert not [path for path in before if path.name.startswith("escape")]


def test_a_link_within_the_package_is_fine(scf, scf_function):
    source = zipfile.ZipInfo("alias.txt"), b"real.txt"
    source[0].create_system = 3
    source[0].external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def main_handler(event, context):\n    return open('alias.txt').read()\n")
        archive.writestr("real.txt", "through the link")
        archive.writestr(*source)
    assert scf.invoke(scf_function(buffer.getvalue())).value == "through the link"


def test_ten_gigabytes_of_zeros_are_refused(server, unique):
    before = memory_of(server)
    reason = Scf(server).rejection(unique, hostile_zip.zeros(10))
    assert "500" in reason, reason
    assert memory_of(server) - before < 300 << 20


def test_a_package_that_lies_about_its_size_is_refused(server, unique):
    before = memory_of(server)
    assert Scf(server).rejection(unique, hostile_zip.lying_about_size(600))
    assert memory_of(server) - before < 300 << 20


def test_a_million_entries_are_refused(server, unique):
    package = hostile_zip.many_entries(1_000_000)
    assert len(package) < 50 << 20, "no other limit may come first"
    reason = Scf(server).rejection(unique, package)
    assert "entries" in reason or "files" in reason, reason


def memory_of(server):
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize(
    "junk", [b"", b"PK", b"not a zip at all", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + b"\xff" * 60], ids=range(5)
)
def test_packages_that_are_no_packages_are_refused(server, unique, junk):
    assert Scf(server).rejection(unique, junk)


def test_hostile_packages_are_refused_through_fc_too(fc, service):
    from fc2.fc_exceptions import FcError

    with pytest.raises(FcError) as caught:
        fc.create(service, "hostile", package(entry("../escape.py")))
    assert caught.value.status_code == 400 and caught.value.err_code == "InvalidArgument"


def test_two_servers_do_not_touch_each_other(fresh_server):
    first, second = fresh_server("one"), fresh_server("two")
    assert first.tag() != second.tag()
    for server in (first, second):
        Scf(server).create("probe", sample("scf_probe"), Timeout=30)
    mark = host.mark()
    call = busy(Scf(first), "probe", mark, seconds=4)
    assert Scf(second).invoke("probe", {"do": "who"}).value["calls"] == 1
    second.kill()
    second.start()
    assert Scf(second).invoke("probe", {"do": "who"}).value["calls"] == 1
    assert second.stop() == 0
    assert call.result().ok, "stopping and sweeping of one server left the other's instances alone"
    assert Scf(first).invoke("probe", {"do": "who"}).value["calls"] == 2


def test_a_data_directory_has_one_server(fresh_server, tmp_path):
    first = fresh_server("shared")
    again = Server(data_dir=tmp_path / "shared")
    again.log_path = tmp_path / "again.log"
    with pytest.raises(AssertionError, match="before it was ready"):
        again.start()
    assert again.process.returncode != 0
    said = again.log()
    assert str(tmp_path / "shared") in said and (
        "lock" in said.lower() or "in use" in said.lower() or "another" in said.lower()
    ), said
    assert requests.get(first.url + "/healthz", timeout=10).status_code == 200


def test_a_newer_data_format_is_refused(fresh_server, tmp_path):
    server = fresh_server("newer")
    Scf(server).create("kept", HELLO)
    assert server.stop() == 0
    marker = server.data_dir / "format"
    assert marker.exists(), f"no format file among {sorted(path.name for path in server.data_dir.iterdir())}"
    original = marker.read_text()
    marker.write_text("999999\n")
    with pytest.raises(AssertionError, match="before it was ready"):
        server.start()
    assert "999999" in server.log() and "newer" in server.log().lower(), server.log()
    marker.write_text(original)
    server.start()
    assert Scf(server).invoke("kept").value == "hello"


def test_parallel_changes_of_one_function_all_end(scf, probe):
    name = probe()

    def change(number):
        try:
            scf.call("UpdateFunctionConfiguration", FunctionName=name, Description=f"number {number}")
            return True
        except ApiError as error:
            assert error.code.startswith("FailedOperation"), error
            return False

    outcomes = parallel([lambda n=n: change(n) for n in range(8)])
    assert all(isinstance(one, bool) for one in outcomes) and any(outcomes), outcomes
    assert scf.wait_active(name)["Description"].startswith("number ")
    assert scf.invoke(name, {"do": "who"}).ok


def test_no_secret_and_no_payload_in_the_log(fresh_server):
    server = fresh_server(env={"SLUICE_LOG": "debug", "RUST_LOG": "debug"})
    scf, fc = Scf(server), Fc(server)
    sent = ["payload-4b1c", "answer-9f2e", "environment-77aa", "printed-c0de", "thrown-12ab", "wrongsecret-55"]
    source = (
        "def main_handler(event, context):\n"
        f"    print('{sent[3]}')\n"
        "    if event.get('fail'):\n"
        f"        raise ValueError('{sent[4]}')\n"
        f"    return '{sent[1]}'\n"
    )
    scf.create("quiet", zip_of({"index.py": source}), Environment=environment(HIDDEN=sent[2]))
    assert scf.invoke("quiet", {"text": sent[0]}, tail=True).value == sent[1]
    assert scf.invoke("quiet", {"fail": sent[0]}).status == 430
    with pytest.raises(ApiError):
        Scf(server, key_secret=sent[5]).call("ListFunctions")
    fc.sdk.create_service("quiet")
    fc.create(
        "quiet",
        "quiet",
        zip_of({"index.py": f"def handler(event, context):\n    return '{sent[1]}'\n"}),
        memorySize=128,
    )
    fc.invoke("quiet", "quiet", sent[0].encode())
    server.stop()
    log = server.log()
    assert log, "a server that logs nothing would pass this for the wrong reason"
    assert [text for text in (*sent, KEY_SECRET, ADMIN_TOKEN) if text in log] == []


def test_generated_credentials_are_kept_and_private(tmp_path):
    server = Server(data_dir=tmp_path / "own")
    server.env = {key: value for key, value in server.env.items() if not key.startswith("SLUICE_")}
    with server:
        path = server.data_dir / "credentials.toml"
        first = path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.data_dir.stat().st_mode) & 0o007 == 0
        server.stop()
        server.start()
        assert path.read_text() == first


def test_a_slow_request_does_not_hold_the_others(server, scf, probe):
    import socket

    name = probe()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    try:
        for link in slow:
            link.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert scf.invoke(name, {"do": "who"}).value["calls"] == 1
    finally:
        for link in slow:
            link.close()


def test_requests_that_are_not_http(server):
    import socket

    for junk in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET\r\n\r\n",
        b"\0" * 1000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
            try:
                link.sendall(junk)
                link.shutdown(socket.SHUT_WR)
                while link.recv(4096):
                    pass
            except ConnectionError:
                pass  # being cut off is an answer too
    assert requests.get(server.url + "/healthz", timeout=10).status_code == 200


def test_a_caller_who_leaves_does_not_break_the_instance(server, scf, probe):
    name, mark = probe(Timeout=20), host.mark()
    impatient = Scf(server, timeout=2)
    leaving = Background(impatient.invoke, name, {"do": "sleep", "seconds": 4, "mark": mark})
    wait_until(lambda: host.marked(mark), 20, "the call runs")
    with pytest.raises(ApiError):
        leaving.result()
    for _ in range(5):
        assert scf.invoke(name, {"do": "echo", "own": 1}).value["event"]["own"] == 1


def test_the_account_of_the_environment_is_used(scf, probe):
    assert scf.invoke(probe(), {"do": "echo"}).value["context"]["tencentcloud_appid"] == ACCOUNT_ID


def test_results_do_not_cross_between_functions(scf, probe, node_probe):
    names = [probe(), node_probe(), probe()]
    calls = []
    for number in range(60):
        name = names[number % 3]
        calls.append(lambda name=name, number=number: scf.invoke(name, {"do": "echo", "n": number}).value["event"])
    assert parallel(calls) == [{"do": "echo", "n": number} for number in range(60)]


def test_the_server_says_json_or_nothing_on_its_admin_side(server):
    answer = server.admin("GET", "instances")
    assert answer.headers["Content-Type"].startswith("application/json")
    json.loads(answer.text)


def test_a_start_for_which_the_server_may_not_open_enough_files_is_refused(tmp_path):
    server = Server(data_dir=tmp_path / "few")
    server.command[:0] = ["prlimit", "--nofile=1024:1024"]
    with server:
        scf = Scf(server)
        server.patch_quota("ap-guangzhou", functions_per_namespace=1000)
        package = zip_of({"index.py": "def main_handler(event, context):\n    return event\n"})
        names = [scf.create(f"few{number}", package) for number in range(80)]
        for name in names[:40]:
            assert scf.invoke(name, name).value == name, server.log()
        rest = names[40:]
        answers = parallel([lambda name=name: scf.invoke(name, name) for name in rest])
        served = names[:40] + [name for name, answer in zip(rest, answers) if answer.ok]
        refused = [answer for answer in answers if not answer.ok]
        assert refused, server.log()
        assert len(served) >= 60, "each takes 13 of 896 files, and what is kept ready for starts goes to them"
        said = {(answer.status, answer.error["errorMessage"]) for answer in refused}
        assert said == {(449, "InsufficientResources")}, server.log()
        assert "too few open files" in server.log() and server.log().count("WARN") <= 3, server.log()
        assert scf.invoke(served[0], "again").value == "again", "who is there goes on"
        assert Scf(server).invoke(served[-1], "again").value == "again", "connections are accepted"
        for name in served:
            scf.delete(name)
        # Their instances end when the last call is over, which is now.
        late = rest[answers.index(refused[0])]
        wait_until(lambda: scf.invoke(late, "late").ok, 30, "there is room again")
