"""Samples that somebody wrote by hand: names in full, and what cannot be of their run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossfade.errors import FieldError
from crossfade.resources.builtin import PROVIDER

if TYPE_CHECKING:
    from crossfade.events import MetricSample
    from crossfade.resources import Document
    from crossfade.resources.metrics import MetricSpec

Mistake = tuple[str, str]


def in_full(document: Document, sample: MetricSample) -> MetricSample:
    """The sample with metrics as `namespace/name`; by hand they may be written as in criteria."""
    if all("/" in reading.metric for reading in sample.readings):
        return sample
    named = [r.model_copy(update={"metric": document.key(r.metric)}) for r in sample.readings]
    return sample.model_copy(update={"readings": tuple(named)})


def mistakes(document: Document, sample: MetricSample, after: int = 0) -> list[FieldError]:
    """What cannot be of the document's run, by field; `after` is the run's latest iteration."""
    known = {version.name for version in document.versions}
    found = [
        *_order(document, sample, after),
        *_split(sample, known),
        *_readings(document, sample, known),
    ]
    return [FieldError(f"{sample.kind}.{where}", what) for where, what in found]


def _order(document: Document, sample: MetricSample, after: int) -> Iterator[Mistake]:
    whole = sample.of or document.iterations
    if sample.of < 0:
        yield "of", f"found {sample.of}; right would be the iterations of the run, or 0"
    elif sample.iteration > whole:
        yield "iteration", f"found {sample.iteration}; the run has {whole}"
    if sample.iteration < after:
        right = "right would be the samples of a run in their order"
        yield "iteration", f"found {sample.iteration} after {after}; {right}"


def _split(sample: MetricSample, known: set[str]) -> Iterator[Mistake]:
    for name, weight in sample.split.items():
        if name not in known:
            yield f"split.{name}", f"no such version; right would be {_either(known)}"
        elif not 0 <= weight <= 100:
            yield f"split.{name}", f"found {weight}; right would be a percentage"
    if (whole := sum(sample.split.values())) > 100:
        yield "split", f"adds up to {whole}; right would be 100"


def _readings(document: Document, sample: MetricSample, known: set[str]) -> Iterator[Mistake]:
    read: set[tuple[str, str]] = set()
    for i, reading in enumerate(sample.readings):
        named = (reading.version, reading.metric)
        if named in read:
            yield f"readings.{i}", f"{reading.metric} of {reading.version} was read already"
        read.add(named)
        metric = document.metrics.get(reading.metric)
        if metric is None or metric.spec.provider == PROVIDER:
            continue  # what a load generator gathered knows other versions, too
        if reading.version not in known:
            right = f"right would be {_either(known)}"
            yield f"readings.{i}.version", f"{reading.version} is no version; {right}"
        if (reading.value or 0.0) < 0.0 and (why := _negative(metric.spec)):
            yield f"readings.{i}.value", f"found {reading.value:g}; {why}"


def _negative(spec: MetricSpec) -> str:
    """Why a metric cannot be below zero; empty where it can."""
    if spec.type == "Counter":
        return "a Counter is never below zero"
    return "a share of requests is never below zero" if spec.distribution == "bernoulli" else ""


def _either(known: set[str]) -> str:
    return " or ".join(sorted(known)) or "none, the document has no versions"
