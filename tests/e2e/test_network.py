"""Outgoing network: a "public" host in a namespace of its own is reached, or is not; names resolve."""

import os
import shutil

import pytest

from fc_api import Fc
from harness import sample, zip_of
from public_host import ADDRESS, PORT, PublicHost, ToyDns
from scf_api import NODE, Scf

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="a public host of its own needs root and iproute2"
)

FETCH = (
    "import urllib.request\n"
    "def main_handler(event, context):\n"
    "    try:\n"
    "        with urllib.request.urlopen(event['url'], timeout=3) as answer:\n"
    "            return {'body': answer.read().decode()}\n"
    "    except OSError as error:\n"
    "        return {'error': str(error)}\n"
)
FETCH_NODE = (
    "exports.main_handler = async (event) => {\n"
    "  try {\n"
    "    const answer = await fetch(event.url, { signal: AbortSignal.timeout(3000) });\n"
    "    return { body: await answer.text() };\n"
    "  } catch (error) {\n"
    "    return { error: String(error.cause || error) };\n"
    "  }\n"
    "};\n"
)


@pytest.fixture(scope="module")
def public():
    with PublicHost() as running:
        yield running


def test_the_public_network_is_on_by_default(scf, scf_function, public):
    # spec: FUN-26
    seen = scf.invoke(scf_function(zip_of({"index.py": FETCH}), Timeout=10), {"url": public.url}).value
    assert seen.get("body", "").startswith("public host sees "), seen
    seen = scf.invoke(
        scf_function(zip_of({"index.js": FETCH_NODE}), runtime=NODE, Timeout=10), {"url": public.url}
    ).value
    assert seen.get("body", "").startswith("public host sees "), seen


def test_the_public_host_sees_the_hosts_address(scf, scf_function, public):
    seen = scf.invoke(scf_function(zip_of({"index.py": FETCH}), Timeout=10), {"url": public.url}).value
    assert seen.get("body") == "public host sees 203.0.113.1", seen


def test_switched_off_it_is_off(scf, scf_function, public):
    name = scf_function(zip_of({"index.py": FETCH}), Timeout=10)
    assert "body" in scf.invoke(name, {"url": public.url}).value
    scf.configure(name, PublicNetConfig={"PublicNetStatus": "DISABLE", "EipConfig": {"EipStatus": "DISABLE"}})
    # spec: FUN-26
    assert scf.settled(name)["PublicNetConfig"]["PublicNetStatus"] == "DISABLE"
    assert "error" in scf.invoke(name, {"url": public.url}).value
    scf.configure(name, PublicNetConfig={"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}})
    assert "body" in scf.invoke(name, {"url": public.url}).value


def test_created_without_network_it_has_none(scf, scf_function, public):
    off = {"PublicNetStatus": "DISABLE", "EipConfig": {"EipStatus": "DISABLE"}}
    # spec: FUN-26
    name = scf_function(zip_of({"index.py": FETCH}), Timeout=10, PublicNetConfig=off)
    assert "error" in scf.invoke(name, {"url": public.url}).value


def test_an_fc_service_switches_it_for_all_its_functions(fc, service, fc_function, public):
    order = {"do": "fetch", "url": public.url}
    first, second = (fc_function(sample("fc_probe"), memorySize=128) for _ in range(2))
    assert "body" in fc.invoke(service, first, order).value
    fc.sdk.update_service(service, internetAccess=False)
    # spec: FSV-04
    assert "error" in fc.invoke(service, first, order).value
    assert "error" in fc.invoke(service, second, order).value
    fc.sdk.update_service(service, internetAccess=True)
    assert "body" in fc.invoke(service, second, order).value


def test_names_resolve_where_the_hosts_resolver_is_on_its_loopback(fresh_server, tmp_path, public):
    with ToyDns("toy.sluice.example", ADDRESS) as dns:
        resolv_conf = tmp_path / "resolv.conf"
        resolv_conf.write_text(f"nameserver {dns.listen}\n")
        server = fresh_server(env={"SLUICE_RESOLV_CONF": str(resolv_conf)})
        scf = Scf(server)
        name = scf.create("resolving", zip_of({"index.py": FETCH}), Timeout=20)
        seen = scf.invoke(name, {"url": f"http://toy.sluice.example:{PORT}/"}).value
        assert seen.get("body", "").startswith("public host sees "), seen
        assert "toy.sluice.example" in dns.asked
        unknown = scf.invoke(name, {"url": "http://absent.sluice.example/"}).value
        assert "error" in unknown
        off = {"PublicNetStatus": "DISABLE", "EipConfig": {"EipStatus": "DISABLE"}}
        dns.asked.clear()
        scf.configure(name, PublicNetConfig=off)
        assert "error" in scf.invoke(name, {"url": f"http://toy.sluice.example:{PORT}/"}).value
        assert dns.asked == [], "off means off, for names too"


def test_two_servers_have_networks_that_do_not_collide(fresh_server, public):
    bodies = []
    for number in range(2):
        scf = Scf(fresh_server(f"data{number}"))
        scf.create("fetching", zip_of({"index.py": FETCH}), Timeout=10)
        bodies.append(scf.invoke("fetching", {"url": public.url}).value)
    assert all("body" in body for body in bodies), bodies


def test_fc_functions_reach_it_by_default(server, unique, public):
    fc = Fc(server)
    fc.sdk.create_service(unique)
    try:
        fc.create(unique, "fetching", sample("fc_probe"), memorySize=128)
        # spec: FSV-04
        assert "body" in fc.invoke(unique, "fetching", {"do": "fetch", "url": public.url}).value
    finally:
        fc.delete_service(unique)
