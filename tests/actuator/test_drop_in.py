"""What people who come from Iter8 look at in a status, beyond what the samples show."""

from __future__ import annotations

import orjson
import pytest
from tests.actuator.stands import AT, Stand, a_start

from crossfade.domain.lifecycle import begin
from crossfade.domain.runs import Plan
from crossfade.resources.status import ExperimentStatus
from crossfade.runtime.service import Command
from crossfade_actuator.status import status_of

PLAN = Plan("b", ("b", "c"), 15, 15, 10.0)


def test_a_fresh_status_is_that_of_upstream():
    status = status_of(begin("u", "ns", "exp", "t", PLAN, AT.timestamp()))

    at = "2026-01-01T00:00:00Z"
    first = {"reason": "ExperimentInitialized", "message": "Experiment status initialized"}
    assert status == {
        "conditions": [
            {"type": "Completed", "status": "False", "lastTransitionTime": at} | first,
            {"type": "Failed", "status": "False", "lastTransitionTime": at},
            {"type": "TargetAcquired", "status": "False", "lastTransitionTime": at},
        ],
        "initTime": at,
        "lastUpdateTime": at,
        "stage": "Waiting",
        "completedIterations": 0,
        "message": "ExperimentInitialized: Experiment status initialized",
    }
    assert ExperimentStatus.model_validate(status).dump() == status


def test_a_reason_without_a_message_stands_alone_in_the_status():
    fresh = begin("u", "ns", "exp", "t", PLAN, AT.timestamp())
    held = fresh.marked("TargetAcquired", True, "TargetAcquired", "", AT.timestamp())

    assert status_of(held)["message"] == "TargetAcquired"
    assert "message" not in status_of(held)["conditions"][2]


def test_every_mark_moves_the_time_of_its_condition_even_without_a_change():
    fresh = begin("u", "ns", "exp", "t", PLAN, AT.timestamp())
    said = ("Completed", False, "IterationUpdate", "Completed Iteration 1")
    once = fresh.marked(*said, AT.timestamp() + 1)
    twice = once.marked(*said, AT.timestamp() + 2)

    moments = [status_of(s)["conditions"][0]["lastTransitionTime"] for s in (once, twice)]
    assert moments == ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"]
    assert twice.marks == once.marks  # and is no other Event


async def test_an_action_without_tasks_is_launched_all_the_same_and_others_never_run():
    stand = Stand()
    actions = {"start": [], "finish": [], "before": [{"run": "false"}]}
    uid = await stand.running(strategy={"actions": actions})
    await stand.assess(uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c")

    state = await stand.state(uid)
    assert stand.doing.ran == ["start", "finish"]
    assert state.message == "ExperimentCompleted: Experiment Completed"
    launched = [m.message for m in state.marks if m.reason == "HandlerLaunched"]
    assert launched == ["Start handler 'start' launched", "Finish handler 'finish' launched"]


@pytest.mark.parametrize("task", [{}, {"if": "WinnerFound()"}, {"task": "a", "run": "b"}])
async def test_a_resource_with_an_invalid_task_is_a_failed_experiment_with_the_field(task):
    stand = Stand()
    body = orjson.loads(a_start())
    body["experiment"]["metadata"]["uid"] = "u1"
    body["experiment"]["spec"]["strategy"]["actions"] = {"finish": [task]}
    await stand.actuator.obey(Command("start-experiment", "u1/1", orjson.dumps(body)))
    await stand.settled()

    status = status_of(await stand.state("u1"))
    assert status["message"] == "ExperimentCompleted: Experiment failed"
    failed = status["conditions"][1]
    assert (failed["status"], failed["reason"]) == ("True", "InvalidExperiment")
    assert failed["message"].startswith("spec.strategy.actions.finish[0]: found ")
