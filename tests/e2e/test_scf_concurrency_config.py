"""Settings of SCF concurrency: reserved, provisioned and total, as users set them and read them back.

How they behave as time passes (schedules, tracking, ramps) is not here.
"""

import base64
import json
import re
import uuid

import pytest

import host
import node_sdk
from harness import KEY_ID, KEY_SECRET, Background, parallel, sample, wait_until, zip_of
from scf_api import NODE, Scf, refused

FULL = "LimitExceeded.FunctionReservedConcurrencyMemory"


@pytest.fixture
def region():
    """A region that only this test uses, so that its limits can be changed."""
    return f"ap-e2e-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def own(server, region):
    """A client of the test's own region, with a probe function of 128 MB in it."""
    server.patch_quota(region, profile="scf-128")
    scf = Scf(server, region=region)
    scf.create("probe", sample("scf_probe"), Timeout=30)
    yield scf
    for name in scf.names():
        scf.delete(name)


@pytest.fixture
def versioned(own):
    """The probe with version 1, and version 2 of twice the memory."""
    own.publish("probe")
    own.configure("probe", MemorySize=256)
    own.publish("probe")
    own.configure("probe", MemorySize=128)
    return own


def held_open(scf, count, name="probe", seconds=4, **fields):
    """Calls that are certain to be running when this returns."""
    calls = []
    for _ in range(count):
        mark = host.mark()
        calls.append(Background(scf.invoke, name, {"do": "sleep", "seconds": seconds, "mark": mark}, **fields))
        wait_until(lambda: host.marked(mark), 30, "the call runs")
    return calls


def listed(scf, name="probe"):
    (found,) = scf.call("ListFunctions", SearchKey=name)["Functions"]
    return found["ReservedConcurrencyMem"], found["TotalProvisionedConcurrencyMem"]


def usage(scf):
    return scf.call("GetAccount")["AccountUsage"]


def action(name, cron, count):
    return {
        "TriggerName": name,
        "TriggerCronConfig": cron,
        "TriggerProvisionedConcurrencyNum": count,
        "ProvisionedType": "Default",
    }


TRACKING = {
    "ProvisionedType": "ConcurrencyUtilizationTracking",
    "TrackingTarget": 0.8,
    "MinCapacity": 1,
    "MaxCapacity": 3,
}


# Reserved


def test_a_reservation_is_set_read_and_deleted(own):
    assert own.reserved("probe") is None
    own.reserve("probe", 512)
    assert own.reserved("probe") == 512
    assert listed(own) == (512, None)
    # spec: QSY-01
    assert (usage(own)["TotalConcurrencyMem"], usage(own)["TotalAllocatedConcurrencyMem"]) == (128000, 512)
    default = next(one for one in usage(own)["Namespace"] if one["Namespace"] == "default")
    assert default["TotalAllocatedConcurrencyMem"] == 512
    own.reserve("probe", 256)
    assert own.reserved("probe") == 256
    own.call("DeleteReservedConcurrencyConfig", FunctionName="probe")
    assert own.reserved("probe") is None
    assert listed(own) == (None, None)
    assert usage(own)["TotalAllocatedConcurrencyMem"] == 0
    # Deleting what is not there is no error.
    own.call("DeleteReservedConcurrencyConfig", FunctionName="probe")


def test_the_tree_of_limits_has_both_levels(server, own, region):
    own.create("free", sample("scf_probe"))
    own.reserve("probe", 512)
    scopes = server.admin("GET", "limits").json()["scopes"]
    (mine,) = [one for one in scopes if one["region"] == region]
    tree = {(one["kind"], one["name"]): one["limit"] for one in mine["limits"] if one["unit"] == "MB"}
    # spec: QSY-01
    assert (tree["region", ""], tree["function", "probe"]) == (128_000, 512)
    # spec: QSY-01
    assert tree["unreserved", ""] == 128_000 - 512 and tree.get(("function", "free")) is None
    own.call("DeleteReservedConcurrencyConfig", FunctionName="probe")
    (mine,) = [one for one in server.admin("GET", "limits").json()["scopes"] if one["region"] == region]
    tree = {(one["kind"], one["name"]): one["limit"] for one in mine["limits"] if one["unit"] == "MB"}
    # spec: QSY-01
    assert tree["unreserved", ""] == 128_000 and tree.get(("function", "probe")) is None


