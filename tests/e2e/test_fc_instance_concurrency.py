"""Several requests at a time in one instance of a Node.js function, through Alibaba's SDK."""

import re

import pytest

from fc_api import NODE, Fc, FcError, FunctionError
from harness import Background, parallel, wait_until, zip_of

CODE = """
const me = require('crypto').randomUUID();
const held = new Set();
const settle = async (released, { name }, callback) => {
  console.log(`begin ${name}`);
  await released;
  console.log(`end ${name}`);
  callback(null, { me });
};
exports.handler = (event, context, callback) => {
  const order = event.length ? JSON.parse(event) : {};
  const began = Date.now();
  const end = () => {
    context.logger.info(`end ${order.name}`);
    callback(null, { me, began, ended: Date.now(), request: context.requestId });
  };
  switch (order.do) {
    case 'hold':
      held.add(end);
      console.log(`begin ${order.name}`);
      return undefined;
    case 'await': return settle(new Promise((resolve) => held.add(resolve)), order, callback);
    case 'count': return callback(null, { me, held: held.size });
    case 'release': held.forEach((one) => one()); held.clear(); return callback(null, { me });
    case 'sleep': held.add(end); return setTimeout(end, order.seconds * 1000);
    case 'exit': return process.exit(7);
    case 'hog': { const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1)); }
    case 'throw': throw new TypeError('thrown on purpose');
    default: return callback(null, { me });
  }
};
"""


class World:
    """A service with one function that takes ten requests in an instance."""

    def __init__(self, server, service, **fields):
        self.server, self.service = server, service
        self.fc = Fc(server)
        self.fc.sdk.create_service(service)
        fields = {"memorySize": 128, "timeout": 60, "instanceConcurrency": 10, **fields}
        self.fc.create(service, "fun", zip_of({"index.js": CODE}), runtime=NODE, **fields)

    def ask(self, do, **order):
        return self.fc.invoke(self.service, "fun", {"do": do, **order})

    def held(self, count, do="hold", **order):
        """Calls that are running, all of them, when this returns."""
        before = self.ask("count").value["held"] if self.instances() else 0
        calls = [Background(self.ask, do, name=f"n{index}", **order) for index in range(count)]
        wait_until(lambda: self.ask("count").value["held"] == before + count, 30, f"{count} calls run in one instance")
        return calls

    def instances(self):
        found = self.server.admin("GET", "instances").json()["instances"]
        return [one for one in found if one["namespace"] == self.service]


@pytest.fixture
def world(server, unique):
    made = World(server, unique)
    yield made
    made.fc.delete_service(unique)


def failure(call):
    with pytest.raises(FunctionError) as caught:
        call.result()
    return caught.value.document["errorMessage"]


def test_calls_fill_an_instance_before_another_is_started(world):
    calls = world.held(3)
    world.ask("release")
    results = [call.result().value for call in calls]
    # spec: FIC-03
    assert len({result["me"] for result in results}) == 1
    # spec: FIC-03
    assert max(result["began"] for result in results) <= min(result["ended"] for result in results)
    assert len({result["request"] for result in results}) == 3
    assert len(world.instances()) == 1


def test_calls_beyond_the_concurrency_start_another_instance(server, unique):
    world = World(server, unique, instanceConcurrency=2)
    results = parallel([lambda: world.ask("sleep", seconds=3).value["me"] for _ in range(4)])
    # spec: FIC-03
    assert sorted(results.count(me) for me in set(results)) == [2, 2]
    world.fc.delete_service(unique)


def own_lines(world, call):
    """The record of a call, and what it printed: [(level, text)], after a look at whose id is in front of it."""
    request = call.result().headers["x-fc-request-id"]
    record = world.server.admin("GET", f"invocations/{request}").json()
    printed = re.findall(r"(?m)^\S+Z (\S+) \[(\w+)\] (.*)$", record["log"])
    assert {its for its, _, _ in printed} == {request}
    return record, [(level, text) for _, level, text in printed]


def test_each_call_has_its_own_log_record(world):
    calls = world.held(3, do="await")
    world.ask("release")
    for index, call in enumerate(calls):
        record, lines = own_lines(world, call)
        assert lines == [("verbose", f"begin n{index}"), ("verbose", f"end n{index}")]
        assert record["memory_used_bytes"] > 0 and record["duration_ms"] > 0


def test_the_logger_of_a_call_writes_to_its_record_whoever_runs_it(world):
    calls = world.held(3)
    # This call runs what the others print with their loggers.
    releaser = world.ask("release")
    for index, call in enumerate(calls):
        _, lines = own_lines(world, call)
        assert lines == [("verbose", f"begin n{index}"), ("info", f"end n{index}")]
    record = world.server.admin("GET", f"invocations/{releaser.headers['x-fc-request-id']}").json()
    assert "end n" not in record["log"]


def test_an_exception_fails_its_own_call(world):
    (held,) = world.held(1)
    assert "thrown on purpose" in failure(Background(world.ask, "throw"))
    world.ask("release")
    assert held.result().value["me"] == world.ask("who").value["me"]


