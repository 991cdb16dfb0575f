"""Reserved (provisioned) and on-demand instances of FC over time, through Alibaba's SDK."""

import datetime

import pytest
from alibabacloud_fc_open20210406 import models

from fc_api import Fc, FcError, open_client
from harness import Background, Server, wait_until, zip_of

WHO = zip_of(
    {
        "index.py": (
            "import json, time, uuid\n"
            "me = uuid.uuid4().hex\n"
            "def handler(event, context):\n"
            "    time.sleep(json.loads(event or b'{}').get('sleep', 0))\n"
            "    return me\n"
        )
    }
)
HELD_SECONDS = 4


class World:
    """A service with one function, published as version 1 under the alias `live`."""

    def __init__(self, server, service):
        self.server, self.service, self.function = server, service, "fun"
        self.fc = Fc(server)
        self.sdk, self.open = self.fc.sdk, open_client(server)
        self.sdk.create_service(service)
        self.fc.create(service, self.function, WHO, memorySize=128, timeout=60)
        self.sdk.publish_version(service)
        self.sdk.create_alias(service, "live", "1")

    def call(self, seconds=0, qualifier="live"):
        """(status, body) of one call."""
        try:
            return 200, self.fc.invoke(self.service, self.function, {"sleep": seconds}, qualifier=qualifier).body
        except FcError as error:
            return error.status_code, error.message

    def attempt(self, count, seconds=HELD_SECONDS, qualifier="live"):
        calls = [Background(self.call, seconds, qualifier) for _ in range(count)]
        return [call.result(60) for call in calls]

    def statuses(self, count, **fields):
        return sorted(status for status, _ in self.attempt(count, **fields))

    def provision(self, target, qualifier="live", actions=(), policies=()):
        request = models.PutProvisionConfigRequest(
            qualifier=qualifier,
            target=target,
            scheduled_actions=[models.ScheduledActions(**action) for action in actions],
            target_tracking_policies=[models.TargetTrackingPolicies(**policy) for policy in policies],
        )
        return self.open.put_provision_config(self.service, self.function, request).body

    def provisioned(self, qualifier="live"):
        found = self.sdk.get_provision_config(self.service, qualifier, self.function).data
        return found["target"], found["current"]

    def instances(self, **fields):
        found = self.server.admin("GET", "instances").json()["instances"]
        mine = [one for one in found if one["namespace"] == self.service]
        return [one for one in mine if all(one[key] == value for key, value in fields.items())]

    def advance(self, seconds):
        answer = self.server.admin("POST", "clock/advance", {"seconds": seconds})
        assert answer.status_code == 200, answer.text

    def now(self):
        ms = self.server.admin("GET", "clock").json()["unix_ms"]
        return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


@pytest.fixture(scope="module")
def fc_virtual():
    with Server(args=["--clock", "virtual"]) as running:
        yield running


@pytest.fixture
def world(fc_virtual, unique):
    made = World(fc_virtual, unique)
    yield made
    fc_virtual.patch_quota("ap-guangzhou", dialect="fc", on_demand_instances=300)
    made.provision(0)


def limit(world, count, qualifier="live"):
    world.sdk.put_on_demand_config(world.service, qualifier, world.function, count)


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_reserved_instances_come_first(world):
    world.provision(2)
    wait_until(lambda: world.provisioned() == (2, 2))
    with_two = world.attempt(2, seconds=2)
    # spec: FRE-03
    assert [status for status, _ in with_two] == [200, 200]
    assert world.instances(kind="on_demand") == []
    assert world.statuses(3) == [200, 200, 200]
    # spec: FRE-01, FRE-03
    assert len(world.instances(kind="on_demand")) == 1 and len(world.instances(kind="provisioned")) == 2


def test_zero_removes_them_without_cutting_a_request(world):
    world.provision(1)
    wait_until(lambda: world.provisioned() == (1, 1))
    call = Background(world.call, 3)
    wait_until(lambda: world.instances(state="busy"))
    # spec: FRE-02, FRE-05
    world.provision(0)
    assert [one["state"] for one in world.instances()] == ["draining"]
    assert world.call()[0] == 200, "a new request goes elsewhere"
    assert call.result(30)[0] == 200
    wait_until(lambda: world.instances(kind="provisioned") == [])


