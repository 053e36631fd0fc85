"""What readers of the log know of a run."""

from datetime import UTC, datetime

import pytest

from crossfade.events import MetricSample, Reading, StageChange
from crossfade.telling import Known
from crossfade.telling.learning import learn
from crossfade.testing.runs import iris_document

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_version_that_was_measured_beside_the_experiment_is_none_of_it():
    readings = (
        Reading(version="v1", metric="ns/m", value=1.0),
        Reading(version="v2", metric="ns/m", absent="stale"),
        Reading(version="shadow", metric="ns/m", value=9.0),
    )
    split = {"v1": 90, "v2": 10}
    sample = MetricSample(
        uid="u", iteration=1, of=3, at=AT, elapsed_seconds=10, split=split, readings=readings
    )
    known = learn(Known(uid="u", versions=("v1", "v2")), sample, AT)

    assert known.values == {"ns/m": {"v1": 1.0}}
    assert known.absent == {"ns/m": {"v2": "stale"}}


@pytest.mark.parametrize(
    ("change", "fixed"),
    [
        (lambda spec: None, False),
        (lambda spec: spec["strategy"].update(deploymentPattern="FixedSplit"), True),
        (lambda spec: [v.pop("weightObjRef") for v in versions(spec)], True),
        (lambda spec: versions(spec)[1].pop("weightObjRef"), False),
    ],
)
def test_a_split_is_moved_by_nobody_where_no_weight_is_named_or_it_is_fixed(change, fixed):
    document = iris_document()
    change(document["experiment"]["spec"])
    running = StageChange(
        uid="u", stage="Running", reason="StageAdvanced", message="", document=document
    )

    assert learn(None, running, AT).fixed is fixed


def test_an_edit_of_a_paused_run_leaves_it_paused():
    known = None
    for reason in ("StageAdvanced", "Paused", "SpecChanged"):
        told = StageChange(
            uid="u", stage="Running", reason=reason, message=f"it is {reason}", revision=2
        )
        known = learn(known, told, AT)

    assert (known.reason, known.message, known.revision) == ("Paused", "it is Paused", 2)


def versions(spec):
    info = spec["versionInfo"]
    return [info["baseline"], *info["candidates"]]
