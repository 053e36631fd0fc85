"""Finds every Metric that an experiment needs, along `sampleSize` and its kin, once each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade.resources.bodies import tidied
from crossfade.resources.builtin import BUILTIN
from crossfade.resources.documents import as_written
from crossfade.resources.experiments import Criteria, Experiment
from crossfade.resources.identities import misidentified
from crossfade.resources.metrics import REFERRING, Metric, qualified
from crossfade.resources.mistakes import (
    METRIC_UNAVAILABLE,
    METRICS_UNREADABLE,
    Refusal,
    shown,
)
from crossfade.resources.parsing import parse_experiment, parse_metric, without_empty
from crossfade.resources.repair import mended
from crossfade.resources.rules import (
    is_reference,
    misnamed,
    misplaced_secrets,
    written_references,
)

Found = Mapping[str, Mapping[str, Any]]
"""Metrics that a cluster knows, by `namespace/name`."""


def missing_metrics(
    experiment: Experiment | Mapping[str, Any], given: Iterable[Metric | Mapping[str, Any]] = ()
) -> list[str]:
    """`namespace/name` of the metrics still to be looked up; ask again with what was found.

    A metric that was found may refer to others, hence the repetition: until the list is empty, or
    holds only names that the cluster does not know. Built-in metrics need no looking up. What is
    broken is mended: a mistake elsewhere does not make a metric missing. Raises Malformed where
    too much of the experiment is broken.
    """
    read = experiment if isinstance(experiment, Experiment) else _as_far_as_read(experiment)
    metrics = (m if isinstance(m, Metric) else mended(Metric, tidied(m)) for m in given)
    placed_ones = (placed(m, read.namespace) for m in metrics if m is not None)
    known = dict(BUILTIN) | {m.key: m for m in placed_ones}
    written = as_written(read.spec.criteria or Criteria())
    waiting = list(dict.fromkeys(qualified(ref, read.namespace) for ref in written))
    for key in waiting:
        referred = known[key].referred if key in known else ()
        waiting.extend(k for k in dict.fromkeys(referred) if k not in waiting)
    return [key for key in waiting if key not in known]


def _as_far_as_read(raw: Mapping[str, Any]) -> Experiment:
    try:
        return parse_experiment(raw)
    except Malformed:
        read = mended(Experiment, without_empty(tidied(raw), Experiment))
        if read is None:
            raise
        return read


def brought_along(
    errors: list[FieldError], given: Sequence[Any], namespace: str
) -> dict[str, Metric]:
    """The metrics of a start's body by key; one without a namespace is the experiment's.

    A broken one is told and stands in mended, so that it is not missed as well.
    """
    known: dict[str, Metric] = {}
    for i, raw in enumerate(given):
        at = f"metrics[{i}]"
        metric: Metric | None
        try:
            metric = parse_metric(tidied(raw))
        except Malformed as malformed:
            errors += [_below(f"{at}.", error) for error in malformed.errors]
            metric = mended(Metric, raw) if isinstance(raw, Mapping) else None
        if metric is None:
            continue
        errors += misnamed(metric.metadata, f"{at}.metadata")
        errors += misplaced_secrets(metric.spec, f"{at}.spec")
        errors += misidentified(metric.spec, f"{at}.spec")
        metric = placed(metric, namespace)
        if metric.key in known:
            message = f"{metric.key} is given twice; right would be each Metric once"
            errors.append(FieldError(f"{at}.metadata.name", message))
        known[metric.key] = metric
    return known


def resolve(
    errors: list[FieldError], experiment: Experiment, known: Mapping[str, Metric], found: Found
) -> dict[str, Metric]:
    """Every metric that the experiment needs, by key; what is not there becomes an error."""
    resolved: dict[str, Metric] = {}
    waiting = [
        (field, qualified(ref, experiment.namespace))
        for field, ref in written_references(experiment)
        if is_reference(ref)
    ]
    for field, key in waiting:
        if key in resolved:
            continue
        metric = known.get(key) or _looked_up(errors, key, found)
        if metric is None:
            condition = f"Unable to find metric {key}"
            told = condition + _nearest(key, [*known, *found, *BUILTIN])
            errors.append(Refusal(field, told, METRIC_UNAVAILABLE, condition))
            continue
        resolved[key] = metric
        waiting.extend(_chained(metric, errors))
    errors += _cycles(resolved)
    return resolved


def _nearest(key: str, others: Sequence[str]) -> str:
    """The Metric that was probably meant: of the same name elsewhere, else of a similar one."""
    named: dict[str, str] = {}
    for other in others:
        named.setdefault(other.partition("/")[2], other)
    near = get_close_matches(key.partition("/")[2], named, n=1)
    return f"; there is {named[near[0]]}" if near else ""


def placed(metric: Metric, namespace: str) -> Metric:
    """The metric, in this namespace unless it names one."""
    if metric.metadata.namespace:
        return metric
    metadata = metric.metadata.model_copy(update={"namespace": namespace})
    return metric.model_copy(update={"metadata": metadata})


def _below(prefix: str, error: FieldError) -> FieldError:
    return FieldError(f"{prefix}{error.field}".rstrip(".: "), error.message)


def _looked_up(errors: list[FieldError], key: str, found: Found) -> Metric | None:
    """The cluster's metric, or the built-in one of that name."""
    if key not in found:
        return BUILTIN.get(key)
    namespace, _, name = key.partition("/")
    try:
        return placed(_sound(found[key]), namespace)
    except Malformed as malformed:
        for error in malformed.errors:
            field = _below(f"metric {key}: ", error).field
            condition = f"Unable to load {field}: {error.message}"
            errors.append(Refusal(field, error.message, METRICS_UNREADABLE, condition))
        return placed(Metric.model_validate({"metadata": {"name": name}}), namespace)


def _sound(raw: Mapping[str, Any]) -> Metric:
    """A Metric that can be asked for. Raises Malformed."""
    metric = parse_metric(tidied(raw))
    if wrong := list(misidentified(metric.spec, "spec")):
        raise Malformed(wrong)
    return metric


def _chained(metric: Metric, errors: list[FieldError]) -> Iterator[tuple[str, str]]:
    """Field and key of the metrics that this one refers to."""
    for field in REFERRING:
        ref = getattr(metric.spec, field)
        alias = type(metric.spec).model_fields[field].alias
        where = f"metric {metric.key}: spec.{alias}"
        if ref and is_reference(ref):
            yield where, qualified(ref, metric.namespace)
        elif ref is not None:
            right = "the name of a Metric, or namespace/name"
            errors.append(FieldError(where, f"found {shown(ref)}; right would be {right}"))


def _cycles(metrics: Mapping[str, Metric]) -> Iterator[FieldError]:
    """Metrics that refer back to themselves, each circle told once, where it starts."""
    done: set[str] = set()
    for start in metrics:
        circle = _circle(start, metrics)
        if circle and not done.intersection(circle):
            done.update(circle)
            way = " → ".join((*circle, circle[0]))
            message = f"refers back to itself ({way}); right would be an end to the chain"
            yield FieldError(f"metric {start}: spec.sampleSize", message)


def _circle(start: str, metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """The way from `start` back to it, or nothing."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:
        for key in metrics[way[-1]].referred if way[-1] in metrics else ():
            if key == start:
                return way
            if key not in seen:
                seen.add(key)
                ways.append((*way, key))
    return ()
