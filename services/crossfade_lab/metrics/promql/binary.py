"""Operators between two operands: arithmetic, comparison, and the sets `and`, `or`, `unless`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from crossfade_lab.metrics.promql.values import (
    NAME,
    Element,
    Labels,
    QueryError,
    Value,
    unique,
    unnamed,
    vector,
)

__all__ = ["combine"]

Key = frozenset[tuple[str, str]]
MANY_TO_ONE = ast.VectorMatchCardinality.ManyToOne
ONE_TO_MANY = ast.VectorMatchCardinality.OneToMany


def combine(op: str, left: Value, right: Value, modifier: Any) -> Value:
    """The result of `left op right`; a comparison without `bool` filters its vector."""
    rule = Rule.read(op, modifier)
    if isinstance(left, float) and isinstance(right, float):
        return rule.number(left, right)
    if isinstance(right, float):
        return unique(_with_scalar(rule, vector(left), lambda v: (v, right)))
    if isinstance(left, float):
        return unique(_with_scalar(rule, vector(right), lambda v: (left, v)))
    if op in SETS:
        return unique(SETS[op](rule, vector(left), vector(right)))
    return unique(_matched(rule, vector(left), vector(right)))


@dataclass(frozen=True, slots=True)
class Rule:
    """An operator with its modifiers: how labels are matched and what is kept of them."""

    op: str
    on: bool
    labels: frozenset[str]
    group: Any
    include: tuple[str, ...]
    as_bool: bool

    @classmethod
    def read(cls, op: str, modifier: Any) -> Rule:
        """From the syntax tree's modifier, which is None where nothing is said."""
        if modifier is None:
            return cls(op, False, frozenset(), None, (), False)
        matching = modifier.matching
        return cls(
            op,
            matching is not None and matching.type == ast.LabelModifierType.Include,
            frozenset(matching.labels if matching is not None else ()),
            modifier.card if modifier.card in (MANY_TO_ONE, ONE_TO_MANY) else None,
            tuple(modifier.group_labels or ()),
            modifier.return_bool,
        )

    def key(self, labels: Labels) -> Key:
        """What two elements must share."""
        if self.on:
            return frozenset((n, v) for n, v in labels.items() if n in self.labels)
        return frozenset(
            (n, v) for n, v in labels.items() if n not in self.labels and n != NAME
        )

    def number(self, left: float, right: float) -> float:
        """Between two scalars; a comparison is 0 or 1."""
        if self.op in COMPARISONS:
            return float(COMPARISONS[self.op](left, right))
        return ARITHMETIC[self.op](left, right)

    def kept(self, left: float, right: float, compared: float) -> float | None:
        """Between two elements; None leaves the pair out. `compared` survives a comparison."""
        if self.op in ARITHMETIC:
            return ARITHMETIC[self.op](left, right)
        holds = COMPARISONS[self.op](left, right)
        if self.as_bool:
            return float(holds)
        return compared if holds else None

    @property
    def renames(self) -> bool:
        """Whether the result is no longer the metric it came from."""
        return self.op in ARITHMETIC or self.as_bool


def _with_scalar(
    rule: Rule, elements: list[Element], sides: Callable[[float], tuple[float, float]]
) -> list[Element]:
    found = []
    for labels, value in elements:
        result = rule.kept(*sides(value), value)
        if result is not None:
            found.append(Element(unnamed(labels) if rule.renames else labels, result))
    return found


def _matched(rule: Rule, left: list[Element], right: list[Element]) -> list[Element]:
    if not left or not right:
        return []
    swapped = rule.group == ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    partners = _partners(rule, one, "left" if swapped else "right")
    found: list[Element] = []
    seen: set[Key] = set()
    for element in many:
        key = rule.key(element.labels)
        partner = partners.get(key)
        if partner is None:
            continue
        pair = (partner.value, element.value) if swapped else (element.value, partner.value)
        value = rule.kept(*pair, pair[0])
        if value is None:
            continue
        labels = _result_labels(rule, element.labels, partner.labels)
        _refuse_repeats(rule, key, labels, seen)
        found.append(Element(labels, value))
    return found


def _partners(rule: Rule, elements: list[Element], side: str) -> dict[Key, Element]:
    partners: dict[Key, Element] = {}
    for element in elements:
        key = rule.key(element.labels)
        if key in partners:
            raise QueryError(
                f"found duplicate series for the match group {dict(key)} on the {side} hand-side "
                f"of the operation: [{element.labels}, {partners[key].labels}];many-to-many "
                "matching not allowed: matching labels must be unique on one side"
            )
        partners[key] = element
    return partners


def _refuse_repeats(rule: Rule, key: Key, labels: Labels, seen: set[Key]) -> None:
    mark = key if rule.group is None else frozenset(labels.items())
    if mark in seen:
        how = (
            "many-to-one matching must be explicit (group_left/group_right)"
            if rule.group is None
            else "grouping labels must ensure unique matches"
        )
        raise QueryError(f"multiple matches for labels: {how}")
    seen.add(mark)


def _result_labels(rule: Rule, labels: Labels, partner: Labels) -> Labels:
    kept = unnamed(labels) if rule.renames else dict(labels)
    if rule.group is None:
        kept = {n: v for n, v in kept.items() if (n in rule.labels) == rule.on}
    for name in rule.include:
        kept.pop(name, None)
        if name in partner:
            kept[name] = partner[name]
    return kept


def _and(rule: Rule, left: list[Element], right: list[Element]) -> list[Element]:
    keys = {rule.key(element.labels) for element in right}
    return [element for element in left if rule.key(element.labels) in keys]


def _or(rule: Rule, left: list[Element], right: list[Element]) -> list[Element]:
    keys = {rule.key(element.labels) for element in left}
    return left + [element for element in right if rule.key(element.labels) not in keys]


def _unless(rule: Rule, left: list[Element], right: list[Element]) -> list[Element]:
    keys = {rule.key(element.labels) for element in right}
    return [element for element in left if rule.key(element.labels) not in keys]


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _modulo(left: float, right: float) -> float:
    try:
        return math.fmod(left, right)
    except ValueError:
        return math.nan


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return math.copysign(math.inf, left) if right % 2 == 1 else math.inf
    except ValueError:  # of zero to less than zero, and of a negative to a fraction
        return math.inf if left == 0 else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": _power,
    "atan2": math.atan2,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
SETS = {"and": _and, "or": _or, "unless": _unless}
