"""The status block reads and is written as v2alpha2 has it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from crossfade.resources.parsing import misread_status
from crossfade.resources.status import (
    Analysis,
    ConditionType,
    ExperimentStatus,
    Stage,
    WeightsAnalysis,
    moment,
    readings,
    split_data,
)

NOW = datetime(2021, 6, 22, 15, 20, 18, 999_000, tzinfo=UTC)


def test_a_fresh_status_has_three_open_conditions_in_upstreams_order():
    status = ExperimentStatus.fresh(NOW).dump()
    at = "2021-06-22T15:20:18Z"

    assert status == {
        "conditions": [
            {"type": kind, "status": "False", "lastTransitionTime": at}
            for kind in ("Completed", "Failed", "TargetAcquired")
        ],
        "initTime": at,
        "lastUpdateTime": at,
        "stage": "Waiting",
        "completedIterations": 0,
    }


def test_marking_answers_one_condition_and_tells_it_in_the_message():
    later = NOW + timedelta(seconds=5)
    status = ExperimentStatus.fresh(NOW).marked(
        ConditionType.COMPLETED, True, "ExperimentCompleted", "Experiment Completed", later
    )

    assert status.message == "ExperimentCompleted: Experiment Completed"
    answer = status.condition(ConditionType.COMPLETED)
    assert answer is not None
    assert answer.dump() == {
        "type": "Completed",
        "status": "True",
        "lastTransitionTime": "2021-06-22T15:20:23Z",
        "reason": "ExperimentCompleted",
        "message": "Experiment Completed",
    }
    assert [c.type for c in status.conditions or ()] == list(ConditionType)


def test_a_reason_without_a_message_stands_alone():
    status = ExperimentStatus.fresh(NOW).marked(
        ConditionType.TARGET_ACQUIRED, True, "TargetAcquired", "", NOW
    )

    assert status.message == "TargetAcquired"


def test_a_condition_that_was_not_there_is_added():
    status = ExperimentStatus().marked(ConditionType.FAILED, True, "HandlerFailed", "x", NOW)

    assert [c.type for c in status.conditions or ()] == ["Failed"]


def test_readings_are_quantities_and_absent_ones_stay_absent():
    data = readings({"iter8-seldon/mean-latency": {"v1": 0.0133525381, "v2": None}})

    assert data["iter8-seldon/mean-latency"].dump() == {
        "data": {"v1": {"value": "13352539n"}, "v2": {}}
    }


def test_a_status_survives_json():
    status = ExperimentStatus.fresh(NOW).changed(
        stage=Stage.RUNNING,
        current_weight_distribution=split_data({"v1": 95, "v2": 5}),
        analysis=Analysis(
            weights=WeightsAnalysis(
                provenance="crossfade",
                timestamp=moment(NOW),
                data=split_data({"v1": 5, "v2": 95}),
            )
        ),
    )

    assert ExperimentStatus.model_validate(status.dump()) == status
    assert status.dump()["analysis"]["weights"]["data"][1] == {"name": "v2", "value": 95}


def test_moments_are_utc_in_whole_seconds():
    berlin = timezone(timedelta(hours=2))

    assert moment(datetime(2021, 6, 22, 17, 20, 18, 5, tzinfo=berlin)) == "2021-06-22T15:20:18Z"


def block(data):
    return {"provenance": "p", "timestamp": "t", "data": data}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (3, "status: found 3; right would be a mapping"),
        ({"conditions": "x"}, "status.conditions: found 'x'; right would be a list"),
        ({"conditions": [{"status": "True"}]}, "status.conditions[0].type: is missing"),
        ({"currentWeightDistribution": [{"name": "a", "value": "b"}]},
         "status.currentWeightDistribution[0].value: found 'b'; right would be a whole number"),
        ({"metrics": [{}]}, "status.metrics[0].name: is missing"),
        ({"metrics": [{"name": "m", "metricObj": {"spec": {"units": 3}}}]},
         "status.metrics[0].metricObj.spec.units: found 3; right would be text"),
        ({"analysis": {"versionAssessments": block({"a": {"b": 1}})}},
         "status.analysis.versionAssessments.data.a: found {'b': 1}; right would be a list"),
        ({"analysis": {"aggregatedMetrics": block({"m": {"data": {"a": {"value": "x"}}}})}},
         "status.analysis.aggregatedMetrics.data.m.data.a.value: 'x' is not a quantity"),
    ],
)  # fmt: skip
def test_a_status_that_holds_something_else_is_told_by_field(status, told):
    assert [str(error).startswith(told) for error in misread_status(status)] == [True], (
        misread_status(status)
    )


@pytest.mark.parametrize(
    "status",
    [
        {},
        ExperimentStatus.fresh(NOW).dump(),
        {"stage": "Sleeping", "conditions": [{"type": "ExperimentFailed", "status": "False"}]},
        {"analysis": {"versionAssessments": block(None), "winnerAssessment": {"data": {}}}},
        {"metrics": [{"name": "m", "metricObj": {"spec": {"sampleSize": {"name": "n"}}}}]},
    ],
)
def test_a_status_of_another_release_is_none_the_worse_for_it(status):
    assert misread_status(status) == []
