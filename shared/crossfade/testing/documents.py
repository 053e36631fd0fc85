"""Builders for documents and samples, small enough to see what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from crossfade.events import MetricSample, Reading
from crossfade.resources import Document, admit

AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_document(
    pattern: str = "A/B",
    candidates: tuple[str, ...] = ("c",),
    caps: tuple[int, int] | None = None,
    direction: str = "High",
    objectives: list[dict[str, Any]] | None = None,
    **spec: Any,
) -> Document:
    """An admitted document: baseline `b`, objective metric `lat`, reward metric `ue`."""
    strategy: dict[str, Any] = {"testingPattern": pattern}
    if caps is not None:
        strategy["weights"] = {
            "maxCandidateWeight": caps[0],
            "maxCandidateWeightIncrement": caps[1],
        }
    criteria: dict[str, Any] = {"indicators": ["lat"]}
    if pattern in ("A/B", "A/B/N"):
        criteria["rewards"] = [{"metric": "ue", "preferredDirection": direction}]
    if objectives is None:
        objectives = [{"metric": "lat", "upperLimit": "2000"}]
    if objectives:
        criteria["objectives"] = objectives
    strategy |= spec.pop("strategy", {})
    info: dict[str, Any] = {"baseline": {"name": "b"}}
    if candidates:
        info["candidates"] = [{"name": name} for name in candidates]
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp", "namespace": "default"},
        "spec": {
            "target": "t",
            "strategy": strategy,
            "criteria": criteria,
            "duration": {"intervalSeconds": 10, "iterationsPerLoop": 15},
            "versionInfo": info,
        }
        | spec,
    }
    metrics = [
        {
            "apiVersion": "iter8.tools/v2alpha2",
            "kind": "Metric",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"mock": [{"name": v, "level": "1"} for v in ("b", *candidates)]},
        }
        for name in ("lat", "ue")
    ]
    return admit({"experiment": experiment, "metrics": metrics})


def a_sample(
    lat: dict[str, float | None] | None = None,
    ue: dict[str, float | None] | None = None,
    split: dict[str, int] | None = None,
    iteration: int = 1,
    of: int = 15,
) -> MetricSample:
    """A sample of `lat` and `ue` by version; None reads as `empty-result`."""
    readings = []
    for metric, values in (("default/lat", lat or {}), ("default/ue", ue or {})):
        for version, value in values.items():
            absent = None if value is not None else "empty-result"
            readings.append(Reading(version=version, metric=metric, value=value, absent=absent))
    return MetricSample(
        uid="u",
        iteration=iteration,
        of=of,
        at=AT,
        elapsed_seconds=10 * iteration,
        split=split or {},
        readings=tuple(readings),
    )