def test_a_reservation_is_a_multiple_of_the_memory(own):
    for wrong, nearest in ((129, (128, 256)), (127, (0, 128)), (1, (0, 128))):
        error = refused(lambda wrong=wrong: own.reserve("probe", wrong), "InvalidParameterValue")
        # spec: RSV-03
        assert all(re.search(rf"\b{value}\b", error.message) for value in nearest), error.message
    refused(lambda: own.reserve("probe", -128), "InvalidParameterValue")
    refused(lambda: own.call("PutReservedConcurrencyConfig", FunctionName="probe"), "MissingParameter")
    refused(lambda: own.reserve("none", 128), "ResourceNotFound.Function")
    refused(lambda: own.reserved("none"), "ResourceNotFound.Function")
    refused(lambda: own.call("DeleteReservedConcurrencyConfig", FunctionName="none"), "ResourceNotFound.Function")
    assert own.reserved("probe") is None


def test_part_of_the_account_cannot_be_reserved(own):
    own.create("second", sample("scf_probe"))
    # spec: QSY-03
    error = refused(lambda: own.reserve("probe", 115_328), FULL)
    # spec: RSV-04 (the error)
    assert "115200" in error.message, error.message
    own.reserve("probe", 115_072)
    error = refused(lambda: own.reserve("second", 256), FULL)
    # spec: RSV-04 (the error)
    assert re.search(r"\b128 MB", error.message), error.message
    # spec: QSY-03
    own.reserve("second", 128)
    refused(lambda: own.reserve("second", 256), FULL)
    # What a function has itself does not stand in its own way.
    own.reserve("probe", 115_072)
    assert (own.reserved("probe"), own.reserved("second")) == (115_072, 128)


@pytest.mark.parametrize("memory, free", [(128, 36_224), (256, 36_096)])
def test_what_is_free_goes_by_a_total_that_was_lowered_below_what_is_reserved(server, own, region, memory, free):
    own.create("second", sample("scf_probe"))
    own.configure("probe", MemorySize=memory)
    own.reserve("probe", 100_096)
    own.reserve("second", 1024)
    # A user could not do this, an operator can. 50048 - 1024 - 12800 MB are left for the first.
    server.patch_quota(region, concurrency_mb=50_048)
    for much in (100_096 - memory, free + memory):
        error = refused(lambda much=much: own.reserve("probe", much), FULL)
        # spec: RSV-04
        assert re.search(rf"\b{free} MB", error.message), error.message
    # The other could have nothing more.
    refused(lambda: own.reserve("second", 1152), FULL)
    # spec: RSV-04
    own.reserve("probe", free)
    assert own.reserved("probe") == free


def test_regions_reserve_for_themselves(server, own):
    elsewhere = Scf(server, region=f"ap-e2e-{uuid.uuid4().hex[:8]}")
    elsewhere.create("probe", sample("scf_probe"))
    own.reserve("probe", 115_200)
    # spec: QSY-04 (reservations)
    assert usage(elsewhere)["TotalAllocatedConcurrencyMem"] == 0
    elsewhere.reserve("probe", 51_200)
    # spec: QSY-04 (reservations)
    assert (own.reserved("probe"), elsewhere.reserved("probe")) == (115_200, 51_200)
    elsewhere.delete("probe")


def test_a_region_that_is_full_leaves_another_alone(server, own, region):
    other = f"ap-e2e-{uuid.uuid4().hex[:8]}"
    elsewhere = Scf(server, region=other)
    elsewhere.create("probe", sample("scf_probe"), Timeout=30)
    for name in (region, other):
        server.patch_quota(name, concurrency_mb=256, unallocatable_mb=0)
    calls = held_open(own, 2)
    assert own.invoke("probe", {"do": "who"}).status == 432
    # spec: QSY-04
    assert all(call.result().ok for call in held_open(elsewhere, 2, seconds=1))
    assert own.invoke("probe", {"do": "who"}).status == 432, "it is still full"
    assert all(call.result().ok for call in calls)
    elsewhere.delete("probe")


