"""Mistakes in a document, each in plain words: where, what was found, what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crossfade.errors import FieldError

INVALID_EXPERIMENT = "InvalidExperiment"
METRIC_UNAVAILABLE = "MetricUnavailable"
METRICS_UNREADABLE = "MetricsUnreadable"

_LONGEST = 60
_FURTHER = 4
"""Mistakes that a condition tells after the first, which upstream tells alone."""


@dataclass(frozen=True, slots=True)
class Refusal(FieldError):
    """A mistake with the reason and text that upstream puts into the Failed condition."""

    reason: str = INVALID_EXPERIMENT
    condition: str = ""
    """Upstream's own wording, where it has one."""


def reason_of(error: FieldError) -> str:
    """The reason for the Failed condition."""
    return error.reason if isinstance(error, Refusal) else INVALID_EXPERIMENT


def condition_of(errors: Sequence[FieldError]) -> tuple[str, str]:
    """Reason and message of the Failed condition: the first mistake's, and a few more by field."""
    if not errors:
        return INVALID_EXPERIMENT, ""
    first, others = errors[0], errors[1:]
    worded = first.condition if isinstance(first, Refusal) else ""
    rest = len(others) - _FURTHER
    more = [*map(str, others[:_FURTHER]), *([f"and {rest} more mistakes"] if rest > 0 else [])]
    return reason_of(first), "; ".join([worded or str(first), *more])


def path(where: Iterable[str | int]) -> str:
    """A location in document notation: `spec.criteria.objectives[0].upperLimit`."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def shown(value: object) -> str:
    """A found value, short enough for one line."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def translated(
    failure: ValidationError, prefix: tuple[str | int, ...] = ()
) -> list[FieldError]:
    """Pydantic's errors in our words, in the document's order."""
    return [
        FieldError(path((*prefix, *_steps(error["loc"]))), _worded(error))
        for error in failure.errors(include_url=False)
    ]


def _steps(loc: Sequence[str | int]) -> Iterator[str | int]:
    return (step for step in loc if step != "[key]")


def _worded(error: ErrorDetails) -> str:
    """One sentence: what was found; what would be right."""
    if error["type"] == "missing":
        return "is missing; it has to be given"
    found = f"found {shown(error['input'])}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return f"{found}; right would be {_right(error)}"


def _right(error: ErrorDetails) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    kind = error["type"]
    if kind in ("literal_error", "enum"):
        return (
            f"one of {context['expected']}"
            if "or" in context["expected"]
            else context["expected"]
        )
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"{word} {context[key]}"
    return _TYPES.get(kind, error["msg"].lower())


_BOUNDS = {
    "greater_than_equal": ("a number from", "ge"),
    "greater_than": ("a number above", "gt"),
    "less_than_equal": ("a number up to", "le"),
    "less_than": ("a number below", "lt"),
}

_TYPES = {
    "string_type": "text (in quotes where YAML would read a number or a truth value)",
    "string_too_short": "text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
