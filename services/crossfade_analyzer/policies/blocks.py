"""The analysis that v2alpha2 shows in `status.analysis`; source: its §1.3, §4.6 and §2.4.

Written as JSON at once: it is written at every sample, and `crossfade.resources.status.Analysis`
reads it back.
"""

from __future__ import annotations

from typing import Any

from crossfade.domain import quantities
from crossfade.domain.splits import Split
from crossfade.events import MetricSample
from crossfade.resources import Document
from crossfade.resources.status import moment
from crossfade_analyzer.policies.scores import Scores, Told

PROVENANCE = "crossfade-analyzer"
_GAP = " " * 29
_ALL_OK = str(Told(infos=("all ok",)))


def analysis(
    document: Document, sample: MetricSample, scores: Scores, split: Split
) -> dict[str, Any]:
    """The four blocks for one sample, as JSON."""
    at = moment(sample.at)
    conformance = "weight computation is not applicable to a conformance experiment"
    weighing = _ALL_OK if split else conformance
    assessed = document.criteria.objectives is not None
    met = {name: list(answers) for name, answers in scores.met.items()}
    winner = {"winner": scores.winner} if scores.winner is not None else {}
    return {
        "aggregatedMetrics": _block(
            at, str(Told(errors=_errors(document, sample))), _values(document, sample)
        ),
        "versionAssessments": _block(at, str(Told(scores.warnings)) if assessed else None, met),
        "winnerAssessment": _block(
            at,
            str(scores.told) if scores.told else None,
            {"winnerFound": bool(winner), **winner},
        ),
        "weights": _block(
            at, weighing, [{"name": name, "value": value} for name, value in split.items()]
        ),
    }


def _block(at: str, message: str | None, data: Any) -> dict[str, Any]:
    said = {} if message is None else {"message": message}
    return {"provenance": PROVENANCE, "timestamp": at, **said, "data": data}


def _values(document: Document, sample: MetricSample) -> dict[str, Any]:
    """By metric and version; built-in metrics have versions that are not in versionInfo, too."""
    names = [version.name for version in document.versions]
    others = [(r.metric, r.version) for r in sample.readings if r.version not in names]
    read, found = sample.values_read, {}
    for ref in document.references:
        key = document.key(ref)
        told = [*names, *[version for metric, version in others if metric == key]]
        found[ref] = {"data": {name: _value(read.get((name, key))) for name in told}}
    return found


def _value(value: float | None) -> dict[str, str]:
    return {} if value is None else {"value": quantities.canonical(value)}


def _errors(document: Document, sample: MetricSample) -> tuple[str, ...]:
    if all(reading.value is not None for reading in sample.readings):
        return ()
    written = {document.key(ref): ref for ref in document.references}
    return tuple(
        f"Error from metrics backend for metric: {written.get(reading.metric, reading.metric)}"
        f"{_GAP}and version: {reading.version}"
        for reading in sample.readings
        if reading.value is None
    )
