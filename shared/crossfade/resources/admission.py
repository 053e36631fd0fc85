"""Turns the body of `start-experiment` into a Document, or lists everything wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from crossfade.errors import FieldError, Malformed
from crossfade.resources.documents import Document, as_written
from crossfade.resources.experiments import Criteria, Experiment
from crossfade.resources.metrics import REFERRING, Metric, qualified
from crossfade.resources.mistakes import METRIC_UNAVAILABLE, Refusal, shown
from crossfade.resources.parsing import parse_experiment, parse_metric, unknown_fields
from crossfade.resources.repair import mended, remaining
from crossfade.resources.rules import (
    is_reference,
    misnamed,
    misplaced_secrets,
    misspecified,
    written_references,
)

LARGEST_START = 512_000
"""Bytes of a `start-experiment` body; the broker's limit is one megabyte."""
LARGEST_DOCUMENT = 768_000
"""Bytes of a resolved document, which goes into one bucket entry and one event."""

DEEPEST = 100
"""Levels of nesting; a document of ours has a dozen."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

T = TypeVar("T")
Found = Mapping[str, Mapping[str, Any]]


def admit(
    body: Mapping[str, Any], *, find_metric: Found | None = None, on_cluster: bool = False
) -> Document:
    """The resolved document, or `Malformed` with every mistake by field.

    `body` is `{"experiment": …, "metrics": […]}` or a bare Experiment; `find_metric` holds what
    the cluster knows, by `namespace/name`. What the body brings along wins over the cluster.
    `on_cluster` also refuses what could never move weights, which assessing offline does not mind.
    """
    errors: list[FieldError] = list(_unfit(body))
    if errors:
        raise Malformed(errors)
    raw, given = split_body(body)
    raw = _tidied(raw)
    experiment = _read(errors, raw)
    known = _metrics(errors, given, experiment.namespace if experiment else "default")
    if experiment is None:
        raise Malformed(errors)
    further = list(misspecified(experiment, on_cluster=on_cluster))
    resolved = _resolve(further, experiment, known, find_metric or {})
    errors += remaining(further, errors)
    if errors:
        raise Malformed(errors)
    document = Document(
        experiment=experiment, metrics=resolved, warnings=tuple(_pruned(raw, given))
    )
    if too_large := list(
        _oversized(document.to_json(), LARGEST_DOCUMENT, "a document with its metrics")
    ):
        raise Malformed(too_large)
    return document


def missing_metrics(
    experiment: Experiment | Mapping[str, Any], given: Iterable[Metric | Mapping[str, Any]] = ()
) -> list[str]:
    """`namespace/name` of the metrics still to be looked up; ask again with what was found.

    A metric that was found may refer to others, hence the repetition: until the list is empty, or
    holds only names that the cluster does not know.
    """
    read = experiment if isinstance(experiment, Experiment) else parse_experiment(experiment)
    metrics = (m if isinstance(m, Metric) else parse_metric(m) for m in given)
    known = {metric.key: metric for metric in map(_placed_in(read.namespace), metrics)}
    waiting = [
        qualified(ref, read.namespace) for ref in as_written(read.spec.criteria or Criteria())
    ]
    seen = dict.fromkeys(waiting)
    for key in waiting:
        fresh = [k for k in (known[key].referred if key in known else ()) if k not in seen]
        seen.update(dict.fromkeys(fresh))
        waiting.extend(dict.fromkeys(fresh))
    return [key for key in seen if key not in known]


def split_body(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """Experiment and metrics of a start's body, which may be a bare Experiment."""
    if not isinstance(body, Mapping):
        raise Malformed(f"found {shown(body)}; right would be a mapping with an experiment")
    if "experiment" not in body:
        if "spec" not in body and "kind" not in body:
            raise Malformed([FieldError("experiment", "is missing; it has to be given")])
        return body, ()
    experiment, metrics = body["experiment"], body.get("metrics") or ()
    errors = []
    if not isinstance(experiment, Mapping):
        errors.append(
            FieldError("experiment", f"found {shown(experiment)}; right would be a mapping")
        )
    if not isinstance(metrics, (list, tuple)):
        errors.append(FieldError("metrics", f"found {shown(metrics)}; right would be a list"))
    if errors:
        raise Malformed(errors)
    return experiment, metrics


