"""Turns the body of `start-experiment` into a Document, or lists everything wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade.resources.annotations import wishes
from crossfade.resources.bodies import oversized, split_body, tidied, unfit
from crossfade.resources.documents import Document
from crossfade.resources.experiments import Experiment
from crossfade.resources.metrics import Metric
from crossfade.resources.mistakes import METRIC_UNAVAILABLE, reason_of
from crossfade.resources.parsing import (
    empty_fields,
    parse_experiment,
    unknown_fields,
    without_empty,
)
from crossfade.resources.repair import mended, remaining
from crossfade.resources.resolving import Found, brought_along, resolve
from crossfade.resources.rules import misspecified, unfinished

FIELDS = ("experiment", "metrics", "requestId")
"""Of the body of a start that is no bare Experiment."""
LARGEST_DOCUMENT = 768_000
"""Bytes of a resolved document, which goes into one bucket entry and one event."""


def admit(
    body: Mapping[str, Any],
    *,
    find_metric: Found | None = None,
    on_cluster: bool = False,
    started: bool = False,
) -> Document:
    """The resolved document, or `Malformed` with every mistake by field.

    `body` is `{"experiment": …, "metrics": […]}` or a bare Experiment; `find_metric` holds what
    the cluster knows, by `namespace/name`. What the body brings along wins over the cluster.
    `on_cluster` also refuses what could never move weights, which assessing offline does not mind.
    What a `start` action may bring, versions and on a cluster Metrics too, is missed only once
    it has `started`.
    """
    _stop_at(list(unfit(body)))
    raw, given = split_body(body)
    raw = tidied(raw)
    errors: list[FieldError] = []
    experiment = _read(errors, raw)
    known = brought_along(errors, given, experiment.namespace if experiment else "default")
    if experiment is None:
        raise Malformed(errors)
    further = list(misspecified(experiment, on_cluster=on_cluster, started=started))
    resolved = resolve(further, experiment, known, find_metric or {})
    if on_cluster and not started and unfinished(experiment):
        further = [e for e in further if reason_of(e) != METRIC_UNAVAILABLE]
    _stop_at(errors + remaining(further, errors))
    _, unread = wishes(experiment.metadata.annotations)
    warnings = (*_beside_a_start(body), *_pruned(raw, given), *map(str, unread))
    document = Document(experiment=experiment, metrics=resolved, warnings=warnings)
    what = "a document with its metrics"
    _stop_at(list(oversized(document.to_json(), LARGEST_DOCUMENT, what)))
    return document


def _stop_at(errors: list[FieldError]) -> None:
    if errors:
        raise Malformed(errors)


def _read(errors: list[FieldError], raw: Mapping[str, Any]) -> Experiment | None:
    """The experiment; a broken one is mended far enough for the rules to look at its rest."""
    try:
        return parse_experiment(raw)
    except Malformed as malformed:
        errors += map(partial(_beside, unknown_fields(raw, Experiment)), malformed.errors)
        return mended(Experiment, without_empty(raw, Experiment))


def _beside(unknown: Sequence[str], error: FieldError) -> FieldError:
    """A field that is missing, with the one in its place that looks like it."""
    parent, _, name = error.field.rpartition(".")
    strays = [
        field.rpartition(".")[2] for field in unknown if field.rpartition(".")[0] == parent
    ]
    near = get_close_matches(name, strays, n=1)
    if not near or not error.message.startswith("is missing"):
        return error
    return replace(error, message=f"{error.message}; found {near[0]}, which is no field")


def _beside_a_start(body: Mapping[str, Any]) -> Iterator[str]:
    """What stands beside experiment and metrics, such as a `metric` in the singular."""
    for field in body if "experiment" in body else ():
        if field not in FIELDS:
            yield f"{field}: is not a field of a start and was left out"


def _pruned(raw: Mapping[str, Any], given: Sequence[Any]) -> Iterator[str]:
    """What an API server leaves out without a word."""
    for field in unknown_fields(raw, Experiment):
        yield f"{field}: is not a field of an Experiment and was left out"
    for field in empty_fields(raw, Experiment):
        yield f"{field}: is empty and was left out"
    for i, metric in enumerate(given):
        for field in unknown_fields(tidied(metric), Metric):
            yield f"metrics[{i}].{field}: is not a field of a Metric and was left out"
        for field in empty_fields(tidied(metric), Metric):
            yield f"metrics[{i}].{field}: is empty and was left out"