def test_time_counts_from_start_to_release(world):
    world.provision(1)
    wait_until(lambda: world.provisioned() == (1, 1))
    world.advance(60)
    usage = world.server.admin("GET", "usage").json()["versions"]
    mine = next(one for one in usage if one["namespace"] == world.service and one["version"] == "1")
    # spec: FRE-04
    assert mine["provisioned_ms"] == 60_000


def test_the_region_has_so_many_on_demand_instances(world):
    world.server.patch_quota("ap-guangzhou", dialect="fc", on_demand_instances=3)
    results = world.attempt(4)
    # spec: FOD-01, FOD-04
    assert sorted(status for status, _ in results) == [200, 200, 200, 429]
    refused = next(message for status, message in results if status == 429)
    assert "ResourceExhausted" in str(refused)


def test_zero_on_demand_forbids_calls(world):
    limit(world, 0)
    # spec: FOD-06
    assert world.call()[0] == 429
    # spec: FOD-10
    assert world.call(qualifier="LATEST")[0] == 200


def test_only_reserved(world):
    limit(world, 0)
    world.provision(2)
    wait_until(lambda: world.provisioned() == (2, 2))
    # spec: FOD-07
    assert world.statuses(3) == [200, 200, 429]


def test_only_on_demand(world):
    limit(world, 2)
    # spec: FOD-08
    assert world.statuses(3) == [200, 200, 429]


def test_reserved_and_on_demand_add_up(world):
    limit(world, 3)
    world.provision(2)
    wait_until(lambda: world.provisioned() == (2, 2))
    # spec: FOD-09
    assert world.statuses(6) == [200] * 5 + [429]


def test_aliases_have_limits_of_their_own(world):
    world.sdk.create_alias(world.service, "other", "1")
    limit(world, 1)
    limit(world, 2, "other")
    # spec: FOD-10
    assert world.statuses(2) == [200, 429]
    assert world.statuses(3, qualifier="other") == [200, 200, 429]


def test_a_schedule_counts_inside_its_window(world):
    now = world.now()
    begin, end = now + datetime.timedelta(days=1), now + datetime.timedelta(days=3)
    fire = now.replace(minute=30, second=0, microsecond=0)
    action = {
        "name": "daily",
        "start_time": stamp(begin),
        "end_time": stamp(end),
        "target": 3,
        "schedule_expression": f"cron(0 30 {fire.hour} * * *)",
    }
    world.provision(1, actions=[action])
    wait_until(lambda: world.provisioned() == (1, 1))
    world.advance(86_400 - 7200)
    # spec: FPC-05
    assert world.provisioned() == (1, 1), "before its window nothing changes"
    world.advance(86_400 + 10_800)
    # spec: FPC-06
    assert world.provisioned() == (3, 3)
    world.advance(2 * 86_400)
    # spec: FPC-05
    assert world.provisioned() == (1, 1), "after its window the base counts"


def test_an_action_at_one_instant(world):
    then = world.now() + datetime.timedelta(hours=2)
    action = {
        "name": "once",
        "start_time": stamp(world.now()),
        "end_time": stamp(world.now() + datetime.timedelta(days=1)),
        "target": 2,
        "schedule_expression": f"at({stamp(then)})",
    }
    world.provision(0, actions=[action])
    world.advance(7000)
    assert world.provisioned() == (0, 0)
    world.advance(300)
    # spec: FPC-04, FPC-06
    assert world.provisioned() == (2, 2)


def track(world, target=0.5, low=1, high=6, lasts=datetime.timedelta(days=30)):
    return {
        "name": "track",
        "start_time": stamp(world.now() - datetime.timedelta(hours=1)),
        "end_time": stamp(world.now() + lasts),
        "metric_type": "ProvisionedConcurrencyUtilization",
        "metric_target": target,
        "min_capacity": low,
        "max_capacity": high,
    }


