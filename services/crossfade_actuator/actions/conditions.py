"""`if` of a task: the expressions that documents use, on a safe evaluator.

Upstream's language is antonmedv/expr on the Go struct: capitalised fields, `WinnerFound()`,
`CandidateWon()`. How it is read stands in `expressions`. Source: v2alpha2 §5.2.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.expressions import read
from crossfade_actuator.actions.operators import CALLED, CLOSURES, OF_LISTS, OPERATORS
from crossfade_actuator.actions.port import TaskFailed

LONGEST = 1000
MOST_MATCHES = 50
"""How often one evaluation looks for a pattern: a function of lists may ask for each item."""
_UNREADABLE = (
    *(SyntaxError, TypeError, LookupError, AttributeError),
    *(ValueError, ArithmeticError, RecursionError, MemoryError),
)
_LITERALS = {"nil": None, "null": None, "true": True, "false": False}
_FUNCTIONS = ("WinnerFound", "CandidateWon", "len", *CLOSURES)
_FIELDS = ("Kind", "APIVersion", "Name", "Namespace", "Labels", "Annotations", "ObjectMeta")
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
KNOWN = frozenset({
    *_LITERALS, *_FUNCTIONS, *_FIELDS, *_TOP, *(name[:1].upper() + name[1:] for name in _TOP),
})  # fmt: skip
"""What an expression may name."""


class Fields(Mapping[str, Any]):
    """A JSON object whose fields answer to both capitalisations; missing ones are nil."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree

    def __getitem__(self, key: str) -> Any:
        lowered = key[:1].lower() + key[1:]
        return _wrapped(self.tree.get(key, self.tree.get(lowered)))

    def __contains__(self, key: object) -> bool:
        return self[str(key)] is not None

    def __eq__(self, other: object) -> bool:
        return bool(self.tree == (other.tree if isinstance(other, Fields) else other))

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tree)

    def __len__(self) -> int:
        return len(self.tree)


class Texts(dict[str, str]):
    """Labels or annotations: by their exact names; missing ones are nil."""

    def __missing__(self, key: str) -> None:
        return None


def check(expression: str) -> None:
    """Raises TaskFailed for an expression that no run could evaluate."""
    _read(expression)


def holds(expression: str, context: Context) -> bool:
    """Whether a task is to run. Raises TaskFailed for what cannot be read or is no truth value."""
    tree = _read(expression)
    evaluator = EvalWithCompoundTypes(
        names=_names(context), functions=_functions(context), operators=OPERATORS
    )
    try:
        found = evaluator.eval(expression, previously_parsed=tree)
    except (InvalidExpression, *_UNREADABLE) as error:
        raise TaskFailed(f"if: {expression!r} cannot be evaluated: {error}") from error
    if not isinstance(found, bool):
        raise TaskFailed(f"if: {expression!r} gives {found!r}, right is true or false")
    return found


def _read(expression: str) -> ast.expr:
    if len(expression) > LONGEST:
        raise TaskFailed(f"if: longer than {LONGEST} characters")
    try:
        tree = read(expression)
    except _UNREADABLE as error:
        raise TaskFailed(f"if: {expression!r} cannot be read: {_plainly(error)}") from error
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (wrong := _misnamed(node.id, id(node) in called)):
            raise TaskFailed(f"if: {expression!r} names {wrong}")
    return tree


def _misnamed(name: str, called: bool) -> str:
    """What is wrong with a name where it stands; empty where nothing is."""
    if name in CALLED or name.startswith("#"):
        return ""
    if name not in KNOWN:
        return f"{name}; right is one of {', '.join(sorted(KNOWN - set(_LITERALS)))}"
    if called and name not in _FUNCTIONS:
        return f"{name}, which is no function; right is {name} without () behind it"
    if not called and name in _FUNCTIONS:
        return f"{name}, which is a function; right is a call: with () behind it"
    return ""


def _functions(context: Context) -> dict[str, Callable[..., Any]]:
    told: dict[str, Callable[..., Any]] = {
        "WinnerFound": lambda: context.winner_found,
        "CandidateWon": lambda: context.candidate_won,
        "len": len,
    }
    bounded = {"matches": _bounded(CALLED["matches"])}
    return told | dict(CALLED) | bounded | dict(OF_LISTS)


def _bounded(matches: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    numbers = iter(range(MOST_MATCHES))

    def counted(left: Any, right: Any) -> bool:
        if next(numbers, None) is None:
            raise ValueError(f"a pattern is looked for more than {MOST_MATCHES} times")
        return matches(left, right)

    return counted


def _plainly(error: BaseException) -> str:
    """A mistake without Python's place in a text that nobody wrote."""
    return str(getattr(error, "msg", "") or error)


def _names(context: Context) -> dict[str, Any]:
    tree = context.experiment
    metadata = tree.get("metadata") or {}
    names: dict[str, Any] = dict(_LITERALS)
    for key in _TOP:
        names[key] = names[key[:1].upper() + key[1:]] = _wrapped(tree.get(key))
    return names | {
        "APIVersion": tree.get("apiVersion"),
        "Name": context.name,
        "Namespace": context.namespace,
        "Labels": Texts(metadata.get("labels") or {}),
        "Annotations": Texts(metadata.get("annotations") or {}),
        "ObjectMeta": Fields(metadata),
    }


def _wrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return Fields(value) if isinstance(value, Mapping) else value
