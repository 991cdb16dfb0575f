"""Scheduled actions and target tracking of SCF, under a clock that the test moves."""

import datetime

import pytest

from harness import wait_until

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))


def action(name, target, cron):
    return {
        "TriggerName": name,
        "TriggerProvisionedConcurrencyNum": target,
        "TriggerCronConfig": cron,
        "ProvisionedType": "Default",
    }


def now(region):
    ms = region.server.admin("GET", "clock").json()["unix_ms"]
    return datetime.datetime.fromtimestamp(ms / 1000, SHANGHAI)


def go_to(region, hour, minute=0):
    """Moves the clock to the next time it shows this in Shanghai."""
    current = now(region)
    then = current.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if then <= current:
        then += datetime.timedelta(days=1)
    region.advance(int((then - current).total_seconds()) + 1)


def track(region, name, target=0.8, low=1, high=10):
    region.scf.provision(
        name,
        "1",
        0,
        ProvisionedType="ConcurrencyUtilizationTracking",
        TrackingTarget=target,
        MinCapacity=low,
        MaxCapacity=high,
    )


def test_the_target_follows_the_curve(region):
    name = region.published(memory=64)
    actions = [
        action("morning", 3, "0 0 6 * * * *"),
        action("noon", 8, "0 0 10 * * * *"),
        action("evening", 4, "0 0 18 * * * *"),
        action("night", 0, "0 0 0 * * * *"),
    ]
    go_to(region, 1)
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    for hour, target in [(5, 0), (7, 3), (9, 3), (11, 8), (17, 8), (19, 4), (23, 4), (0, 0), (6, 3)]:
        go_to(region, hour, 30)
        # spec: SCH-03, SCH-07
        assert region.provisioned(name) == (target, target), f"at {hour}:30"


@pytest.mark.parametrize("second", ["0 0 9 * * * *", "0 0 9 * * 0-6 *"], ids=["same text", "same time"])
@pytest.mark.parametrize("targets", [(1, 3), (3, 1)])
def test_of_two_actions_at_one_time_the_later_in_the_list_wins(region, second, targets):
    name = region.published(memory=64)
    go_to(region, 8)
    actions = [action("first", targets[0], "0 0 9 * * * *"), action("second", targets[1], second)]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    assert region.scf.provisions(name)["1"]["TriggerActions"] == actions
    go_to(region, 9)
    # spec: SCH-04
    assert region.provisioned(name) == (targets[1], targets[1])


def test_an_action_with_a_date_fires_once_and_another_ends_it(region):
    name = region.published()
    go_to(region, 8)
    day = now(region)
    cron = f"0 0 12 {day.day} {day.month} * {day.year}"
    end = f"0 0 16 {day.day} {day.month} * {day.year}"
    actions = [action("start", 1, cron), action("end", 0, end)]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    seen = []
    for hour in (11, 13, 15, 17):
        go_to(region, hour)
        seen.append(region.provisioned(name))
    # spec: SCH-02
    # spec: SCH-07
    assert seen == [(0, 0), (1, 1), (1, 1), (0, 0)]
    region.advance(2 * 86_400)
    assert region.provisioned(name) == (0, 0)


