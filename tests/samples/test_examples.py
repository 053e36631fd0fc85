"""Every example, run by the real services in one world to the end that its README documents.

The experiments run side by side; each test looks at one side of them all.
"""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from tests.samples.outcomes import OUTCOMES
from tests.samples.worlds import World, emulated, example

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = list(OUTCOMES)
CLUSTERS = ("emulator", "kube_apiserver")
CASES = [(cluster, name) for cluster in CLUSTERS for name in NAMES]
# A sample says which split was in force: on a machine that takes longer than an interval to bring
# one about, the steps would be fewer than documented, and rightly so.
INTERVAL = 3
everywhere = pytest.mark.parametrize(("ran", "name"), CASES, indirect=["ran"])


class Ran:
    """A world in which examples have run, and the run of each of them."""

    def __init__(self, world, uids, found):
        self.world, self.uids, self.found = world, uids, found

    def __getitem__(self, name):
        return self.found[name]

    def events(self, name, kind):
        return self.world.of(self.uids[name], kind)

    async def object(self, name):
        expected = OUTCOMES[name]
        group, version, plural = expected.kind.split("/")
        namespace, own = expected.place.split("/")
        return await self.world.get(
            f"/apis/{group}/{version}/namespaces/{namespace}/{plural}/{own}"
        )


