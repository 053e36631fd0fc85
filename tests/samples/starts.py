"""Stories of start actions: what they bring to their Experiment, and what they break in it."""

from __future__ import annotations

import orjson
from tests.samples.stage import a_metric, a_rule, an_experiment, condition, failed, weights

STORIES = []


def story(told):
    STORIES.append(told)
    return told


def patching(**spec):
    """A start action that changes its own Experiment."""
    patch = orjson.dumps({"spec": spec}).decode()
    script = (
        'kubectl patch experiment "$EXPERIMENT_NAME" --namespace "$EXPERIMENT_NAMESPACE" '
        f"--type merge --patch '{patch}'"
    )
    return {"start": [{"run": script}], "finish": [{"run": "echo never"}]}


async def started_by(world, namespace, actions):
    """Reason and message of a run without versions, whose start action does not mend it."""
    await world.cluster.apply(a_rule(namespace), a_metric(namespace))
    asked = an_experiment(namespace, actions=actions)
    del asked["spec"]["versionInfo"]
    found = await failed(world, asked)
    ran = [
        e.action
        for e in world.events
        if e.kind == "action-outcome" and e.namespace == namespace
    ]
    assert ran == ["start"]
    assert weights(world, namespace) == [(100, 0)]
    return found


@story
async def a_start_action_that_leaves_no_versions_fails_the_run_in_upstreams_words(world):
    nothing = {"start": [{"run": "true"}], "finish": [{"run": "echo never"}]}
    assert await started_by(world, "none", nothing) == (
        "InvalidExperiment",
        "No versionInfo in experiment",
    )


@story
async def a_start_action_that_brings_a_wrong_experiment_fails_the_run(world):
    twice = {"baseline": {"name": "v1"}, "candidates": [{"name": "v1"}]}
    reason, message = await started_by(world, "twice", patching(versionInfo=twice))

    assert reason == "InvalidExperiment"
    # Upstream's words for the first mistake; the next by its field.
    assert message.startswith("Version names are not unique; spec.versionInfo.candidates[0].")


@story
async def a_patch_that_the_api_server_refuses_is_a_failed_start_action_with_its_words(world):
    reason, message = await started_by(
        world, "refused", patching(versionInfo={"candidates": [{"name": "v2"}]})
    )

    assert reason == "HandlerFailed"
    assert message.startswith("Start actions failed: task 0: exit 1: ")
    assert "spec.versionInfo.baseline" in message


@story
async def a_start_action_may_bring_versions_and_metrics(world):
    await world.cluster.apply(a_rule("brings"))
    asked = an_experiment("brings")
    info = asked["spec"].pop("versionInfo")
    metric = orjson.dumps(a_metric("brings")).decode()
    actions = patching(versionInfo=info)
    actions["start"].append({"run": f"echo '{metric}' | kubectl apply --filename -"})
    asked["spec"]["strategy"]["actions"] = {"start": actions["start"]}
    uid = await world.create(asked)

    ended = await world.ended("canary", uid, "brings")
    assert condition(ended, "Failed")["status"] == "False"
    assert ended["status"]["versionRecommendedForPromotion"] == "v2"
    assert [m["name"] for m in ended["status"]["metrics"]] == ["latency"]
    trial = world.of(uid, "metric-sample")[0]
    assert len(trial.readings) == 2
    revisions = {e.revision for e in world.of(uid, "assessment")}
    # One more where the watch saw the versions before the metric was there.
    assert revisions == {trial.revision}
    assert trial.revision in (2, 3)
