"""Evaluates one parsed expression at one instant, and a range of instants by repeating that."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser as ast

from crossfade_lab.metrics.promql import aggregations, binary, functions
from crossfade_lab.metrics.promql.values import (
    Element,
    Labels,
    QueryError,
    Value,
    Window,
    unique,
    unnamed,
    vector,
)
from crossfade_lab.metrics.store import Matcher, Series, Store

__all__ = [
    "Evaluation",
    "evaluate",
    "evaluate_range",
    "matchers_of",
    "parse",
    "parse_duration_ms",
]

LOOKBACK_MS = 5 * 60 * 1000
SUBQUERY_STEP_MS = 60 * 1000
MILLISECOND = timedelta(milliseconds=1)
# The parser's enumeration is not hashable, its text is.
OPERATORS = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}


def parse(expression: str) -> ast.Expr:
    """The syntax tree; QueryError `bad_data` with the parser's words where there is none."""
    try:
        return ast.parse(expression)
    except ValueError as wrong:
        raise QueryError(
            f'invalid parameter "query": parse error: {wrong}', "bad_data"
        ) from wrong


def parse_duration_ms(text: str) -> int:
    """A duration such as `1m30s` in milliseconds; QueryError `bad_data` where it is none."""
    try:
        return ast.parse_duration(text) // MILLISECOND
    except ValueError as wrong:
        message = f'cannot parse "{text}" to a valid duration'
        raise QueryError(message, "bad_data") from wrong


def is_range(tree: ast.Expr) -> bool:
    """Whether the expression is worth windows rather than elements."""
    while isinstance(tree, ast.ParenExpr):
        tree = tree.expr
    return isinstance(tree, ast.MatrixSelector | ast.SubqueryExpr)


def evaluate(store: Store, tree: ast.Expr, at_ms: int) -> Value:
    """The expression's value at one instant."""
    return Evaluation(store, at_ms, at_ms, at_ms).value(tree)


def evaluate_range(
    store: Store, tree: ast.Expr, start_ms: int, end_ms: int, step_ms: int
) -> list[Window]:
    """The expression at each step from start to end, as one window a series."""
    seen: dict[frozenset[tuple[str, str]], Window] = {}
    for at in range(start_ms, end_ms + 1, step_ms):
        value = Evaluation(store, at, start_ms, end_ms).value(tree)
        _collect(seen, value, Window({}, [], [], start_ms, end_ms), at)
    return list(seen.values())


