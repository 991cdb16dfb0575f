"""What other suites try under a clock that they move, here as the clock goes: schedules, tracking, a flood, and
settings that change at random under load."""

import datetime
import random
import threading

import pytest

from fc_api import Fc, FcError
from harness import REGION, Background, parallel, sample, wait_until
from recordings import replayed, simulated
from scf_api import ApiError, Scf
from virtual import WHO, Region

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))


@pytest.fixture
def region(server):
    """A region of the shared server, whose clock is the real one."""
    made = Region(server)
    yield made
    made.clean()


def in_seconds(count, zone):
    return datetime.datetime.now(zone).replace(microsecond=0) + datetime.timedelta(seconds=count)


def test_a_schedule_fires_at_its_second(region):
    name = region.published(memory=64)
    then = in_seconds(4, SHANGHAI)
    cron = f"{then.second} {then.minute} {then.hour} {then.day} {then.month} * {then.year}"
    action = {
        "TriggerName": "soon",
        "TriggerProvisionedConcurrencyNum": 2,
        "TriggerCronConfig": cron,
        "ProvisionedType": "Default",
    }
    region.scf.provision(name, "1", 0, TriggerActions=[action], ProvisionedType="Default")
    # spec: SCH-03
    assert region.provisioned(name) == (0, 0) or datetime.datetime.now(SHANGHAI) >= then
    wait_until(lambda: region.provisioned(name) == (2, 2), 30, "the schedule started two instances")
    assert datetime.datetime.now(SHANGHAI) >= then
    result = region.scf.invoke(name, Qualifier="1")
    assert result.ok and not region.is_cold(result)


