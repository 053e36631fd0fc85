"""What the operators of `if` mean: as Python's syntax tree, and as functions where it has none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simpleeval import DEFAULT_OPERATORS

from crossfade_actuator.actions.patterns import bounded, matches

HIGHEST_POWER = 64
LONGEST_RANGE = 10_000
CLOSURES = frozenset({"all", "any", "one", "none", "filter", "map", "count"})
NOT, SIGN = 17, 500
_BOOLEAN: dict[str, tuple[int, type[ast.boolop]]] = {
    "or": (10, ast.Or), "||": (10, ast.Or), "and": (15, ast.And), "&&": (15, ast.And),
}  # fmt: skip
_COMPARING: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq, "!=": ast.NotEq, "<": ast.Lt, ">": ast.Gt, ">=": ast.GtE, "<=": ast.LtE,
    "in": ast.In, "not in": ast.NotIn,
}  # fmt: skip
_ARITHMETIC: dict[str, tuple[int, type[ast.operator]]] = {
    "+": (30, ast.Add), "-": (30, ast.Sub), "*": (60, ast.Mult), "/": (60, ast.Div),
    "%": (60, ast.Mod), "**": (70, ast.Pow),
}  # fmt: skip
_WORDS = ("matches", "contains", "startsWith", "endsWith")
RANKS: Mapping[str, int] = (
    {sign: rank for sign, (rank, _) in _BOOLEAN.items()}
    | dict.fromkeys((*_COMPARING, *_WORDS), 20)
    | {"..": 25}
    | {sign: rank for sign, (rank, _) in _ARITHMETIC.items()}
)
"""Which operator binds how closely, as upstream's; the higher the closer."""


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """The tree of a call."""
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def joined(sign: str, left: ast.expr, right: ast.expr) -> ast.expr:
    """The tree of two values with an operator between them.

    Raises TaskFailed for a pattern that could never be looked for.
    """
    if sign in _BOOLEAN:
        return ast.BoolOp(_BOOLEAN[sign][1](), [left, right])
    if sign in _COMPARING:
        return ast.Compare(left, [_COMPARING[sign]()], [right])
    if sign in _ARITHMETIC:
        return ast.BinOp(left, _ARITHMETIC[sign][1](), right)
    if sign == "matches" and isinstance(right, ast.Constant) and isinstance(right.value, str):
        bounded(right.value)
    return call(sign, left, right)


def over(function: str, items: ast.expr, item: ast.Name, wanted: ast.expr) -> ast.expr:
    """The tree of a function of lists: `wanted` of each `item` of `items`."""
    source = call("a list", items)
    if function == "filter":
        kept = ast.comprehension(item, source, [call("a truth", wanted)], 0)
        return ast.ListComp(ast.Name(item.id, ast.Load()), [kept])
    if function != "map":
        wanted = call("a truth", wanted)
    found = ast.ListComp(wanted, [ast.comprehension(item, source, [], 0)])
    return found if function == "map" else call(function, found)


def field(value: Any, name: str) -> Any:
    """A field of an object. Raises TypeError where there is no object."""
    if not isinstance(value, Mapping):
        raise TypeError(f"found {value!r} before .{name}; right is an object")
    return value.get(name)


def field_if_any(value: Any, name: str) -> Any:
    """A field of an object; nil of nil."""
    return None if value is None else field(value, name)


def _ranged(first: int, last: int) -> list[int]:
    if last - first >= LONGEST_RANGE:
        raise ValueError(
            f"{first}..{last} is too long; right are at most {LONGEST_RANGE} numbers"
        )
    return list(range(first, last + 1))


def _a_list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError(f"found {value!r}; right is a list")
    return value


def _a_truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"found {value!r} in {{ }}; right is true or false")
    return value


def _of_texts(how: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def operator(left: Any, right: Any) -> bool:
        if not isinstance(left, str) or not isinstance(right, str):
            raise TypeError(f"found {left!r} and {right!r}; right are two texts")
        return how(left, right)

    return operator


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > HIGHEST_POWER or abs(base) > 10**HIGHEST_POWER:
        raise ValueError(f"{base} ** {exponent} is too large")
    return base**exponent


OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = DEFAULT_OPERATORS | {ast.Pow: _power}
CALLED: Mapping[str, Callable[..., Any]] = {
    ".": field,
    "?.": field_if_any,
    "..": _ranged,
    "a list": _a_list,
    "a truth": _a_truth,
    "matches": _of_texts(matches),
    "contains": _of_texts(lambda text, part: part in text),
    "startsWith": _of_texts(str.startswith),
    "endsWith": _of_texts(str.endswith),
}
"""Operators that Python has not. No document can call them: they are read as operators only."""
OF_LISTS: Mapping[str, Callable[..., Any]] = {
    "all": all,
    "any": any,
    "none": lambda truths: not any(truths),
    "one": lambda truths: sum(truths) == 1,
    "count": sum,
}
"""Functions of lists, of what their closure has made of each item."""
