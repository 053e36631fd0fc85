"""An experiment is deleted, in each phase of its life: everything of it stops, the next begins.

Tasks are Jobs here. No cluster of ours runs them, so each goes on until somebody takes it away.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from tests.samples.stage import a_metric, a_rule, an_experiment, weights
from tests.samples.worlds import World, emulated

from crossfade.events import subjects
from crossfade.runtime.stores import NatsStore
from crossfade_actuator.locking import TargetLock

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOBS = "/apis/batch/v1/namespaces/crossfade-system/jobs"
FOREVER = [{"run": "sleep 3600"}]


@dataclass
class Deleted:
    """What was there of a run when its experiment was deleted, and what became of it."""

    uid: str
    following: str
    holder: str = ""
    jobs_before: list = field(default_factory=list)
    jobs_after: list = field(default_factory=list)
    weights_before: list = field(default_factory=list)
    weights_after: list = field(default_factory=list)
    samples_before: int = 0
    samples_after: int = 0
    queue: list = field(default_factory=list)
    lease: object = None
    left_open: object = None
    stages: list = field(default_factory=list)
    last: object = None
    outcomes: list = field(default_factory=list)
    told_the_next: list = field(default_factory=list)


async def queued(world, run):
    await world.until(lambda: any(e.reason == "TargetBusy" for e in run("stage-change")))


async def starting(world, run):
    await until_a_job(world, run.uid)


async def running(world, run):
    await world.until(lambda: len(run("weight-change")) >= 2)


async def paused(world, run):
    await running(world, run)
    await world.ask("pause", namespace=run.namespace, name="one")
    await world.until(lambda: any(e.reason == "Paused" for e in run("stage-change")))


async def finishing(world, run):
    await until_a_job(world, run.uid)


PHASES = {
    "queued": (queued, {}),
    "starting": (starting, {"actions": {"start": FOREVER}}),
    "running": (running, {}),
    "paused": (paused, {}),
    "finishing": (finishing, {"iterations": 2, "actions": {"finish": FOREVER}}),
}


@dataclass
class Run:
    """The events of a run, by kind."""

    world: World
    uid: str
    namespace: str

    def __call__(self, kind):
        return self.world.of(self.uid, kind)


async def jobs_of(world, uid):
    """The names of a run's Jobs that are to stay."""
    items = (await world.get(JOBS))["items"]
    mine = [j for j in items if j["metadata"]["labels"].get("crossfade/uid") == uid]
    return [j["metadata"]["name"] for j in mine if "deletionTimestamp" not in j["metadata"]]


async def until_a_job(world, uid):
    for _ in range(600):
        if await jobs_of(world, uid):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"no Job of {uid}")


async def delete_in(world, phase):
    """The story of one phase, in a namespace of its own."""
    reached, asked = PHASES[phase]
    space = f"gone-{phase}"
    for name in ("holder", "one", "two"):
        await world.cluster.apply(a_rule(space, name))
    await world.cluster.apply(a_metric(space))
    more = {"target": space, "iterations": 60}
    holder = ""
    if phase == "queued":
        holder = await world.create(an_experiment(space, "holder", rule="holder", **more))
        await world.reached(holder, "Running")
    uid = await world.create(an_experiment(space, "one", rule="one", **more | asked))
    await world.until(lambda: world.of(uid, "stage-change"))
    following = await world.create(an_experiment(space, "two", rule="two", **more))
    await world.until(lambda: world.of(following, "stage-change"))
    run, seen = Run(world, uid, space), Deleted(uid, following, holder)
    await reached(world, run)
    await look(world, space, run, seen)
    return seen


async def look(world, space, run, seen):
    """Delete the experiment and look at what it leaves."""
    store = NatsStore(world.client, subjects.RUNS)
    seen.jobs_before = await jobs_of(world, run.uid)
    await world.delete("one", space)
    await world.reached(run.uid, "Completed", 15)
    seen.samples_before = len(run("metric-sample"))
    seen.weights_before = weights(world, space, "one")
    if seen.holder:
        await world.delete("holder", space)
    await world.sampled(seen.following, 2)
    seen.jobs_after = await jobs_of(world, run.uid)
    seen.samples_after = len(run("metric-sample"))
    seen.weights_after = weights(world, space, "one")
    seen.queue = await TargetLock(store).queue(space)
    seen.lease = await store.get(subjects.lease_key(run.uid))
    seen.left_open = await store.get(subjects.open_key(run.uid))
    seen.stages, seen.last = world.stages(run.uid), run("stage-change")[-1]
    seen.outcomes = run("action-outcome")
    seen.told_the_next = await world.told(seen.following, space)
    await world.delete("two", space)
    await world.reached(seen.following, "Completed", 15)


async def all_deleted(world):
    await world.cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "crossfade-system"}}
    )
    stories = {p: asyncio.ensure_future(delete_in(world, p)) for p in PHASES}
    await asyncio.wait(stories.values())
    return stories


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_emulator(tmp_path_factory):
    async with World(tmp_path_factory.mktemp("emulator"), emulated(), actions="job") as world:
        yield await all_deleted(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_kube_apiserver(tmp_path_factory, kube_apiserver):
    async with World(tmp_path_factory.mktemp("real"), kube_apiserver, actions="job") as world:
        yield await all_deleted(world)


@pytest.fixture
def stories(request):
    return request.getfixturevalue(f"on_{request.param}")


@pytest.mark.parametrize("stories", ["emulator", "kube_apiserver"], indirect=True)
@pytest.mark.parametrize("phase", PHASES)
async def test_a_deleted_experiment_leaves_nothing_behind_and_the_next_begins(stories, phase):
    seen = await stories[phase]

    assert len(seen.jobs_before) == (phase in ("starting", "finishing"))
    assert seen.jobs_after == []
    assert (seen.lease, seen.left_open) == (None, None)
    assert seen.queue == [seen.following]
    assert seen.samples_after == seen.samples_before
    assert seen.weights_after == seen.weights_before
    moved = phase in ("running", "paused", "finishing")
    assert (seen.weights_after[-1] != (100, 0)) is moved, seen.weights_after
    assert (seen.last.stage, seen.last.outcome) == ("Completed", "aborted")
    assert seen.last.message == "Experiment deleted"
    assert seen.outcomes == []
    assert ("TargetAcquired", "TargetAcquired") in seen.told_the_next
    assert seen.stages[0] == "Waiting"
    assert ("Running" in seen.stages) is moved
    assert ("Finishing" in seen.stages) is (phase == "finishing")
