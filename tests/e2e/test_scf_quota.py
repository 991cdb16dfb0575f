"""SCF quotas: numbers of a region, and what happens when they are reached."""

import os

from harness import REGION, zip_of
from scf_api import Scf, refused

HELLO = zip_of({"index.py": "def main_handler(event, context):\n    return 'hello'\n"})


def test_account_numbers_of_large_and_small_regions(server):
    def limits(region):
        return Scf(server, region=region).call("GetAccount")

    large, small = limits("ap-guangzhou"), limits("ap-singapore")
    # spec: QUO-02
    assert large["AccountUsage"]["UserConcurrencyMemLimit"] == 128000
    assert large["AccountUsage"]["TotalConcurrencyMem"] == 128000
    # spec: QUO-03
    assert small["AccountUsage"]["UserConcurrencyMemLimit"] == 64000
    for region in ("ap-shanghai", "ap-beijing", "ap-chengdu", "ap-hongkong"):
        assert limits(region)["AccountUsage"]["UserConcurrencyMemLimit"] == 128000
    for region in (
        "ap-mumbai",
        "ap-tokyo",
        "na-toronto",
        "na-siliconvalley",
        "eu-frankfurt",
        "ap-shenzhen-fsi",
        "ap-shanghai-fsi",
    ):
        assert limits(region)["AccountUsage"]["UserConcurrencyMemLimit"] == 64000
    default = next(one for one in small["AccountLimit"]["Namespace"] if one["Namespace"] == "default")
    assert (default["FunctionsCount"], default["TimeoutLimit"], default["InitTimeoutLimit"]) == (50, 900, 300)
    assert small["AccountLimit"]["NamespacesCount"] == 5


def test_a_region_holds_five_namespaces_until_the_operator_raises_it(server):
    elsewhere = Scf(server, region="ap-bangkok")
    for number in range(4):
        elsewhere.call("CreateNamespace", Namespace=f"ns{number}")
    # spec: QUO-04
    refused(lambda: elsewhere.call("CreateNamespace", Namespace="ns4"), "LimitExceeded.Namespace")
    # spec: QUO-27
    server.patch_quota("ap-bangkok", namespaces=6)
    elsewhere.call("CreateNamespace", Namespace="ns4")


def test_a_namespace_holds_fifty_functions(server):
    elsewhere = Scf(server, region="ap-seoul")
    elsewhere.call("CreateNamespace", Namespace="second")
    for number in range(50):
        elsewhere.create(f"full-{number}", HELLO, wait=False)
    # spec: QUO-06
    refused(lambda: elsewhere.create("full-50", HELLO, wait=False), "LimitExceeded.Function")
    # spec: QUO-26
    elsewhere.create("in-second", HELLO, Namespace="second")
    assert elsewhere.invoke("in-second", Namespace="second").value == "hello"
    # spec: QUO-27
    server.patch_quota("ap-seoul", functions_per_namespace=51)
    elsewhere.create("full-50", HELLO)
    assert elsewhere.invoke("full-50").value == "hello"


def test_regions_have_a_profile_that_can_be_read_and_changed(server):
    # spec: QUO-27
    assert server.quota(REGION)["concurrency_mb"] == 128000
    assert server.patch_quota("ap-taipei", sync_payload_mb=7)["sync_payload_mb"] == 7
    assert server.quota("ap-taipei")["sync_payload_mb"] == 7


def test_limits_of_answers_and_packages_are_raised_for_what_is_there(server):
    scf = Scf(server, region="ap-jakarta")
    six = 6 * 1024 * 1024
    scf.create("large", zip_of({"index.py": "def main_handler(event, context):\n    return 'x' * event['size']\n"}), MemorySize=256)
    assert len(scf.invoke("large", {"size": six - 2}).value) == six - 2
    assert not scf.invoke("large", {"size": six}).ok
    server.patch_quota("ap-jakarta", response_mb=7)
    # spec: QUO-27
    assert len(scf.invoke("large", {"size": six}).value) == six, "the instance was there before"
    # Bytes that do not compress; larger in base64 than any package with the default limits.
    heavy = zip_of({"index.py": "def main_handler(event, context):\n    return 1\n", "data": os.urandom(57 << 20)})
    reason = scf.rejection("heavy", heavy)
    assert "50 MB" in reason or "RequestSizeLimitExceeded" in reason, reason
    server.patch_quota("ap-jakarta", code_zip_mb=60)
    # spec: QUO-27
    scf.create("heavy", heavy)
    assert scf.invoke("heavy").value == 1
