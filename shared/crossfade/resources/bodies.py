"""The body of `start-experiment`: put together from files, taken apart, and kept to a size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade.resources.mistakes import shown

LARGEST_START = 512_000
"""Bytes of a `start-experiment` body; the broker's limit is one megabyte."""
DEEPEST = 100
"""Levels of nesting; a document of ours has a dozen."""

_OURS = "iter8.tools/"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def gather(
    documents: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """A start's body from the documents of some files, and the documents of other kinds."""
    sorted_by: dict[str, list[Mapping[str, Any]]] = {"Experiment": [], "Metric": [], "": []}
    for document in documents:
        ours = str(document.get("apiVersion", _OURS)).startswith(_OURS)
        kind = str(document.get("kind")) if ours else ""
        sorted_by.get(kind, sorted_by[""]).append(document)
    experiments = sorted_by["Experiment"]
    if len(experiments) != 1:
        found = f"found {len(experiments)} documents of kind Experiment"
        raise Malformed(f"{found}; right would be exactly one, with its Metrics beside it")
    return {"experiment": experiments[0], "metrics": sorted_by["Metric"]}, sorted_by[""]


def split_body(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """Experiment and metrics of a start's body, which may be a bare Experiment."""
    if not isinstance(body, Mapping):
        raise Malformed(f"found {shown(body)}; right would be a mapping with an experiment")
    if "experiment" not in body:
        if "spec" not in body and "kind" not in body:
            raise Malformed([FieldError("experiment", "is missing; it has to be given")])
        return body, ()
    experiment, metrics = body["experiment"], body.get("metrics")
    errors = []
    if not isinstance(experiment, Mapping):
        found = f"found {shown(experiment)}"
        errors.append(FieldError("experiment", f"{found}; right would be a mapping"))
    if not isinstance(metrics, (list, tuple, type(None))):
        errors.append(FieldError("metrics", f"found {shown(metrics)}; right would be a list"))
    if errors:
        raise Malformed(errors)
    return experiment, metrics or ()


def tidied(raw: Any) -> Any:
    """A resource without status and the cluster's bookkeeping: they ask for nothing."""
    if not isinstance(raw, Mapping):
        return raw
    kept = {key: value for key, value in raw.items() if key != "status"}
    metadata = raw.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {k: v for k, v in metadata.items() if k != "managedFields"}
        notes = metadata.get("annotations")
        if isinstance(notes, Mapping) and _LAST_APPLIED in notes:
            left = {k: v for k, v in notes.items() if k != _LAST_APPLIED}
            kept["metadata"]["annotations"] = left
    return kept


def unfit(body: Any) -> Iterator[FieldError]:
    """What no store or event could hold, whatever it says."""
    if _deeper_than(body, DEEPEST):
        yield FieldError("", f"is nested too deeply; right would be at most {DEEPEST} levels")
        return
    try:
        yield from oversized(body, LARGEST_START, "a start")
    except UnicodeEncodeError:
        yield FieldError("", "found text that is no Unicode; right would be UTF-8")


def oversized(body: object, limit: int, what: str) -> Iterator[FieldError]:
    """The size of a body that has too many bytes, and the limit."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    if (size := len(text.encode())) > limit:
        right = f"right would be {what} of at most {limit} bytes"
        yield FieldError("", f"found {size} bytes; {right}")


def _deeper_than(body: Any, levels: int) -> bool:
    level = [body]
    for _ in range(levels):
        level = [held for value in level for held in _inside(value)]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()
