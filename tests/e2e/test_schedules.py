"""Scheduled actions and target tracking of SCF, under a clock that the test moves."""

import datetime

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
        # spec: SCH-03, SCH-06
        assert region.provisioned(name) == (target, target), f"at {hour}:30"


def test_of_two_actions_at_one_time_the_later_in_the_list_wins(region):
    name = region.published()
    go_to(region, 8)
    actions = [action("first", 1, "0 0 9 * * * *"), action("second", 3, "0 0 9 * * 0-6 *")]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    go_to(region, 9)
    # spec: SCH-04
    assert region.provisioned(name) == (3, 3)


def test_an_action_with_a_date_fires_once(region):
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
        seen.append(region.provisioned(name)[0])
    # spec: SCH-02, SCH-06
    assert seen == [0, 1, 1, 0]
    region.advance(2 * 86_400)
    assert region.provisioned(name) == (0, 0)


def test_kinds_of_repetition(region):
    name = region.published(memory=64)
    go_to(region, 1)
    # spec: SCH-01
    actions = [
        action("workday", 2, "0 0 9 * * MON-FRI *"),
        action("weekend", 1, "0 0 9 * * SAT,SUN *"),
        action("daily", 0, "0 0 21 * * * *"),
    ]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    for _ in range(8):
        go_to(region, 12)
        # spec: SCH-01
        expected = 1 if now(region).weekday() >= 5 else 2
        assert region.provisioned(name) == (expected, expected), now(region)
        go_to(region, 22)
        assert region.provisioned(name) == (0, 0)


def test_a_preview_says_what_then_happens(region):
    name = region.published(memory=64)
    actions = [action("up", 3, "0 0 9 * * 1-5 *"), action("down", 1, "0 30 17 * * * *")]
    region.scf.provision(name, "1", 0, TriggerActions=actions, ProvisionedType="Default")
    week = 7 * 86_400
    answer = region.server.admin("POST", "preview", {"seconds": week})
    assert answer.status_code == 200, answer.text
    mine = next(one for one in answer.json()["provisions"] if one["region"] == region.name)
    assert mine["function"] == name and mine["qualifier"] == "1" and len(mine["changes"]) >= 10
    for change in mine["changes"]:
        ahead = change["unix_ms"] - region.server.admin("GET", "clock").json()["unix_ms"]
        region.advance(-(-ahead // 1000))
        assert region.provisioned(name)[0] == change["target"], change


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
        pool = next(pool for pool in region.pools(name) if pool["version"] == "1")
        assert pool["in_flight"] / pool["provisioned_ready"] == 6 / 8
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