async def all_run(world):
    """Every example started at once and run to its end."""
    uids: dict[str, str] = {}

    async def run(name):
        experiment, metrics, objects = example(
            name, iterations=OUTCOMES[name].iterations, interval=INTERVAL
        )
        await world.cluster.apply(*objects)
        uids[name] = await world.start(experiment, metrics)
        return await world.ended(experiment["metadata"]["name"], uids[name])

    found = await asyncio.gather(*(run(name) for name in NAMES))
    return Ran(world, uids, dict(zip(NAMES, found, strict=True)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_emulator(tmp_path_factory):
    async with World(tmp_path_factory.mktemp("emulator"), emulated()) as world:
        yield await all_run(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_kube_apiserver(tmp_path_factory, kube_apiserver):
    async with World(tmp_path_factory.mktemp("real"), kube_apiserver) as world:
        yield await all_run(world)


@pytest.fixture
def ran(request):
    return request.getfixturevalue(f"on_{request.param}")


def at(tree, path):
    for step in path.split("."):
        step = step.replace("~", ".")
        tree = tree[int(step)] if isinstance(tree, list) else tree.get(step)
    return tree


@everywhere
async def test_an_example_ends_as_documented(ran, name):
    assert {"finalizers", "ownerReferences"}.isdisjoint(ran[name]["metadata"])
    status, expected = ran[name]["status"], OUTCOMES[name]
    conditions = {c["type"]: (c["status"], c.get("reason")) for c in status["conditions"]}

    assert conditions == {
        "Completed": ("True", "ExperimentCompleted"),
        "Failed": ("False", None),
        "TargetAcquired": ("True", "TargetAcquired"),
    }
    assert status["message"] == f"ExperimentCompleted: {expected.message}"
    assert status["completedIterations"] == expected.completed
    assert status["versionRecommendedForPromotion"] == expected.recommended
    winner = status["analysis"]["winnerAssessment"]["data"]
    assert (winner["winnerFound"], winner.get("winner")) == (
        expected.winner is not None,
        expected.winner,
    )


@everywhere
async def test_metrics_are_named_alike_in_their_copies_and_in_the_analysis(ran, name):
    """As iter8ctl reads them: rows from `metrics`, values from the analysis under the same name."""
    status = ran[name]["status"]

    told = status["analysis"]["aggregatedMetrics"]["data"]
    assert sorted(metric["name"] for metric in status["metrics"]) == sorted(told)


@everywhere
async def test_stages_and_iterations_come_in_their_order(ran, name):
    expected = OUTCOMES[name]
    iterations = [e.iteration for e in ran.events(name, "assessment")]

    assert tuple(ran.world.stages(ran.uids[name])) == expected.stages
    assert iterations == list(range(1, expected.assessed + 1))


def notes(name):
    """The Kubernetes Events of a run, from spec §3.9 and what the example asks for."""
    experiment, _, _ = example(name)
    actions, expected = experiment["spec"]["strategy"].get("actions", {}), OUTCOMES[name]
    per_loop = experiment["spec"]["duration"]["iterationsPerLoop"]
    yield ("ExperimentInitialized", "Experiment status initialized")
    yield ("TargetAcquired", "TargetAcquired")
    yield ("StageAdvanced", "Advanced to Initializing")
    if "start" in actions:
        yield ("HandlerLaunched", "Start handler 'start' launched")
    yield ("StageAdvanced", "Advanced to Running")
    for iteration in range(1, expected.completed + 1):
        yield ("IterationUpdate", f"Completed Iteration {iteration}")
        if iteration % per_loop == 0:
            yield ("IterationUpdate", f"Completed Loop {iteration // per_loop}")
            if "loop" in actions:
                yield ("HandlerLaunched", "Loop handler 'loop' launched")
    if "finish" in actions:
        yield ("StageAdvanced", "Advanced to Finishing")
        why = "Rollback" if expected.rolled_back else "Finish"
        yield ("HandlerLaunched", f"{why} handler 'finish' launched")
    yield ("StageAdvanced", "Advanced to Completed")
    yield ("ExperimentCompleted", expected.message)


@everywhere
async def test_kubernetes_events_tell_the_run_in_upstreams_order(ran, name):

    assert await ran.world.told(ran.uids[name]) == list(notes(name))


@everywhere
async def test_weights_move_as_documented_and_sum_to_100(ran, name):
    status, expected = ran[name]["status"], OUTCOMES[name]
    splits = [e.observed for e in ran.events(name, "weight-change")]

    assert all(sum(split.values()) == 100 for split in splits)
    if expected.splits is not None:
        assert splits == expected.splits
    assert splits[-1] == {w["name"]: w["value"] for w in status["currentWeightDistribution"]}


def weights_of(name, obj):
    """The numbers that the experiment points at, by version."""
    experiment, _, _ = example(name)
    info = experiment["spec"].get("versionInfo", {})
    versions = [info["baseline"], *info.get("candidates", [])] if info else []
    refs = {v["name"]: v["weightObjRef"] for v in versions if "weightObjRef" in v}
    found = {}
    for version, ref in refs.items():
        path = ref["fieldPath"].strip(".").replace("[", ".").replace("]", "")
        try:
            found[version] = at(obj, path)
        except (IndexError, AttributeError):
            return None  # the finish action has left another form
    return found


@everywhere
async def test_no_version_of_the_object_ever_broke_its_sum(ran, name):
    experiment, _, _ = example(name)
    caps = experiment["spec"]["strategy"].get("weights", {})
    expected = OUTCOMES[name]
    history = ran.world.histories.of(expected.kind, *expected.place.split("/"))
    assert len(history) >= len(expected.splits or [1]) + bool(expected.promoted) - 1
    for obj in history:
        weights = weights_of(name, obj)
        if not weights or None in weights.values():
            continue
        if len(weights) > 1:
            assert sum(weights.values()) == 100, weights
        else:
            assert 0 <= next(iter(weights.values())) <= caps["maxCandidateWeight"]


PROMOTED = [(cluster, name) for cluster, name in CASES if OUTCOMES[name].promoted]


@pytest.mark.parametrize(("ran", "name"), PROMOTED, indirect=["ran"])
async def test_the_finish_action_leaves_what_it_says(ran, name):
    path, value = OUTCOMES[name].promoted

    assert at(await ran.object(name), path) == value


clusters = pytest.mark.parametrize("ran", CLUSTERS, indirect=True)


@clusters
async def test_each_loop_has_run_its_action_once(ran):
    done = [(o.action, o.ok) for o in ran.events("istio-loop-actions", "action-outcome")]

    assert done == [("start", True), ("loop-1", True), ("loop-2", True), ("finish", True)]
    annotations = (await ran.object("istio-loop-actions"))["metadata"]["annotations"]
    assert annotations["crossfade.io/iterations"] == "4"


@clusters
async def test_a_start_action_completes_the_versions(ran):
    experiment = ran["istio-start-action"]

    assert experiment["spec"]["versionInfo"]["baseline"]["name"] == "routes-v1"
    assert {e.revision for e in ran.events("istio-start-action", "assessment")} == {2}


@clusters
async def test_kubectl_shows_upstreams_columns(ran):
    shown = await ran.world.kubectl("get", "experiments")
    head, *lines = shown.splitlines()

    assert head.split("  ")[0] == "NAME"
    columns = ["NAME", "TYPE", "TARGET", "STAGE", "COMPLETED ITERATIONS", "MESSAGE"]
    assert [c.strip() for c in head.split("  ") if c.strip()] == columns
    by_name = {
        line.split()[0]: [c.strip() for c in line.split("  ") if c.strip()] for line in lines
    }
    assert by_name["fraud-canary"][1:] == [
        *("Canary", "fraud/fraud", "Completed", "4"),
        "ExperimentCompleted: Experiment Completed",
    ]


@clusters
async def test_nothing_was_set_aside_and_no_incident_was_opened(ran):
    assert [e.text for e in ran.world.events if e.kind == "incident"] == []