def test_an_instant_of_fc_comes(fc, service):
    fc.create(service, "f", sample("fc_probe"))
    version = fc.publish(service)
    fc.sdk.create_alias(service, "live", version)
    then = in_seconds(4, datetime.timezone.utc)
    stamps = [(then + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (-1, 0, 1)]
    action = {
        "name": "soon",
        "startTime": stamps[0],
        "endTime": stamps[2],
        "target": 1,
        "scheduleExpression": f"at({stamps[1]})",
    }
    fc.request("PUT", f"/services/{service}.live/functions/f/provision-config", {"target": 0, "scheduledActions": [action]})
    # spec: FPC-04, FPC-06
    wait_until(lambda: fc.provisioned(service, "live", "f") == (1, 1), 30, "the action started an instance")
    assert datetime.datetime.now(datetime.timezone.utc) >= then


def test_tracking_goes_out_within_seconds(region):
    name = region.published(memory=64)
    region.scf.provision(
        name,
        "1",
        0,
        ProvisionedType="ConcurrencyUtilizationTracking",
        TrackingTarget=0.5,
        MinCapacity=1,
        MaxCapacity=6,
    )
    wait_until(lambda: region.provisioned(name) == (1, 1), 30, "the minimum is there")
    with region.hold(name, 2, seconds=22, Qualifier="1"):
        # spec: TGT-02
        wait_until(lambda: region.provisioned(name)[0] >= 3, 21, "tracking follows the load")


def test_a_flood_does_not_reach_what_is_reserved(region):
    region.patch(concurrency_mb=8 * 128, unallocatable_mb=0)
    calm, flood = region.function(), region.function()
    region.scf.reserve(calm, 2 * 128)
    ended = threading.Event()

    def pour():
        statuses = []
        while not ended.is_set():
            statuses.append(region.scf.invoke(flood, {"sleep": 0.05}).status)
        return statuses

    pouring = [Background(pour) for _ in range(12)]
    try:
        wait_until(lambda: len(region.instances(flood)) == 6, 30, "the flood has all that is not reserved")
        results = []
        for _ in range(15):
            results += parallel([lambda: region.scf.invoke(calm, {"sleep": 0.02})] * 2)
    finally:
        ended.set()
    statuses = [status for one in pouring for status in one.result(60)]
    # spec: CON-15, RSV-01
    assert [result.status for result in results] == [200] * 30
    # spec: CON-12
    assert set(statuses) == {200, 432}, "the flood alone was refused"
    assert len(region.instances(calm)) <= 2


class Changes:
    """Changes of settings at random, of one function of each dialect and of their region."""

    def __init__(self, server, seed):
        self.server, self.scf, self.fc = server, Scf(server), Fc(server)
        self.random = random.Random(seed)
        self.scf.create("turn", WHO, MemorySize=128, Timeout=10)
        self.scf.create("other", WHO, MemorySize=64, Timeout=10)
        self.versions = [self.scf.publish("turn")]
        self.scf.point("turn", "live", self.versions[0], action="CreateAlias")
        self.fc.sdk.create_service("turns")
        self.fc.create("turns", "f", sample("fc_probe"))
        self.fc.sdk.create_alias("turns", "live", self.fc.publish("turns"))

    def limits(self):
        pick = self.random.choice
        fields = pick(
            [
                {"concurrency_mb": pick([512, 1024, 4096, None])},
                {"burst_per_min": pick([3, 20, 500, None])},
                {"provisioned_burst_per_min": pick([1, 5, 100])},
                {"wait_queue_depth": pick([0, 0, 4]), "wait_queue_ms": 200},
                {"keep_alive_s": pick([1, 60, 600]), "keep_alive_adaptive": pick([True, False])},
                {"unallocatable_mb": pick([0, 128])},
            ]
        )
        self.server.patch_quota(REGION, **fields)

    def reserve(self):
        mb = self.random.choice([None, 0, 128, 256, 512])
        if mb is None:
            self.scf.call("DeleteReservedConcurrencyConfig", FunctionName="turn")
        else:
            self.scf.reserve("turn", mb)

    def provision(self):
        self.scf.provision("turn", self.random.choice(self.versions), self.random.randrange(4))

    def configure(self):
        memory = self.random.choice([64, 128, 192])
        self.scf.configure("turn", MemorySize=memory)

    def publish(self):
        self.versions.append(self.scf.publish("turn"))
        self.scf.point("turn", "live", self.versions[-1])

    def replace(self):
        self.scf.delete("other")
        self.scf.create("other", WHO, MemorySize=64, Timeout=10)

    def on_demand(self):
        count = self.random.choice([None, 0, 1, 3])
        if count is None:
            self.fc.sdk.delete_on_demand_config("turns", "live", "f")
        else:
            self.fc.sdk.put_on_demand_config("turns", "live", "f", count)

    def fc_provision(self):
        self.fc.sdk.put_provision_config("turns", "live", "f", self.random.randrange(3))

    def one(self):
        """Makes one; settings that the state of the moment does not allow are refused, in the vendor's words."""
        kinds = [self.limits, self.reserve, self.provision, self.configure, self.publish, self.replace]
        kind = self.random.choice([*kinds, self.limits, self.reserve, self.on_demand, self.fc_provision])
        try:
            kind()
        except (ApiError, FcError) as error:
            assert getattr(error, "code", None) != "InternalError" and getattr(error, "status_code", 400) < 500, error
            return 0
        return 1

    def call(self, number):
        """The status of a call, which may be any that is documented for what is going on."""
        try:
            if number % 4 == 0:
                self.fc.invoke("turns", "f", b"{}", qualifier="live")
                return 200
            if number % 4 == 1:
                status = self.scf.invoke("other", {"sleep": 0.01}).status
                # Deleted when the call was on its way to it.
                return "ResourceNotFound" if status == 438 else status
            event = {"exit": True} if number % 31 == 2 else {"sleep": 0.02}
            return self.scf.invoke("turn", event, Qualifier=["$LATEST", "live"][number % 2]).status
        except ApiError as error:
            return error.code
        except FcError as error:
            return error.status_code


def test_settings_change_at_random_under_load(fresh_server, tmp_path):
    path = tmp_path / "random.journal"
    server = fresh_server(args=["--journal", str(path)])
    changes = Changes(server, seed=20_180_416)
    ended = threading.Event()

    def pour(first):
        statuses, number = [], first
        while not ended.is_set():
            statuses.append(changes.call(number))
            number += 1
        return statuses

    pouring = [Background(pour, first * 7) for first in range(4)]
    try:
        made = sum(changes.one() for _ in range(150))
    finally:
        ended.set()
    statuses = [status for one in pouring for status in one.result(60)]
    assert made >= 110 and statuses.count(200) >= 40, (made, statuses)
    # A function that dies, one that is not there while it is made again, and limits: nothing else ends a call.
    documented = {200, 429, 432, 439}
    strange = {status for status in statuses if status not in documented and "Resource" not in str(status)}
    assert strange == set(), {status: statuses.count(status) for status in set(statuses)}
    assert server.stop() == 0
    document = replayed(path)
    events = document["totals"]["events"]
    assert document["accepted"] and events["arrived"] >= len(statuses) / 2
    assert events["provision_changed"] >= 5 and events["limits_changed"] >= 10
    (report,) = simulated(path).values()
    # A call that is asked again, for a version or an instance that went, comes once there.
    again = document["totals"]["commands"].get("redirect", 0) + events.get("died", 0)
    assert events["arrived"] - again <= report["requests"] <= events["arrived"], (again, events)
