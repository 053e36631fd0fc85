"""`kill -9` of the actuator around a start action that completes its Experiment."""

from __future__ import annotations

import pytest
from tests.samples.stage import a_metric, a_rule, an_experiment, condition, weights
from tests.samples.starts import patching
from tests.samples.worlds import World, emulated

DOWN_SECONDS = 0.5

EFFECTS = [
    "0/action-outcome/start/0/attempt-",
    "0/stage-change/Initializing/SpecChanged",
]


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, emulated(), apart=["actuator"]) as running:
        yield running


async def test_an_actuator_killed_at_each_effect_of_a_start_changes_nothing(world):
    await world.cluster.apply(a_rule("killed"), a_metric("killed"))
    asked = an_experiment("killed", iterations=2)
    patch = patching(versionInfo=asked["spec"].pop("versionInfo"))["start"]
    asked["spec"]["strategy"]["actions"] = {"start": [*patch, {"run": "true"}]}
    uid = await world.create(asked)

    for effect in EFFECTS:
        await world.until(
            lambda e=effect: any(told(x, uid, e) for x in world.events), 40, effect
        )
        await world.crew.kill("actuator", again_after_seconds=DOWN_SECONDS)
    await world.reached(uid, "Completed", 60)
    ended = await world.ended("canary", uid, "killed")

    assert condition(ended, "Failed")["status"] == "False"
    assert ended["status"]["completedIterations"] == 2
    assert weights(world, "killed")[-1] == (80, 20)
    outcomes = [(o.task, o.ok) for o in world.of(uid, "action-outcome")]
    assert outcomes == [(0, True), (1, True)]
    ids = [e.id for e in world.events if e.uid == uid]
    assert len(ids) == len(set(ids))
    reasons = [e.reason for e in world.of(uid, "stage-change")]
    assert reasons.count("SpecChanged") == reasons.count("TrialReading") == 1
    assert {e.revision for e in world.of(uid, "assessment")} == {2}


def told(event, uid, effect):
    """Whether this is the effect; a task that was killed on its way is told as its next attempt."""
    return event.id.startswith(f"{uid}/{effect}")