def test_a_reservation_of_nothing_stops_the_function(own):
    assert own.invoke("probe", {"do": "who"}).ok
    own.reserve("probe", 0)
    # spec: PRO-12
    assert own.reserved("probe") == 0
    for _ in range(3):
        stopped = own.invoke("probe", {"do": "who"})
        # spec: PRO-12
        # spec: RSV-05 (synchronous calls)
        assert (stopped.status, stopped.invoke_result) == (432, -1)
        assert stopped.error["errorMessage"] == "ResourceLimitReached"
        assert "[ probe ] concurrency exceeded reserved quota 0 MB" in stopped.fields["ErrMsg"]
    own.call("DeleteReservedConcurrencyConfig", FunctionName="probe")
    # spec: RSV-06
    assert own.invoke("probe", {"do": "who"}).ok


def test_deleting_one_reservation_leaves_the_others(own):
    own.create("second", sample("scf_probe"))
    own.reserve("probe", 256)
    own.reserve("second", 384)
    own.call("DeleteReservedConcurrencyConfig", FunctionName="probe")
    # spec: RSV-07
    assert (own.reserved("probe"), own.reserved("second")) == (None, 384)
    own.delete("second")
    assert usage(own)["TotalAllocatedConcurrencyMem"] == 0


def test_a_reservation_is_the_limit_of_all_versions_together(versioned):
    versioned.reserve("probe", 256)
    calls = held_open(versioned, 1, Qualifier="1") + held_open(versioned, 1, Qualifier="$LATEST")
    over = versioned.invoke("probe", {"do": "who"}, Qualifier="1")
    # spec: RSV-01, QSY-05
    assert over.status == 432
    assert "concurrency exceeded reserved quota 256 MB" in over.fields["ErrMsg"]
    assert all(call.result().ok for call in calls)
    assert versioned.invoke("probe", {"do": "who"}, Qualifier="1").ok


def test_a_reservation_is_kept_from_others_even_when_idle(server, own, region):
    server.patch_quota(region, concurrency_mb=1024, unallocatable_mb=256)
    own.create("second", sample("scf_probe"), Timeout=30)
    own.reserve("probe", 768)
    calls = held_open(own, 2, "second")
    over = own.invoke("second", {"do": "who"})
    # spec: RSV-02
    assert over.status == 432
    assert "concurrency exceeded region unreserved quota 256 MB" in over.fields["ErrMsg"]
    # spec: RSV-02
    assert own.invoke("probe", {"do": "who"}).ok
    assert all(call.result().ok for call in calls)


def test_a_change_of_memory_keeps_the_reserved_megabytes(own):
    own.reserve("probe", 512)
    calls = held_open(own, 4)
    # spec: RSV-08
    assert own.invoke("probe", {"do": "who"}).status == 432
    assert all(call.result().ok for call in calls)
    own.configure("probe", MemorySize=256)
    # spec: RSV-08
    assert own.reserved("probe") == 512
    calls = held_open(own, 2)
    # spec: RSV-08
    assert own.invoke("probe", {"do": "who"}).status == 432
    assert all(call.result().ok for call in calls)


# Provisioned


