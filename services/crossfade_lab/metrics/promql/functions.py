"""Functions of PromQL on evaluated arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import promql_parser as ast

from crossfade_lab.metrics.promql.histograms import histogram_quantile
from crossfade_lab.metrics.promql.relabelling import label_join, label_replace
from crossfade_lab.metrics.promql.values import (
    Element,
    Labels,
    QueryError,
    Value,
    Window,
    number,
    quantile,
    text,
    unique,
    unnamed,
    vector,
    windows,
)
from crossfade_lab.metrics.promql.windows import OVER, predicted

if TYPE_CHECKING:
    from crossfade_lab.metrics.promql.engine import Evaluation

__all__ = ["call"]


def call(name: str, trees: Sequence[Any], now: Evaluation) -> Value:
    """The function's value; QueryError where it is not known here."""
    if name.startswith("absent"):
        return _absent(trees[0], now)
    values = [now.value(tree) for tree in trees]
    if name in OVER:
        found = _over(OVER[name], windows(values[0]), named=name == "last_over_time")
    elif name in BY_ELEMENT:
        found = _each(BY_ELEMENT[name], vector(values[0]), [number(v) for v in values[1:]])
    elif name in WHOLE:
        whole = WHOLE[name](now, values, trees)
        if not isinstance(whole, list):
            return whole
        found = vector(whole)
    else:
        raise QueryError(f"function {name!r} is not known to the embedded Prometheus")
    return unique(found)


def _over(
    fold: Callable[[Window], float | None], ranges: list[Window], *, named: bool = False
) -> list[Element]:
    folded = ((window, fold(window)) for window in ranges)
    return [
        Element(window.labels if named else unnamed(window.labels), value)
        for window, value in folded
        if value is not None
    ]


def _each(
    turn: Callable[..., float], elements: list[Element], extra: list[float]
) -> list[Element]:
    return [Element(unnamed(labels), turn(value, *extra)) for labels, value in elements]


def _absent(tree: Any, now: Evaluation) -> list[Element]:
    """1 with the labels that the selector names exactly, where it selects nothing."""
    if now.value(tree):
        return []
    selector = getattr(tree, "vector_selector", tree)
    if not isinstance(selector, ast.VectorSelector):
        return [Element({}, 1.0)]
    labels: Labels = {}
    listed = [m for m in selector.matchers.matchers if m.name != "__name__"]
    for matcher in listed:
        once = sum(other.name == matcher.name for other in listed) == 1
        if matcher.op == ast.MatchOp.Equal and once and matcher.value:
            labels[matcher.name] = matcher.value
    return [Element(labels, 1.0)]


def _scalar(elements: list[Element]) -> float:
    return elements[0].value if len(elements) == 1 else math.nan


def _sorted(elements: list[Element], sign: int) -> list[Element]:
    return sorted(elements, key=lambda e: (math.isnan(e.value), sign * e.value))


def _timestamps(now: Evaluation, tree: Any) -> list[Element]:
    """When the sample was taken; of anything but a selector that is now."""
    while isinstance(tree, ast.ParenExpr):
        tree = tree.expr
    if isinstance(tree, ast.VectorSelector):
        return [Element(unnamed(labels), at / 1000) for labels, at in now.moments(tree)]
    return [Element(unnamed(e.labels), now.at / 1000) for e in vector(now.value(tree))]


def _clamp(elements: list[Element], low: float, high: float) -> list[Element]:
    if high < low:
        return []
    return _each(lambda v: _at_most(_at_least(v, low), high), elements, [])


def _at_least(value: float, low: float) -> float:
    return math.nan if math.isnan(value) or math.isnan(low) else max(value, low)


def _at_most(value: float, high: float) -> float:
    return math.nan if math.isnan(value) or math.isnan(high) else min(value, high)


def _round(value: float, nearest: float = 1.0) -> float:
    inverse = 1.0 / nearest if nearest else math.inf
    return _whole(math.floor, value * inverse + 0.5) / inverse


def _whole(turn: Callable[[float], int], value: float) -> float:
    return float(turn(value)) if math.isfinite(value) else value


def _sign(value: float) -> float:
    return value if value == 0 or math.isnan(value) else math.copysign(1, value)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _log(turn: Callable[[float], float]) -> Callable[[float], float]:
    def log(value: float) -> float:
        if value > 0 or math.isnan(value):
            return turn(value)
        return -math.inf if value == 0 else math.nan

    return log


BY_ELEMENT: dict[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": lambda v: _whole(math.ceil, v),
    "floor": lambda v: _whole(math.floor, v),
    "round": _round,
    "sgn": _sign,
    "exp": _exp,
    "ln": _log(math.log),
    "log2": _log(math.log2),
    "log10": _log(math.log10),
    "sqrt": lambda v: math.sqrt(v) if v >= 0 else math.nan,
    "clamp_min": _at_least,
    "clamp_max": _at_most,
}
WHOLE: dict[str, Callable[[Evaluation, list[Value], Sequence[Any]], Value]] = {
    "time": lambda now, _, __: now.at / 1000,
    "pi": lambda _, __, ___: math.pi,
    "vector": lambda _, v, __: [Element({}, number(v[0]))],
    "scalar": lambda _, v, __: _scalar(vector(v[0])),
    "sort": lambda _, v, __: _sorted(vector(v[0]), 1),
    "sort_desc": lambda _, v, __: _sorted(vector(v[0]), -1),
    "timestamp": lambda now, _, trees: _timestamps(now, trees[0]),
    "clamp": lambda _, v, __: _clamp(vector(v[0]), number(v[1]), number(v[2])),
    "histogram_quantile": lambda _, v, __: histogram_quantile(number(v[0]), vector(v[1])),
    "label_replace": lambda _, v, __: label_replace(vector(v[0]), *map(text, v[1:])),
    "label_join": lambda _, v, __: label_join(vector(v[0]), *map(text, v[1:])),
    "quantile_over_time": lambda _, v, __: list(
        _over(lambda w: quantile(number(v[0]), w.values), windows(v[1]))
    ),
    "predict_linear": lambda now, v, __: list(
        _over(lambda w: predicted(w, now.at, number(v[1])), windows(v[0]))
    ),
}