def matchers_of(selector: ast.VectorSelector) -> list[Matcher]:
    """A selector's conditions, its name among them."""
    if selector.matchers.or_matchers:
        raise QueryError("unexpected <op:or> in label matching", "bad_data")
    listed = [
        Matcher(m.name, OPERATORS[str(m.op)], m.value) for m in selector.matchers.matchers
    ]
    named = [Matcher("__name__", "=", selector.name)] if selector.name else []
    return named + listed


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One instant, `at` (milliseconds), of a query that spans `start` to `end`."""

    store: Store
    at: int
    start: int
    end: int

    def value(self, tree: Any) -> Value:
        """What a part of the expression is worth now."""
        visit = VISITS.get(type(tree))
        if visit is None:
            raise QueryError(f"cannot evaluate {type(tree).__name__}", "bad_data")
        return visit(self, tree)

    def instant(self, tree: ast.VectorSelector) -> list[Element]:
        """The latest sample of each series, unless stale or older than five minutes."""
        return [Element(s.labels, value) for s, _, value in self._latest(tree)]

    def moments(self, tree: ast.VectorSelector) -> list[tuple[Labels, int]]:
        """When (milliseconds) the sample that `instant` shows was taken."""
        return [(series.labels, at) for series, at, _ in self._latest(tree)]

    def window(self, tree: ast.MatrixSelector) -> list[Window]:
        """The samples of each series within the range, both ends included, markers left out."""
        selector = tree.vector_selector
        end = self._reference(selector)
        start = end - tree.range // MILLISECOND
        cut = (_cut(s, start, end) for s in self.store.select(matchers_of(selector)))
        return [window for window in cut if window.times]

    def subquery(self, tree: ast.SubqueryExpr) -> list[Window]:
        """The inner expression at each multiple of the step within the range."""
        end = self._reference(tree)
        start = end - (tree.range or timedelta()) // MILLISECOND
        step = tree.step // MILLISECOND if tree.step else SUBQUERY_STEP_MS
        first = -(-start // step) * step
        found: dict[frozenset[tuple[str, str]], Window] = {}
        for at in range(first, end + 1, step):
            inner = dataclasses.replace(self, at=at).value(tree.expr)
            _collect(found, inner, Window({}, [], [], start, end), at)
        return list(found.values())

    def operation(self, tree: ast.BinaryExpr) -> Value:
        """A chain of operators that leans to the left is walked, not descended into.

        A batch of several hundred `or` would otherwise meet Python's recursion limit.
        """
        chain: list[ast.BinaryExpr] = []
        first: ast.Expr = tree
        while isinstance(first, ast.BinaryExpr):
            chain.append(first)
            first = first.lhs
        left = self.value(first)
        for node in reversed(chain):
            left = binary.combine(str(node.op), left, self.value(node.rhs), node.modifier)
        return left

    def negation(self, tree: ast.UnaryExpr) -> Value:
        """Minus; of a vector, without its name."""
        inner = self.value(tree.expr)
        if isinstance(inner, float):
            return -inner
        return unique([Element(unnamed(e.labels), -e.value) for e in vector(inner)])

    def call(self, tree: ast.Call) -> Value:
        """A function on its evaluated arguments."""
        return functions.call(tree.func.name, tree.args, self)

    def aggregation(self, tree: ast.AggregateExpr) -> list[Element]:
        """A vector folded group by group."""
        param = None if tree.param is None else self.value(tree.param)
        inner = vector(self.value(tree.expr))
        return aggregations.aggregate(str(tree.op), inner, param, tree.modifier)

    def _latest(self, tree: ast.VectorSelector) -> Iterator[tuple[Series, int, float]]:
        at = self._reference(tree)
        for series in self.store.select(matchers_of(tree)):
            found = bisect_right(series.times, at) - 1
            if found >= 0 and series.times[found] >= at - LOOKBACK_MS:
                value = series.values[found]
                if value is not None:
                    yield series, series.times[found], value

    def _reference(self, tree: Any) -> int:
        """The instant a selector looks at: `@`, then `offset`."""
        at = self._anchor(tree.at) if tree.at is not None else self.at
        return at - (tree.offset // MILLISECOND if tree.offset else 0)

    def _anchor(self, modifier: ast.AtModifier) -> int:
        if modifier.type == ast.AtModifierType.Start:
            return self.start
        if modifier.type == ast.AtModifierType.End:
            return self.end
        assert modifier.at is not None
        return round(modifier.at.timestamp() * 1000)


VISITS: dict[type, Callable[[Evaluation, Any], Value]] = {
    ast.NumberLiteral: lambda _, tree: float(tree.val),
    ast.StringLiteral: lambda _, tree: str(tree.val),
    ast.ParenExpr: lambda now, tree: now.value(tree.expr),
    ast.VectorSelector: Evaluation.instant,
    ast.MatrixSelector: Evaluation.window,
    ast.SubqueryExpr: Evaluation.subquery,
    ast.BinaryExpr: Evaluation.operation,
    ast.UnaryExpr: Evaluation.negation,
    ast.Call: Evaluation.call,
    ast.AggregateExpr: Evaluation.aggregation,
}


def _cut(series: Series, start: int, end: int) -> Window:
    first, last = bisect_left(series.times, start), bisect_right(series.times, end)
    times, values = [], []
    for at, value in zip(series.times[first:last], series.values[first:last], strict=True):
        if value is not None:
            times.append(at)
            values.append(value)
    return Window(series.labels, times, values, start, end)


def _collect(
    found: dict[frozenset[tuple[str, str]], Window], value: Value, bounds: Window, at: int
) -> None:
    """Lay the value of one step into the windows of its series."""
    elements = [Element({}, value)] if isinstance(value, float) else vector(value)
    for labels, sample in elements:
        key = frozenset(labels.items())
        if key not in found:
            found[key] = bounds._replace(labels=labels, times=[], values=[])
        window = found[key]
        assert isinstance(window.times, list)
        assert isinstance(window.values, list)
        window.times.append(at)
        window.values.append(sample)