def test_provisioned_instances_are_ready_before_the_first_call(server, versioned, region):
    versioned.provision("probe", "1", 2)
    ready = versioned.provisioned("probe", "1", 2)
    # spec: PRO-06
    assert ready["AllocatedProvisionedConcurrencyNum"] == ready["AvailableProvisionedConcurrencyNum"] == 2
    assert (ready["Status"], ready["StatusReason"]) == ("Done", "")
    assert listed(versioned) == (None, 256)
    default = next(one for one in usage(versioned)["Namespace"] if one["Namespace"] == "default")
    assert default["TotalAllocatedProvisionedMem"] == 256
    first = parallel([lambda: versioned.invoke("probe", {"do": "who"}, Qualifier="1", tail=True)] * 2)
    # spec: PRO-01
    assert all(one.ok and "Init Report" not in one.log for one in first), [one.fields for one in first]
    ids = [one.request_id for one in first]
    records = [server.admin("GET", f"invocations/{request_id}").json() for request_id in ids]
    # spec: PRO-01
    assert all(record["cold_start"] is None for record in records), records


def test_a_provision_is_changed_and_deleted(versioned):
    versioned.provision("probe", "1", 1)
    versioned.provisioned("probe", "1", 1)
    versioned.provision("probe", "2", 1)
    versioned.provisioned("probe", "2", 1)
    assert listed(versioned) == (None, 128 + 256)
    free = versioned.call("GetProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="2")
    assert [one["Qualifier"] for one in free["Allocated"]] == ["2"]
    assert free["UnallocatedConcurrencyNum"] == (128_000 - 384) // 256
    versioned.provision("probe", "1", 3)
    versioned.provisioned("probe", "1", 3)
    versioned.provision("probe", "1", 1)
    versioned.provisioned("probe", "1", 1)
    versioned.call("DeleteProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="1")
    assert list(versioned.provisions("probe")) == ["2"]
    versioned.call("DeleteProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="2")
    assert versioned.provisions("probe") == {}
    assert listed(versioned) == (None, None)
    assert versioned.call("GetProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="1")["Allocated"] == []


def test_a_provision_is_not_changed_while_its_instances_start(own):
    code = "import time\ntime.sleep(2)\ndef main_handler(event, context):\n    return 'up'\n"
    own.create("slow", zip_of({"index.py": code}))
    own.publish("slow")
    own.provision("slow", "1", 1)
    starting = own.provisions("slow")["1"]
    # spec: PRO-06
    assert (starting["Status"], starting["AvailableProvisionedConcurrencyNum"]) == ("InProgress", 0)
    assert starting["AllocatedProvisionedConcurrencyNum"] == 1
    # spec: PRO-07
    error = refused(lambda: own.provision("slow", "1", 2), "FailedOperation.ProvisionedInProgress")
    assert "0 of 1" in error.message
    own.provisioned("slow", "1", 1)
    # spec: PRO-07
    own.provision("slow", "1", 2)
    own.provisioned("slow", "1", 2)


def test_a_provision_that_cannot_start_says_why(own):
    code = "raise RuntimeError('no way')\n"
    own.create("broken", zip_of({"index.py": code}))
    own.publish("broken")
    own.provision("broken", "1", 1)
    failed = wait_until(
        lambda: next((one for one in own.provisions("broken").values() if one["Status"] == "Failed"), None),
        30,
        "the start has failed",
    )
    assert failed["AvailableProvisionedConcurrencyNum"] == 0
    assert "no way" in failed["StatusReason"], failed
    own.provision("broken", "1", 0)
    assert own.provisions("broken")["1"]["Status"] == "Done"


def test_only_published_versions_are_provisioned(versioned):
    versioned.point("probe", "prod", "1", action="CreateAlias")
    for qualifier in ("$LATEST", "$DEFAULT", "prod"):
        # spec: PRO-02, TGT-10
        error = refused(
            lambda qualifier=qualifier: versioned.provision("probe", qualifier, 1), "InvalidParameterValue.Qualifier"
        )
        assert "version" in error.message
    # spec: TGT-10
    refused(lambda: versioned.provision("probe", "$LATEST", **TRACKING), "InvalidParameterValue.Qualifier")
    refused(lambda: versioned.provision("probe", "9", 1), "ResourceNotFound.FunctionVersion")
    refused(lambda: versioned.provision("none", "1", 1), "ResourceNotFound.Function")
    refused(lambda: versioned.provisions("none"), "ResourceNotFound.Function")
    refused(lambda: versioned.provisions("probe", Qualifier="9"), "ResourceNotFound.FunctionVersion")
    refused(lambda: versioned.provision("probe", "1", -1), "InvalidParameterValue")
    assert versioned.provisions("probe") == {}


def test_all_provisions_together_stay_within_the_account(server, versioned, region):
    server.patch_quota(region, concurrency_mb=1024, unallocatable_mb=256)
    versioned.create("second", sample("scf_probe"))
    versioned.publish("second")
    versioned.provision("probe", "2", 2)
    over = "LimitExceeded.FunctionTotalProvisionedConcurrencyMemory"
    # spec: PRO-09
    refused(lambda: versioned.provision("second", "1", 5), over)
    refused(lambda: versioned.provision("probe", "1", 5), over)
    left = versioned.call("GetProvisionedConcurrencyConfig", FunctionName="second")["UnallocatedConcurrencyNum"]
    assert left == 4
    # spec: PRO-09
    versioned.provision("second", "1", left)
    left = versioned.call("GetProvisionedConcurrencyConfig", FunctionName="probe")["UnallocatedConcurrencyNum"]
    assert left == 0


@pytest.fixture
def pair(server, own, region):
    """Two functions of 128 MB with a version each, in a region of 1024 MB."""
    server.patch_quota(region, concurrency_mb=1024, unallocatable_mb=0)
    own.publish("probe")
    own.create("second", sample("scf_probe"))
    own.publish("second")
    return own


@pytest.mark.parametrize("kind", ["scheduled", "tracked"])
def test_what_a_provision_may_grow_to_counts_against_the_account(pair, kind):
    far = action("far", "0 0 12 3 11 * 2099", 8)
    settings = {"scheduled": {"TriggerActions": [far]}, "tracked": {**TRACKING, "MaxCapacity": 8}}[kind]
    over = "LimitExceeded.FunctionTotalProvisionedConcurrencyMemory"
    pair.provision("probe", "1", **settings)
    for count in (8, 1):
        # spec: PRO-09
        refused(lambda count=count: pair.provision("second", "1", count), over)
    # spec: PRO-09
    refused(lambda: pair.provision("second", "1", TriggerActions=[{**far, "TriggerProvisionedConcurrencyNum": 1}]), over)
    # spec: PRO-09
    refused(lambda: pair.provision("second", "1", **{**TRACKING, "MaxCapacity": 1}), over)
    pair.call("DeleteProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="1")
    # spec: PRO-09
    pair.provision("second", "1", 8)


def test_the_total_stays_above_what_is_provisioned(pair):
    pair.provision("probe", "1", 1, TriggerActions=[action("far", "0 0 12 3 11 * 2099", 4)])
    # spec: PRO-09
    refused(
        lambda: pair.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=4 * 128 - 1),
        "FailedOperation.ReservedExceedTotal",
        "LimitExceeded.TotalConcurrencyMemory",
    )
    assert usage(pair)["TotalConcurrencyMem"] == 1024
    # spec: PRO-09
    pair.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=4 * 128)
    assert usage(pair)["TotalConcurrencyMem"] == 512


def test_provisioned_is_no_part_of_the_quota(versioned):
    versioned.reserve("probe", 128)
    # spec: PRO-17 (it is accepted and the limit stays)
    versioned.provision("probe", "1", 2)
    versioned.provisioned("probe", "1", 2)
    calls = held_open(versioned, 1, Qualifier="1")
    # spec: QSY-07
    assert versioned.invoke("probe", {"do": "who"}, Qualifier="1").status == 432
    assert all(call.result().ok for call in calls)
    versioned.call("DeleteProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="1")


def test_a_provisioned_version_cannot_be_deleted(versioned):
    versioned.provision("probe", "1", 1)
    refused(
        lambda: versioned.call("DeleteFunction", FunctionName="probe", Qualifier="1"),
        "FailedOperation.ProvisionedInProgress",
    )
    versioned.call("DeleteProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="1")
    versioned.call("DeleteFunction", FunctionName="probe", Qualifier="1")
    assert versioned.versions("probe") == ["$LATEST", "2"]


def test_scheduled_actions_are_kept_changed_and_removed(versioned):
    morning, evening = action("morning", "0 0 6 * * * *", 3), action("evening", "0 0 18 * * * *", 0)

    def kept():
        return versioned.provisions("probe")["1"]["TriggerActions"]

    versioned.provision("probe", "1", 0, TriggerActions=[morning, evening])
    # spec: SCH-09
    assert kept() == [morning, evening]
    later = action("morning", "0 30 7 * * * *", 4)
    versioned.provision("probe", "1", 0, TriggerActions=[later])
    # spec: SCH-09
    assert kept() == [later]
    versioned.provision("probe", "1", 0)
    # spec: SCH-09
    assert kept() == []


def test_scheduled_actions_that_cannot_be(versioned):
    def put(*actions):
        versioned.provision("probe", "1", 0, TriggerActions=list(actions))

    for cron in ("0 12 3 11 *", "0 0 12 3 11 *", "0 0 12 * * * * *", "every day", "61 0 12 * * * *"):
        # spec: SCH-02
        error = refused(lambda cron=cron: put(action("a", cron, 1)), "InvalidParameterValue.TriggerCronConfig")
        assert error.message
    # spec: SCH-02
    put(action("a", "0 0 12 3 11 * 2021", 1))
    noon = "0 0 12 * * * *"
    refused(
        lambda: put(action("a", noon, 1), action("a", "0 0 13 * * * *", 2)),
        "InvalidParameterValue.ProvisionTriggerNameDuplicate",
    )
    put(action("a", noon, 1), action("b", noon, 3))
    # spec: SCH-04 (two actions may have one time; which counts is tested by the clock)
    assert versioned.provisions("probe")["1"]["TriggerActions"] == [action("a", noon, 1), action("b", noon, 3)]
    refused(lambda: put(action("n" * 61, noon, 1)), "InvalidParameterValue.ProvisionTriggerName")
    refused(lambda: put(action("a", noon, -1)), "InvalidParameterValue.TriggerProvisionedConcurrencyNum")
    refused(lambda: put({**action("a", noon, 1), "ProvisionedType": "Other"}), "InvalidParameterValue.ProvisionType")


def test_a_version_has_so_many_scheduled_actions(server, versioned, region):
    server.patch_quota(region, scheduled_actions=2)
    actions = [action(f"a{hour}", f"0 0 {hour} * * * *", 0) for hour in range(3)]
    # spec: SCH-06
    refused(
        lambda: versioned.provision("probe", "1", 0, TriggerActions=actions), "LimitExceeded.ProvisionTriggerAction"
    )
    versioned.provision("probe", "1", 0, TriggerActions=actions[:2])
    server.patch_quota(region, scheduled_actions=3)
    # spec: SCH-06
    versioned.provision("probe", "1", 0, TriggerActions=actions)
    assert len(versioned.provisions("probe")["1"]["TriggerActions"]) == 3


def raw(scf):
    """What the API answers, beside what the SDK's model keeps of it."""
    body = scf.sdk.call("GetProvisionedConcurrencyConfig", {"FunctionName": "probe"})
    return json.loads(body)["Response"]["Allocated"]


def test_tracking_is_set_changed_and_deleted(versioned):
    versioned.provision("probe", "2", **TRACKING)
    (shown,) = raw(versioned)
    # spec: TGT-01, TGT-09
    assert {key: shown[key] for key in TRACKING} == TRACKING
    # spec: TGT-10
    assert (shown["MinCapacityMem"], shown["MaxCapacityMem"]) == (256, 768)
    versioned.provisioned("probe", "2", 1)
    versioned.provision("probe", "2", **{**TRACKING, "TrackingTarget": 0.5, "MinCapacity": 2, "MaxCapacity": 2})
    (shown,) = raw(versioned)
    # spec: TGT-09
    assert (shown["TrackingTarget"], shown["MinCapacity"], shown["MaxCapacity"]) == (0.5, 2, 2)
    versioned.provisioned("probe", "2", 2)
    versioned.provision("probe", "1", **TRACKING)
    # spec: TGT-09
    assert list(versioned.provisions("probe")) == ["1", "2"]
    versioned.call("DeleteProvisionedConcurrencyConfig", FunctionName="probe", Qualifier="2")
    # spec: TGT-09
    assert list(versioned.provisions("probe")) == ["1"]


def test_tracking_that_cannot_be(versioned):
    def put(**change):
        versioned.provision("probe", "1", **{**TRACKING, **change})

    for target in (0.0, 1.0, 1.5, -0.2):
        # spec: TGT-01
        refused(lambda target=target: put(TrackingTarget=target), "InvalidParameterValue.TrackingTarget")
    refused(lambda: put(MinCapacity=0), "InvalidParameterValue.MinCapacity")
    refused(lambda: put(MinCapacity=4), "LimitExceeded.MaxCapacity")
    refused(lambda: put(ProvisionedType="Scheduled"), "InvalidParameterValue.ProvisionType")
    assert versioned.provisions("probe") == {}


def test_fixed_and_tracked_numbers_exclude_each_other(versioned):
    wrong = "InvalidParameterValue.ProvisionType"
    # spec: TGT-08
    refused(lambda: versioned.provision("probe", "1", 1, **TRACKING), wrong)
    noon = [action("a", "0 0 12 * * * *", 1)]
    refused(lambda: versioned.provision("probe", "1", TriggerActions=noon, **TRACKING), wrong)
    refused(lambda: versioned.provision("probe", "1", 1, MinCapacity=1, MaxCapacity=2), wrong)
    versioned.provision("probe", "1", 3, TriggerActions=noon)
    versioned.provisioned("probe", "1", 3)
    versioned.provision("probe", "1", **TRACKING)
    (shown,) = raw(versioned)
    # spec: TGT-08
    assert (shown["ProvisionedType"], shown["TriggerActions"]) == (TRACKING["ProvisionedType"], [])
    versioned.provision("probe", "1", 1)
    (shown,) = raw(versioned)
    # spec: TGT-08
    assert "ProvisionedType" not in shown and "TrackingTarget" not in shown


# Total


def test_the_account_total_is_lowered_and_raised(own):
    own.reserve("probe", 1280)
    # What is reserved and what cannot be reserved have to stay.
    refused(
        lambda: own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=14_079),
        "FailedOperation.ReservedExceedTotal",
        "LimitExceeded.TotalConcurrencyMemory",
    )
    own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=14_080)
    assert (usage(own)["TotalConcurrencyMem"], usage(own)["UserConcurrencyMemLimit"]) == (14_080, 14_080)
    refused(lambda: own.reserve("probe", 1408), FULL)
    own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=64_000, Namespace="default")
    assert usage(own)["TotalConcurrencyMem"] == 64_000
    own.reserve("probe", 51_200)
    refused(lambda: own.call("PutTotalConcurrencyConfig"), "MissingParameter")
    refused(lambda: own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=-1), "InvalidParameterValue")


def test_a_namespace_may_have_a_total_of_its_own(own):
    own.call("CreateNamespace", Namespace="small")
    own.create("inner", sample("scf_probe"), Namespace="small", Timeout=30)
    own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=12_800 + 128, Namespace="small")
    shown = {one["Namespace"]: one["TotalConcurrencyMem"] for one in usage(own)["Namespace"]}
    assert shown == {"default": 128_000, "small": 12_928}
    refused(
        lambda: own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=20_000, Namespace="none"),
        "ResourceNotFound.Namespace",
    )
    own.delete("inner", "small")