def test_tracking_goes_out_fast_and_in_slowly(world):
    world.provision(0, policies=[track(world)])
    wait_until(lambda: world.provisioned()[0] == 1)
    calls = [Background(world.call, HELD_SECONDS) for _ in range(2)]
    wait_until(lambda: len(world.instances(state="busy")) == 2)
    world.advance(59)
    # spec: FPC-08
    assert world.provisioned()[0] == 1
    world.advance(1)
    # spec: FPC-08, FPC-09
    assert world.provisioned() == (4, 4)
    [call.result(30) for call in calls]
    down = []
    for _ in range(4):
        world.advance(60)
        down.append(world.provisioned()[0])
    # spec: FPC-09, FPC-10
    assert down == [3, 2, 1, 1]


def test_tracking_stays_within_its_bounds(world):
    world.provision(0, policies=[track(world, low=2, high=3)])
    world.advance(60)
    # spec: FPC-10
    assert world.provisioned() == (2, 2)
    calls = [Background(world.call, HELD_SECONDS) for _ in range(4)]
    wait_until(lambda: len(world.instances(state="busy")) == 4)
    world.advance(120)
    # spec: FPC-10
    assert world.provisioned()[0] == 3
    [call.result(30) for call in calls]


def test_a_schedule_and_tracking_take_the_greater(world):
    at = world.now() + datetime.timedelta(hours=1)
    action = {
        "name": "hour",
        "start_time": stamp(world.now()),
        "end_time": stamp(world.now() + datetime.timedelta(days=1)),
        "target": 4,
        "schedule_expression": f"at({stamp(at)})",
    }
    world.provision(0, actions=[action], policies=[track(world, low=1, high=10)])
    world.advance(60)
    assert world.provisioned()[0] == 1
    world.advance(3600)
    # spec: FPC-12
    assert world.provisioned() == (4, 4)
    calls = [Background(world.call, HELD_SECONDS) for _ in range(3)]
    wait_until(lambda: len(world.instances(state="busy")) == 3)
    world.advance(60)
    # spec: FPC-12
    assert world.provisioned()[0] == 6
    [call.result(30) for call in calls]


def minutes(world, count):
    """The target after each of the next minutes."""
    seen = []
    for _ in range(count):
        world.advance(60)
        seen.append(world.provisioned()[0])
    return seen


def test_the_base_target_is_only_where_tracking_starts(world):
    policy = track(world, low=1, high=10, lasts=datetime.timedelta(minutes=10, seconds=30))
    world.provision(5, policies=[policy])
    wait_until(lambda: world.provisioned() == (5, 5))
    # spec: FPC-09, FPC-10
    assert minutes(world, 6) == [4, 3, 2, 1, 1, 1]
    wait_until(lambda: len(world.instances(kind="provisioned")) == 1)
    calls = [Background(world.call, HELD_SECONDS) for _ in range(2)]
    wait_until(lambda: len(world.instances(state="busy")) == 2)
    # spec: FPC-09
    assert minutes(world, 1) == [4], "out in one step"
    [call.result(30) for call in calls]
    # spec: FPC-09
    assert minutes(world, 3) == [3, 2, 1], "in by one a minute"
    world.advance(60)
    assert world.provisioned() == (5, 5), "after its window the base counts again"


def test_tracking_starts_within_its_bounds_whatever_the_base(world):
    world.provision(5, policies=[track(world, low=1, high=3)])
    # spec: FPC-10
    wait_until(lambda: world.provisioned() == (3, 3))
    # spec: FPC-10
    assert minutes(world, 3) == [2, 1, 1]
    world.provision(0, policies=[track(world, low=2, high=3)])
    # spec: FPC-10
    wait_until(lambda: world.provisioned() == (2, 2))


def test_tracking_never_goes_below_what_is_scheduled_at_the_same_time(world):
    begin = world.now()
    action = {
        "name": "at least",
        "start_time": stamp(begin),
        "end_time": stamp(begin + datetime.timedelta(minutes=7, seconds=30)),
        "target": 3,
        "schedule_expression": f"at({stamp(begin + datetime.timedelta(seconds=30))})",
    }
    world.provision(5, actions=[action], policies=[track(world, low=1, high=10)])
    wait_until(lambda: world.provisioned() == (5, 5))
    # spec: FPC-12
    assert minutes(world, 7) == [4, 3, 3, 3, 3, 3, 3]
    # spec: FPC-12
    assert minutes(world, 2) == [1, 1], "after its window only tracking counts"