def _tidied(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Without status and the cluster's bookkeeping, which say nothing about what is asked."""
    kept = {key: value for key, value in raw.items() if key != "status"}
    metadata = raw.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {k: v for k, v in metadata.items() if k != "managedFields"}
        notes = metadata.get("annotations")
        if isinstance(notes, Mapping) and _LAST_APPLIED in notes:
            kept["metadata"]["annotations"] = {
                k: v for k, v in notes.items() if k != _LAST_APPLIED
            }
    return kept


def _read(errors: list[FieldError], raw: Mapping[str, Any]) -> Experiment | None:
    """The experiment; a broken one is mended far enough for the rules to look at its rest."""
    try:
        return parse_experiment(raw)
    except Malformed as malformed:
        errors += malformed.errors
        return mended(Experiment, raw)


def _metrics(
    errors: list[FieldError], given: Sequence[Any], namespace: str
) -> dict[str, Metric]:
    """The metrics that the body brings along, by key; one without namespace is the experiment's."""
    known: dict[str, Metric] = {}
    for i, raw in enumerate(given):
        metric = _collect(errors, lambda raw=raw: parse_metric(raw), f"metrics[{i}]")  # type: ignore[misc]
        if metric is None:
            continue
        errors += misnamed(metric.metadata, f"metrics[{i}].metadata")
        errors += misplaced_secrets(metric.spec, f"metrics[{i}].spec")
        placed = _placed_in(namespace)(metric)
        if placed.key in known:
            errors.append(
                FieldError(f"metrics[{i}].metadata.name", f"{placed.key} is given twice")
            )
        known[placed.key] = placed
    return known


def _resolve(
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
            errors.append(_unavailable(field, key))
            continue
        resolved[key] = metric
        waiting.extend(_chained(metric, errors))
    errors += _cycles(resolved)
    return resolved


def _looked_up(errors: list[FieldError], key: str, found: Found) -> Metric | None:
    if key not in found:
        return None
    namespace = key.partition("/")[0]
    metric = _collect(errors, lambda: parse_metric(found[key]), f"metric {key}")
    return None if metric is None else _placed_in(namespace)(metric)


def _chained(metric: Metric, errors: list[FieldError]) -> Iterator[tuple[str, str]]:
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
            shown_circle = " → ".join((*circle, circle[0]))
            message = (
                f"refers back to itself ({shown_circle}); right would be an end to the chain"
            )
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


def _unavailable(field: str, key: str) -> Refusal:
    condition = f"Unable to find metric {key}"
    return Refusal(field, condition, METRIC_UNAVAILABLE, condition)


def _pruned(raw: Mapping[str, Any], given: Sequence[Any]) -> Iterator[str]:
    for field in unknown_fields(raw, Experiment):
        yield f"{field}: is not a field of an Experiment and was left out"
    for i, metric in enumerate(given):
        for field in unknown_fields(metric, Metric):
            yield f"metrics[{i}].{field}: is not a field of a Metric and was left out"


def _unfit(body: Any) -> Iterator[FieldError]:
    """What no store or event could hold, whatever it says."""
    if _deeper_than(body, DEEPEST):
        yield FieldError("", f"is nested too deeply; right would be at most {DEEPEST} levels")
        return
    try:
        yield from _oversized(body, LARGEST_START, "a start")
    except UnicodeEncodeError:
        yield FieldError("", "found text that is no Unicode; right would be UTF-8")


def _deeper_than(body: Any, levels: int) -> bool:
    level = [body]
    for _ in range(levels):
        maps = [
            held for value in level if isinstance(value, Mapping) for held in value.values()
        ]
        lists = [held for value in level if isinstance(value, (list, tuple)) for held in value]
        level = maps + lists
    return bool(level)


def _oversized(body: object, limit: int, what: str) -> Iterator[FieldError]:
    size = len(
        json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    )
    if size > limit:
        yield FieldError(
            "", f"found {size} bytes; right would be {what} of at most {limit} bytes"
        )


def _collect(errors: list[FieldError], read: Callable[[], T], prefix: str) -> T | None:
    """What `read` returns; its mistakes go to `errors`, below `prefix`."""
    try:
        return read()
    except Malformed as malformed:
        for error in malformed.errors:
            joint = "." if prefix.endswith("]") else ": "
            below = f"{joint}{error.field}" if error.field else ""
            errors.append(FieldError(f"{prefix}{below}", error.message))
        return None


def _placed_in(namespace: str) -> Callable[[Metric], Metric]:
    """Gives a metric without namespace this one."""

    def place(metric: Metric) -> Metric:
        if metric.metadata.namespace:
            return metric
        metadata = metric.metadata.model_copy(update={"namespace": namespace})
        return metric.model_copy(update={"metadata": metadata})

    return place