def test_totals_that_are_set_at_once_are_all_kept(server, own, region):
    server.patch_quota(region, namespaces=20)
    totals = {f"ns{index}": 20_000 + 128 * index for index in range(5)}
    for name in totals:
        own.call("CreateNamespace", Namespace=name)

    def put(name, mb):
        return lambda: Scf(server, region=region).call("PutTotalConcurrencyConfig", TotalConcurrencyMem=mb, Namespace=name)

    for more in range(4):
        wanted = {name: total + more for name, total in totals.items()}
        answers = parallel([put(name, mb) for name, mb in wanted.items()])
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        kept = {one["Namespace"]: one["TotalConcurrencyMem"] for one in usage(own)["Namespace"]}
        # spec: QUO-28
        assert {name: kept[name] for name in wanted} == wanted
        assert server.quota(region)["namespace_concurrency_mb"] == wanted


def test_a_cloudbase_environment_has_its_own_largest_total(server, own, region):
    assert server.patch_quota(region, profile="cloudbase-personal")["concurrency_mb"] == 256_000
    # spec: QSY-06
    refused(
        lambda: own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=256_128),
        "LimitExceeded.UserTotalConcurrencyMemory",
        "LimitExceeded.TotalConcurrencyMemory",
    )
    # spec: QSY-06
    assert usage(own)["TotalConcurrencyMem"] == 256_000
    own.call("PutTotalConcurrencyConfig", TotalConcurrencyMem=256_000)


