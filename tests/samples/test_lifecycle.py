"""The life of experiments beside one another: queues, edits, deletions, failures, the clock.

Each story is told in a namespace of its own; all run at once in one world.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest
import pytest_asyncio
from tests.samples import starts
from tests.samples.stage import (
    RULES,
    a_metric,
    a_rule,
    an_experiment,
    condition,
    failed,
    weights,
)
from tests.samples.worlds import World, emulated

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORIES = [*starts.STORIES]


def story(told):
    STORIES.append(told)
    return told


async def told_all(world):
    tasks = {told.__name__: asyncio.ensure_future(told(world)) for told in STORIES}
    await asyncio.wait(tasks.values())
    return tasks


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_emulator(tmp_path_factory):
    async with World(tmp_path_factory.mktemp("emulator"), emulated()) as world:
        yield await told_all(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_kube_apiserver(tmp_path_factory, kube_apiserver):
    async with World(tmp_path_factory.mktemp("real"), kube_apiserver) as world:
        yield await told_all(world)


@pytest.fixture
def stories(request):
    return request.getfixturevalue(f"on_{request.param}")


@story
async def metrics_that_come_a_moment_after_their_experiment_are_found(world):
    await world.cluster.apply(a_rule("late"))
    uid = await world.create(an_experiment("late"))
    await asyncio.sleep(2.0)
    await world.cluster.apply(a_metric("late"))

    ended = await world.ended("canary", uid, "late")
    assert condition(ended, "Failed")["status"] == "False"
    assert ended["status"]["completedIterations"] == 3


@story
async def waiting_experiments_get_the_target_in_the_order_in_which_they_came(world):
    for rule in ("a", "b", "c"):
        await world.cluster.apply(a_rule("queue", rule))
    await world.cluster.apply(a_metric("queue"))
    uids = {}
    for name in ("a", "b", "c"):
        of = 5 if name == "a" else 2  # long enough to be looked at while the others wait
        asked = an_experiment("queue", name, rule=name, target="queue", iterations=of)
        uids[name] = await world.create(asked)
        await world.until(lambda uid=uids[name]: world.of(uid, "stage-change"))
    await world.reached(uids["a"], "Running")
    waiting = await world.experiment("b", "queue")
    assert waiting["status"]["stage"] == "Waiting"
    assert condition(waiting, "TargetAcquired")["status"] == "False"

    for name in ("a", "b", "c"):
        await world.ended(name, uids[name], "queue")
    changes = [e for e in world.events if e.kind == "stage-change" and e.uid in uids.values()]
    order = [e.uid for e in changes if e.stage == "Running" and e.reason == "StageAdvanced"]
    assert order == [uids["a"], uids["b"], uids["c"]]
    ends = {e.uid: i for i, e in enumerate(changes) if e.stage == "Completed"}
    begins = {e.uid: i for i, e in enumerate(changes) if e.stage == "Running"}
    assert ends[uids["a"]] < begins[uids["b"]] < ends[uids["b"]] < begins[uids["c"]]


@story
async def deletion_while_running_leaves_the_traffic_and_frees_the_target(world):
    await world.cluster.apply(a_rule("gone", "one"), a_rule("gone", "two"), a_metric("gone"))
    asked = {"target": "gone", "iterations": 30}
    first = await world.create(an_experiment("gone", "one", rule="one", **asked))
    await world.reached(first, "Running")
    second = await world.create(an_experiment("gone", "two", rule="two", **asked))
    await world.until(lambda: len(world.of(first, "weight-change")) >= 2)
    await world.delete("one", "gone")

    await world.reached(first, "Completed", 5)
    await world.reached(second, "Running", 5)
    left = weights(world, "gone", "one")
    asked = len(world.of(first, "metric-sample"))
    await world.sampled(second, 2)
    assert len(world.of(first, "metric-sample")) == asked
    assert weights(world, "gone", "one") == left
    assert left[-1] != (100, 0)
    await world.delete("two", "gone")


@story
async def an_experiment_created_anew_under_its_name_is_a_new_run(world):
    await world.cluster.apply(a_rule("again"), a_metric("again"))
    first = await world.create(an_experiment("again", iterations=30))
    await world.sampled(first, 2)
    await world.delete("canary", "again")
    second = await world.create(an_experiment("again", iterations=2))

    ended = await world.ended("canary", second, "again")
    assert first != second == ended["metadata"]["uid"]
    assert ended["status"]["completedIterations"] == 2
    assert [e.iteration for e in world.of(second, "assessment")] == [1, 2]
    assert world.of(first, "stage-change")[-1].outcome == "aborted"
    samples = len(world.of(first, "metric-sample"))
    assert samples == len({e.iteration for e in world.of(first, "metric-sample")})


@story
async def an_edit_of_the_caps_takes_effect_at_the_next_iteration(world):
    await world.cluster.apply(a_rule("edit"), a_metric("edit"))
    caps = {"maxCandidateWeight": 100, "maxCandidateWeightIncrement": 5}
    uid = await world.create(an_experiment("edit", iterations=7, interval=2, weights=caps))
    await world.until(lambda: len(world.of(uid, "weight-change")) >= 3)  # as found, two steps
    caps = {"maxCandidateWeightIncrement": 30}
    await world.merge("canary", {"spec": {"strategy": {"weights": caps}}}, "edit")

    await world.ended("canary", uid, "edit")
    shares = [e.observed["v2"] for e in world.of(uid, "weight-change")]
    steps = [b - a for a, b in itertools.pairwise(shares)]
    before = list(itertools.takewhile(lambda step: step == 5, steps))
    assert 2 <= len(before) <= 3, shares  # the edit came between two looks, or just beside one
    assert set(steps[len(before) : -1]) == {30}, shares
    assert shares[-1] == 95, "where the greedy share ends"


@story
async def an_invalid_experiment_says_why_and_stops_no_other(world):
    await world.cluster.apply(a_rule("mixed"), a_metric("mixed"))
    bad = an_experiment("mixed", "bad")
    bad["spec"]["versionInfo"]["candidates"] *= 2
    valid = await world.create(an_experiment("mixed"))
    reason, message = await failed(world, bad)

    assert reason == "InvalidExperiment"
    assert "Invalid number of candidates for Canary experiment" in message
    ended = await world.ended("canary", valid, "mixed")
    assert condition(ended, "Failed")["status"] == "False"


@story
async def a_metric_that_never_comes_is_named_with_its_namespace(world):
    await world.cluster.apply(a_rule("missing"))

    assert await failed(world, an_experiment("missing")) == (
        "MetricUnavailable",
        "Unable to find metric missing/latency",
    )


@story
async def a_metric_whose_host_is_not_there_fails_before_any_traffic_moves(world):
    asked = {"urlTemplate": "http://127.0.0.1:9/api", "jqExpression": ".value"}
    await world.cluster.apply(a_rule("silent"), a_metric("silent", **asked))
    reason, message = await failed(world, an_experiment("silent"))

    assert reason == "MetricsUnreadable"
    assert "silent/latency of v1" in message
    assert weights(world, "silent") == [(100, 0)]


@story
async def weights_that_cannot_be_read_are_said_with_the_field(world):
    await world.cluster.apply(a_rule("blind"), a_metric("blind"))
    asked = an_experiment("blind")
    ref = asked["spec"]["versionInfo"]["candidates"][0]["weightObjRef"]
    ref["fieldPath"] = ".spec.http[0].route[7].weight"
    reason, message = await failed(world, asked)

    assert reason == "InvalidExperiment"
    assert message.startswith("Specification of version weightObjectRef invalid: ")
    assert "weight is not found" in message


@story
async def a_start_action_that_fails_ends_the_run_without_the_finish_action(world):
    await world.cluster.apply(a_rule("start"), a_metric("start"))
    actions = {"start": [{"run": "echo no >&2; exit 3"}], "finish": [{"run": "true"}]}
    reason, message = await failed(world, an_experiment("start", actions=actions))

    assert (reason, message.split(":")[0]) == ("HandlerFailed", "Start actions failed")
    assert "exit 3: no" in message
    mine = [e for e in world.events if e.kind == "action-outcome" and e.namespace == "start"]
    assert [(e.action, e.exit) for e in mine] == [("start", 3)]


@story
async def a_finish_action_that_fails_leaves_the_traffic_and_says_so(world):
    await world.cluster.apply(a_rule("finish"), a_metric("finish"))
    actions = {"finish": [{"run": "exit 1"}, {"run": "echo never"}]}
    asked = an_experiment("finish", iterations=2, actions=actions)
    reason, message = await failed(world, asked)

    assert (reason, message.split(":")[0]) == ("HandlerFailed", "Finish actions failed")
    assert weights(world, "finish") == [(100, 0), (90, 10), (80, 20)]
    tasks = [
        e.task for e in world.events if e.kind == "action-outcome" and e.namespace == "finish"
    ]
    assert tasks == [0]


@story
async def samples_are_an_interval_apart_and_do_not_drift(world):
    await world.cluster.apply(a_rule("clock"), a_metric("clock"))
    uid = await world.create(an_experiment("clock", iterations=5, interval=2))

    await world.ended("canary", uid, "clock")
    moments = [e.at for e in world.of(uid, "metric-sample") if e.iteration]
    since = [(at - moments[0]).total_seconds() for at in moments]
    assert since == pytest.approx([2.0 * i for i in range(5)], abs=0.6)
    started = next(e for e in world.of(uid, "stage-change") if e.stage == "Running")
    assert world.of(uid, "metric-sample")[1].elapsed_seconds == 2, started


@story
async def a_version_whose_object_vanishes_fails_the_run_by_name(world):
    await world.cluster.apply(a_rule("vanish"), a_metric("vanish"))
    uid = await world.create(an_experiment("vanish", iterations=20))
    await world.until(lambda: len(world.of(uid, "weight-change")) >= 2)
    group, version, plural = RULES.split("/")
    await world.remove(f"/apis/{group}/{version}/namespaces/vanish/{plural}/rule")

    ended = await world.ended("canary", uid, "vanish")
    found = condition(ended, "Failed")
    assert found["reason"] == "InvalidExperiment"
    assert found["message"].startswith("Specification of version weightObjectRef invalid: ")
    assert "vanish/rule" in found["message"] or '"rule"' in found["message"]


@story
async def a_completed_experiment_ignores_edits_until_it_is_created_anew(world):
    await world.cluster.apply(a_rule("over"), a_metric("over"))
    uid = await world.create(an_experiment("over", iterations=1))
    await world.ended("canary", uid, "over")
    before = len([e for e in world.events if e.uid == uid])
    await world.merge("canary", {"spec": {"duration": {"iterationsPerLoop": 9}}}, "over")
    await asyncio.sleep(1.5)

    after = await world.experiment("canary", "over")
    assert after["status"]["completedIterations"] == 1
    assert len([e for e in world.events if e.uid == uid]) == before


@pytest.mark.parametrize("stories", ["emulator", "kube_apiserver"], indirect=True)
@pytest.mark.parametrize("sentence", [told.__name__ for told in STORIES])
async def test_the_lifecycle(stories, sentence):
    await stories[sentence]
