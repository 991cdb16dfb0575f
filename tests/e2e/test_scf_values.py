"""SCF: the rules about every value of a function, and the values it has when none are given."""

import pytest

from harness import zip_of
from scf_api import environment, refused

HELLO = zip_of({"index.py": "def main_handler(event, context):\n    return 'hello'\n"})


@pytest.mark.parametrize("good", ["ab", "A1", "a-b_c", "x" * 60])
def test_good_function_names(scf, good):
    # spec: FUN-07
    # spec: QUO-07
    try:
        scf.create(good, HELLO, wait=False)
        assert good in scf.names()
    finally:
        scf.settled(good)
        scf.delete(good)


@pytest.mark.parametrize("bad", ["a", "x" * 61, "1ab", "-ab", "_ab", "a.b", "a b", "a/b", "naïve", "ab-", "ab_"])
def test_bad_function_names(scf, bad):
    # spec: FUN-07
    # spec: QUO-07
    refused(lambda: scf.create(bad, HELLO, wait=False), "InvalidParameterValue.FunctionName")


def test_namespace_and_function_name_share_118_characters(scf):
    # spec: QUO-08
    long = "n" * 60
    scf.call("CreateNamespace", Namespace=long)
    try:
        refused(lambda: scf.create("f" * 59, HELLO, wait=False, Namespace=long), "InvalidParameterValue.FunctionName")
        scf.create("f" * 58, HELLO, Namespace=long)
        scf.delete("f" * 58, long)
    finally:
        scf.call("DeleteNamespace", Namespace=long)


def test_a_description_has_at_most_1000_characters(scf, scf_function):
    # spec: FUN-08
    name = scf_function(HELLO, Description="d" * 1000)
    assert scf.settled(name)["Description"] == "d" * 1000
    refused(
        lambda: scf.call("UpdateFunctionConfiguration", FunctionName=name, Description="d" * 1001),
        "InvalidParameterValue.Description",
    )
    refused(lambda: scf_function(HELLO, Description="d" * 1001), "InvalidParameterValue.Description")


@pytest.mark.parametrize("size", [64, 128, 256, 3072])
def test_memory_sizes_that_exist(scf, scf_function, size):
    # spec: QUO-17
    assert scf.settled(scf_function(HELLO, MemorySize=size))["MemorySize"] == size


@pytest.mark.parametrize("size", [63, 96, 192, 3200])
def test_memory_sizes_that_do_not(scf_function, size):
    # spec: QUO-17
    refused(
        lambda: scf_function(HELLO, MemorySize=size),
        "InvalidParameterValue.Memory",
        "InvalidParameterValue.MemorySize",
        "LimitExceeded.Memory",
    )


def test_the_execution_timeout_is_1_to_900_seconds(scf, scf_function):
    # spec: QUO-19
    for seconds in (1, 900):
        assert scf.settled(scf_function(HELLO, Timeout=seconds))["Timeout"] == seconds
    for seconds in (0, 901):
        refused(
            lambda: scf_function(HELLO, Timeout=seconds),
            "LimitExceeded.Timeout",
            "InvalidParameterValue.Timeout",
            "InvalidParameterValue",
        )


def test_the_initialisation_timeout_is_3_to_300_seconds(scf, scf_function):
    # spec: FUN-17
    for seconds in (3, 300):
        assert scf.settled(scf_function(HELLO, InitTimeout=seconds))["InitTimeout"] == seconds
    for seconds in (2, 301):
        refused(
            lambda: scf_function(HELLO, InitTimeout=seconds),
            "LimitExceeded.InitTimeout",
            "InvalidParameterValue.InitTimeout",
            "InvalidParameterValue",
        )


def test_what_a_fresh_function_has_by_default(scf, scf_function):
    name = scf_function(HELLO)
    function = scf.settled(name)
    # spec: FUN-18
    assert function["InitTimeout"] == 60
    # spec: FUN-22
    assert function["Timeout"] == 3
    # spec: FUN-23
    assert function["MemorySize"] == 128
    assert function["Type"] == "Event"
    assert function["FunctionVersion"] == "$LATEST"
    assert function["PublicNetConfig"]["PublicNetStatus"] == "ENABLE"
    assert function["FunctionId"].startswith("lam-")
    assert function["CodeSize"] == len(HELLO)


def test_environment_variables_take_at_most_4096_bytes(scf, scf_function):
    # spec: QUO-11
    name = scf_function(HELLO, Environment=environment(KEY="v" * 4093))
    assert scf.settled(name)["Environment"]["Variables"] == [{"Key": "KEY", "Value": "v" * 4093}]
    refused(
        lambda: scf_function(HELLO, Environment=environment(KEY="v" * 4094)),
        "InvalidParameterValue.EnvironmentExceededLimit",
    )


@pytest.mark.parametrize("key", ["SCF_MINE", "QCLOUD_X", "TENCENTCLOUD_REGION"])
def test_names_of_the_platform_are_reserved(scf_function, key):
    refused(
        lambda: scf_function(HELLO, Environment=environment(**{key: "x"})),
        "InvalidParameterValue.EnvironmentSystemProtect",
        "InvalidParameterValue.SystemEnvironment",
    )


def test_the_environment_can_be_cleared(scf, scf_function):
    name = scf_function(HELLO, Environment=environment(A="1"))
    scf.configure(name, Environment={"Variables": [{"Key": "", "Value": ""}]})
    assert scf.settled(name)["Environment"]["Variables"] == []


def test_choosing_a_time_zone_is_setting_TZ(scf, probe):
    # spec: FUN-11
    name = probe(Environment=environment(TZ="Asia/Shanghai"))
    assert {"Key": "TZ", "Value": "Asia/Shanghai"} in scf.settled(name)["Environment"]["Variables"]
    assert scf.invoke(name, {"do": "env"}).value["TZ"] == "Asia/Shanghai"