# All of it


def test_settings_outlive_the_server(fresh_server):
    server = fresh_server()
    scf = Scf(server)
    scf.create("probe", sample("scf_probe"))
    scf.publish("probe")
    scf.reserve("probe", 512)
    scf.provision("probe", "1", 1, TriggerActions=[action("never", "0 0 12 3 11 * 2021", 0)])
    scf.provisioned("probe", "1", 1)
    server.stop()
    scf = Scf(server.start())
    assert scf.reserved("probe") == 512
    again = scf.provisioned("probe", "1", 1)
    assert again["TriggerActions"] == [action("never", "0 0 12 3 11 * 2021", 0)]
    assert "Init Report" not in scf.invoke("probe", {"do": "who"}, Qualifier="1", tail=True).log


def test_a_deleted_function_leaves_no_settings_behind(own):
    own.create("second", sample("scf_probe"))
    own.publish("second")
    own.reserve("second", 256)
    own.provision("second", "1", 1)
    own.delete("second")
    assert usage(own)["TotalAllocatedConcurrencyMem"] == 0
    own.create("second", sample("scf_probe"))
    own.publish("second")
    assert (own.reserved("second"), own.provisions("second")) == (None, {})
    left = own.call("GetProvisionedConcurrencyConfig", FunctionName="second")["UnallocatedConcurrencyNum"]
    assert left == 1000


