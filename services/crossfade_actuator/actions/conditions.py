"""`if` of a task: the expressions that documents use, on a safe evaluator.

Upstream's language is antonmedv/expr on the Go struct: capitalised fields, `WinnerFound()`,
`CandidateWon()`, `not and or`, comparisons, arithmetic, `in`, `matches`, `contains`, `startsWith`,
`endsWith`, `? :`. Source: v2alpha2 §5.2.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes, InvalidExpression

from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.patterns import matches
from crossfade_actuator.actions.port import TaskFailed

LONGEST = 1000
HIGHEST_POWER = 64
_TERNARY = re.compile(r"^(?P<test>[^?]+)\?(?P<yes>[^:]+):(?P<no>.+)$")
_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
# Between arithmetic and comparisons, as upstream's, stand these of Python, which it has not.
_WORDS = {"matches": "|", "contains": "^", "startsWith": "&", "endsWith": "<<"}
_FOREIGN = re.compile(r"(?<!\|)\|(?!\|)|\^|(?<!&)&(?!&)|<<|>>|[@~;#]|//|:=")
_UNREADABLE = (
    *(SyntaxError, TypeError, LookupError, AttributeError),
    *(ValueError, ArithmeticError, RecursionError, MemoryError),
)
_LITERALS = {"nil": None, "null": None, "true": True, "false": False}
_FUNCTIONS = ("WinnerFound", "CandidateWon", "len")
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

    def __getattr__(self, key: str) -> Any:
        return self[key]

    def __iter__(self) -> Any:
        return iter(self.tree)

    def __len__(self) -> int:
        return len(self.tree)


def check(expression: str) -> None:
    """Raises TaskFailed for an expression that no run could evaluate."""
    if len(expression) > LONGEST:
        raise TaskFailed(f"if: longer than {LONGEST} characters")
    try:
        tree = ast.parse(_in_python(expression), mode="eval")
    except (*_UNREADABLE,) as error:
        raise TaskFailed(f"if: {expression!r} cannot be read: {_plainly(error)}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in KNOWN:
            right = f"right is one of {', '.join(sorted(KNOWN - set(_LITERALS)))}"
            raise TaskFailed(f"if: {expression!r} names {node.id}; {right}")


def holds(expression: str, context: Context) -> bool:
    """Whether a task is to run. Raises TaskFailed for what cannot be read or is no truth value."""
    check(expression)
    evaluator = EvalWithCompoundTypes(
        names=_names(context),
        functions={
            "WinnerFound": lambda: context.winner_found,
            "CandidateWon": lambda: context.candidate_won,
            "len": len,
        },
        operators=OPERATORS,
    )
    try:
        found = evaluator.eval(_in_python(expression))
    except (InvalidExpression, *_UNREADABLE) as error:
        raise TaskFailed(f"if: {expression!r} cannot be evaluated: {error}") from error
    if callable(found):
        raise TaskFailed(
            f"if: {expression!r} is a function; right is a call: with () behind it"
        )
    if not isinstance(found, bool):
        raise TaskFailed(f"if: {expression!r} gives {found!r}, right is true or false")
    return found


def _in_python(expression: str) -> str:
    """The expression in Python's words. Raises SyntaxError for what neither language has."""
    strings: list[str] = []

    def hidden(found: re.Match[str]) -> str:
        strings.append(found[0])
        return f"_text{len(strings) - 1}_"

    # A line break is a blank here, and a new statement in Python.
    text = " ".join(_STRING.sub(hidden, expression).split())
    if foreign := _FOREIGN.search(text):
        raise SyntaxError(f"found {foreign[0]}, which is no operator here")
    text = _rewritten(text)
    return re.sub(r"\b_text(\d+)_", lambda found: strings[int(found[1])], text)


def _rewritten(text: str) -> str:
    # A leading dot names the experiment.
    text = re.sub(r"(?<![\w.)\]])\.(?=[A-Za-z])", "", text)
    text = text.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text)
    for word, sign in _WORDS.items():
        text = re.sub(rf"\b{word}\b", sign, text)
    if ternary := _TERNARY.match(text):
        text = f"({ternary['yes']}) if ({ternary['test']}) else ({ternary['no']})"
    return text.strip()


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
        "Labels": Fields(metadata.get("labels") or {}),
        "Annotations": Fields(metadata.get("annotations") or {}),
        "ObjectMeta": Fields(metadata),
    }


def _wrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return Fields(value) if isinstance(value, Mapping) else value


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


OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = DEFAULT_OPERATORS | {
    ast.Pow: _power,
    ast.BitOr: _of_texts(matches),
    ast.BitXor: _of_texts(lambda text, part: part in text),
    ast.BitAnd: _of_texts(str.startswith),
    ast.LShift: _of_texts(str.endswith),
}