@pytest.mark.parametrize("do, words", [("exit", "Process exited unexpectedly"), ("hog", "ran out of memory")])
def test_a_crash_fails_all_calls_in_the_instance(world, do, words):
    calls = world.held(3)
    first = world.ask("who").value["me"]
    calls.append(Background(world.ask, do))
    for call in calls:
        # spec: FIC-06
        assert words in failure(call)
    # spec: FIC-06
    assert world.ask("who").value["me"] != first


def test_a_call_past_its_limit_fails_alone_and_the_instance_is_not_used_again(virtual_server, unique):
    world = World(virtual_server, unique)

    def age(seconds):
        answer = virtual_server.admin("POST", "clock/advance", {"seconds": seconds, "running": "age"})
        assert answer.status_code == 200, answer.text

    (late,) = world.held(1)
    first = world.ask("who").value["me"]
    age(45)
    (good,) = world.held(1, do="sleep", seconds=3)
    age(20)
    assert failure(late) == "Function timed out after 60 seconds"
    assert good.running
    assert world.ask("who").value["me"] != first
    assert good.result().value["me"] == first
    world.fc.delete_service(unique)


@pytest.fixture
def virtual_world(virtual_server, unique):
    """Makes worlds under a clock that the test moves, each with a number of calls that an instance takes at once."""
    made = []

    def make(concurrency):
        made.append(World(virtual_server, f"{unique}{len(made)}", instanceConcurrency=concurrency))
        return made[-1]

    yield make
    virtual_server.patch_quota("ap-guangzhou", dialect="fc", profile="fc")
    for world in made:
        world.fc.delete_service(world.service)


def running(world, count, seconds=3):
    """Calls that are running, all of them, when this returns, however many instances they are spread over."""
    calls = [Background(world.ask, "sleep", seconds=seconds) for _ in range(count)]

    def all_run():
        (pool,) = pools(world)
        return pool["starting"] == 0 and pool["in_flight"] == count

    wait_until(all_run, 30, f"{count} calls run")
    return calls


def pools(world):
    found = world.server.admin("GET", "pools").json()["versions"]
    return [pool for pool in found if pool["namespace"] == world.service and pool["version"] == "LATEST"]


def test_a_reserved_instance_takes_as_many_calls_as_the_function_allows(virtual_world):
    world = virtual_world(5)
    world.fc.sdk.put_provision_config(world.service, "LATEST", "fun", 1)
    wait_until(lambda: world.fc.provisioned(world.service, "LATEST", "fun") == (1, 1))
    (reserved,) = world.instances()
    calls = running(world, 5)
    # spec: FRE-06
    assert [(one["id"], one["kind"], one["in_flight"]) for one in world.instances()] == [(reserved["id"], "provisioned", 5)]
    elsewhere = world.ask("who").value["me"]
    # spec: FRE-06
    assert sorted(one["kind"] for one in world.instances()) == ["on_demand", "provisioned"], "the sixth goes elsewhere"
    assert elsewhere not in {call.result().value["me"] for call in calls}


def test_a_region_takes_its_instances_times_their_concurrency(virtual_world):
    world = virtual_world(3)
    world.server.patch_quota("ap-guangzhou", dialect="fc", on_demand_instances=2)
    calls = running(world, 6, seconds=4)
    assert [one["in_flight"] for one in world.instances()] == [3, 3]
    with pytest.raises(FcError) as refused:
        world.ask("who")
    # spec: FIC-05
    assert refused.value.status_code == 429 and "ResourceExhausted" in str(refused.value)
    # spec: FIC-05
    assert len({call.result().value["me"] for call in calls}) == 2
    assert world.ask("who").value["me"], "there is room again"


@pytest.mark.parametrize("concurrency, billed_ms", [(10, 10_000), (1, 30_000)])
def test_calls_that_overlap_in_an_instance_are_billed_once(virtual_world, concurrency, billed_ms):
    world = virtual_world(concurrency)
    calls = running(world, 3)
    world.server.admin("POST", "clock/advance", {"seconds": 10}).raise_for_status()
    assert all(call.running for call in calls)
    [call.result() for call in calls]
    usage = world.server.admin("GET", "usage").json()["versions"]
    (mine,) = [one for one in usage if one["namespace"] == world.service and one["version"] == "LATEST"]
    # spec: FIC-04
    assert mine["on_demand_busy_ms"] == billed_ms


def test_monitoring_shows_fewer_instances_for_the_same_load(virtual_world):
    def instances_in_use(world):
        wanted = ("sluice_limit_used{", 'dialect="fc"', 'kind="region"', 'unit="instances"')
        (used,) = [value for name, value in world.server.metrics().items() if all(part in name for part in wanted)]
        return used

    def load(world):
        before = instances_in_use(world)
        calls = running(world, 4)
        shown = (instances_in_use(world) - before, pools(world)[0]["instances"])
        [call.result() for call in calls]
        return shown

    # spec: FIC-07
    assert load(virtual_world(1)) == (4, 4)
    # spec: FIC-07
    assert load(virtual_world(4)) == (1, 1)