@pytest.mark.parametrize("sign_method", ["TC3-HMAC-SHA256", "HmacSHA256"])
def test_the_same_through_node(server, region, sign_method):
    out = node_sdk.run(
        "scf_versions.js",
        {
            "endpoint": server.endpoint,
            "keyId": KEY_ID,
            "keySecret": KEY_SECRET,
            "region": region,
            "name": "probe",
            "runtime": NODE,
            "signMethod": sign_method,
            "reqMethod": "POST",
            "zip": base64.b64encode(sample("scf_probe_node")).decode(),
        },
    )
    assert (out["published"]["FunctionVersion"], out["published"]["Description"]) == ("1", "from Node")
    assert (out["versions"], out["first"]) == (["$LATEST", "2", "1"], 3)
    assert out["alias"]["RoutingConfig"]["AdditionalVersionWeights"] == [{"Version": "2", "Weight": 1}]
    assert out["aliases"] == ["$DEFAULT", "prod"]
    assert json.loads(out["ran"]["RetMsg"])["context"]["function_version"] == "2"
    assert (out["reserved"], out["left"]) == (256, None)
    provisioned = out["provisioned"]
    assert (provisioned["Status"], provisioned["AvailableProvisionedConcurrencyNum"]) == ("Done", 1)
    assert provisioned["TriggerActions"] == [action("off", "0 0 12 3 11 * 2099", 0)]
    assert out["usage"]["TotalAllocatedConcurrencyMem"] == 256
    assert out["usage"]["Namespace"][0]["TotalAllocatedProvisionedMem"] == 128