# What the console writes for each kind of repetition, and on which of the days it fires that begin with a Thursday.
KINDS = {
    "once": ("0 30 9 {day} {month} * {year}", [True] + 9 * [False]),
    "every day": ("0 30 9 * * * *", 10 * [True]),
    "Monday to Friday": ("0 30 9 * * MON-FRI *", [True, True, False, False, True, True, True, True, True, False]),
    "Saturday and Sunday": ("0 30 9 * * SAT,SUN *", [False, False, True, True, False, False, False, False, False, True]),
    "custom": ("0 30 9 1/3 * * 2000-2099", None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_repetition_fires_on_its_days(region, kind):
    cron, expected = KINDS[kind]
    name = region.published(memory=64)
    while now(region).weekday() != 3:
        region.advance(86_400)
    go_to(region, 8)
    while now(region).weekday() != 3:
        region.advance(86_400)
    first = now(region)
    cron = cron.format(day=first.day, month=first.month, year=first.year)
    if expected is None:
        days = [first + datetime.timedelta(days=ahead) for ahead in range(10)]
        expected = [day.day % 3 == 1 for day in days]
    actions = [action("at its time", 1, cron), action("in the evening", 0, "0 0 21 * * * *")]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    fired = []
    for _ in range(10):
        go_to(region, 9, 29)
        before = region.provisioned(name)[0]
        go_to(region, 9, 31)
        fired.append(region.provisioned(name)[0] == 1 and before == 0)
        go_to(region, 22)
        assert region.provisioned(name) == (0, 0)
    # spec: SCH-01
    assert fired == expected, f"{cron} from {first}"


def test_what_is_needed_above_the_target_is_served_elastically(region):
    name = region.published(memory=64)
    go_to(region, 8)
    region.scf.provision(name, "1", 0, TriggerActions=[action("up", 1, "0 0 9 * * * *")], ProvisionedType="Default")
    go_to(region, 9)
    assert region.provisioned(name) == (1, 1)
    with region.hold(name, 3, Qualifier="1") as results:
        kinds = sorted(one["kind"] for one in region.instances(name, version="1", state="busy"))
        # spec: SCH-05
        assert kinds == ["on_demand", "on_demand", "provisioned"]
        # spec: SCH-05
        assert [result.ok for result in results()] == [True] * 3
        assert sum(region.is_cold(result) for result in results()) == 2


def preview(region, **interval):
    """What is foreseen for the only function of the region."""
    answer = region.server.admin("POST", "preview", interval)
    assert answer.status_code == 200, answer.text
    return next(one for one in answer.json()["provisions"] if one["region"] == region.name)


def test_a_preview_says_what_then_happens(region):
    name = region.published(memory=64)
    actions = [action("up", 3, "0 0 9 * * 1-5 *"), action("down", 1, "0 30 17 * * * *")]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    mine = preview(region, seconds=7 * 86_400)
    assert mine["function"] == name and mine["qualifier"] == "1" and len(mine["changes"]) >= 10
    for change in mine["changes"]:
        ahead = change["unix_ms"] - region.server.admin("GET", "clock").json()["unix_ms"]
        region.advance(-(-ahead // 1000))
        assert region.provisioned(name)[0] == change["target"], change


def test_a_preview_of_a_distant_hour_of_an_action_of_every_minute(region):
    name = region.published(memory=64)
    later = now(region).replace(minute=10, second=0, microsecond=0) + datetime.timedelta(days=10)
    actions = [
        action("every minute", 2, "0 * * * * * *"),
        action("every hour, a little later", 1, "30 20 * * * * *"),
    ]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    start = later.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    mine = preview(region, seconds=3600, **{"from": start})
    seen = [(change["unix_ms"], change["target"], change["cause"]) for change in mine["changes"]]
    begin = int(later.timestamp() * 1000) + 10 * 60_000
    assert mine["target"] == 2, "at the beginning"
    assert [(at, target) for at, target, _ in seen] == [(begin + 30_000, 1), (begin + 60_000, 2)]
    assert "every hour" in seen[0][2] and "every minute" in seen[1][2]
    assert mine["truncated"] is False


def test_tracking_follows_the_load(region):
    name = region.published(memory=64)
    track(region, name)
    wait_until(lambda: region.provisioned(name) == (1, 1))
    with region.hold(name, 4, Qualifier="1"):
        region.advance(10)
        # spec: TGT-02, TGT-04
        assert region.provisioned(name) == (5, 5)
    with region.hold(name, 6, Qualifier="1"):
        region.advance(10)
        # spec: TGT-04
        assert region.provisioned(name)[0] == 8
        # spec: TGT-03
        assert region.gauge("concurrent_executions", name, "1") / region.gauge("provisioned_ready", name, "1") == 6 / 8
    region.advance(590)
    # spec: TGT-05
    assert region.provisioned(name)[0] == 8, "no decrease within ten minutes of the last change"
    region.advance(10)
    # spec: TGT-05, TGT-07
    assert region.provisioned(name) == (1, 1)


def test_a_fresh_policy_may_scale_in_at_once(region):
    name = region.published(memory=64)
    region.scf.provision(name, "1", 6)
    wait_until(lambda: region.provisioned(name) == (6, 6))
    track(region, name, low=2)
    region.advance(10)
    # spec: TGT-06
    assert region.provisioned(name) == (2, 2)


def test_load_that_ended_before_there_was_a_policy_does_not_count(region):
    name = region.published(memory=64)
    region.scf.provision(name, "1", 6)
    wait_until(lambda: region.provisioned(name) == (6, 6))
    with region.hold(name, 5, Qualifier="1"):
        region.advance(300)
    assert region.in_flight(name) == 0
    track(region, name)
    assert region.provisioned(name)[0] == 6
    region.advance(10)
    # spec: TGT-06
    assert region.provisioned(name) == (1, 1)


def test_the_mean_of_a_tick_is_not_rounded_before_it_is_divided(region):
    name = region.published(memory=64)
    track(region, name, target=0.1)
    wait_until(lambda: region.provisioned(name) == (1, 1))
    region.advance(10)
    # One request for one of ten seconds is 0.1 at once, and 0.1 / 0.1 is one instance.
    with region.hold(name, 1, Qualifier="1", seconds=2):
        region.advance(1)
    region.advance(9)
    # spec: TGT-02
    assert region.provisioned(name) == (1, 1)
    with region.hold(name, 1, Qualifier="1", seconds=2):
        region.advance(3)
    region.advance(7)
    # spec: TGT-02
    assert region.provisioned(name) == (3, 3)


def test_tracking_stays_within_its_bounds(region):
    name = region.published(memory=64)
    track(region, name, low=2, high=3)
    region.advance(30)
    # spec: TGT-07
    assert region.provisioned(name) == (2, 2)
    with region.hold(name, 5, Qualifier="1") as results:
        region.advance(20)
        # spec: TGT-07
        assert region.provisioned(name)[0] == 3
        assert len(region.instances(name, kind="on_demand")) >= 2
        assert all(result.ok for result in results())
