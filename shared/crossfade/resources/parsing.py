"""Reads single documents: every mistake of one at once, by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from crossfade.errors import FieldError, Malformed
from crossfade.resources.experiments import API_VERSION, Experiment
from crossfade.resources.fields import Resource
from crossfade.resources.metrics import Metric
from crossfade.resources.mistakes import path, shown, translated
from crossfade.resources.status import ExperimentStatus

R = TypeVar("R", bound=Resource)
Steps = tuple[str | int, ...]
OFTEN_LEFT_OUT = ("data", "metricObj", "provenance", "timestamp", "winnerFound")


def parse_experiment(doc: Mapping[str, Any]) -> Experiment:
    """An Experiment, or `Malformed` with every mistake."""
    return _parsed(Experiment, doc, "Experiment")


def parse_metric(doc: Mapping[str, Any]) -> Metric:
    """A Metric, or `Malformed` with every mistake."""
    return _parsed(Metric, doc, "Metric")


def misread_status(status: object) -> list[FieldError]:
    """Fields of a status that hold something else than v2alpha2 has there.

    Releases differ in what they leave out and in the words that they know: neither is a mistake.
    """
    try:
        ExperimentStatus.model_validate(
            without_empty(status, ExperimentStatus), by_alias=True, by_name=False
        )
    except ValidationError as failure:
        kinds = [error["type"] for error in failure.errors(include_url=False)]
        told = zip(translated(failure, ("status",)), kinds, strict=True)
        return [error for error, kind in told if not _differs(error, kind)]
    return []


def _differs(error: FieldError, kind: str) -> bool:
    """Whether it is what one release has and another has not."""
    last = error.field.rpartition(".")[2]
    # A copy of a Metric may be of any release, and units are all that is read of it.
    copied = ".metricObj." in error.field and last not in ("spec", "units")
    left_out = kind == "missing" and last in OFTEN_LEFT_OUT
    return copied or left_out or kind in ("enum", "literal_error")


def unknown_fields(doc: Mapping[str, Any], model: type[Resource]) -> list[str]:
    """Paths of the fields that an API server would prune, in the document's order."""
    return [path(steps) for steps, found in _odd(doc, model, ()) if found is not None]


def empty_fields(doc: Mapping[str, Any], model: type[Resource]) -> list[str]:
    """Paths of the fields that have no value (null), in the document's order."""
    return [path(steps) for steps, found in _odd(doc, model, ()) if found is None]


def without_empty(value: Any, model: type[BaseModel]) -> Any:
    """A copy without the fields that have no value, which an API server leaves out too."""
    if not isinstance(value, Mapping) or model.model_config.get("extra") == "allow":
        return value
    fields = _fields(model)
    return {
        key: _without_below(held, fields[key]) if key in fields else held
        for key, held in value.items()
        if not (held is None and key in fields)
    }


def _without_below(held: Any, info: FieldInfo) -> Any:
    model = _model_in(info.annotation)
    if model is None:
        return held
    if _of_lists(info) and isinstance(held, Mapping):
        return {key: _each_without(v, model) for key, v in held.items() if v is not None}
    if isinstance(held, (list, tuple)):
        return _each_without(held, model)
    return without_empty(held, model)


def _each_without(listed: Any, model: type[BaseModel]) -> Any:
    if not isinstance(listed, (list, tuple)):
        return listed
    return [without_empty(item, model) for item in listed]


def _parsed(model: type[R], doc: Mapping[str, Any], kind: str) -> R:
    if not isinstance(doc, Mapping):
        raise Malformed(f"found {shown(doc)}; right would be a mapping that says a {kind}")
    filled = without_empty({"apiVersion": API_VERSION, "kind": kind, **doc}, model)
    try:
        return model.model_validate(filled, by_alias=True, by_name=False)
    except ValidationError as failure:
        raise Malformed(translated(failure)) from failure


def _odd(value: object, model: type[BaseModel], at: Steps) -> Iterator[tuple[Steps, object]]:
    """Unknown fields with their value, and known ones without a value as `None`."""
    if not isinstance(value, Mapping) or model.model_config.get("extra") == "allow":
        return
    fields = _fields(model)
    for key, held in value.items():
        here = (*at, str(key))
        if key not in fields:
            yield here, held if held is not None else ""
        elif held is None:
            yield here, None
        else:
            yield from _below(held, fields[key], here)


def _below(held: object, info: FieldInfo, at: Steps) -> Iterator[tuple[Steps, object]]:
    model = _model_in(info.annotation)
    if model is None:
        return
    if _of_lists(info) and isinstance(held, Mapping):
        for key, listed in held.items():
            if listed is None:
                yield (*at, str(key)), None
            yield from _each(listed, model, (*at, str(key)))
    elif isinstance(held, (list, tuple)):
        yield from _each(held, model, at)
    else:
        yield from _odd(held, model, at)


def _each(listed: object, model: type[BaseModel], at: Steps) -> Iterator[tuple[Steps, object]]:
    for index, item in enumerate(listed if isinstance(listed, (list, tuple)) else ()):
        yield from _odd(item, model, (*at, index))


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _of_lists(info: FieldInfo) -> bool:
    return "dict[" in str(info.annotation)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model that a field holds, singly, in a list or in a mapping of lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for part in get_args(annotation) if (m := _model_in(part))), None)
