"""The analysis that v2alpha2 shows in `status.analysis`; source: its §1.3, §4.6 and §2.4."""

from __future__ import annotations

from typing import Any

from crossfade.domain.splits import Split
from crossfade.events import MetricSample
from crossfade.resources import Document
from crossfade.resources.status import (
    AggregatedMetrics,
    Analysis,
    VersionAssessments,
    WeightsAnalysis,
    Winner,
    WinnerAssessment,
    moment,
    readings,
    split_data,
)
from crossfade_analyzer.policies.scores import Scores, Told

PROVENANCE = "crossfade-analyzer"
_GAP = " " * 29


def analysis(
    document: Document, sample: MetricSample, scores: Scores, split: Split
) -> dict[str, Any]:
    """The four blocks for one sample, as JSON."""
    by = {"provenance": PROVENANCE, "timestamp": moment(sample.at)}
    conformance = "weight computation is not applicable to a conformance experiment"
    weighing = str(Told(infos=("all ok",))) if split else conformance
    assessed = document.criteria.objectives is not None
    return Analysis(
        aggregated_metrics=AggregatedMetrics(
            message=str(Told(errors=_errors(document, sample))),
            data=readings(_values(document, sample)),
            **by,
        ),
        version_assessments=VersionAssessments(
            message=str(Told(scores.warnings)) if assessed else None, data=scores.met, **by
        ),
        winner_assessment=WinnerAssessment(
            message=str(scores.told) if scores.told else None,
            data=Winner(winner_found=scores.winner is not None, winner=scores.winner),
            **by,
        ),
        weights=WeightsAnalysis(message=weighing, data=split_data(split), **by),
    ).model_dump(mode="json", by_alias=True, exclude_none=True)


def _values(document: Document, sample: MetricSample) -> dict[str, dict[str, float | None]]:
    names = [version.name for version in document.versions]
    return {
        ref: {name: sample.value(name, document.key(ref)) for name in names}
        for ref in document.references
    }


def _errors(document: Document, sample: MetricSample) -> tuple[str, ...]:
    written = {document.key(ref): ref for ref in document.references}
    return tuple(
        f"Error from metrics backend for metric: {written.get(reading.metric, reading.metric)}"
        f"{_GAP}and version: {reading.version}"
        for reading in sample.readings
        if reading.value is None
    )
