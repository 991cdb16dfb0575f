"""The client commands of the binary, as a person or a script uses them."""

import json

import pytest

from harness import FUNCTIONS, zip_of


def run(server, *args, **options):
    return json.loads(server.client(*args, "--output", "json", **options).stdout)


@pytest.fixture
def folder(tmp_path):
    """A folder with a Python function for SCF."""
    path = tmp_path / "function"
    path.mkdir()
    (path / "index.py").write_text(
        "def main_handler(event, context):\n    print('said so')\n    return {'got': event}\n"
    )
    return path


def test_deploy_invoke_logs_get_list_remove(server, scf, unique, folder):
    deployed = run(server, "deploy", folder, "--name", unique, "--runtime", "Python3.10")
    assert (deployed["action"], deployed["name"]) == ("created", unique)
    answer = run(server, "invoke", unique, "--data", '{"n": 1}')
    assert (answer["failed"], answer["output"]) == (False, {"got": {"n": 1}})
    assert answer["duration_ms"] >= 0 and answer["memory_mb"] > 1 and len(answer["request_id"]) == 36
    records = run(server, "logs", unique)["records"]
    assert len(records) == 1 and "said so" in records[0]["log"]
    assert run(server, "get", unique)["FunctionName"] == unique
    assert unique in [one["name"] for one in run(server, "list")["functions"]]
    assert scf.settled(unique)["Runtime"] == "Python3.10", "the API shows what the command made"
    assert run(server, "remove", unique)["removed"] == unique
    assert unique not in scf.names(SearchKey=unique)


def test_output_for_people(server, unique, folder):
    made = server.client("deploy", folder, "--name", unique, "--runtime", "Python3.10")
    assert f"{unique} created" in made.stdout
    try:
        called = server.client("invoke", unique, "--data", "[1]", "--log")
        assert called.stdout == '{"got": [1]}\n' or json.loads(called.stdout) == {"got": [1]}
        assert "said so" in called.stderr
        assert "Python3.10" in server.client("get", unique).stdout
        assert "said so" in server.client("logs", unique).stdout
    finally:
        assert f"{unique} removed" in server.client("remove", unique).stdout


def test_deploying_again_updates_the_code(server, scf, unique, folder):
    server.client("deploy", folder, "--name", unique, "--runtime", "Python3.10")
    try:
        (folder / "index.py").write_text("def main_handler(event, context):\n    return 'second'\n")
        assert run(server, "deploy", folder, "--name", unique)["action"] == "updated"
        assert scf.invoke(unique).value == "second"
    finally:
        server.client("remove", unique)


def test_a_zip_can_be_deployed(server, scf, unique, tmp_path):
    package = tmp_path / "code.zip"
    package.write_bytes(zip_of({"index.js": "exports.main_handler = async () => 'zipped';\n"}))
    server.client("deploy", package, "--name", unique, "--runtime", "Nodejs18.15")
    try:
        assert scf.invoke(unique).value == "zipped"
    finally:
        server.client("remove", unique)


def test_the_fc_dialect(server, fc, unique):
    server.client(
        "deploy",
        FUNCTIONS / "fc_probe",
        "--dialect",
        "fc",
        "--service",
        unique,
        "--name",
        "probe",
        "--runtime",
        "python3.10",
    )
    try:
        # spec: FSV-06
        assert fc.sdk.get_function(unique, "probe").data["runtime"] == "python3.10"
        answer = run(server, "invoke", "probe", "--dialect", "fc", "--service", unique)
        assert answer["output"]["calls"] == 1
        server.client("remove", "probe", "--dialect", "fc", "--service", unique)
    finally:
        fc.delete_service(unique)


def test_runtimes_say_what_stands_in_for_what(server):
    runtimes = {one["id"]: one for one in run(server, "runtimes", "--all")["runtimes"]}
    for known in ("Python3.10", "Nodejs18.15", "python3.10", "nodejs12"):
        assert runtimes[known]["interpreter"].startswith("/") and runtimes[known]["version"], runtimes[known]
    assert runtimes["nodejs12"]["stands_in"] is not runtimes["nodejs12"]["version"].startswith("12.")
    assert not runtimes["Python2.7"]["interpreter"] or runtimes["Python2.7"]["version"].startswith("2.")
    people = server.client("runtimes").stdout
    assert "Python3.10" in people


def test_doctor_says_what_the_host_enforces(server):
    report = server.client("doctor", "--output", "json", check=False)
    assert report.returncode == 0, report.stderr
    findings = json.loads(report.stdout)["findings"]
    text = json.dumps(findings).lower()
    for subject in ("cgroup", "seccomp", "namespace"):
        assert subject in text, subject
    assert all(one["remedy"] for one in findings if not one["ok"]), "what is missing comes with what to do"


def test_errors_say_what_to_do_next(server, unique, tmp_path):
    absent = server.client("invoke", unique, check=False)
    assert absent.returncode != 0 and unique in absent.stderr
    unreachable = server.client("list", check=False, env={"SLUICE_ENDPOINT": "http://127.0.0.1:9"})
    assert unreachable.returncode != 0 and "127.0.0.1:9" in unreachable.stderr
    nothing = server.client("deploy", tmp_path / "nowhere", "--name", unique, "--runtime", "Python3.10", check=False)
    assert nothing.returncode != 0 and "nowhere" in nothing.stderr
    wrong = server.client("list", check=False, env={"SLUICE_ACCESS_KEY_SECRET": "wrong"})
    assert wrong.returncode != 0 and ("secret" in wrong.stderr.lower() or "signature" in wrong.stderr.lower())


def test_a_failing_function_fails_the_command(server, unique, folder):
    (folder / "index.py").write_text("def main_handler(event, context):\n    raise ValueError('seen by the shell')\n")
    server.client("deploy", folder, "--name", unique, "--runtime", "Python3.10")
    try:
        failed = server.client("invoke", unique, check=False)
        assert failed.returncode != 0 and "seen by the shell" in failed.stdout + failed.stderr
    finally:
        server.client("remove", unique)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(server, shell):
    assert "sluice" in server.client("completion", shell).stdout


def test_check_config(server, tmp_path):
    good = server.client("serve", "--check-config", "--data-dir", tmp_path / "d")
    assert good.returncode == 0
    config = tmp_path / "sluice.toml"
    config.write_text("unheard_of = 1\n")
    bad = server.client("serve", "--check-config", "--data-dir", tmp_path / "d", "--config", config, check=False)
    assert bad.returncode != 0 and "unheard_of" in bad.stderr
