"""The status of an Experiment: what it says, and what becomes of it in a cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crossfade.domain.runs import Condition, Phase, Plan, RunState
from crossfade.errors import NotFound, Permanent
from crossfade.resources.yaml import load_documents
from crossfade.testing.documents import a_document
from crossfade_actuator.status import StatusWriter, event_of, status_of

IRIS = Path(__file__).parents[2] / "deploy/examples/iris-single"
AT = datetime(2026, 1, 1, tzinfo=UTC)
DONE = Condition("Completed", False, "IterationUpdate", "Completed Iteration 3", AT.timestamp())


def a_state(uid="u", name="exp", **fields) -> RunState:
    facts = {
        "phase": Phase.RUNNING,
        "iteration": 3,
        "conditions": (DONE, Condition("Failed", False, at=AT.timestamp())),
        "marks": (DONE,),
        "message": "IterationUpdate: Completed Iteration 3",
        "init_at": AT.timestamp(),
        "start_at": AT.timestamp() + 5,
        "update_at": AT.timestamp() + 35,
        "observed": {"iris-v1": 70, "iris-v2": 30},
        "recommended": "iris-v2",
    }
    plan = Plan("iris-v1", ("iris-v1", "iris-v2"), 15, 15, 10)
    return RunState(uid, "default", name, "iris", plan, **(facts | fields))


def test_a_running_experiment_says_where_it_is():
    assert status_of(a_state()) == {
        "conditions": [
            {
                "type": "Completed",
                "status": "False",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "reason": "IterationUpdate",
                "message": "Completed Iteration 3",
            },
            {
                "type": "Failed",
                "status": "False",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
        ],
        "initTime": "2026-01-01T00:00:00Z",
        "startTime": "2026-01-01T00:00:05Z",
        "lastUpdateTime": "2026-01-01T00:00:35Z",
        "stage": "Running",
        "completedIterations": 3,
        "message": "IterationUpdate: Completed Iteration 3",
        "currentWeightDistribution": [
            {"name": "iris-v1", "value": 70},
            {"name": "iris-v2", "value": 30},
        ],
        "versionRecommendedForPromotion": "iris-v2",
    }


def test_what_is_not_known_yet_is_left_out():
    early = a_state(phase=Phase.WAITING, start_at=0.0, observed={}, recommended="")
    assert {
        "startTime",
        "currentWeightDistribution",
        "versionRecommendedForPromotion",
    }.isdisjoint(status_of(early, a_document()))
    assert "metrics" not in status_of(early, a_document())


def test_metrics_are_told_as_they_were_when_the_run_began():
    told = status_of(a_state(), a_document())["metrics"]
    assert [metric["name"] for metric in told] == ["ue", "lat"]
    assert [m["metricObj"]["metadata"]["name"] for m in told] == ["ue", "lat"]
    assert all("spec" in metric["metricObj"] for metric in told)


def test_an_event_repeated_by_another_replica_has_the_same_name():
    first = event_of(a_state(), DONE, AT, "a")
    assert first["metadata"]["name"] == event_of(a_state(), DONE, AT, "b")["metadata"]["name"]
    assert (first["reason"], first["note"], first["type"]) == (
        "IterationUpdate",
        "Completed Iteration 3",
        "Normal",
    )


class Documents:
    """Runs whose every document is the same."""

    async def document(self, uid, revision):
        return a_document()


@pytest.fixture
async def made(server):
    found = load_documents((IRIS / "experiment.yaml").read_text())[0]
    found |= {"metadata": {"name": "exp", "namespace": "default"}}
    [stored] = await server.apply(found)
    return stored["metadata"]["uid"]


@pytest.fixture
def writer(cluster):
    return StatusWriter(cluster, Documents(), lambda: AT, "one")


async def events(cluster, uid):
    listed = await cluster.api.call("GET", "/apis/events.k8s.io/v1/namespaces/default/events")
    about = [e for e in listed["items"] if e["regarding"]["uid"] == uid]
    return sorted(about, key=lambda e: int(e["metadata"]["resourceVersion"]))


async def test_a_status_is_written_and_its_change_told_once(cluster, writer, made):
    await writer.show(a_state(made))
    await writer.show(a_state(made))
    stored = await cluster.get_experiment("default", "exp")
    assert stored["status"]["stage"] == "Running"
    assert stored["metadata"]["generation"] == 1
    assert [e["reason"] for e in await events(cluster, made)] == ["IterationUpdate"]


async def test_what_an_analysis_does_not_say_any_more_goes_from_the_status(
    cluster, writer, made
):
    def analysed(**met):
        block = {"provenance": "p", "timestamp": "2026-01-01T00:00:00Z"}
        return {"versionAssessments": block | {"data": met}, "weights": block | {"data": []}}

    await writer.show(a_state(made, analysis=analysed(b=[True], c=[True, False])))
    await writer.show(a_state(made, analysis=analysed(b=[False], d=[True])))
    stored = await cluster.get_experiment("default", "exp")
    assert stored["status"]["analysis"] == analysed(b=[False], d=[True])


async def test_an_event_about_a_long_message_of_a_long_name_is_taken(cluster):
    long = Condition("Failed", True, "InvalidExperiment", "ö→" * 900, AT.timestamp())
    event = event_of(a_state(name=f"{'n' * 229}-{'n' * 23}"), long, AT, "a")
    await cluster.create_event("default", event)

    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("ö→…")
    assert len(event["metadata"]["name"]) <= 253


async def test_a_document_that_is_lost_is_not_taken_for_a_deleted_resource(cluster, made):
    class Lost:
        async def document(self, uid, revision):
            raise NotFound("no document")

    with pytest.raises(Permanent) as raised:
        await StatusWriter(cluster, Lost(), lambda: AT, "one").show(a_state(made))
    assert not isinstance(raised.value, NotFound)


async def test_two_changes_of_one_condition_are_told_in_their_order(cluster, writer, made):
    twice = a_state(made, marks=())
    for text in ("Completed Iteration 4", "Completed Loop 1", "Completed Loop 1"):
        twice = twice.marked("Completed", False, "IterationUpdate", text, AT.timestamp())
    await writer.show(twice)

    told = await events(cluster, made)
    assert [e["note"] for e in told] == ["Completed Iteration 4", "Completed Loop 1"]


async def test_a_new_run_of_the_name_is_never_written_over(server, cluster, writer, made):
    await server.delete("Experiment", "default", "exp")
    with pytest.raises(NotFound):
        await writer.show(a_state(made))
    found = load_documents((IRIS / "experiment.yaml").read_text())[0]
    await server.apply(found | {"metadata": {"name": "exp", "namespace": "default"}})
    with pytest.raises(NotFound, match="another one by now"):
        await writer.show(a_state(made))
    assert "status" not in await cluster.get_experiment("default", "exp")
