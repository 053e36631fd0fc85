"""What an expression is worth: a number, a text, a vector of elements or windows of samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from crossfade.errors import Permanent

__all__ = [
    "Element",
    "Labels",
    "QueryError",
    "Value",
    "Window",
    "number",
    "quantile",
    "text",
    "total",
    "unique",
    "unnamed",
    "vector",
    "windows",
]

Labels = dict[str, str]
NAME = "__name__"


class QueryError(Permanent):
    """A query without an answer; `kind` is Prometheus' errorType (`bad_data`, `execution`)."""

    def __init__(self, message: str, kind: str = "execution") -> None:
        super().__init__(message)
        self.kind = kind


class Element(NamedTuple):
    """One series' value at the instant of the evaluation; labels are never changed in place."""

    labels: Labels
    value: float


class Window(NamedTuple):
    """One series' samples in a range, both ends included; all times in milliseconds."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]
    start: int
    end: int


Value = float | str | list[Element] | list[Window]


def number(value: Value) -> float:
    """A scalar operand."""
    if isinstance(value, int | float):
        return float(value)
    raise QueryError(f"expected a scalar, got {_type_of(value)}", "bad_data")


def text(value: Value) -> str:
    """A string operand."""
    if isinstance(value, str):
        return value
    raise QueryError(f"expected a string, got {_type_of(value)}", "bad_data")


def vector(value: Value) -> list[Element]:
    """An instant vector operand."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, Element)]
    raise QueryError(f"expected an instant vector, got {_type_of(value)}", "bad_data")


def windows(value: Value) -> list[Window]:
    """A range vector operand."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, Window)]
    raise QueryError(f"expected a range vector, got {_type_of(value)}", "bad_data")


def unnamed(labels: Labels) -> Labels:
    """The labels without the metric's name: the result is no longer that metric."""
    return {name: value for name, value in labels.items() if name != NAME}


def unique(elements: list[Element]) -> list[Element]:
    """The same elements; QueryError where two of them have the same labels."""
    if len({frozenset(element.labels.items()) for element in elements}) != len(elements):
        raise QueryError("vector cannot contain metrics with the same labelset")
    return elements


def total(values: Iterable[float]) -> float:
    """The sum, exact to the last bit where it is finite, in IEEE's sense where not."""
    listed = list(values)
    plain = sum(listed)
    return math.fsum(listed) if math.isfinite(plain) else plain


def quantile(q: float, values: Iterable[float]) -> float:
    """The q-quantile by linear interpolation between ranks; infinite outside of 0 to 1."""
    ordered = sorted(values, key=lambda v: (not math.isnan(v), v))
    if not ordered or math.isnan(q):
        return math.nan
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q)
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def _type_of(value: Value) -> str:
    if isinstance(value, str):
        return "string"
    return "vector" if isinstance(value, list) else "scalar"
