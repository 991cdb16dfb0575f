"""Fixtures: one shared server for what only reads and writes its own functions, fresh ones for the rest."""

import shutil
import uuid

import pytest

from fc_api import Fc, open_client
from harness import REGION, Server, sample
from scf_api import ApiError, Scf
from virtual import Region


@pytest.fixture(scope="session")
def server():
    """The server that most tests share. Its count limits in the default region are raised: suites make many functions."""
    with Server() as running:
        running.patch_quota(REGION, functions_per_namespace=2000, namespaces=200)
        yield running


@pytest.fixture
def fresh_server(tmp_path):
    """Makes servers of a test's own; what still runs at the end is stopped."""
    made = []

    def make(name="data", **options):
        one = Server(data_dir=tmp_path / name, **options)
        made.append(one)
        return one.start()

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.stop()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="session")
def virtual_server():
    """A server whose clock only tests move. Tests work in regions of their own."""
    with Server(args=["--clock", "virtual"]) as running:
        yield running


@pytest.fixture
def region(virtual_server):
    return Region(virtual_server)


@pytest.fixture(scope="session")
def scf(server):
    return Scf(server)


@pytest.fixture(scope="session")
def fc(server):
    return Fc(server)


@pytest.fixture(scope="session")
def fc_open(server):
    return open_client(server)


@pytest.fixture
def unique():
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def scf_function(scf):
    """Creates SCF functions that are deleted after the test."""
    made = []

    def make(package, **fields):
        name = f"t{uuid.uuid4().hex[:12]}"
        made.append((name, fields.get("Namespace", "default")))
        return scf.create(name, package, **fields)

    yield make
    for name, namespace in made:
        try:
            scf.delete(name, namespace)
        except ApiError as error:
            assert error.code.startswith("ResourceNotFound"), error


@pytest.fixture
def probe(scf_function):
    """A Python function that does what its event says (tests/functions/scf_probe)."""
    return lambda **fields: scf_function(sample("scf_probe"), **fields)


@pytest.fixture
def node_probe(scf_function):
    return lambda **fields: scf_function(sample("scf_probe_node"), runtime="Nodejs18.15", **fields)


@pytest.fixture
def service(fc):
    """An FC service that is deleted, functions and all, after the test."""
    name = f"s{uuid.uuid4().hex[:12]}"
    fc.sdk.create_service(name, description="end-to-end test")
    yield name
    fc.delete_service(name)


@pytest.fixture
def fc_function(fc, service):
    """Creates FC functions in the test's own service."""

    def make(package, **fields):
        name = f"f{uuid.uuid4().hex[:12]}"
        fc.create(service, name, package, **fields)
        return name

    return make
