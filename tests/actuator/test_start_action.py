"""A start action completes its Experiment: read again, admitted again, whoever dies in between."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field

import orjson
import pytest
from tests.actuator.stands import Doing, Stand, a_trial

from crossfade.domain.runs import Phase
from crossfade.errors import Conflict, NotFound
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import Command, Deadline, Delivery, delivery
from crossfade.testing.documents import a_document
from crossfade_actuator.commanded import METRIC_GRACE

REF = {"apiVersion": "v1", "kind": "Scale", "name": "s", "fieldPath": ".spec.share"}
VERSIONS = {"baseline": {"name": "b"}, "candidates": [{"name": "c", "weightObjRef": REF}]}


@dataclass
class Sheets:
    """Experiments and Metrics on sheets of paper, with the generations of an API server."""

    experiments: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    made: int = 0

    async def get_metric(self, namespace, name):
        return deepcopy(self.metrics.get(f"{namespace}/{name}"))

    async def get_experiment(self, namespace, name):
        return deepcopy(self.experiments.get(f"{namespace}/{name}"))

    async def create_experiment(self, document):
        key = f"default/{document['metadata']['name']}"
        if key in self.experiments:
            raise Conflict(key)
        self.made += 1
        meta = document["metadata"] | {"uid": f"uid-{self.made}", "generation": 1}
        self.experiments[key] = deepcopy(dict(document) | {"metadata": meta})
        return deepcopy(self.experiments[key])

    async def delete_experiment(self, namespace, name, uid):
        self.experiments.pop(f"{namespace}/{name}", None)

    def patch(self, **spec):
        experiment = self.experiments["default/exp"]
        changed = experiment["spec"] | spec
        if changed != experiment["spec"]:
            experiment["spec"] = changed
            experiment["metadata"]["generation"] += 1

    def put_metric(self, name, level="1"):
        mock = [{"name": version, "level": level} for version in "bc"]
        meta = {"name": name, "namespace": "default", "uid": f"metric-{name}"}
        self.metrics[f"default/{name}"] = {
            "apiVersion": "iter8.tools/v2alpha2",
            "kind": "Metric",
            "metadata": meta,
            "spec": {"mock": mock},
        }


@dataclass
class Patching(Doing):
    """A start action that does something to the sheets."""

    how: object = None

    async def run(self, state, document, action):
        if self.how is not None:
            self.how()
        return await super().run(state, document, action)


def a_stand(how=None, metrics=("lat", "ue"), **stand) -> Stand:
    """A cluster whose start actions do `how` to it."""
    sheets = Sheets()
    for name in metrics:
        sheets.put_metric(name)
    return Stand(catalog=sheets, doing=Patching(how=how and (lambda: how(sheets))), **stand)


def unfinished(**spec) -> bytes:
    """A start without versions, whose start action brings them."""
    strategy = {"actions": {"start": [{"run": "kubectl patch"}]}}
    experiment = a_document(strategy=strategy, **spec).to_json()["experiment"]
    del experiment["spec"]["versionInfo"]
    return orjson.dumps({"experiment": experiment})


def completing(sheets):
    sheets.patch(versionInfo=VERSIONS)


async def begun(stand, body=None):
    reply = await stand.actuator.ask_start(body or unfinished())
    assert reply["accepted"], reply
    return await stand.obeyed()


def failure(state):
    condition = state.condition("Failed")
    return condition.status, condition.reason, condition.message


async def test_what_a_start_action_leaves_is_what_everybody_uses_from_there_on():
    stand = a_stand(completing)
    uid = await begun(stand)

    state = await stand.state(uid)
    assert (state.phase, state.revision, state.plan.versions) == (
        Phase.READING,
        2,
        ("b", "c"),
    )
    document = await Runs(stand.store).document(uid, 2)
    assert document.experiment.metadata.generation == 2
    told = [(e.reason, e.revision) for e in stand.said("stage-change")]
    assert told == [
        ("ExperimentInitialized", 1),
        ("StageAdvanced", 1),
        ("SpecChanged", 2),
        ("TrialReading", 2),
    ]


async def test_an_echo_of_the_patch_through_the_watch_changes_nothing():
    stand = a_stand(completing)
    uid = await begun(stand)
    count = len(stand.recorder.said)
    for generation in (1, 2, 1):
        echo = await stand.catalog.get_experiment("default", "exp")
        echo["metadata"]["generation"] = generation
        if generation == 1:
            del echo["spec"]["versionInfo"]
        command = Command("start-experiment", f"{uid}/{generation}", orjson.dumps(echo))
        await stand.actuator.obey(command)
        await stand.settled()

    assert (await stand.state(uid)).revision == 2
    assert len(stand.recorder.said) == count


async def test_an_edit_that_comes_after_a_later_one_changes_nothing():
    stand = a_stand(completing)
    uid = await begun(stand)
    for generation, iterations in ((4, 9), (3, 5), (4, 7)):
        edited = await stand.catalog.get_experiment("default", "exp")
        edited["metadata"]["generation"] = generation
        edited["spec"]["duration"] = {"intervalSeconds": 10, "iterationsPerLoop": iterations}
        command = Command("start-experiment", f"{generation}", orjson.dumps(edited))
        await stand.actuator.obey(command)
        await stand.settled()

    state = await stand.state(uid)
    assert (state.revision, state.plan.iterations) == (3, 9)


async def test_an_edit_that_the_watch_saw_first_is_not_kept_twice():
    stand = a_stand(completing)
    obey = stand.actuator.obey

    async def run(state, document, action):
        completing(stand.catalog)
        echo = await stand.catalog.get_experiment("default", "exp")
        await obey(Command("start-experiment", "echo", orjson.dumps(echo)))
        return True, ""

    stand.doing.run = run
    uid = await begun(stand)

    assert (await stand.state(uid)).revision == 2
    reasons = [e.reason for e in stand.said("stage-change")]
    assert reasons.count("SpecChanged") == reasons.count("TrialReading") == 1


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (None, ("InvalidExperiment", "No versionInfo in experiment")),
        (
            lambda s: s.patch(versionInfo={"baseline": {"name": "b"}, "candidates": []}),
            ("InvalidExperiment", "Invalid number of candidates for A/B experiment"),
        ),
        (
            lambda s: s.patch(
                versionInfo={"baseline": {"name": "b"}, "candidates": [{"name": "b"}]}
            ),
            (
                "InvalidExperiment",
                "Version names are not unique; spec.versionInfo.candidates[0].weightObjRef: is "
                "missing, and so is spec.versionInfo.baseline's; right would be at most one "
                "version without",
            ),
        ),
        (
            lambda s: s.patch(
                versionInfo={"baseline": {"name": "b"}, "candidates": [{"name": "c"}]}
            ),
            (
                "InvalidExperiment",
                "Specification of version weightObjectRef invalid: unable to read version "
                "weights; insufficient number of weightObjectRef specified",
            ),
        ),
        (
            lambda s: s.patch(
                versionInfo={
                    "baseline": {"name": "b"},
                    "candidates": [
                        {"name": "c", "weightObjRef": REF | {"fieldPath": "spec.share"}}
                    ],
                }
            ),
            ("InvalidExperiment", "Fieldpaths must start with '.'"),
        ),
        (
            lambda s: (completing(s), s.metrics.pop("default/ue")),
            ("MetricUnavailable", "Unable to find metric default/ue"),
        ),
    ],
)
async def test_what_is_missing_or_wrong_after_the_start_action_fails_the_run(how, expected):
    stand = a_stand(how)
    uid = await begun(stand)

    state = await stand.state(uid)
    assert failure(state) == (True, *expected)
    assert state.outcome == "failed"
    assert stand.doing.ran == ["start"]
    assert await stand.actuator.ledger.open_runs() == []


async def test_a_start_action_may_bring_the_metrics_too_and_change_them():
    def how(sheets):
        completing(sheets)
        sheets.put_metric("lat", level="2")
        sheets.put_metric("ue")

    stand = a_stand(how, metrics=("lat",))
    token = delivery.set(Delivery(attempt=METRIC_GRACE))
    uid = await begun(stand)
    delivery.reset(token)

    document = await Runs(stand.store).document(uid, 2)
    assert sorted(document.metrics) == ["default/lat", "default/ue"]
    assert str(document.metric("lat").spec.mock[0].level) == "2"


async def test_a_start_waits_for_its_metrics_before_it_lets_an_action_bring_them():
    stand = a_stand(completing, metrics=())
    metrics = a_document().to_json()["metrics"]
    made = await stand.catalog.create_experiment(orjson.loads(unfinished())["experiment"])
    uid = made["metadata"]["uid"]
    seen = Command("start-experiment", f"{uid}/1", orjson.dumps(made))
    with pytest.raises(Conflict, match="default/lat"):
        await stand.actuator.obey(seen)
    whole = orjson.dumps({"experiment": made, "metrics": metrics})
    await stand.actuator.obey(Command("start-experiment", uid, whole))
    await stand.settled()
    await stand.actuator.obey(seen)
    await stand.settled()

    assert (await stand.state(uid)).phase is Phase.READING
    document = await Runs(stand.store).document(uid, 2)
    assert sorted(document.metrics) == ["default/lat", "default/ue"]


async def test_an_experiment_that_its_start_action_deletes_is_a_deleted_one():
    stand = a_stand(lambda sheets: sheets.experiments.clear())
    uid = await begun(stand)

    assert (await stand.state(uid)).message == "ExperimentCompleted: Experiment deleted"


async def test_without_a_cluster_the_document_stands_as_it_was_given():
    stand = Stand()
    actions = {"actions": {"start": [{"run": "true"}]}}
    uid = await stand.running(strategy=actions)

    state = await stand.state(uid)
    assert (state.phase, state.revision, stand.doing.ran) == (Phase.RUNNING, 1, ["start"])


async def test_without_a_cluster_nobody_can_bring_the_versions():
    stand = Stand()
    body = a_document(strategy={"actions": {"start": [{"run": "true"}]}}).to_json()
    del body["experiment"]["spec"]["versionInfo"]
    uid = await begun(stand, orjson.dumps(body))

    assert failure(await stand.state(uid)) == (
        True,
        "InvalidExperiment",
        "No versionInfo in experiment",
    )


async def test_once_started_an_edit_may_not_take_the_versions_away():
    stand = a_stand(completing)
    uid = await begun(stand)
    await stand.actuator.note_trial(a_trial(uid))
    await stand.settled()
    without = await stand.catalog.get_experiment("default", "exp")
    without["metadata"]["generation"] = 3
    del without["spec"]["versionInfo"]
    await stand.actuator.obey(Command("start-experiment", "edit", orjson.dumps(without)))
    await stand.settled()

    state = await stand.state(uid)
    assert (state.phase, state.revision) == (Phase.RUNNING, 2)


class Killed(Exception):
    """The process is no more."""


class Mortal:
    """What it stands for, until its process dies: at the nth call, before or after its effect."""

    def __init__(self, inner, life):
        self._inner, self._life = inner, life

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        return self._life.living(found) if asyncio.iscoroutinefunction(found) else found


@dataclass
class Life:
    """Counts what one process does to the world."""

    last: int
    after: bool
    done: int = 0

    def living(self, effect):
        async def call(*arguments, **named):
            self.done += 1
            if self.done > self.last or (self.done == self.last and not self.after):
                raise Killed
            result = await effect(*arguments, **named)
            if self.done >= self.last:
                raise Killed
            return result

        return call


async def killed_at(last, after):
    """A run whose first actuator dies at an effect; the next one gets everything again."""
    stand = a_stand(completing)
    await stand.actuator.ask_start(unfinished())
    command = stand.queued.commands[-1]
    uid = orjson.loads(command.body)["experiment"]["metadata"]["uid"]
    lasting = (stand.store, stand.recorder, stand.catalog, stand.doing, stand.paper)
    life = Life(last, after)
    mortal = [Mortal(part, life) for part in lasting]
    stand.store, stand.recorder, stand.catalog, stand.doing, stand.paper = mortal
    stand.actuator = stand.a_replica()
    await one_life(stand, command, uid, lasting[1])
    stand.store, stand.recorder, stand.catalog, stand.doing, stand.paper = lasting
    stand.actuator = stand.a_replica()
    for _ in range(3):
        await one_life(stand, command, uid, stand.recorder)
    return stand, uid, life.done >= last


async def one_life(stand, command, uid, recorder):
    """What the broker delivers to one process: the start, the trial reading, a strike."""
    try:
        await stand.actuator.obey(command)
        await stand.settled()
        if any(e.kind == "stage-change" and e.reason == "TrialReading" for e in recorder.said):
            await stand.actuator.note_trial(a_trial(uid))
            await stand.settled()
        await stand.actuator.look_after(Deadline(stand.now))
        await stand.settled()
    except (Killed, NotFound):
        await stand.settled()


@pytest.mark.parametrize("after", [False, True])
async def test_a_kill_at_each_effect_ends_in_the_same_log_and_the_same_document(after):
    whole, uid, _ = await killed_at(10_000, after)
    expected = [event.id for event in whole.recorder.said]
    assert (await whole.state(uid)).phase is Phase.RUNNING

    died = True
    last = 0
    while died:
        last += 1
        stand, uid, died = await killed_at(last, after)
        state = await stand.state(uid)
        assert (last, state.phase, state.revision) == (last, Phase.RUNNING, 2)
        assert (last, [event.id for event in stand.recorder.said]) == (last, expected)
        documents = await stand.store.keys(f"{uid}.document.*")
        assert (last, len(documents)) == (last, 2)
    assert last > 40
