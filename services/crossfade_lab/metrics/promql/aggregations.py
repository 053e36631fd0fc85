"""Aggregations: a vector folded group by group, `by` some labels or `without` them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import promql_parser as ast

from crossfade_lab.metrics.promql.values import (
    NAME,
    Element,
    Labels,
    QueryError,
    Value,
    number,
    quantile,
    text,
    total,
    unique,
)
from crossfade_lab.metrics.promql.windows import deviation

__all__ = ["aggregate", "written"]

Groups = list[tuple[Labels, list[Element]]]


def aggregate(
    operator: str, elements: list[Element], param: Value | None, modifier: Any
) -> list[Element]:
    """The folded vector; QueryError where this aggregation is not known."""
    groups = _groups(elements, modifier)
    if operator in FOLDS:
        fold = FOLDS[operator]
        return [Element(labels, fold([e.value for e in found])) for labels, found in groups]
    assert param is not None
    if operator in ("topk", "bottomk"):
        return _extremes(groups, number(param), largest=operator == "topk")
    if operator == "quantile":
        q = number(param)
        return [
            Element(labels, quantile(q, (e.value for e in found))) for labels, found in groups
        ]
    if operator == "count_values":
        return _counted(groups, text(param))
    raise QueryError(f"aggregation {operator!r} is not known to the embedded Prometheus")


def written(value: float) -> str:
    """A value as Prometheus writes it: `5`, `0.25`, `NaN`, `+Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def _groups(elements: list[Element], modifier: Any) -> Groups:
    listed = frozenset(modifier.labels) if modifier is not None else frozenset()
    without = modifier is not None and modifier.type == ast.AggModifierType.Without
    dropped = listed | {NAME}
    found: dict[frozenset[tuple[str, str]], tuple[Labels, list[Element]]] = {}
    for element in elements:
        kept = {
            name: value
            for name, value in element.labels.items()
            if (name not in dropped if without else name in listed)
        }
        found.setdefault(frozenset(kept.items()), (kept, []))[1].append(element)
    return list(found.values())


def _extremes(groups: Groups, count: float, *, largest: bool) -> list[Element]:
    """The first `count` of each group, best first; what is not a number comes last."""
    if math.isnan(count) or count < 1:
        return []
    sign = -1 if largest else 1
    return [
        element
        for _, found in groups
        for element in sorted(found, key=lambda e: (math.isnan(e.value), sign * e.value))[
            : int(min(count, len(found)))
        ]
    ]


def _counted(groups: Groups, label: str) -> list[Element]:
    counted = []
    for labels, found in groups:
        tally: dict[str, int] = {}
        for element in found:
            tally[written(element.value)] = tally.get(written(element.value), 0) + 1
        counted += [Element(labels | {label: v}, float(n)) for v, n in tally.items()]
    return unique(counted)


def _extreme(values: list[float], choose: Callable[..., float]) -> float:
    numbers = [v for v in values if not math.isnan(v)]
    return choose(numbers) if numbers else math.nan


def _spread(values: list[float]) -> float:
    # One element does not spread, not even one that is not a number.
    return deviation(values) if len(values) > 1 else 0.0


FOLDS: dict[str, Callable[[list[float]], float]] = {
    "sum": total,
    "avg": lambda values: total(values) / len(values),
    "count": lambda values: float(len(values)),
    "min": lambda values: _extreme(values, min),
    "max": lambda values: _extreme(values, max),
    "group": lambda _: 1.0,
    "stdvar": _spread,
    "stddev": lambda values: math.sqrt(_spread(values)),
}
